"""Calls as an observer sees them: what REST and the dashboard show of each, at this moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CallReport:
    """One leg. Levels are dBov (RFC 6464), 0 to -127; directions are the daemon's; None: not known (yet)."""

    call_id: str
    caller: str
    target: str
    state: str
    began: datetime | None = None
    codec: str | None = None
    octets_received: int = 0
    octets_sent: int = 0
    packets_lost: int = 0
    jitter_ms: float | None = None
    rtt_ms: float | None = None
    level_received_dbov: float | None = None
    level_sent_dbov: float | None = None


class CallsView(Protocol):
    """Whoever knows the calls that are up. On the event loop's thread."""

    def call_reports(self) -> Sequence[CallReport]:
        """Every call that is not over."""
        ...
