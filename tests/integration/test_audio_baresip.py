"""baresip, a whole SIP phone, hears the daemon and is heard by others: G.711, G.722, Opus over plain RTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.integration.clients.baresip import needs_baresip
from tests.integration.clients.baresip_phone import G711, G722, OPUS, Codec, running_baresip_phone
from tests.kit.audio_daemon import phone_at, running_audio_daemon
from tests.kit.daemon_process import DaemonProcess, wait_until
from tests.kit.rtp_phone import legs, talk, wait_for_no_legs
from tests.kit.sound import FAINT, LOUD

pytestmark = needs_baresip

CODECS = pytest.mark.parametrize("codec", [G711, G722, OPUS], ids=lambda codec: codec.module)
WAYS = pytest.mark.parametrize(
    ("codec", "transport"),
    [(G711, "udp"), (G722, "udp"), (OPUS, "udp"), (G711, "tcp"), (OPUS, "tls")],
    ids=lambda value: value if isinstance(value, str) else value.module,
)
"""Each codec, and each transport of the signalling."""
SAID_HZ = 800
ENOUGH_PACKETS = 60


@pytest.fixture(scope="module")
def daemon(tmp_path_factory) -> Iterator[DaemonProcess]:
    with running_audio_daemon(tmp_path_factory.mktemp("baresip")) as running:
        yield running


@WAYS
def test_baresip_hears_its_echo_and_holds_and_resumes(daemon: DaemonProcess, tmp_path, codec: Codec, transport: str):
    """RFC 3264 section 8.4; its last word is BYE."""
    with running_baresip_phone(tmp_path, daemon, codec, SAID_HZ, transport=transport) as phone:
        phone.dial("echo")
        wait_until(lambda: has_heard(daemon, "echo"), "a second of echo")
        (leg,) = legs(daemon)
        assert leg["codec"] == codec.name
        assert leg["packets_lost"] == 0
        phone.command("hold")
        wait_until(lambda: legs(daemon)[0]["state"] == "held", "it is held")
        phone.command("resume")
        wait_until(lambda: legs(daemon)[0]["state"] == "connected", "it is resumed")
        phone.command("hangup")
        wait_for_no_legs(daemon)
        assert phone.heard(SAID_HZ) > LOUD
        assert phone.heard(440) < FAINT


@CODECS
def test_baresip_and_two_other_phones_hear_each_other_in_a_sink(daemon: DaemonProcess, tmp_path, codec: Codec):
    """All is decoded, mixed, and encoded as each hears it."""
    with running_baresip_phone(tmp_path, daemon, codec, SAID_HZ) as phone, ExitStack() as stack:
        one, two = (stack.enter_context(phone_at(daemon, hertz)).reach("attic") for hertz in (1250, 1900))
        phone.dial("attic")
        talk([one, two], until=lambda: one.hears(SAID_HZ, 1900) and two.hears(SAID_HZ, 1250))
        talk([one, two], limit_s=0.5)
        one.hang_up()
        two.hang_up()
        phone.command("hangup")
        wait_for_no_legs(daemon)
        assert phone.heard(1250) > LOUD
        assert phone.heard(1900) > LOUD
        assert phone.heard(SAID_HZ) < FAINT, "it hears itself"


def test_the_tone_comes_to_baresip_in_wide_band(daemon: DaemonProcess, tmp_path):
    with running_baresip_phone(tmp_path, daemon, G722, SAID_HZ) as phone:
        phone.dial("tone")
        wait_until(lambda: has_heard(daemon, "tone"), "a second of tone")
        phone.command("hangup")
        wait_for_no_legs(daemon)
        assert phone.heard(440) > LOUD
        assert phone.heard(SAID_HZ) < FAINT


def has_heard(daemon: DaemonProcess, target: str) -> bool:
    """Whether the only leg is connected with ``target`` and was sent enough to judge by."""
    return any(leg["target"] == target and leg["packets_sent"] >= ENOUGH_PACKETS for leg in legs(daemon))
