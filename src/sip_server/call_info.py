"""Bodies of INFO within a call: digits and trickled ICE candidates. Anything else is nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass

DEFAULT_DURATION_MS = 160
"""What a digit lasts that does not say so."""

_SHORTEST_MS, _LONGEST_MS = 40, 6000
_DIGIT = re.compile(r"[0-9A-D*#]")
_MOST_CANDIDATES = 64


@dataclass(frozen=True, slots=True)
class Digit:
    """A key of a telephone: ``0``-``9``, ``A``-``D``, ``*`` or ``#``."""

    key: str
    duration_ms: int


def media_type(content_type: str) -> str:
    """The type without parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def read_digit(content_type: str, body: bytes) -> Digit | None:
    """The digit of ``application/dtmf-relay`` ("Signal=5", "Duration=160") or ``application/dtmf`` ("5")."""
    text = body.decode("ascii", "replace")
    match media_type(content_type):
        case "application/dtmf":
            return _digit(text, "")
        case "application/dtmf-relay":
            pairs = (line.partition("=") for line in text.splitlines())
            fields = {name.strip().lower(): value.strip() for name, _, value in pairs}
            return _digit(fields.get("signal", ""), fields.get("duration", ""))
        case _:
            return None


def _digit(key: str, duration: str) -> Digit | None:
    key = key.strip().upper()
    if _DIGIT.fullmatch(key) is None:
        return None
    is_number = duration.isascii() and duration.isdigit() and len(duration) <= len(str(_LONGEST_MS))
    duration_ms = int(duration) if is_number else DEFAULT_DURATION_MS
    return Digit(key, min(max(duration_ms, _SHORTEST_MS), _LONGEST_MS))


def read_candidates(content_type: str, body: bytes) -> list[str]:
    """The candidates of ``application/trickle-ice-sdpfrag`` (RFC 8840), each ``candidate:...``."""
    if media_type(content_type) != "application/trickle-ice-sdpfrag":
        return []
    lines = (line.strip() for line in body.decode("utf-8", "replace").splitlines())
    found = [line.removeprefix("a=") for line in lines if line.startswith("a=candidate:")]
    return found[:_MOST_CANDIDATES]
