"""Calls with audio, played and checked by SIPp; a phone of our own hears what SIPp says."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.clients.sipp import needs_sipp, play
from tests.kit.audio_daemon import phone_at, running_audio_daemon
from tests.kit.daemon_process import DaemonProcess
from tests.kit.rtp_phone import RATE_HZ, talk, wait_for_no_legs
from tests.kit.sound import encode_mulaw, tone

pytestmark = needs_sipp

SOCKETS = pytest.mark.parametrize("sockets", ["u1", "t1"], ids=["udp", "tcp"])
"""Of the signalling; Debian's SIPp is built without TLS."""

SAID_HZ = 800


@pytest.fixture(scope="module")
def daemon(tmp_path_factory) -> Iterator[DaemonProcess]:
    with running_audio_daemon(tmp_path_factory.mktemp("sipp-audio"), silence_s=1.0) as running:
        yield running


@pytest.fixture
def directory(tmp_path):
    """Where SIPp runs, with what it says."""
    said = bytes(encode_mulaw(sample) for sample in tone(SAID_HZ, 1.0, RATE_HZ))
    (tmp_path / "tone.mulaw").write_bytes(said)
    return tmp_path


@SOCKETS
def test_what_sipp_says_is_heard_before_hold_and_after_resume(daemon, directory, sockets):
    """RFC 3264 section 8.4; the answers' directions are checked in the scenario, and BYE is SIPp's."""
    with phone_at(daemon) as listener, ThreadPoolExecutor(1) as beside:
        listener.reach("cellar", "recvonly")
        listener.is_speaking = False
        playing = beside.submit(play, "audio_hold", daemon, directory, [["sipp", "cellar"]], sockets=sockets)
        talk([listener], until=lambda: listener.hears(SAID_HZ))
        listener.forget()
        talk([listener], until=lambda: listener.heard and pauses(listener), limit_s=10.0)
        listener.forget()
        talk([listener], until=lambda: listener.hears(SAID_HZ))
        played = playing.result()
        assert played.exit_code == 0, played.report
        listener.hang_up()
    wait_for_no_legs(daemon)


def pauses(listener) -> bool:
    """Whether nothing has come since the last look."""
    before = len(listener.heard)
    listener.heard[:-1] = []
    return before == 1


@SOCKETS
def test_the_daemon_ends_a_call_that_falls_silent(daemon, directory, sockets):
    """Its BYE comes over the connection of the call, whatever Contact says."""
    played = play("audio_silence", daemon, directory, [["sipp", "echo"]], sockets=sockets)
    assert played.exit_code == 0, played.report
    wait_for_no_legs(daemon)
