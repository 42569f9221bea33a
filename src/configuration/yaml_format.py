"""Plain values -> YAML text on one line, readable where it is safe and quoted where it is not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from configuration.yaml_reader import resolve_plain

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+/-]*( [A-Za-z0-9_.+/-]+)*")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_STR_TAG = "tag:yaml.org,2002:str"
_ESCAPED = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def format_value(value: Any, quote: str | None = None) -> str:
    """``value`` as YAML in flow style; ``quote`` is the quoting (' or ") that a text shall keep if it can."""
    match value:
        case str():  # the most frequent first
            return format_text(value, quote)
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case None:
            return "null"
        case Mapping():
            return "{" + ", ".join(f"{format_text(key)}: {format_value(item)}" for key, item in value.items()) + "}"
        case Sequence():
            return "[" + ", ".join(format_value(item) for item in value) + "]"
        case _:
            raise TypeError(f"no YAML form for {type(value).__name__}")


def format_text(text: str, quote: str | None = None) -> str:
    """``text`` as a YAML scalar that reads back as the same text in block and flow style, key or value."""
    if quote == "'" and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    if quote is None and is_plain(text):
        return text
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(_escaped(character) for character in text) + '"'


@lru_cache(maxsize=4096)
def is_plain(text: str) -> bool:
    """True if ``text`` needs no quotes anywhere."""
    if _TIMESTAMP.fullmatch(text):
        return True
    return _PLAIN.fullmatch(text) is not None and resolve_plain(text) == _STR_TAG


def _escaped(character: str) -> str:
    if character in _ESCAPED:
        return _ESCAPED[character]
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:
        return "\ufffd"  # half of a pair is no character, and UTF-8 cannot hold it
    if character.isprintable() and code != 0xFEFF:
        return character
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
