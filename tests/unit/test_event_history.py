"""The last events and those who follow them: nothing lost without a word, nobody waited for."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter

from api.event_history import BadQuestion, EventHistory, Follower, read_kinds
from api.presence_answers import EventAnswer
from domain.activity_events import (
    CallParty,
    CallTold,
    EventKind,
    LivenessTold,
    PresenceTold,
    RefusalTold,
    RegistrationChange,
    RegistrationTold,
    ResetReason,
    ResetTold,
    StreamEvent,
    Told,
)
from tests.kit.https_server import VirtualClock

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
URI = "sip:a@192.0.2.7"
ONE_OF_EACH: list[Told] = [
    RegistrationTold(RegistrationChange.REMOVED, "a", "d", URI, "udp", "192.0.2.7", 5060, NOON, None, "expired"),
    LivenessTold("a", "d", URI, is_reachable=True, rtt_ms=1.5),
    PresenceTold("a", "Attic", "available", "busy", "call", 7, ("d",)),
    CallTold("call-7", "talking", (CallParty("a", "d", is_initiator=True, local_uri=URI, remote_uri=URI),)),
    RefusalTold(403, "not_allowed", "no\nentry \ud800", "192.0.2.7", 5060, "a", URI, "dev/1"),
    ResetTold(ResetReason.OVERFLOW),
]


def presence(number: int) -> StreamEvent:
    return StreamEvent(NOON, PresenceTold("a", "", "available", "busy", "call", number))


def liveness() -> StreamEvent:
    return StreamEvent(NOON, LivenessTold("a", "d", URI, is_reachable=True))


def history(most: int = 3, start: str = "s") -> EventHistory:
    return EventHistory(start, VirtualClock(NOON), most)


def ids(follower: Follower) -> list[str]:
    return [event.event_id for event in follower.take()]


def resets(follower: Follower) -> list[str]:
    return [json.loads(event.line)["data"]["reason"] for event in follower.take() if event.kind is EventKind.RESET]


@pytest.mark.parametrize("told", ONE_OF_EACH, ids=lambda told: type(told).__name__)
def test_each_event_is_one_line_of_the_documented_form(told):
    events = history()
    follower = events.follow()
    events.tell(StreamEvent(NOON, told))
    (event,) = follower.take()
    assert b"\n" not in event.line
    document = json.loads(event.line)
    answer: EventAnswer = TypeAdapter(EventAnswer).validate_python(
        json.loads(event.line.replace(b"\\ud800", b"?")), strict=False
    )
    assert (answer.id, answer.kind, answer.at) == ("s-1", event.kind, NOON)
    assert set(document["data"]) == set(type(told).__dataclass_fields__)


def test_who_comes_gets_what_comes_behind_him():
    events = history()
    events.tell(presence(1))
    follower = events.follow()
    assert (follower.seen_id, ids(follower)) == ("s-1", [])
    events.tell(presence(2))
    assert (ids(follower), follower.seen_id) == (["s-2"], "s-2")


def test_who_comes_back_gets_what_he_missed():
    events = history()
    for number in range(1, 4):
        events.tell(presence(number))
    assert ids(events.follow("s-1")) == ["s-2", "s-3"]
    assert ids(events.follow("s-3")) == []
    assert ids(events.follow("s-0")) == ["s-1", "s-2", "s-3"]


def test_an_id_whose_successors_are_forgotten_is_answered_by_a_reset_and_it_goes_on():
    events = history(most=3)
    for number in range(1, 6):
        events.tell(presence(number))
    assert ids(events.follow("s-2")) == ["s-3", "s-4", "s-5"]
    follower = events.follow("s-1")
    (reset,) = follower.take()
    assert (reset.kind, reset.event_id, json.loads(reset.line)["data"]) == ("reset", "s-5", {"reason": "too_old"})
    events.tell(presence(6))
    assert ids(follower) == ["s-6"]


@pytest.mark.parametrize("last_id", ["t-1", "s-9", "s-", "s", "-1", "s--1", "s-1 ", "S-1", "s-" + "9" * 40, "\n"])
def test_an_id_of_another_life_or_of_nobody_is_answered_by_a_reset(last_id):
    events = history()
    events.tell(presence(1))
    assert resets(events.follow(last_id)) == ["restarted"]


def test_who_asks_for_some_kinds_gets_them_and_every_reset():
    events = history(most=10)
    follower = events.follow(kinds={EventKind.PRESENCE})
    for event in (liveness(), presence(2), StreamEvent(NOON, ResetTold(ResetReason.OVERFLOW)), liveness()):
        events.tell(event)
    assert ids(follower) == ["s-2", "s-3"]
    assert follower.seen_id == "s-4"


def test_who_does_not_read_is_told_that_he_is_behind_once_and_others_miss_nothing():
    events, calls = history(most=3), []
    slow, quick = events.follow(on_behind=lambda: calls.append("behind")), events.follow()
    seen = []
    for number in range(1, 8):
        events.tell(presence(number))
        seen += ids(quick)
    assert calls == ["behind"]
    assert slow.is_closed
    assert seen == [f"s-{number}" for number in range(1, 8)]


def test_who_is_waited_for_gets_a_reset_in_the_place_of_what_he_missed():
    events = history(most=3)
    slow = events.follow()
    for number in range(1, 8):
        events.tell(presence(number))
    assert resets(slow) == ["too_old"]
    events.tell(presence(8))
    assert ids(slow) == ["s-8"]


async def test_waiting_ends_with_an_event_with_the_time_and_with_the_history():
    events = history()
    follower = events.follow()
    assert not await follower.wait(0.001)
    asyncio.get_running_loop().call_soon(events.tell, presence(1))
    assert await follower.wait(5)
    assert ids(follower) == ["s-1"]
    asyncio.get_running_loop().call_soon(events.close)
    assert await follower.wait(5)
    assert follower.is_closed


async def test_a_long_backlog_is_taken_in_pieces_and_whole():
    events = history(most=1000)
    follower = events.follow()
    for number in range(1000):
        events.tell(presence(number))
    taken = []
    while await follower.wait(0):
        piece = ids(follower)
        assert len(piece) <= 250
        taken += piece
        if len(taken) == 1000:
            break
    assert taken == [f"s-{number}" for number in range(1, 1001)]
    assert ids(follower) == []


def test_kinds_are_read_from_lists_with_commas():
    assert read_kinds(["presence, call", "call"]) == {EventKind.PRESENCE, EventKind.CALL}
    assert read_kinds(["", ","]) == frozenset()
    for text in ("weather", "reset", "PRESENCE"):
        with pytest.raises(BadQuestion, match="there are call, liveness, presence, refusal, registration"):
            read_kinds([text])
