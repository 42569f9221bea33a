"""How calls with audio end when their callers do not end them."""

from __future__ import annotations

from contextlib import ExitStack

from tests.kit.audio_daemon import phone_at, running_audio_daemon
from tests.kit.rtp_phone import talk, wait_for_no_legs

SILENCE_S = 1.0


def test_silence_and_shutdown_end_calls_by_bye_with_a_reason(tmp_path):
    """A call without audio is none, and nobody is left in a call that is gone (RFC 3261 section 15, RFC 3326).

    mute                   daemon                talker
      | INVITE, 200, ACK     |    INVITE, 200, ACK |
      |  (no RTP for 1 s)    |  <== RTP, for 1.3 s |
      |   BYE (silent)       |                     |
      |<---------------------|   (SIGTERM)         |
      |                      |   BYE (shutdown)    |
      |                      |-------------------->|
    """
    with running_audio_daemon(tmp_path, silence_s=SILENCE_S) as daemon, ExitStack() as stack:
        mute, listener, *talkers = [stack.enter_context(phone_at(daemon, 800)) for _ in range(5)]
        mute.reach("hall")
        listener.reach("attic", "recvonly")
        for talker in talkers:
            talker.reach("echo")
        talk(talkers, limit_s=SILENCE_S + 0.3)
        bye = mute.call.wait_for_bye()
        assert "no audio has ever come from it" in (bye.get("reason") or ""), bye.headers
        assert daemon.wait_for_log("leg.lost")["reason"].startswith("no audio has ever come")
        daemon.wait_for_log("call.ended", cause="hung_up")
        talk(talkers, until=lambda: all(talker.hears(800) for talker in talkers))
        assert daemon.stop() == 0
        for phone in (listener, *talkers):
            assert phone.call.wait_for_bye().get("reason"), "a shutdown is a reason"
        ends = [line["cause"] for line in daemon.log_lines() if line.get("event") == "call.ended"]
        assert ends.count("hung_up") == 1


def test_calls_that_end_leave_no_leg(tmp_path):
    with running_audio_daemon(tmp_path) as daemon, ExitStack() as stack:
        for target in ("echo", "tone", "hall"):
            phone = stack.enter_context(phone_at(daemon, 800)).reach(target)
            talk([phone], limit_s=0.1)
            phone.hang_up()
        wait_for_no_legs(daemon)
