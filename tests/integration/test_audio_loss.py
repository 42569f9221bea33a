"""A bad network between phones and the daemon: what is said is still heard, and the figures tell what happened."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.kit.audio_daemon import phone_at, running_audio_daemon
from tests.kit.daemon_process import DaemonProcess, wait_until
from tests.kit.lossy_relay import BadNetwork, LossyRelay
from tests.kit.rtp_phone import RtpPhone, leg_of, talk
from tests.kit.sound import AMPLITUDE, LOUD

TALK_S = 6.0
JITTER_S = 0.04
NETWORKS = {
    800: BadNetwork(loss=0.01, jitter_s=JITTER_S, seed=6),
    1250: BadNetwork(loss=0.05, jitter_s=JITTER_S, keeps_order=True, seed=6),
    1900: BadNetwork(loss=0.20, jitter_s=JITTER_S, seed=75),
}
"""By the tone that is said through them."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """A phone and the network it is behind."""

    phone: RtpPhone
    relay: LossyRelay

    def wait_for_leg(self, daemon: DaemonProcess) -> dict[str, float]:
        """The leg's figures once all has arrived that was not lost."""
        way = self.relay.to_daemon
        wait_until(lambda: way.arrived == self.phone.sent, "the relay has it all")

        def settled() -> dict[str, float] | None:
            leg = leg_of(daemon, self.phone, behind=self.relay.outer_address)
            return leg if leg["packets_received"] == way.arrived - len(way.lost) else None

        found: dict[str, float] = wait_until(settled, "the daemon has what was not lost")
        return found


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    """Three phones behind bad networks and a listener on a good one, in one sink, after ``TALK_S``."""
    with running_audio_daemon(tmp_path_factory.mktemp("loss")) as daemon, ExitStack() as stack:
        speakers: dict[int, Speaker] = {}
        for hertz, network in NETWORKS.items():
            phone = stack.enter_context(phone_at(daemon, hertz)).reach("hall")
            assert phone.remote is not None
            relay = stack.enter_context(LossyRelay(phone.remote, network))
            phone.via = relay.address
            speakers[hertz] = Speaker(phone, relay)
        listener = stack.enter_context(phone_at(daemon)).reach("hall", "recvonly")
        listener.is_speaking = False
        talk([listener, *(speaker.phone for speaker in speakers.values())], limit_s=TALK_S)
        yield listener, speakers, {hertz: one.wait_for_leg(daemon) for hertz, one in speakers.items()}


@pytest.mark.parametrize("hertz", NETWORKS)
def test_who_is_behind_a_bad_network_is_still_heard_at_his_loudness(heard, hertz):
    listener, _, _ = heard
    full = (AMPLITUDE / 32768) ** 2
    assert listener.loudness(hertz) > max(LOUD, full / 3)


@pytest.mark.parametrize("hertz", NETWORKS)
def test_the_legs_figures_are_what_the_network_did(heard, hertz):
    """RFC 3550 section 6.4.1 and appendix A; delays between 0 and 40 ms are a jitter of 13 ms."""
    _, speakers, legs = heard
    way, leg = speakers[hertz].relay.to_daemon, legs[hertz]
    assert way.lost, "the network did nothing"
    assert leg["packets_lost"] == pytest.approx(way.lost_within, abs=2)  # two may overtake the very first
    assert leg["jitter_ms"] == pytest.approx(13.3 if not way.network.keeps_order else 9, rel=0.7)
    assert leg["concealed_frames"] >= 0.8 * way.lost_within
    # What the machine delayed besides is late as well, and the buffer grows and shrinks for it.
    most = 0.1 * way.arrived + 3 * way.strayed
    assert leg["concealed_frames"] < way.lost_within + most
    assert leg["packets_discarded"] < most
    stray_ms = 1000 * (max(way.transits_s) - min(way.transits_s)) - 1000 * JITTER_S
    assert 20 < leg["buffer_ms"] < 150 + stray_ms


def test_reordering_alone_loses_nothing(heard):
    _, speakers, legs = heard
    assert any(speaker.relay.to_daemon.overtaken > 20 for speaker in speakers.values())
    for hertz, leg in legs.items():
        assert leg["packets_lost"] <= speakers[hertz].relay.to_daemon.lost_within


@pytest.mark.parametrize("hertz", NETWORKS)
def test_the_phone_is_told_what_was_lost_of_its_own(heard, hertz):
    """RFC 3550 section 6.4.2; the first report comes after 2.5 s."""
    _, speakers, _ = heard
    phone, way = speakers[hertz].phone, speakers[hertz].relay.to_daemon
    phone.take_arrivals()
    assert phone.reports
    report = phone.reports[0]
    before = [number for number in way.lost if number < 2.5 / 0.02]
    assert report.ssrc == phone.ssrc
    assert report.lost == pytest.approx(len(before), abs=3 + 0.1 * len(before))
    assert report.fraction_lost == pytest.approx(way.network.loss, abs=0.08)
    assert report.jitter_ms > 3


@pytest.mark.parametrize("hertz", NETWORKS)
def test_audio_goes_back_to_where_it_comes_from(heard, hertz):
    """RFC 4961: not to the address of the description, which is behind the relay."""
    _, speakers, _ = heard
    phone = speakers[hertz].phone
    others = [other for other in NETWORKS if other != hertz]
    assert speakers[hertz].relay.to_phone.arrived > 0.8 * phone.sent
    assert all(phone.loudness(other) > LOUD for other in others)
