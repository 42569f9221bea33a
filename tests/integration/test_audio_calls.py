"""What callers hear: telephones of our own at the real daemon, each told apart by its own tone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.kit.audio_daemon import RADIO, phone_at, running_audio_daemon
from tests.kit.daemon_process import DaemonProcess, wait_until
from tests.kit.rtp_phone import RtpPhone, leg_of, legs, talk, wait_for_no_legs
from tests.kit.sip_call import SipCall
from tests.kit.sound import AMPLITUDE, FAINT, LOUD

SERVERS_TONE_HZ = 440
TONE_POWER = (AMPLITUDE / 32768) ** 2
PhoneMaker = Callable[..., RtpPhone]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory) -> Iterator[DaemonProcess]:
    with running_audio_daemon(tmp_path_factory.mktemp("audio")) as running:
        yield running


@pytest.fixture
def new_phone(daemon) -> Iterator[PhoneMaker]:
    """Makes telephones; their calls are over at the end, and no leg is left."""
    with ExitStack() as stack:
        made: list[RtpPhone] = []

        def make(tone_hz: int = 0, *, user: str = "phone") -> RtpPhone:
            made.append(stack.enter_context(phone_at(daemon, tone_hz, user=user)))
            return made[-1]

        yield make
        for phone in made:
            if phone.remote is not None:
                phone.hang_up()
        wait_for_no_legs(daemon)


def test_echo_gives_back_what_is_said(daemon, new_phone):
    phone = new_phone(800).reach("echo")
    talk([phone], until=lambda: phone.hears(800))
    leg = leg_of(daemon, phone)
    assert (leg["target"], leg["kind"], leg["codec"], leg["state"]) == ("echo", "rtp", "PCMU/8000/1", "connected")
    assert leg["packets_received"] == phone.sent
    assert leg["octets_received"] == 172 * phone.sent
    assert leg["is_forwarded"]
    assert leg["packets_lost"] == 0


def test_tone_is_440_hz_and_steady(daemon, new_phone):
    """Its packets follow each other without a gap in sequence or time (RFC 3550 section 5.1)."""
    phone = new_phone().reach("tone")
    talk([phone], until=lambda: phone.hears(SERVERS_TONE_HZ))
    assert phone.loudness(SERVERS_TONE_HZ) > LOUD
    assert phone.misses(800)
    steps = [
        ((after.sequence - before.sequence) & 0xFFFF, (after.timestamp - before.timestamp) & 0xFFFFFFFF)
        for before, after in zip(phone.heard, phone.heard[1:], strict=False)
    ]
    assert set(steps) == {(1, 160)}
    assert len({packet.ssrc for packet in phone.heard}) == 1


def test_three_in_a_sink_hear_each_other_and_not_themselves(daemon, new_phone):
    phones = {hertz: new_phone(hertz).reach("hall") for hertz in (800, 1250, 1900)}

    def others(hertz: int) -> list[int]:
        return [one for one in phones if one != hertz]

    everybody = list(phones.values())
    talk(everybody, until=lambda: all(phone.hears(*others(hertz)) for hertz, phone in phones.items()))
    for phone in everybody:
        phone.forget()
    talk(everybody, limit_s=0.6)
    talk(everybody, until=lambda: all(leg_of(daemon, phone)["level_dbov"] > -25 for phone in everybody))
    for hertz, phone in phones.items():
        assert phone.misses(hertz), "it hears itself"
        assert all(phone.loudness(other) > LOUD for other in others(hertz))
        assert not leg_of(daemon, phone)["is_forwarded"]


def test_two_in_a_sink_are_connected_without_decoding(daemon, new_phone):
    one, two = new_phone(800).reach("Hall"), new_phone(1250).reach("hall")
    talk([one, two], until=lambda: one.hears(1250) and two.hears(800))
    assert leg_of(daemon, one)["is_forwarded"]
    assert leg_of(daemon, one)["concealed_frames"] == 0


def test_recvonly_listens_and_is_not_heard(daemon, new_phone):
    """RFC 3264 section 6.1: what it sends all the same is nobody's to hear."""
    listener, one, two = new_phone(800), new_phone(1250).reach("hall"), new_phone(1900).reach("hall")
    listener.reach("hall", "recvonly")
    talk([listener, one, two], until=lambda: listener.hears(1250, 1900) and one.hears(1900))
    assert one.misses(800)
    assert two.misses(800)


def test_a_held_phone_gets_no_packet_until_it_resumes(daemon, new_phone):
    """RFC 3264 section 8.4."""
    phone = new_phone().reach("tone")
    talk([phone], until=lambda: phone.hears(SERVERS_TONE_HZ))
    assert phone.reinvite("sendonly") == "recvonly"
    wait_until(lambda: leg_of(daemon, phone)["state"] == "held", "the leg is held")
    phone.forget()
    talk([phone], limit_s=0.3)
    assert phone.heard == []
    assert phone.reinvite("sendrecv") == "sendrecv"
    talk([phone], until=lambda: phone.hears(SERVERS_TONE_HZ))
    assert leg_of(daemon, phone)["state"] == "connected"


def test_a_phone_that_moves_to_another_address_is_heard_from_there(daemon, new_phone):
    """RFC 3264 section 8.3.1: the new address takes effect with the answer, without waiting for a packet from it."""
    phone = new_phone(800).reach("echo")
    talk([phone], until=lambda: phone.hears(800))
    phone.move()
    assert phone.reinvite("sendrecv") == "sendrecv"
    phone.forget()
    talk([phone], until=lambda: phone.hears(800))
    assert leg_of(daemon, phone)["state"] == "connected"


def test_a_source_that_calls_its_own_name_is_heard_where_routes_say(daemon, new_phone):
    """The route is made, changed and taken back in config.yaml while both calls go on."""
    radio, listener = new_phone(800, user="radio"), new_phone()
    instance = f'{radio.peer.contact};+sip.instance="<urn:uuid:{RADIO}>"'
    assert radio.peer.register(contacts=[instance]).status == 200
    listener.reach("hall", "recvonly")
    assert radio.reach("radio", "sendonly").reinvite("sendrecv") == "recvonly"
    leg = leg_of(daemon, radio)
    assert (leg["target"], leg["device_id"]) == (RADIO, RADIO)

    written = daemon.config_path.read_text(encoding="utf-8")
    for volume in (0.5, 2.0, 1.0, 0.0):
        route = f"{{source: {RADIO}, sink: hall@screamrouter.local, volume: {volume}}}"
        daemon.config_path.write_text(f"{written}routes: [{route}]\n", encoding="utf-8")
        assert_loudness([radio, listener], listener, TONE_POWER * volume**2)
    daemon.config_path.write_text(f"{written}routes: [{route.replace('0.0', '1.0')}]\n", encoding="utf-8")
    assert_loudness([radio, listener], listener, TONE_POWER)
    daemon.config_path.write_text(written, encoding="utf-8")
    assert_loudness([radio, listener], listener, 0)


def assert_loudness(everybody: list[RtpPhone], listener: RtpPhone, power: float) -> None:
    """The listener comes to hear the tone of 800 Hz with this power."""
    measured = -1.0
    for _ in range(20):
        listener.forget()
        talk(everybody, limit_s=0.3)
        measured = listener.loudness(800)
        if abs(measured - power) < 0.2 * power + FAINT:
            return
    raise AssertionError(f"{measured:.4f} in the place of {power:.4f}")


def test_a_digit_by_rtp_is_told_once(daemon, new_phone):
    """RFC 4733; told with the duration that its last packet has."""
    phone = new_phone().reach("hall")
    talk([phone], limit_s=0.1)
    for digit in "5#":
        phone.press(digit, 100)
        line = daemon.wait_for_log("call.digit", digit=digit)
        assert line["duration_ms"] == 100
        talk([phone], limit_s=0.1)
    told = [line["digit"] for line in daemon.log_lines() if line.get("event") == "call.digit"]
    assert told.count("5") == told.count("#") == 1


def test_a_digit_by_info_is_told(daemon, new_phone):
    """RFC 6086 with application/dtmf-relay."""
    phone = new_phone().reach("echo")
    relay = ["Content-Type: application/dtmf-relay"]
    answer = phone.call.ask("INFO", headers=relay, body=b"Signal=9\r\nDuration=250\r\n")
    assert answer.status == 200
    assert daemon.wait_for_log("call.digit", digit="9")["duration_ms"] == 250


def test_losses_that_the_phone_reports_are_shown(daemon, new_phone):
    """RFC 3550 section 6.4.2, at the port above (RFC 3605)."""
    phone = new_phone().reach("tone")
    talk([phone], until=lambda: phone.heard)
    phone.report_loss(0.25)
    wait_until(lambda: leg_of(daemon, phone)["remote_loss"] == 0.25, "a quarter is lost")


def test_a_caller_without_an_offer_answers_ours_in_its_ack(daemon, new_phone):
    """RFC 3264 section 4, RFC 3261 section 13.2.2.4."""
    phone = new_phone()
    phone.call = SipCall(phone.peer, "tone")
    phone.call.send_invite(b"")
    ours = phone.call.final()
    assert ours.status == 200, ours.start_line
    phone.call.acknowledge(ours, phone.offer())
    phone.take_remote(ours.body)
    talk([phone], until=lambda: phone.hears(SERVERS_TONE_HZ))


def test_unknown_names_are_refused_with_a_reason(daemon, new_phone):
    phone = new_phone()
    answer = phone.dial("nobody-of-that-name")
    assert answer.status == 404
    said = " ".join([answer.start_line, *(value for _, value in answer.headers)])
    assert "nobody here is called nobody-of-that-name" in said
    assert legs(daemon) == []
