"""The daemons that this folder's tests share; every test brings peers with addresses-of-record of their own."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from typing import Any, Protocol

import pytest

from tests.kit.daemon_process import DaemonProcess, running_daemon
from tests.kit.presence_daemon import watched_house
from tests.kit.sip_peer import SipPeer
from tests.kit.watch import Watch

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


@pytest.fixture(scope="session")
def presence_daemon(tmp_path_factory) -> Iterator[DaemonProcess]:
    """Subscriptions and publications may last 2 s; of two devices the owner says who may watch or reach them."""
    hidden = {"hidden@screamrouter.local": {"watchers": ["friend"]}}
    with watched_house(
        tmp_path_factory.mktemp("presence"), presence={"min_expires_s": 2}, sections={"devices": hidden}
    ) as running:
        yield running


@pytest.fixture
def watcher(presence_daemon, new_peer) -> SipPeer:
    """A registered device of the presence daemon's, that watches."""
    return _registered(new_peer(presence_daemon))


@pytest.fixture
def device(presence_daemon, new_peer) -> SipPeer:
    """A registered device of the presence daemon's, that is watched."""
    return _registered(new_peer(presence_daemon))


@pytest.fixture
def watch(watcher, device) -> Watch:
    """A subscription of ``watcher`` to the presence of ``device``, accepted and told once."""
    made = Watch(watcher, device.user)
    assert made.subscribe().status == 200
    made.next_notify()
    return made


def _registered(peer: SipPeer) -> SipPeer:
    assert peer.register().status == 200
    return peer


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
