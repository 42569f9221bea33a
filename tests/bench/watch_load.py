"""The watchers ``notifyload``: what they are told to do, and what they have seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.load import Generator


@dataclass(frozen=True, slots=True)
class WatchReport:
    """What came since the answer to the last command; ``notified`` and the times ``since`` count from the last publish.

    ``drops``: datagrams that the watchers' own sockets have lost since their start. ``complaint``: about the last of
    the ``bad`` NOTIFYs. ``stale``: NOTIFYs that bring a watcher what it had been told before.
    """

    mode: str
    statuses: Mapping[str, int]
    done: int
    lost: int
    retransmits: int
    incomplete: int
    strays: int
    wall_s: float
    p50_us: float
    p99_us: float
    notifies: int
    notify_octets: float
    repeated: int
    disordered: int
    stale: int
    bad: int
    complaint: str
    notified: int
    since_p50_ms: float
    since_last_ms: float
    drops: int
    send_errors: int

    @property
    def errors(self) -> int:
        """What must not happen on either side; NOTIFYs that came twice or not at all are told by themselves."""
        refused = sum(count for status, count in self.statuses.items() if status not in ("200", "202"))
        wrong = self.incomplete + self.strays + self.disordered + self.stale + self.bad
        return refused + wrong + self.lost + self.retransmits + self.drops + self.send_errors


@dataclass(frozen=True, slots=True)
class WatchShape:
    """How many watch whom: watcher i the desk i modulo ``desks``."""

    domain: str
    watchers: int
    desks: int
    window: int = 32


class WatchGenerator(Generator):
    """One ``notifyload`` process; its watchers answer NOTIFYs between commands as well."""

    def __init__(self, binary: Path, port: int, shape: WatchShape) -> None:
        """Set up for a server on 127.0.0.1; ``with`` starts the process."""
        command = [str(binary), "--target", f"127.0.0.1:{port}", "--domain", shape.domain]
        command += ["--watchers", str(shape.watchers), "--desks", str(shape.desks), "--window", str(shape.window)]
        super().__init__(command)

    def run(self, mode: str, count: int) -> WatchReport:
        """``register``, ``publish``, ``fetch`` or ``subscribe``; returns when each is done or given up."""
        return WatchReport(**self.ask(f"{mode} {count}"))

    def await_notify(self, count: int, limit_s: float) -> WatchReport:
        """Wait until ``count`` watchers have had a NOTIFY since the last publish, ``limit_s`` at most."""
        return WatchReport(**self.ask(f"await-notify {count} {limit_s * 1000:.0f}"))
