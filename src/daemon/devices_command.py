"""``screamrouter-sip devices``: who is there and who waits, from the running daemon, or from config.yaml."""

from __future__ import annotations

import asyncio
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
from configuration.config_loader import LoadedConfig, load_config
from configuration.config_rewrite import FileBusy
from configuration.config_store import ConfigStore
from configuration.configuration_manager import merge_live_state
from configuration.neighbour_table import mac_of
from configuration.pending_devices import PendingDevices
from daemon.status_report import device_row
from domain.errors import UserError

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


def decide(config_path: Path, action: str, device: str) -> int:
    """``approve`` or ``reject`` a device: by the running daemon, or in config.yaml when none runs."""
    loaded = load_config(config_path)
    answer = ask(loaded.document.server.state_path(), action, device)
    if answer is None:
        key = asyncio.run(_decide_in_file(loaded, action, device))
        where = f" The daemon is not running; {config_path} says so now."
    elif answer["problem"] is not None:
        raise UserError(answer["problem"])
    else:
        key, where = answer["device"], ""
    print(f"{key} {'may come in' if action == 'approve' else 'is kept out'}.{where}")
    return 0


async def _decide_in_file(loaded: LoadedConfig, action: str, device: str) -> str:
    store = ConfigStore(loaded)
    pending = PendingDevices(store, mac_of, lambda _: None)
    key = pending.approve(device) if action == "approve" else pending.reject(device)
    try:
        await store.sync()
    except FileBusy as busy:
        raise UserError(f"{busy}.") from busy
    entry = store.document.devices.get(key)
    if entry is None or entry.pending or entry.enabled != (action == "approve"):
        raise UserError(f"{loaded.path} could not be written; the reason is above.")
    return key


def device_table(rows: Sequence[Row], now: datetime) -> Table:
    """Online devices first, then by name."""
    table = Table()
    has_words = any(row.get("availability") for row in rows)
    for title in ("Name", "Role", "State" if has_words else "Online", "Address", "Formats", "Last seen", "Round trip"):
        table.add_column(title, justify="right" if title == "Round trip" else "left")
    for row in sorted(rows, key=lambda row: (not row["online"], row["name"])):
        cells = (
            row["name"],
            row["role"] if row["enabled"] else f"{row['role']} ({'pending' if row.get('pending') else 'disabled'})",
            _state_text(row, has_words=has_words),
            f"{row['ip']} port {row['port']}" if row["ip"] else "",
            ", ".join(_format_text(one) for one in row["formats"]),
            _age_text(row["last_seen"], now),
            f"{row['rtt_ms']:.1f} ms" if row["rtt_ms"] is not None and row["online"] else "",
        )
        # Names and codecs come from devices: they are text, never rich's markup.
        table.add_row(*map(Text, cells), style="green" if row["online"] else "")
    return table


def _state_text(row: Row, *, has_words: bool) -> str:
    """The word for its state where the daemon knows presence, else whether it is there."""
    if has_words and row.get("availability"):
        return str(row["availability"]).replace("_", " ")
    return "yes" if row["online"] else "no"


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
