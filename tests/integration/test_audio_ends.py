"""How calls with audio end when their callers do not end them."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.kit.audio_daemon import phone_at, running_audio_daemon
from tests.kit.daemon_process import has_address
from tests.kit.rtp_phone import leg_of, talk, wait_for_no_legs
from tests.kit.sip_call import SipCall
from tests.soak.calls import run

SILENCE_S = 1.0


def test_silence_and_shutdown_end_calls_by_bye_with_a_reason(tmp_path):
    """A call without audio is none, and nobody is left in a call that is gone (RFC 3261 section 15, RFC 3326).

    mute                   daemon                talkers, listener, holder
      | INVITE, 200, ACK     |    INVITE, 200, ACK |
      |  (no RTP for 1 s)    |  <== RTP, for 1.3 s | (the talkers)
      |   BYE (silent)       |                     |
      |<---------------------|   (SIGTERM)         |
      |                      |   BYE (shutdown)    |
      |                      |-------------------->|
    """
    with running_audio_daemon(tmp_path, silence_s=SILENCE_S) as daemon, ExitStack() as stack:
        mute, listener, holder, *talkers = [stack.enter_context(phone_at(daemon, 800)) for _ in range(6)]
        mute.reach("hall")
        listener.reach("attic", "recvonly")
        assert holder.reach("attic").reinvite("sendonly") == "recvonly"
        for talker in talkers:
            talker.reach("echo")
        talk(talkers, until=lambda: "call.ended" in {line["event"] for line in daemon.log_lines()})
        assert all(talker.hears(800) for talker in talkers)
        assert daemon.stop() == 0
        bye = mute.call.wait_for_bye()
        assert "no audio has ever come from it" in (bye.get("reason") or ""), bye.headers
        assert daemon.wait_for_log("leg.lost")["reason"].startswith("no audio has ever come")
        for phone in (listener, holder, *talkers):
            assert phone.call.wait_for_bye().get("reason"), "a shutdown is a reason"
        ends = [line["reason"] for line in daemon.log_lines() if line.get("event") == "call.ended"]
        assert ends.count("the server is going down") == len(ends) - 1


def test_calls_that_end_leave_no_leg(tmp_path):
    """Ended by BYE, or by a CANCEL that may come too late (RFC 3261 section 9.1: then the caller says BYE)."""
    with running_audio_daemon(tmp_path) as daemon, ExitStack() as stack:
        for target in ("echo", "tone", "hall"):
            phone = stack.enter_context(phone_at(daemon, 800)).reach(target)
            talk([phone], limit_s=0.1)
            phone.hang_up()
        for _ in range(5):
            phone.call = SipCall(phone.peer, "echo")
            phone.call.send_invite(phone.offer())
            final = phone.call.cancel()
            assert final.status in {200, 487}
            if final.status == 200:
                phone.hang_up()
        wait_for_no_legs(daemon)


@pytest.mark.skipif(not has_address("::1"), reason="needs ::1")
def test_a_phone_on_ipv6_hears_its_echo(tmp_path):
    with running_audio_daemon(tmp_path, ip="::1") as daemon, phone_at(daemon, 800) as phone:
        phone.reach("echo")
        talk([phone], until=lambda: phone.hears(800))
        assert leg_of(daemon, phone)["packets_received"] == phone.sent
        phone.hang_up()


def test_two_hundred_calls_leave_no_socket_thread_or_memory(tmp_path):
    """The longer run is `make soak`'s."""
    with running_audio_daemon(tmp_path) as daemon:
        done = run(daemon, 200)
    assert not done.leaks, str(done)
