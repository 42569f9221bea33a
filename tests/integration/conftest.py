"""The daemons that other people's clients register with; every test brings devices of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.integration.clients.liveness import GRANTED_S
from tests.kit.daemon_process import DaemonProcess, running_daemon

MOST_CONTACTS = 2


@pytest.fixture(scope="session")
def ipv4_daemon(tmp_path_factory) -> Iterator[DaemonProcess]:
    """A patient daemon on 127.0.0.1."""
    with _patient_daemon(tmp_path_factory.mktemp("ipv4"), "127.0.0.1") as running:
        yield running


@pytest.fixture(scope="session")
def ipv6_daemon(tmp_path_factory) -> Iterator[DaemonProcess]:
    """A patient daemon on ::1."""
    with _patient_daemon(tmp_path_factory.mktemp("ipv6"), "::1") as running:
        yield running


@pytest.fixture(params=["ipv4_daemon", "ipv6_daemon"], ids=["ipv4", "ipv6"])
def patient_daemon(request) -> DaemonProcess:
    """Grants the time that is asked for and waits long for the silent: a device goes offline by its own word only."""
    daemon: DaemonProcess = request.getfixturevalue(request.param)
    return daemon


@pytest.fixture(scope="session")
def hasty_daemon(tmp_path_factory) -> Iterator[DaemonProcess]:
    """Grants a few seconds, whatever is asked for."""
    registrar = {"min_expires_s": 1, "default_expires_s": GRANTED_S, "max_expires_s": GRANTED_S}
    with running_daemon(tmp_path_factory.mktemp("hasty"), sections={"registrar": registrar}) as running:
        yield running


def _patient_daemon(directory: Path, ip: str) -> AbstractContextManager[DaemonProcess]:
    sections = {
        "registrar": {"max_contacts": MOST_CONTACTS},
        "liveness": {"ping_interval_s": 0.5, "timeout_s": 1200},
    }
    return running_daemon(directory, ip=ip, sections=sections)
