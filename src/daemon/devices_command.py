"""``screamrouter-sip devices``: who is there, from the running daemon, or from config.yaml when none runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from api.control_socket import ask
from configuration.config_loader import load_config
from configuration.configuration_manager import merge_live_state
from daemon.status_report import device_row

Row = dict[str, Any]


def show_devices(config_path: Path, *, as_json: bool) -> int:
    """Print the devices; 0 also when there is none."""
    document = load_config(config_path).document
    rows: list[Row] | None = ask(document.server.state_path(), "devices")
    is_live = rows is not None
    if rows is None:
        rows = [device_row(merge_live_state(key, entry, ())) for key, entry in document.devices.items()]
    if as_json:
        print(json.dumps(rows, indent=2))
        return 0
    if not is_live:
        print(f"The daemon is not running; this is what {config_path} says.", file=sys.stderr)
    if not rows:
        print("No device has registered yet. Point one at this machine, or let it find it by mDNS.")
        return 0
    Console().print(device_table(rows, datetime.now(UTC)))
    return 0


def device_table(rows: Sequence[Row], now: datetime) -> Table:
    """Online devices first, then by name."""
    table = Table()
    for title in ("Name", "Role", "Online", "Address", "Formats", "Last seen", "Round trip"):
        table.add_column(title, justify="right" if title == "Round trip" else "left")
    for row in sorted(rows, key=lambda row: (not row["online"], row["name"])):
        cells = (
            row["name"],
            row["role"] if row["enabled"] else f"{row['role']} (disabled)",
            "yes" if row["online"] else "no",
            f"{row['ip']} port {row['port']}" if row["ip"] else "",
            ", ".join(_format_text(one) for one in row["formats"]),
            _age_text(row["last_seen"], now),
            f"{row['rtt_ms']:.1f} ms" if row["rtt_ms"] is not None and row["online"] else "",
        )
        # Names and codecs come from devices: they are text, never rich's markup.
        table.add_row(*map(Text, cells), style="green" if row["online"] else "")
    return table


def _format_text(one: Row) -> str:
    parts = [one["codec"], *(str(one[key]) for key in ("clock_rate_hz", "channels") if one[key] is not None)]
    return "/".join(parts)


def _age_text(last_seen: str | None, now: datetime) -> str:
    if last_seen is None:
        return "never"
    seconds = max(0, int((now - datetime.fromisoformat(last_seen)).total_seconds()))
    for unit, length_s in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length_s:
            return f"{seconds // length_s} {unit} ago"
    return f"{seconds} s ago"
