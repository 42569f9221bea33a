"""The daemon as watchers meet it, with an interval between NOTIFYs that tests need not wait for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.kit.daemon_process import DaemonProcess, running_daemon

INTERVAL_S = 0.1
LISTED = ("lamp-1", "lamp-2", "lamp-3")
"""The members of the list ``lamps``. The owner has named them, so that no name is new when they come."""
_LAMPS = {f"{user}@screamrouter.local": {"name": user.capitalize()} for user in LISTED}


@contextmanager
def watched_house(
    directory: Path, *, presence: dict[str, Any] | None = None, **options: Any
) -> Iterator[DaemonProcess]:
    """A running daemon; ``presence`` goes over that section, ``options`` are those of ``running_daemon``."""
    section = {"interval_s": INTERVAL_S, "lists": {"lamps": list(LISTED)}, **(presence or {})}
    sections = options.pop("sections", {})
    devices = {"devices": {**_LAMPS, **sections.get("devices", {})}}
    sections = {"presence": section, **sections, **devices}
    with running_daemon(directory, sections=sections, **options) as running:
        yield running
