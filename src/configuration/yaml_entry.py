"""One device's entry as text: read it, and set fields in it so that no other byte changes.

An entry is cut out of the file and read alone. That is sound because a block mapping's entry is a block mapping of one
key, and a flow mapping's entry becomes one between braces; aliases stay unresolved (``KeptAlias``). Every edit is read
again and compared with what was wanted before it is handed out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    StreamEndEvent,
)

from configuration.yaml_format import format_text, format_value
from configuration.yaml_reader import (
    EventSource,
    KeptAlias,
    ValueReader,
    YamlFault,
    column_of,
    end_of,
    scalar_value,
    start_of,
)
from configuration.yaml_simple import edit_simple, is_simple

BREAKS = "\n\r\x85\u2028\u2029"
_ANCHOR = re.compile(r"&([^\s,\[\]{}]+)")
_LINE = re.compile(f"[^{BREAKS}]*(\r\n|[{BREAKS}]|$)")


class EditRefused(Exception):
    """The text is written in a way that cannot be edited without damage; ``str()`` says which."""


@dataclass(frozen=True, slots=True)
class EntryStyle:
    """How entries are written in this file. ``step`` is the indentation of fields below their device."""

    is_flow: bool
    indent: str
    step: int
    newline: str


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an entry and where it stands; ``event`` begins the value."""

    key_end: int
    start: int
    end: int
    value: Any
    event: Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as read. ``kind`` is how its value is written: block, flow, null or alias.

    ``key_column`` is where the entry begins: at its key, or at the ``?`` before it.
    """

    key: str
    key_column: int
    key_end: int
    kind: str
    event: Any
    end: int
    fields: Mapping[str, Field]
    fields_column: int
    offset: int

    @property
    def values(self) -> dict[str, Any]:
        """The fields as plain data."""
        return {key: field.value for key, field in self.fields.items()}

    @property
    def start(self) -> int:
        """Where the entry's value begins."""
        return start_of(self.event) - self.offset


def new_entry(key: str, fields: Mapping[str, Any], style: EntryStyle) -> str:
    """The text of an entry that was not there before. Raise ``EditRefused`` if YAML cannot hold it."""
    kept = {name: value for name, value in fields.items() if value is not None}
    if style.is_flow:
        text = f"{format_text(key)}: {format_value(kept)}"
    else:
        lines = _field_lines(kept, len(style.indent) + style.step, style.newline)
        text = f"{style.indent}{format_text(key)}:{'' if kept else ' {}'}{style.newline}{lines}"
    if style.is_flow or not is_simple(text, style.indent, style.newline):
        _check(text, style, key, kept)
    return text


def edit_entry(text: str, wanted: Mapping[str, Any], style: EntryStyle, is_used: Callable[[str], bool]) -> str:
    """``text`` with the fields of ``wanted`` set; None empties a field that is there. Raise ``EditRefused``.

    ``is_used`` tells whether the file has an alias of an anchor: what that stands for is changed by nobody but the
    owner, since the alias would change with it.
    """
    if not style.is_flow and (edited := edit_simple(text, wanted, style.indent, style.newline)) is not None:
        return edited
    return edit_carefully(text, wanted, style, is_used)


def edit_carefully(
    text: str, wanted: Mapping[str, Any], style: EntryStyle, is_used: Callable[[str], bool] = lambda _: False
) -> str:
    """As ``edit_entry``, for whatever an owner may write."""
    entry = read_entry(text, style)
    changed = {
        name: value
        for name, value in wanted.items()
        if (name in entry.fields or value is not None) and not is_same(entry.values.get(name), value)
    }
    if not changed:
        return text
    for anchor in _anchors_of(text, entry, changed):
        if is_used(anchor):
            raise EditRefused(f"*{anchor} takes its value from here; write that value out where *{anchor} stands")
    added = {name: value for name, value in changed.items() if name not in entry.fields}
    splices = [
        splice
        for name, value in changed.items()
        if name in entry.fields
        for splice in _replace(text, entry.fields[name], value)
    ]
    if added:
        splices += _append(text, entry, added, style)
    for start, end, new in sorted(splices, key=lambda splice: splice[:2], reverse=True):
        text = text[:start] + new + text[end:]
    merged = {"<<": KeptAlias(entry.event.anchor)} if entry.kind == "alias" else {}
    _check(text, style, entry.key, {**merged, **entry.values, **changed})
    return text


def read_entry(text: str, style: EntryStyle) -> Entry:
    """The entry that ``text`` holds. Raise ``EditRefused`` if it is not exactly one."""
    source = EventSource("{" + text + "\n}" if style.is_flow else text)
    try:
        for _ in range(2):
            source.next()
        start: Any = source.next()
        if not isinstance(start, MappingStartEvent):
            raise EditRefused("the entry cannot be read by itself")
        entry = _read_one(source, column_of(start), 1 if style.is_flow else 0)
        ends = (MappingEndEvent, DocumentEndEvent, StreamEndEvent)
        if not all(isinstance(source.next(), end) for end in ends):
            raise EditRefused("the entry cannot be told from what follows")
    except YamlFault as fault:
        raise EditRefused(f"the entry cannot be read by itself: {fault.message}") from fault
    return entry


def require_neighbours(last: str, entry: str, style: EntryStyle) -> None:
    """Raise ``EditRefused`` unless ``entry`` stands beside ``last`` when it is written behind it."""
    if not style.is_flow and all(is_simple(text, style.indent, style.newline) for text in (last, entry)):
        return
    try:
        first, second, both = (_read_entries(text, style) for text in (last, entry, last + entry))
    except YamlFault:
        first, second, both = {}, {}, {}
    if not first or not is_same({**first, **second}, both) or len(both) != len(first) + 1:
        name = next(iter(first), None) or last.split("\n", 1)[0].strip()
        raise EditRefused(
            f"a new entry cannot stand behind {name} as that is written; write it as {format_text(name)}: on one line,"
            " with its settings indented below it"
        )


def ends_open(text: str, newline: str, style: EntryStyle) -> bool:
    """Whether ``text``, one entry, means something else with ``newline`` behind it, as a text in lines may."""
    try:
        return not is_same(_read_entries(text, style), _read_entries(text + newline, style))
    except YamlFault:
        return True


def _read_entries(text: str, style: EntryStyle) -> dict[str, Any]:
    source = EventSource("{" + text + "\n}" if style.is_flow else text)
    for _ in range(2):
        source.next()
    reader = ValueReader(source, keeps_aliases=True)
    value = reader.read(source.next())
    if not isinstance(value, dict) or reader.reading.faults or not isinstance(source.next(), DocumentEndEvent):
        return {}
    return value if isinstance(source.next(), StreamEndEvent) else {}


def is_same(one: Any, other: Any) -> bool:
    """Equal in value and in type, which ``==`` does not tell for 1 and true."""
    return repr(one) == repr(other)


def line_start(text: str, index: int) -> int:
    """Where the line of ``index`` begins."""
    start = text.rfind("\n", 0, index) + 1
    return max(start, *(text.rfind(character, start, index) + 1 for character in BREAKS[1:]))


def line_end(text: str, index: int) -> int:
    """Behind the line break that ends the line of ``index``; ``index`` itself if a line begins there."""
    if index and text[index - 1] in BREAKS:
        return index
    found = _LINE.match(text, index)
    return found.end() if found else len(text)


def _read_one(source: EventSource, key_column: int, offset: int) -> Entry:
    key_event: Any = source.next()
    if not isinstance(key_event, ScalarEvent):
        raise EditRefused("the entry's key is not plain text")
    event: Any = source.next()
    reader = ValueReader(source, keeps_aliases=True)
    fields: dict[str, Field] = {}
    column = 0
    end = end_of(event)
    if isinstance(event, MappingStartEvent):
        kind = "flow" if event.flow_style else "block"
        name = source.next()
        column = column_of(name)
        while isinstance(name, ScalarEvent):
            fields[name.value] = _read_field(source.next(), name, reader, offset)
            end = fields[name.value].end + offset
            name = source.next()
        if not isinstance(name, MappingEndEvent):
            raise EditRefused("a field's key is not plain text")
        end = end if fields else end_of(name)
    elif isinstance(event, AliasEvent):
        kind = "alias"
    elif isinstance(event, ScalarEvent) and scalar_value(event, ()) is None:
        kind = "null"
    else:
        raise EditRefused("the entry's value is no mapping")
    key_end = end_of(key_event) - offset
    return Entry(key_event.value, key_column, key_end, kind, event, end - offset, fields, column, offset)


def _read_field(event: Any, name: Any, reader: ValueReader, offset: int) -> Field:
    value = reader.read(event, ("device", name.value))
    key_end = end_of(name) - offset
    return Field(key_end, start_of(event) - offset, reader.last_end - offset, value, event)


def _anchors_of(text: str, entry: Entry, changed: Mapping[str, Any]) -> Iterator[str]:
    """The anchors of what an edit changes: of the entry itself, and in the values of the ``changed`` fields."""
    if entry.kind != "alias" and entry.event.anchor is not None:
        yield entry.event.anchor
    for name in changed:
        if (field := entry.fields.get(name)) is not None:
            yield from _ANCHOR.findall(text, field.start, field.end)


Splice = tuple[int, int, str]


def _replace(text: str, field: Field, value: Any) -> list[Splice]:
    event = field.event
    quote = event.style if isinstance(event, ScalarEvent) and event.style in ("'", '"') else None
    end = field.start + len(text[field.start : field.end].rstrip(" \t" + BREAKS))
    anchor = f"&{event.anchor} " if event.anchor and not isinstance(event, AliasEvent) else ""
    new = anchor + format_value(value, quote if isinstance(value, str) else None)
    if end == field.start:
        colon = "" if ":" in text[field.key_end : field.start] else ":"
        return [(field.start, field.start, f"{colon} {new}")]
    starts_below = line_start(text, field.start) > field.key_end
    if starts_below and not isinstance(event, ScalarEvent | AliasEvent) and not event.flow_style:
        behind = text.index(":", field.key_end) + 1
        return [(behind, behind, " " + new), (line_start(text, field.start), line_end(text, end), "")]
    return [(field.start, end, new)]


def _append(text: str, entry: Entry, added: Mapping[str, Any], style: EntryStyle) -> list[Splice]:
    """The splices that add fields behind the entry's last."""
    start, end = entry.start, entry.end
    inline = ", ".join(f"{format_text(name)}: {format_value(value)}" for name, value in added.items())
    if entry.kind == "block":
        at = line_end(text, end)
        return [(at, at, _field_lines(added, entry.fields_column, style.newline))]
    if entry.kind == "alias":
        return [(start, end, f"{{<<: *{entry.event.anchor}, {inline}}}")]
    if entry.kind == "null" and not style.is_flow and text[entry.key_column : entry.key_column + 1] == "?":
        raise EditRefused(f"the entry's key is written with ? and without a value; write it as {entry.key}:")
    if entry.kind == "null" and style.is_flow:
        colon = "" if ":" in text[entry.key_end : start] else ":"
        return [(start, end, f"{colon} {{{inline}}}")]
    if entry.kind == "flow" and entry.fields:
        return [(end, end, ", " + inline)]
    if entry.kind == "flow":
        opening = text.index("{", start) + 1
        is_bare = entry.event.anchor is None and entry.event.tag is None and not text[opening : end - 1].strip()
        if style.is_flow or not is_bare:
            return [(opening, opening, inline)]
    return _fill_below(text, entry, added, style)


def _fill_below(text: str, entry: Entry, added: Mapping[str, Any], style: EntryStyle) -> list[Splice]:
    """Take an empty value (nothing, null or braces) away and write fields on the lines below it."""
    at = line_end(text, entry.end)
    is_alone = not text[entry.end : at].strip()
    start = len(text[: entry.start].rstrip(" ")) if is_alone else entry.start
    return [(start, entry.end, ""), (at, at, _field_lines(added, entry.key_column + style.step, style.newline))]


def _field_lines(fields: Mapping[str, Any], column: int, newline: str) -> str:
    return "".join(
        f"{' ' * column}{format_text(name)}: {format_value(value)}{newline}" for name, value in fields.items()
    )


def _check(text: str, style: EntryStyle, key: str, values: Mapping[str, Any]) -> None:
    entry = read_entry(text, style)
    column = entry.key_column == len(style.indent) or style.is_flow
    if (
        entry.key != key
        or not column
        or not is_same(sorted(entry.values.items(), key=itemgetter(0)), sorted(values.items(), key=itemgetter(0)))
    ):
        raise EditRefused("the edited entry would not read back as it should")
