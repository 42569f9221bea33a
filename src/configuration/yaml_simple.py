"""The quick way to read and edit an entry that is written as the daemon writes it, ten times as fast as reading YAML.

An entry is *simple* if it is a block mapping of which every line is ``field: value`` with the value on the same line,
in a form that means the same wherever it stands: an unquoted word or words, a double-quoted text without escapes, or a
flat flow list of these and of mappings of these. Lines of that form do not influence each other, so one can be
replaced, and one can be added behind the last, without reading the rest. Whatever else an owner writes takes the
careful way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import repeat
from typing import Any

from configuration.yaml_format import format_value
from configuration.yaml_reader import YamlFault, plain_value, resolve_plain

_WORD = r"[A-Za-z0-9_][A-Za-z0-9_.+/-]*(?::[A-Za-z0-9_.+/-]+)*"
_QUOTED = '"[^"\\\\\n\r\x85\u2028\u2029\ufeff]*"'
_SCALAR = f"(?:{_WORD}(?: [A-Za-z0-9_.+/-]+)*|{_QUOTED})"
_FLOW_SCALAR = f"(?:[A-Za-z0-9_][A-Za-z0-9_.+/-]*|{_QUOTED})"
_FLOW_MAPPING = rf"\{{[a-z_]+: {_FLOW_SCALAR}(?:, [a-z_]+: {_FLOW_SCALAR})*\}}"
_ITEM = f"(?:{_FLOW_SCALAR}|{_FLOW_MAPPING})"
_VALUE = rf"(?:{_SCALAR}|\[(?:{_ITEM}(?:, {_ITEM})*)?\])"
_KEY = f"(?:[A-Za-z0-9][A-Za-z0-9-]*|{_QUOTED})"
_FLOW_ITEM = re.compile(_ITEM)
_FLOW_FIELD = re.compile(f"([a-z_]+): ({_FLOW_SCALAR})")
_STR_TAG = "tag:yaml.org,2002:str"


def is_simple(text: str, indent: str, newline: str) -> bool:
    """True if ``text`` is one simple entry at ``indent``."""
    found = _entry_pattern(newline).fullmatch(text)
    return found is not None and found["indent"] == indent and len(found["pad"]) > len(indent)


def read_simple(text: str, newline: str) -> tuple[str, dict[str, Any]] | None:
    """The key and the fields of a simple entry; None if ``text`` is none.

    Raise ``YamlFault``, without a place, if a field is given twice or a value is none.
    """
    found = _entry_pattern(newline).fullmatch(text)
    if found is None:
        return None
    indent, pad = found.span("indent")[1], len(found["pad"])
    if pad <= indent:
        return None
    first, *lines, _ = text.split(newline)
    fields = dict(map(_field, lines, repeat(pad)))
    if len(fields) < len(lines):
        raise YamlFault("a field is given twice", None)
    key = first[indent:-1]
    return (key[1:-1] if key[0] == '"' else key), fields


@lru_cache(maxsize=4096)
def _field(line: str, column: int) -> tuple[str, Any]:
    """One line's field and value; most lines stand in many entries, which share what nobody changes."""
    name, _, value = line.partition(": ")
    return name[column:], _value(value)


def _value(text: str) -> Any:
    if text[0] == '"':
        return text[1:-1]
    if text[0] == "[":
        return [_flow_item(item) for item in _FLOW_ITEM.findall(text, 1)]
    return plain_value(text)


def _flow_item(text: str) -> Any:
    if text[0] != "{":
        return _value(text)
    pairs = _FLOW_FIELD.findall(text)
    fields = {name: _value(value) for name, value in pairs}
    if len(fields) < len(pairs):
        raise YamlFault("a field is given twice", None)
    return fields


def edit_simple(text: str, wanted: Mapping[str, Any], indent: str, newline: str) -> str | None:
    """``text`` with the fields of ``wanted`` set; None if this takes the careful way."""
    if not is_simple(text, indent, newline):
        return None
    lines = text.split(newline)
    pad = lines[1][: len(lines[1]) - len(lines[1].lstrip(" "))]
    at = {line[len(pad) :].partition(":")[0]: index for index, line in enumerate(lines[1:-1], 1)}
    added = []
    for name, value in wanted.items():
        index = at.get(name)
        if index is None:
            if value is not None:
                added.append(f"{pad}{name}: {format_value(value)}")
            continue
        old = lines[index][len(pad) + len(name) + 2 :]
        new = format_value(value, '"' if old[0] == '"' and isinstance(value, str) else None)
        if new == old:
            continue
        if not _is_replaceable(old, value):
            return None
        lines[index] = f"{pad}{name}: {new}"
    lines[-1:-1] = added
    edited = newline.join(lines)
    return edited if is_simple(edited, indent, newline) else None


def _is_replaceable(old: str, value: Any) -> bool:
    """True if ``old``, another spelling than ours of ``value``, certainly means another value."""
    if old[0] == "[":
        return False
    if old[0] == '"':
        return bool(old[1:-1] != value)
    if isinstance(value, str):
        return resolve_plain(old) != _STR_TAG or old != value
    return old in {"true", "false", "null"} or (old.isdecimal() and (old[0] != "0" or old == "0"))


@lru_cache(maxsize=8)
def _entry_pattern(newline: str) -> re.Pattern[str]:
    end = re.escape(newline)
    return re.compile(f"(?P<indent> *){_KEY}:{end}(?P<pad> +)[a-z_]+: {_VALUE}{end}(?:(?P=pad)[a-z_]+: {_VALUE}{end})*")
