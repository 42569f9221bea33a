"""linphone, a SIP phone of another family, hears the daemon and is heard by others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.integration.clients.linphonec import needs_linphonec, running_linphonec
from tests.kit.audio_daemon import phone_at, running_audio_daemon
from tests.kit.daemon_process import DaemonProcess, wait_until
from tests.kit.rtp_phone import legs, talk, wait_for_no_legs
from tests.kit.sound import FAINT, LOUD
from tests.kit.tls_daemon import write_certificate

pytestmark = needs_linphonec

SAID_HZ = 800
ENOUGH_PACKETS = 60


@pytest.fixture(scope="module")
def daemon(tmp_path_factory) -> Iterator[DaemonProcess]:
    with running_audio_daemon(tmp_path_factory.mktemp("linphone")) as running:
        yield running


@pytest.mark.parametrize(
    ("listed", "named", "transport"),
    [
        ("opus (48000)", "opus/48000/2", "udp"),
        ("PCMU (8000)", "PCMU/8000/1", "tcp"),
        ("PCMU (8000)", "PCMU/8000/1", "tls"),
    ],
    ids=["opus-udp", "pcmu-tcp", "pcmu-tls"],
)
def test_linphone_hears_its_echo_and_holds_and_resumes(
    daemon: DaemonProcess, tmp_path, listed: str, named: str, transport: str
):
    """RFC 3264 section 8.4; its last word is BYE.

    Over TLS it verifies nothing: it cannot read the daemon's own authority (mbedTLS 2.28, RFC 5280 section 4.2.1.10).
    """
    with running_linphonec(tmp_path, daemon, SAID_HZ, transport=transport) as phone:
        phone.use_only(listed)
        phone.dial("echo")
        wait_until(lambda: any(leg["packets_sent"] >= ENOUGH_PACKETS for leg in legs(daemon)), "a second of echo")
        assert legs(daemon)[0]["codec"] == named
        phone.say_and_see("pause", "is now paused")
        wait_until(lambda: legs(daemon)[0]["state"] == "held", "it is held")
        phone.say_and_see("resume", "Media streams established")
        wait_until(lambda: legs(daemon)[0]["state"] == "connected", "it is resumed")
        before = legs(daemon)[0]["packets_sent"]  # its recording begins anew
        wait_until(lambda: legs(daemon)[0]["packets_sent"] >= before + ENOUGH_PACKETS, "another second of echo")
        phone.say_and_see("terminate", "ended")
        wait_for_no_legs(daemon)
    assert phone.heard(SAID_HZ) > LOUD
    assert phone.heard(440) < FAINT


def test_linphone_hears_the_tone_over_tls_where_it_trusts_the_owners_certificate(tmp_path):
    own = tmp_path / "own.pem"
    write_certificate(own)
    with (
        running_audio_daemon(tmp_path, certificate=own) as daemon,
        running_linphonec(tmp_path, daemon, SAID_HZ, transport="tls", authority=own) as phone,
    ):
        daemon.wait_for_log("certificate.taken")
        phone.dial("tone")
        wait_until(lambda: any(leg["packets_sent"] >= ENOUGH_PACKETS for leg in legs(daemon)), "a second of tone")
        phone.say_and_see("terminate", "ended")
        wait_for_no_legs(daemon)
    assert phone.heard(440) > LOUD


def test_linphone_and_two_other_phones_hear_each_other_in_a_sink(daemon: DaemonProcess, tmp_path):
    with running_linphonec(tmp_path, daemon, SAID_HZ) as phone, ExitStack() as stack:
        one, two = (stack.enter_context(phone_at(daemon, hertz)).reach("attic") for hertz in (1250, 1900))
        phone.dial("attic")
        talk([one, two], until=lambda: one.hears(SAID_HZ, 1900) and two.hears(SAID_HZ, 1250))
        talk([one, two], limit_s=0.7)
        one.hang_up()
        two.hang_up()
        phone.client.say("terminate")
        wait_for_no_legs(daemon)
    assert phone.heard(1250) > LOUD
    assert phone.heard(1900) > LOUD
    assert phone.heard(SAID_HZ) < FAINT, "it hears itself"
