"""The database's tables and statements. Its user_version is raised with every change of a table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

from domain.ports import BINDING_FIELDS

APPLICATION_ID = 0x53524244
"""``SRBD``: what tells our database from anybody else's."""

VERSION = 1

NUMBER: Final = 0
AOR_KEY: Final = 1
CONTACT_URI: Final = 2
DEVICE_UUID: Final = 5
LISTENER: Final = 18
"""Places in a ``BindingRow``: those of the names in ``BINDING_FIELDS``."""

_OCTETS = ("aor_key", "contact_uri", "call_id", "instance", "path", "user_agent", "content_type")
_TEXTS = ("device_uuid", "transport", "flow_ip", "target_ip", "listener")
_ADDRESSES = ("flow_ip", "target_ip")

MOST_NUMBER: Final = 2**47
"""The core holds twice as many: what is restored leaves room to count on for ever."""

MOST_MS: Final = 2**53
"""Of times either way, negative before 1970, where a clock without battery begins: sums of them never overflow."""

_BOUNDS = {
    "number": (0, MOST_NUMBER),
    "cseq": (0, 2**32 - 1),
    "reg_id": (0, 2**32 - 1),
    "flow_port": (1, 65_535),
    "target_port": (1, 65_535),
    "expires_at_ms": (-MOST_MS, MOST_MS),
    "last_heard_ms": (-MOST_MS, MOST_MS),
}


def _type_of(field: str) -> str:
    if field in _OCTETS + _TEXTS:
        return "TEXT"  # keeps bytes as they are
    return "BLOB" if field == "body" else "INTEGER"


TABLES = {
    "bindings": BINDING_FIELDS,
    "listed": ("device_id",),
    "meta": ("id", "boot_id", "offset_ms", "next_number"),
}
"""The columns of each table. ``listener`` holds the listening address, as an index changes with the configuration."""

_COLUMNS = ", ".join(
    f"{field} {_type_of(field)}" + (" PRIMARY KEY" if field == "number" else "") for field in BINDING_FIELDS
)
CREATE = (
    f"CREATE TABLE bindings ({_COLUMNS})",
    "CREATE TABLE listed (device_id TEXT PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE meta (id INTEGER PRIMARY KEY CHECK (id = 1), boot_id TEXT, offset_ms INTEGER, next_number INTEGER)",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
)

MOST_AT_ONCE = 64
"""Rows that one statement saves or removes."""

CLEAR = "DELETE FROM bindings"
READ_LISTED = "SELECT device_id FROM listed"
SAVE_META = "INSERT OR REPLACE INTO meta VALUES (1, ?, ?, ?)"
READ_META = "SELECT boot_id, offset_ms, next_number FROM meta"

PRUNE = "DELETE FROM bindings WHERE expires_at_ms <= ? OR transport <> 'udp'"
PRUNE_LISTED = (
    "DELETE FROM listed WHERE device_id NOT IN "
    "(SELECT CASE device_uuid WHEN '' THEN aor_key || '@' || ? ELSE device_uuid END FROM bindings)"
)

_WELL_FORMED = " AND ".join(
    [
        *(f"typeof({field}) IN ('text', 'blob')" for field in _OCTETS),
        *(f"typeof({field}) = 'text'" for field in _TEXTS),
        # No more than the characters: the core leaves out what is no address all the same.
        *(
            f"{field} <> '' AND {field} NOT GLOB '*[^0-9a-f.:%]*' AND instr(CAST({field} AS BLOB), x'00') = 0"
            for field in _ADDRESSES
        ),
        *(
            f"typeof({field}) = 'integer' AND {field} BETWEEN {low} AND {high}"
            for field, (low, high) in _BOUNDS.items()
        ),
        "(q_thousandths IS NULL OR typeof(q_thousandths) = 'integer' AND q_thousandths BETWEEN 0 AND 1000)",
        "typeof(body) = 'blob'",
    ]
)
SURVEY = (
    f"SELECT count(*) FILTER (WHERE NOT ({_WELL_FORMED})), "  # noqa: S608 - constants
    "count(*) FILTER (WHERE expires_at_ms > ?), coalesce(max(number), 0) FROM bindings"
)
"""How many rows no core has written, how many expire after a given time, and the highest number."""


@cache
def save(rows: int) -> str:
    """The statement that saves so many bindings; its parameters are their fields, one binding after another."""
    row = f"({', '.join('?' * len(BINDING_FIELDS))})"
    return f"INSERT OR REPLACE INTO bindings VALUES {', '.join([row] * rows)}"  # noqa: S608 - question marks


@cache
def remove(rows: int) -> str:
    """The statement that removes the bindings of so many numbers."""
    return f"DELETE FROM bindings WHERE number IN ({', '.join('?' * rows)})"  # noqa: S608 - question marks


@cache
def save_listed(rows: int) -> str:
    """The statement that adds so many devices to those listed."""
    return f"INSERT OR IGNORE INTO listed VALUES {', '.join(['(?)'] * rows)}"  # noqa: S608 - question marks


@cache
def remove_listed(rows: int) -> str:
    """The statement that removes so many devices from those listed."""
    return f"DELETE FROM listed WHERE device_id IN ({', '.join('?' * rows)})"  # noqa: S608 - question marks


def restorable(listeners: Sequence[str]) -> str:
    """The query for the rows to restore, as ``BindingRow``; its parameters are those of ``restorable_parameters``."""
    known = " ".join(f"WHEN :listener{index} THEN {index}" for index in range(len(listeners)))
    other = "CASE WHEN instr(flow_ip, ':') THEN :ipv6 ELSE :ipv4 END"
    columns = {
        "listener": f"CASE listener {known} ELSE {other} END" if listeners else "0",
        "expires_at_ms": "min(expires_at_ms, :latest_ms)",
        "last_heard_ms": "min(last_heard_ms, :now_ms)",
    }
    wanted = ", ".join(columns.get(field, field) for field in BINDING_FIELDS)
    return f"SELECT {wanted} FROM bindings WHERE expires_at_ms > :now_ms AND transport = 'udp'"  # noqa: S608


def restorable_parameters(listeners: Sequence[str], now_ms: int, latest_ms: int) -> dict[str, str | int]:
    """``latest_ms``: no binding is restored for longer than until then."""
    addresses = {f"listener{index}": address for index, address in enumerate(listeners)}
    families = [_is_ipv6(address) for address in listeners]
    ipv4, ipv6 = (families.index(family) if family in families else 0 for family in (False, True))
    return {**addresses, "ipv4": ipv4, "ipv6": ipv6, "now_ms": now_ms, "latest_ms": latest_ms}


def _is_ipv6(address: str) -> bool:
    """Of an address with or without port and brackets."""
    return address.count(":") > 1
