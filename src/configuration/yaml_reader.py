"""YAML text -> plain data, with limits that no file can exceed and the place of every value.

Theory of operation: libyaml turns the text into events (without recursion, so depth cannot hurt it); ``ValueReader``
turns events into plain data in one pass. Depth, and the number of values that aliases expand to, are limited. Places
are kept only on demand: a good file is read once without them, a bad one again with them.

Differences from PyYAML's own loader, all on purpose: keys are always text as written (``1001:`` is the key "1001"),
duplicate keys are faults, dates stay text, and tags beyond YAML's own are faults.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
)
from yaml.nodes import ScalarNode

from configuration.problem import KeyPath, Place
from configuration.yaml_advice import advice_on, odd_number

MAX_DEPTH = 20
MAX_EXPANDED_VALUES = 5_000_000
"""Values that aliases stand for, those within them included: eight times what 10,000 devices hold. What is written out
is limited by the file's size alone."""

_TAG = "tag:yaml.org,2002:"
_STANDARD_SCALARS = frozenset(_TAG + name for name in ("str", "int", "float", "bool", "null", "timestamp"))
_CONVERTED = frozenset(_TAG + name for name in ("int", "float", "bool", "null"))
_NUMBERS = (int, float)
_FREQUENT: dict[str, Any] = {"true": True, "false": False, "null": None, "": None, "0": 0}
_RESOLVERS = yaml.SafeLoader.yaml_implicit_resolvers


class YamlFault(Exception):
    """The text cannot be read further; ``place`` is where."""

    def __init__(self, message: str, place: Place | None, key_path: KeyPath = ()) -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.key_path = key_path


@dataclass(frozen=True, slots=True)
class KeptAlias:
    """An alias that was left unresolved, because its anchor stands outside the text that was read."""

    name: str


@dataclass(slots=True)
class Reading:
    """What one pass over a text found."""

    value: Any = None
    places: dict[KeyPath, Place] = field(default_factory=dict)
    key_places: dict[KeyPath, Place] = field(default_factory=dict)
    faults: list[YamlFault] = field(default_factory=list)
    root: MappingMarks | None = None
    section: MappingMarks | None = None
    section_key_end: int = 0
    has_anchors: bool = False


@dataclass(slots=True)
class MappingMarks:
    """Where a mapping stands, as offsets into the text; ``kind`` tells how its value is written."""

    kind: str
    start: int
    end: int
    column: int
    key_starts: list[tuple[str, int]] = field(default_factory=list)
    last_value_end: int = 0


class EventSource:
    """libyaml's events of one text, in order, with its errors as ``YamlFault``."""

    def __init__(self, text: str) -> None:
        self._loader = yaml.CSafeLoader(text)
        self._text = text

    def next(self) -> Any:
        """The next event."""
        try:
            return self._loader.get_event()
        except yaml.MarkedYAMLError as error:
            raise self._fault(error) from error
        except yaml.YAMLError as error:
            raise YamlFault(f"this is not YAML: {error}", None) from error

    def _fault(self, error: yaml.MarkedYAMLError) -> YamlFault:
        mark = error.problem_mark or error.context_mark
        if mark is None:
            return YamlFault(f"this is not YAML: {error.problem or error.context}", None)
        line_start = self._text.rfind("\n", 0, mark.index) + 1
        before = self._text[line_start : mark.index + 1]
        if "\t" in before and not before.strip():
            tab = before.index("\t") + 1
            return YamlFault("a tab stands in the indentation; YAML allows spaces only", Place(mark.line + 1, tab))
        message, mark = advice_on(error)
        return YamlFault(message, place_of(mark))


class ValueReader:
    """Events -> plain data. ``last_end`` is the offset behind the last piece of content that was read."""

    def __init__(
        self,
        source: EventSource,
        *,
        keeps_places: bool = False,
        keeps_aliases: bool = False,
        section: str | None = None,
        fold_key: Callable[[KeyPath, str], str] | None = None,
    ) -> None:
        self._next = source.next
        self._keeps_places = keeps_places
        self._keeps_aliases = keeps_aliases
        self._section = section
        self._fold_key = fold_key
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._count = 0
        self._expanded = 0
        self.last_end = 0
        self.reading = Reading()

    def read(self, event: Any, path: KeyPath = ()) -> Any:
        """The plain value that begins with ``event``."""
        self._count += 1
        if self._keeps_places:
            self.reading.places.setdefault(path, place_of(event.start_mark))
        if isinstance(event, AliasEvent):
            return self._alias(event, path)
        before = self._count
        if isinstance(event, ScalarEvent):
            self.last_end = end_of(event)
            value = scalar_value(event, path)
            if type(value) in _NUMBERS and event.tag is None and (odd := odd_number(event.value, value)) is not None:
                self.reading.faults.append(YamlFault(odd, place_of(event.start_mark), path))
        elif len(path) >= MAX_DEPTH:
            raise YamlFault(f"nested deeper than {MAX_DEPTH} levels", place_of(event.start_mark), path[:4])
        elif isinstance(event, MappingStartEvent):
            value = self._mapping(event, path)
        else:
            value = self._sequence(event, path)
        if event.anchor is not None:
            self.reading.has_anchors = True
            self._anchors[event.anchor] = (value, self._count - before + 1)
        return value

    def _alias(self, event: Any, path: KeyPath) -> Any:
        self.last_end = end_of(event)
        self.reading.has_anchors = True
        if self._keeps_aliases:
            return KeptAlias(event.anchor)
        known = self._anchors.get(event.anchor)
        if known is None:
            raise YamlFault(
                f"the alias *{event.anchor} has no anchor &{event.anchor} before it", place_of(event.start_mark), path
            )
        self._count += known[1]
        self._expanded += known[1]
        if self._expanded > MAX_EXPANDED_VALUES:
            raise YamlFault(f"aliases expand to more than {MAX_EXPANDED_VALUES:,} values", place_of(event.start_mark))
        return known[0]

    def _sequence(self, event: Any, path: KeyPath) -> list[Any]:
        _check_tag(event, "seq", path)
        items: list[Any] = []
        item = self._next()
        while not isinstance(item, SequenceEndEvent):
            items.append(self.read(item, (*path, len(items))))
            item = self._next()
        if event.flow_style:
            self.last_end = end_of(item)
        return items

    def _mapping(self, event: Any, path: KeyPath) -> dict[str, Any]:
        _check_tag(event, "map", path)
        marks = self._marks_for(event, path)
        found: dict[str, Any] = {}
        merged: list[tuple[dict[str, Any], Place]] = []
        key_event = self._next()
        while not isinstance(key_event, MappingEndEvent):
            key = self._key(key_event, path, found)
            if marks is not None:
                marks.key_starts.append((key, start_of(key_event)))
            value_event = self._next()
            if not path and key == self._section:
                self.reading.section = _section_marks(value_event)
                self.reading.section_key_end = end_of(key_event)
            value = self.read(value_event, (*path, key))
            if key == "<<" and not key_event.style and not self._keeps_aliases:
                place = place_of(key_event.start_mark)
                merged.extend((base, place) for base in _mergeable(value, value_event, path))
            elif key not in found:
                found[key] = value
            key_event = self._next()
        if marks is not None:
            marks.end, marks.last_value_end = end_of(key_event), self.last_end
        if event.flow_style:
            self.last_end = end_of(key_event)
        for base, place in merged:
            if self._keeps_places:
                self._place_merged(base.keys() - found.keys(), path, place)
            found = {**base, **found}
        return found

    def _place_merged(self, keys: Iterable[str], path: KeyPath, place: Place) -> None:
        """Keys that come by a merge stand nowhere else than at its ``<<``."""
        for key in keys:
            self.reading.places[(*path, key)] = self.reading.key_places[(*path, key)] = place

    def _key(self, event: Any, path: KeyPath, found: dict[str, Any]) -> str:
        if not isinstance(event, ScalarEvent):
            raise YamlFault("a key must be plain text", place_of(event.start_mark), path)
        key: str = event.value if self._fold_key is None else self._fold_key(path, event.value)
        place = place_of(event.start_mark)
        if key in found:
            first = self.reading.key_places.get((*path, key))
            seen = f"; first on line {first.line}" if first else ""
            fault = YamlFault(f"this key is given twice{seen}; keep one of them", place, (*path, key))
            self.reading.faults.append(fault)
        elif self._keeps_places:
            self.reading.key_places[(*path, key)] = place
        return key

    def _marks_for(self, event: MappingStartEvent, path: KeyPath) -> MappingMarks | None:
        if not path:
            self.reading.root = _section_marks(event)
            return self.reading.root
        if len(path) == 1 and path[0] == self._section:
            return self.reading.section
        return None


def read_text(
    text: str,
    *,
    keeps_places: bool = False,
    section: str | None = None,
    fold_key: Callable[[KeyPath, str], str] | None = None,
) -> Reading:
    """The one document of ``text``. Raise ``YamlFault`` where it cannot be read further; ``value`` is None if empty."""
    source = EventSource(text)
    reader = ValueReader(source, keeps_places=keeps_places, section=section, fold_key=fold_key)
    source.next()
    first = source.next()
    if isinstance(first, yaml.events.StreamEndEvent):
        return reader.reading
    reader.reading.value = reader.read(source.next())
    end: DocumentEndEvent = source.next()
    following = source.next()
    if not isinstance(following, yaml.events.StreamEndEvent):
        raise YamlFault("a second YAML document begins here; one file holds one", place_of(end.end_mark))
    return reader.reading


def scalar_value(event: ScalarEvent, path: KeyPath) -> Any:
    """The plain value of a scalar; raise ``YamlFault`` on a tag that is not YAML's own or does not fit its text."""
    tag = event.tag
    if tag is None or tag == "!":
        if event.style or tag == "!":
            return event.value
        tag = resolve_plain(event.value)
    elif tag not in _STANDARD_SCALARS:
        raise YamlFault(f"the tag {tag} is not supported here; remove it", place_of(event.start_mark), path)
    try:
        return _converted(tag, event.value)
    except (ValueError, KeyError, IndexError, OverflowError) as error:
        kind = tag.removeprefix(_TAG)
        raise YamlFault(f"{event.value!r} is no {kind}", place_of(event.start_mark), path) from error


def plain_value(text: str) -> Any:
    """The value of an unquoted scalar; raise ``YamlFault``, without a place, if it has none or an odd one."""
    tag = resolve_plain(text)
    try:
        value = _converted(tag, text)
    except (ValueError, KeyError, IndexError, OverflowError) as error:
        raise YamlFault(f"{text!r} is no {tag.removeprefix(_TAG)}", None) from error
    if type(value) in _NUMBERS and (odd := odd_number(text, value)) is not None:
        raise YamlFault(odd, None)
    return value


def _converted(tag: str, text: str) -> Any:
    if tag not in _CONVERTED:
        return text
    if text in _FREQUENT:
        return _FREQUENT[text]
    if text.isdecimal() and text.isascii() and text[0] != "0":
        return int(text)
    return SafeConstructor().construct_object(ScalarNode(tag, text))


def resolve_plain(text: str) -> str:
    """The tag that YAML 1.1 gives to an unquoted scalar."""
    for tag, regexp in _RESOLVERS.get(text[:1], ()):
        if regexp.match(text):
            return str(tag)
    return _TAG + "str"


def start_of(event: Any) -> int:
    """The offset at which an event's text begins, its anchor and tag included."""
    return int(event.start_mark.index)


def end_of(event: Any) -> int:
    """The offset behind an event's text."""
    return int(event.end_mark.index)


def column_of(event: Any) -> int:
    """The column at which an event's text begins, from 0."""
    return int(event.start_mark.column)


def place_of(mark: Any) -> Place:
    """A mark of libyaml as editors count."""
    return Place(mark.line + 1, mark.column + 1)


def _section_marks(event: Any) -> MappingMarks:
    start, end = event.start_mark, event.end_mark
    if isinstance(event, MappingStartEvent):
        kind = "flow" if event.flow_style else "block"
    elif isinstance(event, ScalarEvent):
        kind = "scalar"
    else:
        kind = "other"
    return MappingMarks(kind, start.index, end.index, start.column)


def _check_tag(event: Any, expected: str, path: KeyPath) -> None:
    if event.tag not in (None, "!", _TAG + expected):
        raise YamlFault(f"the tag {event.tag} is not supported here; remove it", place_of(event.start_mark), path)


def _mergeable(value: Any, event: Any, path: KeyPath) -> list[dict[str, Any]]:
    bases = value if isinstance(value, list) else [value]
    if not all(isinstance(base, dict) for base in bases):
        raise YamlFault("<< takes a mapping or a list of mappings", place_of(event.start_mark), (*path, "<<"))
    return bases
