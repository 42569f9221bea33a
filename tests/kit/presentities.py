"""Presentities of the tests' own, and a view of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.presence import Availability, ChangeCause, Presentity
from domain.values import Binding, Endpoint, Flow, Transport

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def binding(user: str = "alice", **fields: Any) -> Binding:
    """One contact of ``user``, reachable, with a password in its URI that nobody may see."""
    endpoint = Endpoint("192.0.2.7", 5060)
    values: dict[str, Any] = {
        "binding_id": 1,
        "aor": f"{user}@screamrouter.local",
        "device_id": f"{user}@screamrouter.local",
        "contact_uri": f"sip:{user}:secret@192.0.2.7:5060",
        "call_id": "c",
        "cseq": 1,
        "flow": Flow(Transport.UDP, endpoint),
        "target": endpoint,
        "expires_at": NOON + timedelta(minutes=1),
        "last_heard": NOON,
        "is_reachable": True,
        "rtt_ms": 1.5,
        "body": b"v=0",
    }
    return Binding(**{**values, **fields})


def presentity(address: str = "alice", **fields: Any) -> Presentity:
    """An address that is not registered, in its first version."""
    values: dict[str, Any] = {
        "version": 1,
        "availability": Availability.NOT_REGISTERED,
        "is_reachable": False,
        "changed_at": NOON,
        "cause": ChangeCause.UNREGISTERED,
    }
    return Presentity(address, **{**values, **fields})


@dataclass
class FixedPresence:
    """Implements ``PresenceView``."""

    known: dict[str, Presentity] = field(default_factory=dict)

    def presentities(self) -> tuple[Presentity, ...]:
        return tuple(self.known[address] for address in sorted(self.known))

    def find_presentity(self, address: str) -> Presentity:
        return self.known.get(address) or presentity(address, version=0)
