"""Who may watch whom: presence.watchers, a device's own watchers, edits that take a watcher out, names as addresses."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kit.answering_peer import AnsweringUdp
from tests.kit.daemon_process import DaemonProcess, running_daemon, wait_until
from tests.kit.sip_peer import SipPeer
from tests.kit.standing_watch import StandingWatch

BOB, CAROL = "bob@screamrouter.local", "carol@screamrouter.local"
RADIO = "2c1f6a52-93b4-4c0e-8f5e-0c5ad2a6c9e1"
SECTIONS: dict[str, Any] = {
    "presence": {"interval_s": 0.05, "lists": {"floor": ["bob", "carol"]}},
    "devices": {
        BOB: {"name": "Bob", "watchers": ["ann"]},
        CAROL: {"name": "Carol"},
        RADIO: {"name": "Living Room (TV)"},
    },
}
GONE = {"basic": "closed", "note": "Not registered", "activities": []}
HERE = {"basic": "open", "note": "Available", "activities": []}


@pytest.fixture
def daemon(tmp_path) -> Iterator[DaemonProcess]:
    with running_daemon(tmp_path, sections=SECTIONS) as running:
        yield running


@contextmanager
def watchers(daemon: DaemonProcess, *users: str) -> Iterator[list[StandingWatch]]:
    """Registered devices, each of which can watch."""
    with ExitStack() as stack:
        peers = [stack.enter_context(AnsweringUdp(daemon.address, user)) for user in users]
        assert [peer.register().status for peer in peers] == [200] * len(peers)
        yield [StandingWatch(peer) for peer in peers]


def status_of(peer: SipPeer, address: str, package: str = "presence") -> int:
    """Of a SUBSCRIBE for the state at this moment."""
    uri = f"sip:{address}@{peer.domain}"
    lines = [f"Contact: {peer.contact}", f"Event: {package}", "Expires: 0"]
    octets = peer.request("SUBSCRIBE", uri=uri, to=f"<{uri}>", headers=lines, call_id=f"{peer.cseq}@once")
    return peer.exchange(octets).status


def edit(daemon: DaemonProcess, change: Callable[[dict[str, Any]], object]) -> None:
    """As an editor does that writes a new file and renames it."""
    document = daemon.config()
    change(document)
    new = Path(f"{daemon.config_path}.mine")
    new.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    new.rename(daemon.config_path)


def test_who_is_not_registered_is_told_403_and_so_is_a_registered_name_from_elsewhere(daemon):
    """RFC 3856 section 6.6.1: From alone proves nothing."""
    elsewhere = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    elsewhere.bind(("127.0.0.2", 0))
    with (
        watchers(daemon, "ann") as (ann,),
        AnsweringUdp(daemon.address, "eve") as eve,
        AnsweringUdp(daemon.address, "ann", own_socket=elsewhere) as liar,
    ):
        assert (status_of(ann.peer, "carol"), status_of(eve, "carol"), status_of(liar, "carol")) == (200, 403, 403)


def test_anyone_may_watch_once_the_owner_says_so_and_no_more_when_it_is_taken_back(daemon):
    with AnsweringUdp(daemon.address, "eve") as eve:
        watch = StandingWatch(eve)
        edit(daemon, lambda document: document["presence"].update(watchers="anyone"))
        wait_until(lambda: status_of(eve, "carol") == 200, "the edit is in force")
        call_id = watch.subscribe("presence", "carol", expires_s=60)
        edit(daemon, lambda document: document["presence"].update(watchers="registered"))
        wait_until(lambda: watch.state_of(call_id), "eve is taken out")
        assert watch.state_of(call_id) == "terminated;reason=rejected"


def test_only_whom_its_owner_names_may_watch_a_device_in_any_package(daemon):
    with watchers(daemon, "ann", "ben") as (ann, ben):
        for package in ("presence", "dialog", "reg", "message-summary"):
            assert (status_of(ann.peer, "bob", package), status_of(ben.peer, "bob", package)) == (200, 403)


def test_who_is_named_must_be_registered_too(daemon):
    with AnsweringUdp(daemon.address, "ann") as ann:
        assert status_of(ann, "bob") == 403


def test_rfc6665_4_1_3_an_edit_takes_a_watcher_out_as_rejected_and_lets_another_in(daemon):
    with watchers(daemon, "ann", "ben") as (ann, ben):
        out, stays = ann.subscribe("presence", "bob", expires_s=60), ann.subscribe("presence", "carol", expires_s=60)
        edit(daemon, lambda document: document["devices"][BOB].update(watchers=["ben"]))
        wait_until(lambda: ann.state_of(out), "ann is taken out")
        assert ann.state_of(out) == "terminated;reason=rejected"
        assert ann.refresh(out).status == 481
        assert (status_of(ann.peer, "bob"), status_of(ben.peer, "bob")) == (403, 200)
        assert ann.refresh(stays).status == 200


@pytest.mark.parametrize("name", ["floor", "all"])
def test_rfc4662_lists_show_a_device_only_while_everybody_may_watch_it(daemon, name):
    with watchers(daemon, "ann") as (ann,):
        call_id = ann.subscribe("presence", name, expires_s=60)
        assert {"carol"} <= set(ann.seen(call_id) or ()) <= {"carol", "ann", RADIO}
        edit(daemon, lambda document: document["devices"][BOB].pop("watchers"))
        wait_until(lambda: (ann.seen(call_id) or {}).get("bob") == GONE, "bob is shown")
        edit(daemon, lambda document: document["devices"][BOB].update(watchers=["ann"]))
        wait_until(lambda: "bob" not in (ann.seen(call_id) or {}), "bob is not shown any more")


def test_rfc3856_6_6_an_address_that_nobody_has_is_watched_as_not_registered_until_somebody_has(daemon):
    with watchers(daemon, "ann") as (ann,):
        call_id = ann.subscribe("presence", "nobody-yet", expires_s=60)
        assert ann.seen(call_id) == GONE
        with AnsweringUdp(daemon.address, "nobody-yet") as new:
            assert new.register().status == 200
            wait_until(lambda: ann.seen(call_id) == HERE, "it has come")


def test_a_device_is_watched_by_its_uuid_its_name_and_its_address(daemon):
    names = (RADIO, RADIO.upper(), "living-room-tv", "Living%20Room%20(TV)", "radio")
    with watchers(daemon, "ann") as (ann,), AnsweringUdp(daemon.address, "radio") as radio:
        call_ids = [ann.subscribe("presence", name, expires_s=60) for name in names]
        assert [ann.seen(call_id) for call_id in call_ids] == [GONE] * len(names)
        assert radio.register(contacts=[f'{radio.contact};+sip.instance="<urn:uuid:{RADIO}>"']).status == 200
        wait_until(lambda: all(ann.seen(call_id) == HERE for call_id in call_ids), "the radio is there")
        assert radio.register(expires=0).status == 200
        wait_until(lambda: all(ann.seen(call_id) == GONE for call_id in call_ids), "it is gone")


def test_a_name_that_is_given_to_another_device_is_watched_as_that_one(daemon):
    def swap(document: dict[str, Any]) -> None:
        document["devices"][CAROL]["name"] = "Kitchen"
        document["devices"][RADIO]["name"] = "Hall"

    with watchers(daemon, "ann", "carol") as (ann, _):
        edit(daemon, lambda document: document["devices"][CAROL].update(name="Hall"))
        by_name = ann.subscribe("dialog", "hall", expires_s=60)
        wait_until(lambda: (ann.seen(by_name) or {}).get("registered"), "the hall is carol's")
        edit(daemon, swap)
        wait_until(lambda: not (ann.seen(by_name) or {}).get("registered"), "the hall is the radio's")
