"""Addresses as they may be shown: without the password that a URI can hold (RFC 3261 section 19.1.1)."""

from __future__ import annotations

import re

_PASSWORD = re.compile(r"(sips?:[^:@]*:)[^@]*(?=@)", re.IGNORECASE)


def masked_uri(uri: str) -> str:
    """``uri``, be it in angle brackets or not, with ``***`` for a password between user and host.

    An ``@`` stands nowhere else in a SIP URI unescaped (section 25.1).
    """
    return _PASSWORD.sub(r"\1***", uri) if "@" in uri else uri
