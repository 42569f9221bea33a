"""Addresses as they may be shown: without the password that a URI can hold (RFC 3261 section 19.1.1)."""

from __future__ import annotations

import re

_UP_TO_PASSWORD = re.compile(r"sips?:[^:]*:", re.IGNORECASE)


def masked_uri(uri: str) -> str:
    """``uri``, be it in angle brackets or not, with ``***`` for a password between user and host.

    An ``@`` stands nowhere else in a SIP URI unescaped (section 25.1). Takes time as the text is long: it is a peer's.
    """
    *before, rest = uri.split("@")
    return "@".join([*map(_masked, before), rest])


def _masked(before_at: str) -> str:
    found = _UP_TO_PASSWORD.search(before_at)
    return f"{before_at[: found.end()]}***" if found else before_at
