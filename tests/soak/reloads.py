"""Saves config.yaml again and again while devices refresh and answer pings: none is lost, none waits for an answer.

python -m tests.soak.reloads --reloads 500 --devices 1000
"""

from __future__ import annotations

import argparse
import json
import os
import re
import selectors
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from api.control_socket import ask
from tests.kit.daemon_process import DaemonProcess, running_daemon, wait_until
from tests.kit.sip_peer import SipMessage, SipPeer

REFRESH_S = 2.0
PING_S = 1.0
ANSWER_WITHIN_S = 2.0
MOST_STALL_MS = 50.0
IN_FORCE_S = 1.0


@dataclass
class Device:
    """A device that registers anew every ``REFRESH_S`` and answers pings."""

    peer: SipPeer
    next_s: float
    asked_s: dict[str, float] = field(default_factory=dict)
    refused: int = 0
    pings: int = 0

    def refresh(self, now_s: float) -> None:
        contact = [f"Contact: {self.peer.contact};expires=3600"]
        octets = self.peer.request("REGISTER", headers=contact)
        self.asked_s[str(self.peer.cseq)] = now_s
        self.next_s = now_s + REFRESH_S
        self.peer.send(octets)

    def take(self, message: SipMessage) -> None:
        if message.method == "OPTIONS":
            self.pings += 1
            self.peer.answer(message)
        elif message.status:
            self.asked_s.pop((message.get("cseq") or "").split()[0], None)
            self.refused += message.status != 200


class Household:
    """Devices on sockets of their own, played by one thread until ``stop``."""

    def __init__(self, daemon: DaemonProcess, count: int) -> None:
        now_s = time.monotonic()
        peers = [SipPeer(daemon.address, user=f"device{number}") for number in range(count)]
        self.devices = [Device(peer, now_s + REFRESH_S * number / count) for number, peer in enumerate(peers)]
        self._selector = selectors.DefaultSelector()
        for device in self.devices:
            self._selector.register(device.peer._socket, selectors.EVENT_READ, device)
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._play, name="household")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._is_ending.set()
        self._thread.join()
        self._selector.close()
        for device in self.devices:
            device.peer.close()

    def _play(self) -> None:
        while not self._is_ending.is_set():
            now_s = time.monotonic()
            for device in self.devices:
                if device.next_s <= now_s:
                    device.refresh(now_s)
            self._receive(0.01)
        deadline_s = time.monotonic() + ANSWER_WITHIN_S
        while any(device.asked_s for device in self.devices) and time.monotonic() < deadline_s:
            self._receive(0.01)

    def _receive(self, wait_s: float) -> None:
        for key, _ in self._selector.select(wait_s):
            key.data.take(key.data.peer.receive())

    @property
    def unanswered(self) -> int:
        return sum(len(device.asked_s) for device in self.devices)


class Owner:
    """Saves the file with another setting and another name of a device, by the two ways that editors have."""

    def __init__(self, daemon: DaemonProcess, devices: int) -> None:
        self._daemon = daemon
        self._devices = devices

    def save(self, number: int) -> float:
        """Returns after how many seconds the edit was in force."""
        path, contacts = self._daemon.config_path, 11 + number % 20
        device = f"device{number % self._devices}"
        while True:
            before = path.stat()
            text = path.read_text(encoding="utf-8")
            text = re.sub(r"max_contacts: \d+", f"max_contacts: {contacts}", text)
            text = re.sub(rf"(  {device}@\S+:\n(?:    .*\n)*?    name: ).*\n", rf"\g<1>Name {number}\n", text)
            # An editor, too, looks whether the file changed since it read it.
            if path.stat().st_mtime_ns == before.st_mtime_ns:
                break
        if number % 2:
            path.write_text(text, encoding="utf-8")
        else:
            new = path.with_name(f"4913.{number}")
            new.write_text(text, encoding="utf-8")
            new.rename(path)
        saved_s = time.monotonic()
        wait_until(lambda: self._contacts_in_force() == contacts, f"reload {number} in force", timeout_s=20)
        return time.monotonic() - saved_s

    def _contacts_in_force(self) -> Any:
        return ask(self._daemon.state_dir, "config")["document"].get("registrar", {}).get("max_contacts")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a soak has shown."""

    devices: int
    reloads: int
    refused: int
    unanswered: int
    bindings: int
    pings: int
    offline: int
    worst_stall_ms: float
    stalled_by: str
    worst_in_force_s: float

    def __str__(self) -> str:
        return (
            f"{self.reloads} reloads, {self.devices} devices: {self.bindings} bindings, {self.unanswered} unanswered, "
            f"{self.refused} refused, {self.offline} offline, {self.pings} pings answered; "
            f"worst stall {self.worst_stall_ms:.1f} ms by {self.stalled_by}; "
            f"in force after {self.worst_in_force_s:.2f} s at most"
        )

    def require_nothing_lost(self) -> None:
        assert self.bindings == self.devices, self
        assert (self.unanswered, self.refused, self.offline) == (0, 0, 0), self


@contextmanager
def watched_daemon(directory: Path) -> Iterator[tuple[DaemonProcess, Path]]:
    report = directory / "loop.json"
    with running_daemon(
        directory,
        sections={
            "liveness": {"ping_interval_s": PING_S, "timeout_s": 10.0},
            "registrar": {"max_contacts": 10},
        },
        command=(sys.executable, "-m", "tests.kit.watched_daemon"),
        environment={"LOOP_REPORT": str(report)},
    ) as daemon:
        yield daemon, report


def stalls(daemon: DaemonProcess, report: Path) -> dict[str, Any]:
    """What held the daemon's loop longest since it was asked last."""
    report.unlink(missing_ok=True)
    os.kill(daemon.process.pid, signal.SIGUSR1)
    wait_until(report.exists, "the loop's report")
    worst: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return worst


def soak(directory: Path, reloads: int, devices: int) -> Outcome:
    with watched_daemon(directory) as (daemon, report):
        household = Household(daemon, devices)
        household.start()
        try:
            wait_until(lambda: daemon.statistics()["bindings"] == devices, "all devices registered", 30)
            last = f"device{devices - 1}@{daemon.domain}"
            wait_until(lambda: last in (daemon.config().get("devices") or {}), "all devices in the file", 30)
            stalls(daemon, report)
            owner = Owner(daemon, devices)
            in_force_s = [owner.save(number) for number in range(reloads)]
            worst = stalls(daemon, report)
        finally:
            household.stop()
        return Outcome(
            devices=devices,
            reloads=reloads,
            refused=sum(device.refused for device in household.devices),
            unanswered=household.unanswered,
            bindings=daemon.statistics()["bindings"],
            pings=sum(device.pings for device in household.devices),
            offline=sum(line["event"] == "device.offline" for line in daemon.log_lines()),
            worst_stall_ms=worst["stall_ms"],
            stalled_by=worst["callback"],
            worst_in_force_s=max(in_force_s),
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reloads", type=int, default=500)
    parser.add_argument("--devices", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        outcome = soak(Path(directory), options.reloads, options.devices)
    print(outcome)
    outcome.require_nothing_lost()
    return 0 if outcome.worst_stall_ms <= MOST_STALL_MS and outcome.worst_in_force_s <= IN_FORCE_S else 1


if __name__ == "__main__":
    sys.exit(main())
