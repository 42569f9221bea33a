"""Other people's phones watch each other: linphone's friends and baresip's contacts.

one                         daemon                        the other
 |-- REGISTER, SUBSCRIBE ---->|                              |
 |<- NOTIFY (closed) ---------|                              |
 |                            |<-- REGISTER, PUBLISH (open) -|
 |<- NOTIFY (open) -----------|                              |
 |                            |<-- INVITE echo --------------|
 |<- NOTIFY (on-the-phone) ---|                              |
 |-- MESSAGE ---------------->|-- MESSAGE ------------------>|
 |                            |<-- REGISTER, Expires: 0 -----|
 |<- NOTIFY (closed) ---------|                              |
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.integration.clients.baresip import needs_baresip
from tests.integration.clients.baresip_contact import account_of, running_baresip_contact
from tests.integration.clients.client_process import ClientProcess
from tests.integration.clients.linphone_friend import running_linphone_friend
from tests.integration.clients.linphonec import needs_linphonec
from tests.kit.daemon_process import DaemonProcess, wait_until
from tests.kit.presence_daemon import watched_house
from tests.kit.presence_room import pidf
from tests.kit.sip_peer import SipPeer
from tests.kit.watch import publish

TOLD_S = 10.0
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Iterator[DaemonProcess]:
    with watched_house(tmp_path_factory.mktemp("presence-clients")) as daemon:
        yield daemon


def said(client: ClientProcess, since: int) -> str:
    """What it wrote from there on, without colours."""
    return COLOUR.sub("", client.output[since:])


def wait_to_read(client: ClientProcess, *words: str, since: int = 0) -> int:
    """Return once each of ``words`` was written after the one before it; where the output ends then."""
    pattern = re.compile(".*?".join(map(re.escape, words)), re.DOTALL)
    wait_until(lambda: pattern.search(said(client, since)), f"it says {words}:\n{client.output}", TOLD_S)
    return len(client.output)


@needs_linphonec
def test_linphone_sees_another_come_call_and_go_and_a_telephone_that_says_how_it_is(house, tmp_path):
    """Its console tells "Friend NAME is STATE" for each NOTIFY; by itself it publishes "open" only."""
    with (
        SipPeer(house.address, user="desk") as desk,
        running_linphone_friend(tmp_path, house, "ann", ["ben", "desk"]) as ann,
    ):
        ben_is, desk_is = ('"ben" <sip:ben@screamrouter.local> is', '"desk" <sip:desk@screamrouter.local> is')
        wait_to_read(ann, ben_is, "Offline")
        known = wait_to_read(ann, desk_is, "Offline")
        with running_linphone_friend(tmp_path, house, "ben", ["ann"]) as ben:
            known = wait_to_read(ann, ben_is, "Online", since=known)
            wait_to_read(ben, '"ann" <sip:ann@screamrouter.local> is Online')
            ben.say("call sip:echo@screamrouter.local")
            known = wait_to_read(ann, ben_is, "On the phone", since=known)
            ben.say("terminate")
            known = wait_to_read(ann, ben_is, "Online", since=known)
            ann.say("chat sip:ben@screamrouter.local Tea?")
            wait_to_read(ben, "Message received from sip:ann@screamrouter.local: Tea?")
        known = wait_to_read(ann, ben_is, "Offline", since=known)
        assert desk.register().status == 200
        known = wait_to_read(ann, desk_is, "Online", since=known)
        match: list[str] = []
        for activity, state in (("away", "Away"), ("busy", "Busy"), ("on-the-phone", "On the phone")):
            answer = publish(desk, body=pidf(activities=f"<rpid:{activity}/>"), headers=match)
            assert answer.status == 200
            match = [f"SIP-If-Match: {answer.get('sip-etag')}"]
            known = wait_to_read(ann, desk_is, state, since=known)
    trace = (tmp_path / "linphone-ben" / "trace.log").read_text(encoding="utf-8", errors="replace")
    assert re.search(r"SIP/2\.0 200 OK\n(?:.+\n)*CSeq: \d+ PUBLISH\n(?:.+\n)*SIP-ETag: ", trace)
    assert "SIP-If-Match: " in trace  # it takes back what it published before it goes


@needs_baresip
def test_baresip_sees_another_come_call_say_that_it_is_away_and_go(house, tmp_path):
    """Its contacts are Online, Offline or Busy; a telephone that published "closed" is Offline."""

    def becomes(state: str) -> str:
        return f"<sip:dora@screamrouter.local> changed status from {state}"

    with running_baresip_contact(tmp_path, house, "carl", ["dora"]) as carl:
        wait_to_read(carl.client, "NOTIFY", "<basic>closed</basic>", "SIP/2.0 200 OK")
        with running_baresip_contact(tmp_path, house, "dora", ["carl"]) as dora:
            known = wait_to_read(carl.client, becomes("Offline to Online"))
            wait_to_read(dora.client, "PUBLISH", "SIP-ETag:")
            dora.command("dial", "sip:echo@screamrouter.local")
            known = wait_to_read(carl.client, becomes("Online to Busy"), since=known)
            dora.command("hangup")
            known = wait_to_read(carl.client, becomes("Busy to Online"), since=known)
            dora.command("presence_offline")
            known = wait_to_read(carl.client, becomes("Online to Offline"), since=known)
            dora.command("presence_online")
            known = wait_to_read(carl.client, becomes("Offline to Online"), since=known)
            carl.command("message", "Tea?")
            wait_to_read(dora.client, "MESSAGE sip:dora", "Tea?", "SIP/2.0 200 OK")
        wait_to_read(carl.client, becomes("Online to Offline"), since=known)


@needs_baresip
def test_baresip_asks_for_its_messages_and_there_are_none(house, tmp_path):
    """RFC 3842. The account comes last: baresip 1.0 subscribes for ever where it is registered within 1 ms."""
    with running_baresip_contact(tmp_path, house, "emil", modules=["menu", "mwi"]) as emil:
        emil.command("help")
        emil.command("uanew", account_of(house, "emil", ";mwi=yes"))
        wait_to_read(emil.client, "SUBSCRIBE", "NOTIFY", "Messages-Waiting: no", "Voice-Message: 0/0 (0/0)")
