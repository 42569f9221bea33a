"""Calls as an observer sees them: what REST and the dashboard show of each, at this moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CallReport:
    """One call and its leg. Levels are dBov (RFC 6464), 0 to -127; directions are the daemon's; None: not known (yet).

    ``digits`` are those that the caller pressed last, oldest first. ``is_forwarded``: another leg's packets reach this
    one undecoded. ``buffer_ms``: how long audio waits to be in order.
    """

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
    kind: str | None = None
    remote: str | None = None
    is_forwarded: bool = False
    packets_discarded: int = 0
    buffer_ms: float | None = None
    digits: str = ""


class CallsView(Protocol):
    """Whoever knows the calls that are up. On the event loop's thread."""

    def call_reports(self) -> Sequence[CallReport]:
        """Every call that is not over."""
        ...
