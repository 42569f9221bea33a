"""Whatever the state directory is like at the start, devices are served."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit.daemon_process import running_daemon, started_daemon
from tests.kit.sip_peer import SipPeer

WITHOUT_PRIVILEGES = """
import ctypes, os, sys
PR_CAPBSET_DROP, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER = 24, 1, 2, 3
for capability in (DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER):
    assert os.geteuid() != 0 or ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability) == 0
os.execv(sys.executable, [sys.executable, "-m", "daemon", *sys.argv[1:]])
"""
"""A root whom permissions bind: every user can run this test."""

COMMAND = (sys.executable, "-c", WITHOUT_PRIVILEGES)


def forbid_writing(state_dir: Path) -> None:
    state_dir.chmod(0o555)


def forbid_writing_without_identity(state_dir: Path) -> None:
    (state_dir / "router_uuid").unlink()
    state_dir.chmod(0o555)


def forbid_all(state_dir: Path) -> None:
    state_dir.chmod(0)


def forbid_making(state_dir: Path) -> None:
    shutil.rmtree(state_dir)
    state_dir.touch()


def occupy_socket(state_dir: Path) -> None:
    (state_dir / "control.sock").mkdir()


def forbid_identity(state_dir: Path) -> None:
    (state_dir / "router_uuid").chmod(0)


@pytest.mark.parametrize(
    "spoil",
    [forbid_writing, forbid_writing_without_identity, forbid_all, forbid_making, occupy_socket, forbid_identity],
)
def test_devices_are_served(tmp_path: Path, spoil: Callable[[Path], None]):
    with running_daemon(tmp_path, command=COMMAND):
        pass
    spoil(tmp_path / "state")
    (tmp_path / "daemon.log").unlink()
    with started_daemon(tmp_path, command=COMMAND) as daemon:
        with SipPeer(daemon.address) as alice:
            assert alice.register().status == 200
        warnings = [line for line in daemon.log_lines() if line["level"] == "warning"]
        assert warnings
        assert all(line["remedy"] for line in warnings)
        assert len({line["event"] for line in warnings}) == len(warnings)
        assert daemon.stop() == 0
