"""The user part of an address: what tells the addresses of one domain apart."""

from __future__ import annotations


def address_of(aor: str) -> str:
    """The user part of an address-of-record as ``Binding.aor`` has it; the whole where it has none."""
    user, _, host = aor.rpartition("@")
    return user or host


def written_address(text: str) -> str:
    """The same of what people and peers write: ``bob``, ``bob@example.org`` or ``sip:bob@example.org``."""
    return address_of(text.removeprefix("sip:").removeprefix("sips:"))
