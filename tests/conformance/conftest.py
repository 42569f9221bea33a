"""The daemons that this folder's tests share; every test brings peers with addresses-of-record of their own."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from typing import Any, Protocol

import pytest

from tests.kit.daemon_process import DaemonProcess, running_daemon
from tests.kit.sip_peer import SipPeer

MOST_CONTACTS = 3


class NewPeer(Protocol):
    """Makes a device under a fresh name; closed when the test ends."""

    def __call__(self, daemon: DaemonProcess, **fields: Any) -> SipPeer: ...


@pytest.fixture(scope="session")
def daemon(tmp_path_factory) -> Iterator[DaemonProcess]:
    """The registrar as shipped, but with a default unlike RFC 3261's 3600 and room for few contacts."""
    registrar = {"min_expires_s": 60, "default_expires_s": 1800, "max_expires_s": 7200, "max_contacts": MOST_CONTACTS}
    with running_daemon(tmp_path_factory.mktemp("daemon"), sections={"registrar": registrar}) as running:
        yield running


@pytest.fixture(scope="session")
def strict_daemon(tmp_path_factory) -> Iterator[DaemonProcess]:
    """Refuses registrations that are too brief instead of prolonging them."""
    registrar = {"min_expires_s": 60, "below_min": "reject"}
    with running_daemon(tmp_path_factory.mktemp("strict"), sections={"registrar": registrar}) as running:
        yield running


@pytest.fixture(scope="session")
def brief_daemon(tmp_path_factory) -> Iterator[DaemonProcess]:
    """Grants registrations of one second."""
    with running_daemon(tmp_path_factory.mktemp("brief"), sections={"registrar": {"min_expires_s": 1}}) as running:
        yield running


@pytest.fixture(scope="session")
def lively_daemon(tmp_path_factory) -> Iterator[DaemonProcess]:
    """Pings every fifth of a second and gives a silent device up after a whole one."""
    liveness = {"ping_interval_s": 0.2, "timeout_s": 1}
    with running_daemon(tmp_path_factory.mktemp("lively"), sections={"liveness": liveness}) as running:
        yield running


@pytest.fixture
def new_peer() -> Iterator[NewPeer]:
    with contextlib.ExitStack() as stack:

        def make(daemon: DaemonProcess, **fields: Any) -> SipPeer:
            return stack.enter_context(SipPeer(daemon.address, **{"user": f"user-{uuid.uuid4().hex[:12]}", **fields}))

        yield make


@pytest.fixture
def peer(daemon, new_peer) -> SipPeer:
    """A device of the shared daemon."""
    made: SipPeer = new_peer(daemon)
    return made
