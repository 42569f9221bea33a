"""A seeded random walk through what can happen to devices, and after each step every view of them beside the model."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.integration.test_https import browser_of
from tests.kit import truth_model as model
from tests.kit.answering_peer import AnsweringTcp, AnsweringUdp
from tests.kit.daemon_process import DaemonProcess, running_daemon
from tests.kit.standing_watch import StandingWatch
from tests.kit.truth_acts import ALL, HALL, LONG_S, Household

SETTLE_S = 10.0
LOOK_AGAIN_S = 0.05
SECTIONS: dict[str, Any] = {
    "registrar": {"min_expires_s": 1},
    "liveness": {"ping_interval_s": 0.15, "timeout_s": 0.6},
    "presence": {"min_expires_s": 1, "max_expires_s": LONG_S, "interval_s": 0.05},
    "media": {"port": 0, "silence_s": LONG_S},
    "http": {"enabled": True, "address": "127.0.0.1", "port": 0},
    "devices": {HALL: {"name": "Great Hall", "role": "sink"}},
}
OFTEN = {"come": 4, "dial_sink_by_name": 2, "publish": 2}
"""What must happen before other things can."""
PACKAGES = {"presence": model.pidf, "dialog": model.dialog_info, "reg": model.reg_info}


@dataclass
class Walk:
    """``take_step`` changes something, believes it, and looks whether all agree."""

    daemon: DaemonProcess
    browser: httpx.Client
    house: Household
    seed: int
    done: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def watch(self) -> StandingWatch:
        return self.house.watch

    def begin(self) -> None:
        """Watch everybody, before anybody is there."""
        for address in self.house.addresses:
            for package in PACKAGES:
                self.house.standing[package, address] = self.watch.subscribe(package, address)
        self.house.standing["presence", ALL] = self.watch.subscribe("presence", ALL)
        self.settle()

    def take_step(self) -> None:
        possible, source = self.house.possible(), self.house.random
        names = sorted({name for name, _ in possible})  # each kind as often, however many could do it
        (act,) = source.choices(names, [OFTEN.get(name, 1) for name in names])
        actor = source.choice([one for name, one in possible if name == act])
        self.done.append(f"{actor.label} {act}")
        self.counts[act] += 1
        getattr(self.house, act)(actor)
        self.settle()

    # ---- what the views say ----

    def settle(self) -> None:
        """Return when every view says what the model says; AssertionError with what they said last."""
        deadline = time.monotonic() + SETTLE_S
        while True:
            count = self.watch.count
            for look in (self._standing_faults, self._rest_faults, self._row_faults, self._fetched_faults):
                if faults := list(look()):
                    break
            else:
                return
            if time.monotonic() > deadline:
                raise AssertionError(self._report(faults))
            self.watch.wait_for_more(count, LOOK_AGAIN_S)

    def _report(self, faults: list[str]) -> str:
        steps = "\n  ".join(self.done[-8:]) or "none"
        return (
            f"seed {self.seed}, step {len(self.done)}: the views do not agree\n"
            + "\n".join(faults)
            + f"\nthe last steps:\n  {steps}"
        )

    def _standing_faults(self) -> Iterator[str]:
        for (package, name), call_id in self.house.standing.items():
            seen = self.watch.seen(call_id)
            if name != ALL:
                yield from _differing(f"{package} of {name}, told", seen, PACKAGES[package](self.house.addresses[name]))
                continue
            known = {name: model.pidf(one) for name, one in self.house.addresses.items() if one.is_known}
            told = {user: one for user, one in (seen or {}).items() if user != self.watch.peer.user}
            yield from _differing("the list of all", told, known)

    def _rest_faults(self) -> Iterator[str]:
        answers = {one["address"]: one for one in self.browser.get("/api/presence").raise_for_status().json()}
        answers.pop(self.watch.peer.user, None)
        for name in sorted({*answers, *self.house.addresses}):
            address = self.house.addresses.get(name)
            if address is None or not address.is_known:
                if name in answers:
                    yield f"/api/presence knows {name}: {answers[name]}"
            elif name not in answers:
                yield f"/api/presence does not know {name}"
            else:
                expected = model.rest(address)
                yield from _differing(f"/api/presence of {name}", _rest_seen(answers[name], expected), expected)

    def _row_faults(self) -> Iterator[str]:
        own, addresses = self.watch.peer.aor, self.house.addresses.values()
        views = {
            "config.yaml": (self.daemon.config().get("devices") or {}, model.entries(addresses)),
            "devices": (self.daemon.live_devices(), model.rows(addresses)),
            "/api/devices": (
                {one["uuid"]: one for one in self.browser.get("/api/devices").raise_for_status().json()},
                model.rows(addresses),
            ),
        }
        for view, (rows, expected) in views.items():
            seen = {
                key: {what: row.get(what, False) for what in expected[key]} if key in expected else row
                for key, row in rows.items()
                if key != own
            }
            yield from _differing(view, seen, expected)

    def _fetched_faults(self) -> Iterator[str]:
        for package, expect in PACKAGES.items():
            for name, address in self.house.addresses.items():
                yield from _differing(f"{package} of {name}, fetched", self.watch.fetch(package, name), expect(address))


def _differing(view: str, seen: Any, expected: Any) -> Iterator[str]:
    if seen != expected:
        yield f"- {view}\n    says   {_without_equal(seen, expected)}\n    model  {_without_equal(expected, seen)}"


def _without_equal(one: Any, other: Any) -> Any:
    """Only what differs, where both are mappings."""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return one
    return {key: _without_equal(value, other.get(key)) for key, value in one.items() if value != other.get(key, ...)}


def _rest_seen(answer: dict[str, Any], expected: model.Seen) -> model.Seen:
    published = answer["published"]
    said = {
        **answer,
        "devices": sorted(answer["devices"]),
        "calls": model.dialogs_of(
            ("initiator" if one["initiator"] else "recipient", one["phase"] == "held") for one in answer["calls"]
        ),
        "contacts": sorted((one["contact_uri"], one["reachable"]) for one in answer["bindings"]),
        "published": published and (published["open"], sorted(published["activities"])),
    }
    return {what: said[what] for what in expected}


@contextmanager
def running_walk(directory: Path, seed: int) -> Iterator[Walk]:
    """A daemon that is watched over UDP or TCP, as the seed has it, and nobody there yet."""
    with running_daemon(directory, sections=SECTIONS) as daemon, browser_of(daemon) as browser:
        watcher = (AnsweringTcp if seed % 2 else AnsweringUdp)(daemon.address, "watcher")
        house = Household(daemon, StandingWatch(watcher), random.Random(seed))
        try:
            assert watcher.register().status == 200
            walk = Walk(daemon, browser, house, seed)
            walk.begin()
            yield walk
        finally:
            house.close()
            watcher.close()
