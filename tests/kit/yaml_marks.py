"""Where everything of a config.yaml stands, as libyaml's events tell: an oracle that shares no code with the daemon."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml


class _TextDates(yaml.CSafeLoader):
    """YAML 1.1 but for dates, which stay text."""


_TextDates.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if not pair[0].endswith(":timestamp")]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Node:
    """A value; ``end`` is behind its last piece of content."""

    event: Any
    start: int
    end: int
    pairs: tuple[tuple[Node, Node], ...] = ()
    anchors: frozenset[str] = frozenset()

    @property
    def is_block(self) -> bool:
        return isinstance(self.event, yaml.CollectionStartEvent) and not self.event.flow_style


@dataclass(frozen=True)
class FieldMarks:
    """A field; ``raw`` is its value as written."""

    key: Node
    node: Node
    raw: str
    value: Any
    is_shared: bool

    @property
    def anchor(self) -> str | None:
        return None if isinstance(self.node.event, yaml.AliasEvent) else self.node.event.anchor

    @property
    def quote(self) -> str | None:
        style = getattr(self.node.event, "style", None)
        return style if style in ("'", '"') else None


@dataclass(frozen=True)
class EntryMarks:
    """An entry; the lines from ``line_start`` to ``line_end`` hold its key and all its content."""

    key: Node
    node: Node
    fields: dict[str, FieldMarks]
    line_start: int
    line_end: int

    @property
    def has_anchor(self) -> bool:
        return bool(self.node.anchors)


class YamlMarks:
    """One text, read; ``text`` is without the ``mark`` (U+FEFF) that it may begin with."""

    def __init__(self, text: str) -> None:
        self.mark = "\ufeff" if text.startswith("\ufeff") else ""
        self.text = text = text.removeprefix("\ufeff")
        self.newline = "\r\n" if "\r\n" in text else "\n"
        self._events: Iterator[Any] = yaml.parse(text, Loader=yaml.CSafeLoader)
        for _ in range(2):
            next(self._events)
        self._used: set[str] = set()
        root = {key.event.value: node for key, node in self._read(next(self._events)).pairs}
        devices = root["devices"]
        self.is_block = devices.is_block
        values = self.values()
        self.entries = {key.event.value: self._entry(key, node, values) for key, node in devices.pairs}
        self.server_name = self._fields(root["server"], yaml.load(text, _TextDates)["server"])["name"]

    @cached_property
    def indent(self) -> str:
        first = next(iter(self.entries.values()))
        return self.text[first.line_start : first.key.start]

    def values(self) -> dict[str, dict[str, Any]]:
        """Every device's fields as they are meant, merges included."""
        return {key: fields or {} for key, fields in yaml.load(self.text, _TextDates)["devices"].items()}

    def with_value(self, field: FieldMarks, value: str) -> str:
        """The text when a person writes ``value`` in the field, in the quotes and with the anchor that are there."""
        quote, anchor = field.quote or "", f"&{field.anchor} " if field.anchor else ""
        return self.mark + self.text[: field.node.start] + anchor + quote + value + quote + self.text[field.node.end :]

    def line_start(self, index: int) -> int:
        return self.text.rfind("\n", 0, index) + 1

    def line_end(self, index: int) -> int:
        if index and self.text[index - 1] == "\n":
            return index
        return (self.text.find("\n", index) + 1) or len(self.text)

    def _read(self, event: Any) -> Node:
        start, end = event.start_mark.index, event.end_mark.index
        if isinstance(event, yaml.AliasEvent):
            assert event.anchor is not None
            self._used.add(event.anchor)
            return Node(event, start, end)
        anchors = {event.anchor} - {None}
        if isinstance(event, yaml.ScalarEvent):
            return Node(event, start, end, (), frozenset(anchors))
        nodes: list[Node] = []
        inner = next(self._events)
        while not isinstance(inner, yaml.CollectionEndEvent):
            nodes.append(self._read(inner))
            inner = next(self._events)
        last: Any = inner
        end = last.end_mark.index if event.flow_style else nodes[-1].end
        pairs = tuple(zip(nodes[::2], nodes[1::2], strict=True)) if isinstance(event, yaml.MappingStartEvent) else ()
        return Node(event, start, end, pairs, frozenset(anchors).union(*(node.anchors for node in nodes)))

    def _entry(self, key: Node, node: Node, values: dict[str, dict[str, Any]]) -> EntryMarks:
        fields = self._fields(node, values[key.event.value])
        return EntryMarks(key, node, fields, self.line_start(key.start), self.line_end(max(node.end, key.end)))

    def _fields(self, node: Node, values: dict[str, Any]) -> dict[str, FieldMarks]:
        return {
            key.event.value: FieldMarks(
                key, value, self.text[value.start : value.end], values.get(key.event.value), self._is_shared(value)
            )
            for key, value in node.pairs
        }

    def _is_shared(self, node: Node) -> bool:
        return isinstance(node.event, yaml.AliasEvent) or node.event.anchor in self._used


def without_changes(marks: YamlMarks, other: YamlMarks) -> str:
    """The text of ``marks`` without what it has beyond ``other`` and without the values that differ."""
    text = marks.text
    for start, end in sorted(_cuts(marks, other), reverse=True):
        text = text[:start] + text[end:]
    return marks.mark + text


def _cuts(marks: YamlMarks, other: YamlMarks) -> Iterator[tuple[int, int]]:
    behind = 0
    for device, entry in marks.entries.items():
        if device not in other.entries:
            yield (entry.line_start, entry.line_end) if marks.is_block else (behind, entry.node.end)
        elif bool(entry.fields) != bool(other.entries[device].fields):
            yield from _filled(marks, entry, other.entries[device])
        else:
            yield from _changed(marks, entry, other.entries[device])
        behind = entry.node.end


def _filled(marks: YamlMarks, entry: EntryMarks, other: EntryMarks) -> Iterator[tuple[int, int]]:
    """An entry without fields got some."""
    node = entry.node
    if entry.fields and node.is_block:
        yield marks.line_start(node.pairs[0][0].start), marks.line_end(node.end)
    elif entry.fields or not other.node.is_block or marks.text[node.end : marks.line_end(node.end)].strip():
        yield node.start, node.end
    else:
        yield len(marks.text[: node.start].rstrip(" ")), node.end


def _changed(marks: YamlMarks, entry: EntryMarks, other: EntryMarks) -> Iterator[tuple[int, int]]:
    behind = 0
    for name, field in entry.fields.items():
        same = other.fields.get(name)
        start, end = field.node.start, field.node.end
        if same is None and entry.node.is_block:
            yield marks.line_start(field.key.start), marks.line_end(end)
        elif same is None:
            yield behind, end
        elif same.raw != field.raw:
            is_anew = any(one.node.is_block or not one.raw for one in (field, same))
            if field.node.is_block:
                yield marks.line_start(start), marks.line_end(end)
            else:
                yield (marks.text.index(":", field.key.end) + 1 if is_anew else start), end
        behind = end
