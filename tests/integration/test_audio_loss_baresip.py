"""Somebody else's telephones behind bad networks, both ways: they are heard, they hear, and the figures are true."""

from __future__ import annotations

from contextlib import ExitStack

from tests.integration.clients.baresip import needs_baresip
from tests.integration.clients.baresip_phone import G711, G722, OPUS, running_baresip_phone
from tests.kit.audio_daemon import phone_at, running_audio_daemon
from tests.kit.call_relay import CallRelay
from tests.kit.daemon_process import DaemonProcess, wait_until
from tests.kit.lossy_relay import BadNetwork, LossyRelay
from tests.kit.rtp_phone import leg_at, talk, wait_for_no_legs
from tests.kit.sound import LOUD

pytestmark = needs_baresip

ENOUGH_PACKETS = 150
JITTER_S = 0.03
PHONES = {
    800: (G711, BadNetwork(loss=0.01, jitter_s=JITTER_S, seed=7)),
    1250: (G722, BadNetwork(loss=0.05, jitter_s=JITTER_S, keeps_order=True, seed=7)),
    1900: (OPUS, BadNetwork(loss=0.20, jitter_s=JITTER_S, seed=7)),
}
"""By the tone that they say."""


def test_baresips_behind_bad_networks_are_heard_and_hear_each_other(tmp_path):
    with running_audio_daemon(tmp_path) as daemon, ExitStack() as stack:
        phones, relays = {}, {}
        for hertz, (codec, network) in PHONES.items():
            relays[hertz] = stack.enter_context(CallRelay(daemon.address, network, network))
            phones[hertz] = stack.enter_context(running_baresip_phone(tmp_path, daemon, codec, hertz))
        for hertz, phone in phones.items():
            phone.dial("attic", via=relays[hertz].address)
        listener = stack.enter_context(phone_at(daemon)).reach("attic", "recvonly")
        listener.is_speaking = False
        media = {hertz: answered(relay) for hertz, relay in relays.items()}
        talk([listener], until=lambda: all(one.to_daemon.arrived >= ENOUGH_PACKETS for one in media.values()))

        for hertz, one in media.items():
            assert listener.loudness(hertz) > LOUD
            assert one.to_daemon.lost, "the network did nothing"
            assert one.to_phone.lost, "the network did nothing"
            wait_for_true_figures(daemon, one)
        for phone in phones.values():
            phone.command("hangup")
        listener.hang_up()
        wait_for_no_legs(daemon)
        for hertz, phone in phones.items():
            assert all(phone.heard(other) > LOUD for other in PHONES if other != hertz)


def answered(relay: CallRelay) -> LossyRelay:
    """The way of the call's audio, once there is a call."""
    found: LossyRelay = wait_until(lambda: relay.media, "the daemon answers")
    return found


def wait_for_true_figures(daemon: DaemonProcess, media: LossyRelay) -> None:
    """The daemon misses what the network lost, but for what it cannot know of yet: the call goes on."""

    def is_true() -> bool:
        leg = leg_at(daemon, media.outer_address)
        missed: int = leg["packets_lost"] - media.to_daemon.lost_within
        return abs(missed) <= 2 and bool(leg["packets_received"] > ENOUGH_PACKETS / 2)

    wait_until(is_true, f"as many are missed as were lost, {media.to_daemon.lost_within}")
