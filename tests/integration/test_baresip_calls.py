"""baresip calls; the audio side only talks, so this is about signalling."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.integration.clients.baresip import needs_baresip, running_baresip
from tests.kit.daemon_process import ROOT, DaemonProcess, running_daemon, wait_until

pytestmark = needs_baresip


@pytest.fixture
def calling_daemon(tmp_path) -> Iterator[DaemonProcess]:
    command = (sys.executable, str(ROOT / "tests/kit/calling_daemon.py"))
    environment = {"MEDIA_REPORT": str(tmp_path / "media.json")}
    with running_daemon(tmp_path, command=command, environment=environment) as running:
        yield running


def account(daemon: DaemonProcess) -> str:
    return f"<sip:alice@{daemon.ip}:{daemon.port}>;regint=0"


def test_baresip_calls_and_hangs_up_when_it_ends(calling_daemon, tmp_path):
    """RFC 3261 sections 13.2 and 15.1.1, as a phone speaks them."""
    dial = f"sip:echo@{calling_daemon.ip}:{calling_daemon.port}"
    with running_baresip(tmp_path, calling_daemon.ip, account(calling_daemon), dial=dial) as baresip:
        answered = calling_daemon.wait_for_log("call.answered", target="echo")
        assert answered["caller"].startswith("sip:alice@")
        wait_until(lambda: "Call established" in baresip.output, "baresip says that the call is up")
        assert baresip.terminate() == 0
        calling_daemon.wait_for_log("call.ended", cause="hung_up_by_peer")


def test_baresip_hears_our_bye(calling_daemon, tmp_path):
    """RFC 3261 section 15.1.1, from our side: the daemon ends."""
    dial = f"sip:tone@{calling_daemon.ip}:{calling_daemon.port}"
    with running_baresip(tmp_path, calling_daemon.ip, account(calling_daemon), dial=dial) as baresip:
        calling_daemon.wait_for_log("call.answered", target="tone")
        wait_until(lambda: "Call established" in baresip.output, "baresip says that the call is up")
        assert calling_daemon.stop() == 0
        calling_daemon.wait_for_log("call.ended", reason="the server is going down")
        wait_until(lambda: "session closed" in baresip.output, "baresip says that the call is over")
