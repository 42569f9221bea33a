"""``screamrouter-sip watch``: a line for each event, for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from daemon import watch_command
from daemon.watch_command import WatchWishes, asked_kinds, event_line, is_wanted, watch
from domain.errors import UserError

AT = "2026-01-31T12:00:00.000+00:00"
URI = "sip:alice@192.0.2.7"
PARTY = {"address": "alice", "device_id": "d", "is_initiator": True, "local_uri": URI, "remote_uri": "sip:echo@here"}
SINK = {**PARTY, "address": "kitchen", "device_id": "k", "is_initiator": False}
REFUSED = {"status": 403, "cause": "not_allowed", "reason": "no", "ip": "192.0.2.7", "port": 5060, "address": "bob"}


def event(kind: str, **data: Any) -> dict[str, Any]:
    return {"id": "s-1", "kind": kind, "at": AT, "data": data}


def presence(**fields: Any) -> dict[str, Any]:
    data = {"address": "alice", "name": "Attic", "before": "available", "after": "on_the_phone", "cause": "call"}
    return event("presence", **{**data, "device_ids": ["d"], **fields})


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (presence(), "Attic (alice)  available -> on the phone  (call)"),
        (presence(name="alice"), "alice  available -> on the phone  (call)"),
        (
            event(
                "registration", change="removed", address="bob", contact_uri=URI, transport="udp", reason="flow_closed"
            ),
            "bob  registration removed  sip:alice@192.0.2.7 over udp (flow closed)",
        ),
        (event("liveness", address="bob", is_reachable=False, contact_uri=URI), "bob  does not answer  " + URI),
        (event("liveness", address="bob", is_reachable=True, contact_uri=URI), "bob  is heard again  " + URI),
        (event("call", call_id="call-7", phase="held", parties=[PARTY]), "alice -> sip:echo@here  call held  call-7"),
        (
            event("call", call_id="call-7", phase="talking", parties=[SINK, PARTY]),
            "alice -> kitchen  call talking  call-7",
        ),
        (event("call", call_id="call-7", phase="ended", parties=[]), "somebody  call ended  call-7"),
        (event("refusal", **REFUSED), "bob  refused 403  192.0.2.7 port 5060: no (not_allowed)"),
        (event("reset", reason="restarted"), "Events were missed (restarted)."),
    ],
)
def test_each_event_is_a_line_of_words(told, text):
    assert event_line(told).plain[len("12:00:00  ") :] == text


def test_what_a_device_says_moves_no_cursor_and_makes_no_line():
    line = event_line(presence(name="[red]\x1b[2J\nx")).plain
    assert "[red]\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}x" in line


@pytest.mark.parametrize("address", ["alice", "ALICE", "Attic", "d"])
def test_an_address_is_meant_by_its_user_its_device_or_its_name(address):
    assert is_wanted(presence(), [address])
    assert not is_wanted(presence(), ["nobody"])


def test_a_call_is_everybodys_who_is_in_it_and_a_reset_is_everybodys():
    call = event("call", call_id="call-7", phase="talking", parties=[PARTY, SINK])
    assert [is_wanted(call, [who]) for who in ("alice", "kitchen", "k", "bob")] == [True, True, True, False]
    assert is_wanted(event("reset", reason="too_old"), ["bob"])


def test_kinds_may_be_all_and_one_that_there_is_not_is_named():
    assert asked_kinds(["all"]) == {"call", "liveness", "presence", "refusal", "registration"}
    assert asked_kinds(["call", " presence"]) == {"call", "presence"}
    with pytest.raises(UserError, match="no events of the kind 'weather'"):
        asked_kinds(["weather"])


class Daemon:
    """What ``follow_events`` answers, one after the other; the last answer is Ctrl-C."""

    def __init__(self, *lives: list[dict[str, Any]] | None) -> None:
        self.lives = list(lives)
        self.asked: list[str] = []

    def follow(self, _: object, kinds: object, last_id: str) -> Iterator[dict[str, Any]] | None:
        self.asked.append(last_id)
        if not self.lives:
            raise KeyboardInterrupt
        life = self.lives.pop(0)
        return None if life is None else iter(life)


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setattr(watch_command, "_RETRY_S", 0)
    path = tmp_path / "config.yaml"
    path.write_text(f"server: {{state_dir: {tmp_path}}}\n")
    return path


def test_when_the_daemon_goes_that_is_told(config, monkeypatch, capsys):
    monkeypatch.setattr(watch_command, "follow_events", Daemon([{"last_id": "s-0"}, presence()]).follow)
    with pytest.raises(UserError, match=r"The daemon has gone away.*--wait"):
        watch(config, WatchWishes())
    assert "Attic (alice)  available -> on the phone" in capsys.readouterr().out


def test_without_a_daemon_that_is_told(config, monkeypatch):
    monkeypatch.setattr(watch_command, "follow_events", Daemon(None).follow)
    with pytest.raises(UserError, match="The daemon is not running"):
        watch(config, WatchWishes())


def test_a_daemon_that_is_waited_for_is_asked_for_what_came_behind_the_last_event(config, monkeypatch, capsys):
    back = {**event("reset", reason="restarted"), "id": "t-9"}
    daemon = Daemon(None, [{"last_id": "s-0"}, presence()], None, None, [{"last_id": "t-9"}, back])
    monkeypatch.setattr(watch_command, "follow_events", daemon.follow)
    assert watch(config, WatchWishes(waits=True)) == 0, "Ctrl-C is how it ends"
    assert daemon.asked == ["", "", "s-1", "s-1", "s-1", "t-9"]
    told = capsys.readouterr()
    assert (
        told.err.splitlines()
        == ["The daemon is not running; waiting for it.", "The daemon is there; Ctrl-C ends this."] * 2
    )
    assert told.out.splitlines()[-1].endswith("Events were missed (restarted).")


def test_json_is_a_line_for_each_event_of_those_asked_for(config, monkeypatch, capsys):
    life = [{"last_id": "s-0"}, presence(), presence(address="bob", name="", device_ids=[])]
    monkeypatch.setattr(watch_command, "follow_events", Daemon(life).follow)
    with pytest.raises(UserError):
        watch(config, WatchWishes(addresses=("bob",), as_json=True))
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["data"]["address"] == "bob"
