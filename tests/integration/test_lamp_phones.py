"""Busy lamps of desk telephones, played by SIPp with what Yealink's, Snom's and Grandstream's send, quirks included.

    phone (SIPp)                   daemon                     device
       |-- SUBSCRIBE ---------------->|                          |
       |<- 200, NOTIFY (dark) --------|                          |
       |                              |<-- INVITE echo ----------|
       |<- NOTIFY (lit) --------------|                          |
       |                              |<-- BYE ------------------|
       |<- NOTIFY (dark) -------------|                          |
       |                              |<-- REGISTER, Expires: 0 -|
       |<- NOTIFY (not registered) ---|                          |

What a NOTIFY must say, and with which version, stands in the scenario.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.clients.sipp import needs_sipp, play
from tests.kit.daemon_process import DaemonProcess, wait_until
from tests.kit.presence_daemon import LISTED, watched_house
from tests.kit.sip_peer import SipPeer
from tests.kit.watch import talking

pytestmark = needs_sipp

TOLD_S = 10.0


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Iterator[DaemonProcess]:
    with watched_house(tmp_path_factory.mktemp("lamp-phones")) as daemon:
        yield daemon


@pytest.fixture
def device(house) -> Iterator[SipPeer]:
    """Whom the lamp shows, registered."""
    with SipPeer(house.address, user=f"device-{uuid.uuid4().hex[:8]}") as made:
        assert made.register().status == 200
        yield made


class Watching:
    """SIPp while it plays; ``told`` waits for its next NOTIFY in each of its calls."""

    def __init__(self, messages: Path, calls: int, is_over: Callable[[], bool]) -> None:
        self._messages = messages
        self._calls = calls
        self._is_over = is_over
        self._count = 0

    def told(self, count: int = 1) -> None:
        """Return once it has been sent ``count`` more, and has answered them."""
        self._count += count * self._calls
        wait_until(
            lambda: self._answered() >= self._count or self._is_over(), f"{self._count} NOTIFYs answered", TOLD_S
        )
        assert self._answered() >= self._count, "SIPp ended before it was told all"

    def _answered(self) -> int:
        if not self._messages.exists():
            return 0
        # Each message stands below a line that says which way it went.
        sent = self._messages.read_text(encoding="utf-8", errors="replace").split("message sent")
        return sum("NOTIFY" in one.partition("message received")[0].partition("CSeq:")[2][:20] for one in sent[1:])


class Player:
    """Plays scenarios for ``user``, who is registered here and by that may watch; SIPp subscribes."""

    def __init__(self, house: DaemonProcess, directory: Path, user: str, sockets: str = "u1") -> None:
        self._house = house
        self._directory = directory
        self._sockets = sockets
        self.user = user

    def play(self, scenario: str, rows: Sequence[Sequence[str]], during: Callable[[Watching], None]) -> None:
        """Play it while ``during`` moves the device on, once for each of ``rows``; it must go as it is written."""
        with ThreadPoolExecutor(1) as beside:
            playing = beside.submit(play, scenario, self._house, self._directory, rows, sockets=self._sockets)
            fault = None
            try:
                during(Watching(self._directory / f"{scenario}.messages", len(rows), playing.done))
            except AssertionError as error:
                fault = error
            played = playing.result()
        assert played.exit_code == 0, played.report
        if fault is not None:
            raise fault


@pytest.fixture(params=["u1", "t1"], ids=["udp", "tcp"])
def phone(request, house, tmp_path) -> Iterator[Player]:
    with SipPeer(house.address, user=f"phone-{uuid.uuid4().hex[:8]}") as registered:
        assert registered.register().status == 200
        yield Player(house, tmp_path, registered.user, request.param)


def come_and_go(device: SipPeer) -> Callable[[Watching], None]:
    """The device, which is registered, has a call, ends it, and goes; each as soon as the phone has been told."""

    def during(phone: Watching) -> None:
        phone.told()
        with talking(device):
            phone.told()
        phone.told()
        assert device.register(expires=0).status == 200

    return during


@pytest.mark.parametrize("scenario", ["lamp_snom", "lamp_grandstream", "lamp_plain"])
def test_a_lamp_is_lit_by_a_call_and_told_when_its_device_is_gone(phone, device, scenario):
    """Snom: 481 for the dialog of before a reboot. Grandstream: presence with XPIDF first. Plain: no Accept at all."""
    phone.play(scenario, [[phone.user, device.user]], come_and_go(device))


def test_three_lamps_of_a_yealink_for_one_device_have_an_event_id_each(phone, device):
    """It begins with Expires: 0 outside of any dialog, and is told the state once (RFC 6665 section 4.4.3)."""

    def during(lamps: Watching) -> None:
        lamps.told()
        come_and_go(device)(lamps)

    phone.play("lamp_yealink", [[phone.user, device.user, str(number)] for number in (1, 22, 333)], during)


def test_a_blf_list_of_a_yealink_tells_of_each_member_that_changes(house, phone):
    """RFC 4662: the whole list first, then the one member that changed."""
    with SipPeer(house.address, user=LISTED[0]) as device:

        def during(lamps: Watching) -> None:
            lamps.told()
            assert device.register().status == 200
            come_and_go(device)(lamps)

        phone.play("lamp_yealink_list", [[phone.user, "lamps"]], during)


def test_a_phone_that_asks_for_its_own_messages_has_none(phone):
    phone.play("messages_waiting", [[phone.user]], lambda lamps: lamps.told(3))
