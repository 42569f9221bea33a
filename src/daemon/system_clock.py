"""The wall clock as ``domain.ports.Clock``."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """The host's time of day."""

    def now(self) -> datetime:
        return datetime.now(UTC)
