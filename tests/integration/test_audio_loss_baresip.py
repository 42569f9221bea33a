"""Somebody else's telephones behind bad networks, both ways: they are heard, they hear, and the figures are true."""

from __future__ import annotations

from contextlib import ExitStack

from tests.integration.clients.baresip import needs_baresip
from tests.integration.clients.baresip_phone import G711, G722, OPUS, running_baresip_phone
from tests.kit.audio_daemon import phone_at, running_audio_daemon
from tests.kit.call_relay import CallRelay
from tests.kit.daemon_process import wait_until
from tests.kit.lossy_relay import BadNetwork, Way
from tests.kit.rtp_phone import leg_at, talk, wait_for_no_legs
from tests.kit.sound import LOUD

pytestmark = needs_baresip

TALK_S = 3.0
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
        ways = {hertz: wait_until(lambda relay=relay: relay.media, "an answer") for hertz, relay in relays.items()}
        talk([listener], until=lambda: all(way.to_daemon.arrived >= ENOUGH_PACKETS for way in ways.values()))

        for hertz, way in ways.items():
            assert listener.loudness(hertz) > LOUD
            assert way.to_daemon.lost, "the network did nothing"
            assert way.to_phone.lost, "the network did nothing"
            wait_until(
                lambda way=way: has_missed(leg_at(daemon, way.outer_address), way.to_daemon), "the figures are true"
            )
        for phone in phones.values():
            phone.command("hangup")
        listener.hang_up()
        wait_for_no_legs(daemon)
        for hertz, phone in phones.items():
            assert all(phone.heard(other) > LOUD for other in PHONES if other != hertz)


def has_missed(leg: dict[str, float], way: Way) -> bool:
    """Whether the leg has all that was lost, but for what it cannot know of yet: the call goes on."""
    return abs(leg["packets_lost"] - way.lost_within) <= 2 and leg["packets_received"] >= ENOUGH_PACKETS / 2
