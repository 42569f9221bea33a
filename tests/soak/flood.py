"""A flood of invented addresses-of-record, from one source and from many, while honest devices refresh: none is lost.

python -m tests.soak.flood --packets 1000000 --honest 1000
python -m tests.soak.flood --repeats 3 --round-s 9   # p99 over a flood of three million, not over its worst second
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from api.control_socket import ask
from location.binding_store import DATABASE_NAME
from tests.bench.load import LoadGenerator, LoadReport, LoadShape, build
from tests.kit.daemon_process import ROOT, DaemonProcess, running_daemon, wait_until
from tests.kit.sip_peer import SipMessage, SipPeer

HONEST_RATE_PER_S = 500
MANY_SOURCES = 60_000
SETTLE_S = 30.0
ALLOWED_P99_MS = 20.0
FLOOD_EXPIRES_S = 3
MOST_GROWTH_MB = 64.0
REGISTER_ATTEMPTS = 4
ROOM_FOR_FLOOD = 1_000  # beyond the honest ones
BUILD_DIR = ROOT / "build" / "bench"


@dataclass(frozen=True, slots=True)
class Wave:
    """One flood and what honest devices saw of the daemon meanwhile. ``sources``: that it came from; ``refused``: how
    often it was told 503.
    """

    name: str
    packets: int
    sources: int
    per_s: float
    refused: int
    honest: tuple[LoadReport, ...]

    @property
    def p50_ms(self) -> float:
        return max(report.p50_us for report in self.honest) / 1000

    @property
    def p99_ms(self) -> float:
        """The worst of its rounds."""
        return max(report.p99_us for report in self.honest) / 1000

    @property
    def unanswered(self) -> int:
        """Honest requests that were never answered 200."""
        return sum(report.requests - report.statuses.get("200", 0) for report in self.honest)

    def __str__(self) -> str:
        requests = sum(report.requests for report in self.honest)
        again = sum(report.retransmits for report in self.honest)
        flood = f"{self.packets} packets, {self.sources} sources, {self.per_s:.0f}/s" if self.packets else "no flood"
        return (
            f"{self.name}: {flood}; refused {self.refused}; "
            f"honest: {requests} refreshes, p50 {self.p50_ms:.2f} ms, p99 {self.p99_ms:.2f} ms, "
            f"{again} sent again, {self.unanswered} unanswered"
        )


@dataclass(slots=True)
class FloodReport:
    """``memory_mb``: resident before, at the peak, and after. ``most_*``: the highest counts that were seen."""

    waves: list[Wave] = field(default_factory=list)
    memory_mb: tuple[float, float, float] = (0.0, 0.0, 0.0)
    most_aors: int = 0
    most_bindings: int = 0
    limit: int = 0
    lost: tuple[str, ...] = ()

    def __str__(self) -> str:
        before, peak, after = self.memory_mb
        lines = [str(wave) for wave in self.waves]
        lines.append(f"addresses at most {self.most_aors} of {self.limit}, bindings at most {self.most_bindings}")
        lines.append(f"memory {before:.1f} MB before, {peak:.1f} MB at the peak, {after:.1f} MB after")
        lines.append(f"{len(self.lost)} honest registrations lost")
        return "\n".join(lines)

    def require_nothing_broken(self) -> None:
        """What holds however slow the machine is."""
        assert not self.lost, self
        assert self.most_aors <= self.limit, self
        assert self.most_bindings <= self.limit, self
        assert all(wave.unanswered == 0 for wave in self.waves), self
        before_mb, peak_mb, after_mb = self.memory_mb
        assert max(peak_mb, after_mb) <= before_mb + MOST_GROWTH_MB, self


class Watcher:
    """Looks at the daemon's memory and counts all the time."""

    def __init__(self, daemon: DaemonProcess) -> None:
        self._daemon = daemon
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.peak_mb = 0.0
        self.most_aors = 0
        self.most_bindings = 0

    def _watch(self) -> None:
        while not self._is_over.wait(0.1):
            self.peak_mb = max(self.peak_mb, resident_mb(self._daemon))
            counted = self._daemon.statistics()
            self.most_aors = max(self.most_aors, counted["aors"])
            self.most_bindings = max(self.most_bindings, counted["bindings"])

    @contextmanager
    def watching(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            self._thread.join()


def resident_mb(daemon: DaemonProcess) -> float:
    status = Path(f"/proc/{daemon.process.pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def kept_numbers(daemon: DaemonProcess, user: str) -> dict[str, int]:
    """The lasting numbers of the bindings of ``user``'s devices, by address; another number is another registration."""
    with closing(sqlite3.connect(f"file:{daemon.state_dir / DATABASE_NAME}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT aor_key, number FROM bindings WHERE aor_key LIKE ?", (f"{user}%",))
        return dict(rows.fetchall())


class Flood:
    """One daemon, its honest devices and what is sent at it."""

    repeats = 1
    """So often each attack is made, one after the other."""
    round_s = 1
    """In seconds, what the quantiles of honest devices are over."""

    def __init__(self, daemon: DaemonProcess, honest: LoadGenerator, devices: int, limit: int) -> None:
        self._daemon = daemon
        self._honest = honest
        self._devices = devices
        self._sipload = build(BUILD_DIR)
        self.report = FloodReport(limit=limit)

    def settle(self) -> dict[str, int]:
        """Honest devices register, answer pings and are saved; return their numbers."""
        assert self._honest.run("new", self._devices).statuses == {"200": self._devices}
        daemon, user = self._daemon, "honest"
        deadline_s = time.monotonic() + SETTLE_S
        while any(row["rtt_ms"] is None for row in daemon.live_devices().values()):
            assert time.monotonic() < deadline_s, "not every honest device has answered a ping"
            self._honest.run("refresh", HONEST_RATE_PER_S, HONEST_RATE_PER_S)
        self.rest("before")
        wait_until(lambda: len(kept_numbers(daemon, user)) == self._devices, "all devices saved", SETTLE_S)
        return kept_numbers(daemon, user)

    def attack(self, name: str, packets: int, sources: int) -> None:
        shape = LoadShape(
            self._daemon.domain, packets, 1, sources, user=name, first_source="127.64.0.1", expires_s=FLOOD_EXPIRES_S
        )
        with LoadGenerator(self._sipload, self._daemon.port, shape) as flooder:
            self._play(name, packets, sources, lambda: [flooder.run("flood", packets) for _ in range(self.repeats)][-1])

    def _play(self, name: str, packets: int, sources: int, attack: Callable[[], LoadReport | None]) -> None:
        """Honest devices refresh, round by round, while ``attack`` lasts and for one round at least."""
        attacks: list[LoadReport | None] = []
        attacker = threading.Thread(target=lambda: attacks.append(attack()))
        rounds: list[LoadReport] = []
        attacker.start()
        while attacker.is_alive() or not rounds:
            rounds.append(self._honest.run("refresh", HONEST_RATE_PER_S * self.round_s, HONEST_RATE_PER_S))
        attacker.join()
        seen = attacks[0]
        per_s, refused = (packets / seen.wall_s, seen.statuses.get("503", 0)) if seen else (0.0, 0)
        self.report.waves.append(Wave(name, packets, sources, per_s, refused, tuple(rounds)))

    def rest(self, name: str) -> None:
        """Honest devices refresh and nobody floods."""
        self._play(name, 0, 1, lambda: None)


def register_as_phones_do(peer: SipPeer) -> SipMessage:
    """RFC 3261 section 17.1.2.2: what is not answered is sent again; strangers still stand in line after a flood."""
    for _ in range(REGISTER_ATTEMPTS - 1):
        with suppress(TimeoutError):
            return peer.register()
    return peer.register()


def require_served(daemon: DaemonProcess, devices: int) -> None:
    """What the flood registered is over, a newcomer gets in, and the owner's commands answer."""
    wait_until(lambda: daemon.statistics()["aors"] == devices, "room for others", SETTLE_S + FLOOD_EXPIRES_S)
    with SipPeer(daemon.address, user="newcomer") as newcomer:
        assert register_as_phones_do(newcomer).status == 200
        assert daemon.live_devices()[newcomer.aor]["online"]
    assert ask(daemon.state_dir, "doctor") is not None
    live = daemon.live_devices()
    assert sum(row["online"] for key, row in live.items() if key.startswith("honest")) == devices


def soak(directory: Path, packets: int, devices: int, room: int = ROOM_FOR_FLOOD) -> FloodReport:
    """``packets`` from one source, then as many from many; AssertionError when anything stayed broken.

    ``room``: how many may register beside the ``devices``.
    """
    limit = devices + room
    sections = {
        "registrar": {"min_expires_s": 1},
        "limits": {"unlimited": [], "max_aors": limit, "max_bindings": limit, "max_memory_mb": 8},
        "liveness": {"ping_interval_s": 2.0, "timeout_s": 30.0},
        "log": {"level": "warning"},
    }
    shape = LoadShape("screamrouter.local", devices, 64, user="honest", first_source="127.32.0.1", answers_pings=True)
    with (
        running_daemon(directory, sections=sections) as daemon,
        LoadGenerator(build(BUILD_DIR), daemon.port, shape) as honest,
    ):
        flood = Flood(daemon, honest, devices, limit)
        numbers = flood.settle()
        watcher, before_mb = Watcher(daemon), resident_mb(daemon)
        with watcher.watching():
            flood.attack("one", packets, 1)
            flood.attack("many", packets, MANY_SOURCES)
        flood.rest("after")
        require_served(daemon, devices)
        report = flood.report
        report.memory_mb = (before_mb, watcher.peak_mb, resident_mb(daemon))
        report.most_aors, report.most_bindings = watcher.most_aors, watcher.most_bindings
        after = kept_numbers(daemon, "honest")
        report.lost = tuple(aor for aor, number in numbers.items() if after.get(aor) != number)
        return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--honest", type=int, default=1_000)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--round-s", type=int, default=1)
    options = parser.parse_args()
    Flood.repeats, Flood.round_s = options.repeats, options.round_s
    with tempfile.TemporaryDirectory() as directory:
        report = soak(Path(directory), options.packets, options.honest)
    print(report)
    report.require_nothing_broken()
    return 0 if all(wave.p99_ms <= ALLOWED_P99_MS for wave in report.waves) else 1


if __name__ == "__main__":
    sys.exit(main())
