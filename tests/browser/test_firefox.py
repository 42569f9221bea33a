"""Calls of Firefox to the real daemon, whose authority it trusts: a second browser with a WebRTC stack of its own kind.

Firefox + SIP.js             daemon
   |-- https: the page ------->|  its certificate is verified
   |-- wss: INVITE (offer) --->|
   |<== STUN, DTLS, SRTP =====>|
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.test_calls import SECTIONS, SINK, url_of
from tests.integration.clients.baresip import needs_baresip
from tests.integration.clients.baresip_phone import G711, running_baresip_phone
from tests.kit.daemon_process import DaemonProcess, running_daemon, wait_until
from tests.kit.firefox import FirefoxPhone, running_firefox, why_impossible
from tests.kit.rtp_phone import legs, wait_for_no_legs
from tests.kit.sound import FAINT, LOUD

pytestmark = pytest.mark.skipif(why_impossible() is not None, reason=str(why_impossible()))

SAID_HZ = 700
TELEPHONE_HZ = 1250


@pytest.fixture(scope="module")
def daemon(tmp_path_factory) -> Iterator[DaemonProcess]:
    with running_daemon(tmp_path_factory.mktemp("firefox"), sections=SECTIONS) as running:
        yield running


@pytest.fixture(scope="module")
def firefox(daemon, tmp_path_factory) -> Iterator[FirefoxPhone]:
    with running_firefox(tmp_path_factory.mktemp("home"), daemon.authority_pem(), SAID_HZ) as running:
        running.open(url_of(daemon))
        running.wait_for_line("registered")
        yield running


@pytest.fixture
def phone(daemon, firefox) -> Iterator[FirefoxPhone]:
    """Registered, without a call before and after."""
    yield firefox
    firefox.click("#hang-up")
    firefox.wait_for_call("ended")
    wait_for_no_legs(daemon)


def test_firefox_that_calls_echo_hears_its_own_tone_also_after_hold(daemon, phone):
    phone.dial("echo")
    phone.wait_for_call("talking")
    phone.wait_to_hear(loud=[SAID_HZ], faint=[440])
    (leg,) = legs(daemon)
    assert (leg["kind"], leg["codec"], leg["state"]) == ("webrtc", "opus/48000/2", "connected")
    inbound = phone.statistics("inbound-rtp")
    assert inbound["bytesReceived"] > 0
    assert inbound["totalAudioEnergy"] > 0
    assert phone.statistics("outbound-rtp")["bytesSent"] > 0
    phone.click("#hold")
    phone.wait_for_call("held")
    wait_until(lambda: legs(daemon)[0]["state"] == "held", "it is held")
    phone.click("#hold")
    phone.wait_for_call("talking")
    wait_until(lambda: legs(daemon)[0]["state"] == "connected", "it is resumed")
    phone.wait_to_hear(loud=[SAID_HZ], faint=[440])


def test_firefox_hears_the_tone_and_its_digits_arrive_in_both_forms(daemon, phone):
    """RFC 4733 beside Opus, and INFO with application/dtmf-relay."""
    phone.dial("tone")
    phone.wait_for_call("talking")
    phone.wait_to_hear(loud=[440], faint=[SAID_HZ])
    phone.click('[data-key="5"]')
    daemon.wait_for_log("call.digit", digit="5")
    phone.click("#keys-by-info")
    phone.click('[data-key="7"]')
    daemon.wait_for_log("call.digit", digit="7")


@needs_baresip
def test_firefox_and_a_telephone_in_a_sink_hear_each_other_and_not_themselves(daemon, phone, tmp_path):
    phone.dial(SINK)
    phone.wait_for_call("talking")
    with running_baresip_phone(tmp_path, daemon, G711, TELEPHONE_HZ) as telephone:
        telephone.dial("hall")
        phone.wait_to_hear(loud=[TELEPHONE_HZ], faint=[SAID_HZ])
        wait_until(lambda: has_heard(daemon, "PCMU/8000/1"), "a second of Firefox")
        telephone.command("hangup")
        wait_until(lambda: len(legs(daemon)) == 1, "the telephone has hung up")
        assert telephone.heard(SAID_HZ) > LOUD
        assert telephone.heard(TELEPHONE_HZ) < FAINT, "it hears itself"


def has_heard(daemon: DaemonProcess, codec: str) -> bool:
    """Whether the leg with this codec was sent enough to judge by."""
    return any(leg["codec"] == codec and leg["packets_sent"] >= 50 for leg in legs(daemon))
