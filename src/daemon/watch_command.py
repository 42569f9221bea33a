"""``screamrouter-sip watch``: what happens in the running daemon, a line each, until Ctrl-C."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from api.control_socket import follow_events
from configuration.config_loader import load_config
from domain.activity_events import FOLLOWED_KINDS, EventKind
from domain.errors import UserError

Event = Mapping[str, Any]
_RETRY_S = 0.5
_ALL = "all"
_COLOURS = {
    "available": "green",
    "ringing": "yellow",
    "on_the_phone": "yellow",
    "busy": "yellow",
    "away": "yellow",
    "do_not_disturb": "magenta",
    "closed": "magenta",
    "unreachable": "red",
    "not_registered": "bright_black",
}


@dataclass(frozen=True, slots=True)
class WatchWishes:
    """What to show. ``addresses``: SIP users, devices' keys or names; empty: all. ``waits``: for the daemon."""

    kinds: tuple[str, ...] = (EventKind.PRESENCE,)
    addresses: tuple[str, ...] = ()
    waits: bool = False
    as_json: bool = False


def watch(config_path: Path, wishes: WatchWishes) -> int:
    """Print events until Ctrl-C (0). Raise UserError when the daemon is not there or goes, unless it is waited for."""
    state_dir = load_config(config_path).document.server.state_path()
    kinds = asked_kinds(wishes.kinds)
    console = Console(highlight=False, soft_wrap=True)
    try:
        for event in _events(state_dir, kinds, waits=wishes.waits):
            if is_wanted(event, wishes.addresses):
                _show(console, event, as_json=wishes.as_json)
    except KeyboardInterrupt:
        return 0
    raise UserError("The daemon has gone away. `screamrouter-sip watch --wait` waits until it is back.")


def asked_kinds(names: Collection[str]) -> frozenset[str]:
    """The kinds meant by ``names``. Raise UserError for one that there is not."""
    wanted = {name.strip() for name in names} - {""}
    known = {str(kind) for kind in FOLLOWED_KINDS}
    if unknown := sorted(wanted - known - {_ALL}):
        raise UserError(
            f"There are no events of the kind {unknown[0]!r}; there are {', '.join(sorted(known))}, and all."
        )
    return frozenset(known if _ALL in wanted else wanted)


def _events(state_dir: Path, kinds: frozenset[str], *, waits: bool) -> Iterator[Event]:
    """Events until the daemon goes; for ever where that is waited for, without a gap where it remembers enough."""
    last_id, is_told = "", False
    while True:
        lines = follow_events(state_dir, kinds, last_id)
        if lines is None and not waits:
            raise UserError("The daemon is not running. Start it, or let `screamrouter-sip watch --wait` wait for it.")
        if lines is None:
            if not is_told:
                print("The daemon is not running; waiting for it.", file=sys.stderr)
            is_told = True
            time.sleep(_RETRY_S)
            continue
        for line in lines:
            if "kind" in line:
                last_id = line["id"]
                yield line
            else:
                last_id = last_id or line["last_id"]
                print("The daemon is there; Ctrl-C ends this.", file=sys.stderr, flush=True)
        if not waits:
            return
        is_told = False


def is_wanted(event: Event, addresses: Collection[str]) -> bool:
    """Whether the event is of one of ``addresses``; of each where there are none. A reset is of everybody."""
    if not addresses or event["kind"] == EventKind.RESET:
        return True
    data = event["data"]
    parties = [data, *data.get("parties", ())]
    theirs = {str(one.get(key) or "").lower() for one in parties for key in ("address", "device_id", "name")}
    theirs |= {str(device_id).lower() for device_id in data.get("device_ids", ())}
    return any(address.lower() in theirs for address in addresses)


def _show(console: Console, event: Event, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(event), flush=True)
    else:
        console.print(event_line(event))


def event_line(event: Event) -> Text:
    """The event for people: local time, whom it is about, what became of it, and why."""
    moment = datetime.fromisoformat(event["at"]).astimezone()
    line = Text(moment.strftime("%H:%M:%S  "), style="bright_black")
    parts = _TELLERS[EventKind(event["kind"])](event["data"])
    for text, style in parts:
        # What devices say is text, never rich's markup nor the terminal's commands.
        line.append("".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text), style=style)
    return line


_Parts = list[tuple[str, str]]


def _who(data: Event) -> str:
    name, address = data.get("name") or "", data.get("address") or data.get("device_id") or "somebody"
    return f"{name} ({address})" if name and name != address else address


def _presence(data: Event) -> _Parts:
    before, after = data["before"], data["after"]
    return [
        (f"{_who(data)}  ", "bold"),
        (_word(before), _COLOURS.get(before, "")),
        (" -> ", ""),
        (_word(after), _COLOURS.get(after, "")),
        (f"  ({_word(data['cause'])})", "bright_black"),
    ]


def _registration(data: Event) -> _Parts:
    where = f"{data['contact_uri']} over {data['transport']}"
    why = f" ({_word(data['reason'])})" if data["reason"] else ""
    colour = {"added": "green", "removed": "red"}.get(data["change"], "")
    return [(f"{_who(data)}  ", "bold"), (f"registration {data['change']}", colour), (f"  {where}{why}", "")]


def _liveness(data: Event) -> _Parts:
    heard = ("is heard again", "green") if data["is_reachable"] else ("does not answer", "red")
    return [(f"{_who(data)}  ", "bold"), heard, (f"  {data['contact_uri']}", "")]


def _call(data: Event) -> _Parts:
    parties = sorted(data["parties"], key=lambda one: not one["is_initiator"])
    names = " -> ".join(_who(one) for one in parties) or "somebody"
    remote = parties[0]["remote_uri"] if len(parties) == 1 else ""
    told = f"{names} -> {remote}" if remote else names
    return [(f"{told}  ", "bold"), (f"call {data['phase']}", _COLOURS.get("ringing", "")), (f"  {data['call_id']}", "")]


def _refusal(data: Event) -> _Parts:
    where = f"{data['ip']} port {data['port']}"
    cause = f" ({data['cause']})" if data["cause"] else ""
    return [
        (f"{_who(data)}  ", "bold"),
        (f"refused {data['status']}", "red"),
        (f"  {where}: {data['reason']}{cause}", ""),
    ]


def _reset(data: Event) -> _Parts:
    return [(f"Events were missed ({_word(data['reason'])}).", "yellow")]


_TELLERS = {
    EventKind.PRESENCE: _presence,
    EventKind.REGISTRATION: _registration,
    EventKind.LIVENESS: _liveness,
    EventKind.CALL: _call,
    EventKind.REFUSAL: _refusal,
    EventKind.RESET: _reset,
}


def _word(value: str) -> str:
    return value.replace("_", " ")
