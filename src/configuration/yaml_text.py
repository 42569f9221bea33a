"""The text of config.yaml, cut at its devices: one entry changes, every other byte stays.

Theory of operation: the text is head + entries + tail. Each entry is the lines from its key to the next one's, comments
included. A change edits one entry's text (``yaml_entry``) and joins the pieces again, so it costs the same in a file of
ten devices and of ten thousand. While there is no entry the text is kept whole beside the head and tail it will get.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from configuration.yaml_entry import (
    BREAKS,
    EditRefused,
    EntryStyle,
    edit_entry,
    ends_open,
    is_same,
    line_end,
    line_start,
    new_entry,
    read_entry,
    require_neighbours,
)
from configuration.yaml_reader import MappingMarks, Reading, YamlFault, read_text

_BREAK = re.compile(f"\r\n|[{BREAKS}]")
_COMMENT_LINE = re.compile(f"([ \t]*)#[^{BREAKS}]*(\r\n|[{BREAKS}]|$)")
_BLANK_LINE = re.compile(f"[ \t]*(\r\n|[{BREAKS}])")
_DEVICES = "devices"
_OPEN_END = "the file ends within a text of several lines, which would get a line break more; add one to the file's end"
_BLOCK_ENTRIES = 128
_MOST_JOINING_OCTETS = 64
"""What a new entry can need beside its own text: a comma, or a line with the key ``devices``."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What surrounds the entries. ``whole`` is the text while there are none, else unused; ``refusal`` why it cannot
    be edited. ``open_end`` is the entry whose last value a line break at the text's end would change.
    """

    head: str
    tail: str
    style: EntryStyle
    whole: str
    bom: str = ""
    drops_last_break: bool = False
    refusal: str | None = None
    open_end: str | None = None


class DevicesText:
    """The whole text with its devices at hand by their (folded) ids.

    Entries stand in blocks whose octets are kept, and which copies share until one of them changes: a change in a large
    file costs one block, not the file.
    """

    def __init__(self, layout: Layout, entries: Mapping[str, str]) -> None:
        self._layout = layout
        self._blocks: list[dict[str, str]] = []
        self._octets: list[bytes | None] = []
        self._block_of: dict[str, int] = {}
        self._entries_size = 0
        listed = list(entries.items())
        for start in range(0, len(listed), _BLOCK_ENTRIES):
            block = dict(listed[start : start + _BLOCK_ENTRIES])
            self._block_of.update(dict.fromkeys(block, len(self._blocks)))
            self._blocks.append(block)
            self._octets.append(None)
            self._entries_size += sum(map(_size, block.values()))

    def copy(self) -> DevicesText:
        """The same text, to be changed without this one noticing."""
        twin = DevicesText(self._layout, {})
        twin._blocks = list(self._blocks)
        twin._octets = [self._octets_of(index) for index in range(len(self._blocks))]
        twin._block_of = dict(self._block_of)
        twin._entries_size = self._entries_size
        return twin

    def __contains__(self, device_id: object) -> bool:
        return device_id in self._block_of

    def find(self, device_id: str) -> str | None:
        """The text of a device's entry, or None."""
        index = self._block_of.get(device_id)
        return None if index is None else self._blocks[index][device_id]

    def ids_by_text(self) -> dict[str, str]:
        """The devices' ids by their entries' texts."""
        return {entry: device_id for block in self._blocks for device_id, entry in block.items()}

    @property
    def size(self) -> int:
        """How many octets the text takes, to a line break or two more; known without joining it."""
        layout = self._layout
        around = (layout.bom, layout.head, layout.tail) if self._block_of else (layout.bom, layout.whole)
        return self._entries_size + sum(_size(part) for part in around)

    def set_fields(self, device_id: str, fields: Mapping[str, Any], most_octets: int = sys.maxsize) -> bool:
        """Set ``fields`` of a device, adding its entry if there is none; True if that changed a byte.

        Raise ``EditRefused``, with nothing changed, if the text cannot be edited without damage, or if a change that
        makes it longer would take it beyond ``most_octets``.
        """
        if self._layout.refusal is not None:
            raise EditRefused(self._layout.refusal)
        style = self._layout.style
        if device_id in self._block_of:
            current = self._blocks[self._block_of[device_id]][device_id]
            edited = edit_entry(current, fields, style, self._has_alias)
            if edited == current:
                return False
            if device_id == self._layout.open_end and _last_line(edited) != _last_line(current):
                raise EditRefused(_OPEN_END)
            self._require_room(_size(edited) - _size(current), most_octets)
            self._put(device_id, edited)
            return True
        if self._layout.open_end is not None:
            raise EditRefused(_OPEN_END)
        entry = new_entry(device_id, fields, style)
        self._require_room(_size(entry) + _MOST_JOINING_OCTETS, most_octets)
        if not self._block_of:
            self._require_opening(device_id, entry, fields)
        else:
            entry = self._put_behind(entry)
        self._put(device_id, entry)
        return True

    def _put_behind(self, entry: str) -> str:
        """Make the last entry ready for another behind it; return that as it is to be written."""
        style = self._layout.style
        last = next(reversed(self._blocks[-1]))
        text = self._blocks[-1][last]
        if not style.is_flow:
            require_neighbours(text, entry, style)
            return entry
        before, entry = text if text.endswith(",") else text + ",", " " + entry
        require_neighbours(before, entry, style)
        self._put(last, before)
        return entry

    def octets(self) -> bytes:
        """The file's content as it stands now."""
        layout = self._layout
        if not self._block_of:
            return (layout.bom + layout.whole).encode("utf-8")
        entries = [self._octets_of(index) for index in range(len(self._blocks))]
        if layout.drops_last_break:
            entries[-1] = entries[-1].removesuffix(layout.style.newline.encode("utf-8"))
        return b"".join([(layout.bom + layout.head).encode("utf-8"), *entries, layout.tail.encode("utf-8")])

    def _put(self, device_id: str, entry: str) -> None:
        index = self._block_of.get(device_id, len(self._blocks) - 1)
        if index < 0 or (device_id not in self._block_of and len(self._blocks[index]) >= _BLOCK_ENTRIES):
            index = len(self._blocks)
            self._blocks.append({})
            self._octets.append(None)
        if self._octets[index] is not None:  # a copy may share it
            self._blocks[index] = dict(self._blocks[index])
            self._octets[index] = None
        self._entries_size += _size(entry) - _size(self._blocks[index].get(device_id, ""))
        self._blocks[index][device_id] = entry
        self._block_of[device_id] = index

    def _has_alias(self, anchor: str) -> bool:
        alias = re.compile(rf"\*{re.escape(anchor)}(?![^\s,\[\]{{}}])")
        parts = (self._layout.head, self._layout.tail, *(text for block in self._blocks for text in block.values()))
        return any(alias.search(part) for part in parts)

    def _octets_of(self, index: int) -> bytes:
        octets = self._octets[index]
        if octets is None:
            octets = self._octets[index] = "".join(self._blocks[index].values()).encode("utf-8")
        return octets

    def _require_room(self, more_octets: int, most_octets: int) -> None:
        if more_octets > 0 and self.size + more_octets > most_octets:
            raise EditRefused(f"the file would be larger than {most_octets // 1024 // 1024} MB")

    def _require_opening(self, device_id: str, entry: str, fields: Mapping[str, Any]) -> None:
        """Prove the first entry, which changes how ``devices`` is written, by reading the whole text again."""
        opened = DevicesText(self._layout, {device_id: entry}).octets().decode("utf-8")
        devices = {device_id: {name: value for name, value in fields.items() if value is not None}}
        try:
            before = read_text(self._layout.whole).value or {}
            after = read_text(opened.removeprefix(self._layout.bom)).value
        except YamlFault as fault:
            raise EditRefused(f"a first device cannot be added: {fault.message}") from fault
        wanted = {**before, _DEVICES: devices}
        if not all(is_same(after.get(key), value) for key, value in wanted.items()) or len(after) != len(wanted):
            raise EditRefused("a first device cannot be added without changing another setting")


def _last_line(text: str) -> str:
    return text[line_start(text, len(text.rstrip(BREAKS))) :]


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8"))


def locate_devices(text: str, reading: Reading, bom: str = "") -> DevicesText:
    """Cut ``text``, which ``reading`` has read with ``devices`` as its section. Never raises on a valid document."""
    section, root = reading.section, reading.root
    found = _BREAK.search(text)
    newline = found.group() if found else "\n"
    if root is None or (section is not None and section.kind == "other"):
        style = EntryStyle(False, "  ", 2, newline)
        refused = "devices is an alias; write it out"
        return DevicesText(Layout("", "", style, text, bom, refusal=refused), {})
    cut = _Cut(text, bom, newline, root, section)
    if section is None:
        return cut.absent()
    if section.kind == "scalar" or not section.key_starts:
        return cut.empty(section)
    return cut.flow(section) if section.kind == "flow" else cut.block(section)


def block_devices(text: str, bom: str, entries: dict[str, str], span: tuple[int, int], column: int) -> DevicesText:
    """``text`` cut at ``entries``, which stand in ``span`` in block style with their keys at ``column``."""
    found = _BREAK.search(text)
    root = MappingMarks("block", 0, 0, 0)
    return _Cut(text, bom, found.group() if found else "\n", root, None).entries(entries, span, column)


@dataclass(frozen=True, slots=True)
class _Cut:
    """Cuts one text; each method is for one way of writing ``devices``."""

    text: str
    bom: str
    newline: str
    root: MappingMarks
    section: MappingMarks | None

    def absent(self) -> DevicesText:
        text, root = self.text, self.root
        if root.kind == "flow":
            at = root.last_value_end if root.key_starts else text.index("{", root.start) + 1
            comma = ", " if root.key_starts else ""
            return self._flow(text[:at] + comma + "devices: {", "}" + text[at:], {})
        at = self._end_of(root)
        head = self._with_break(text[:at]) + " " * self._root_column() + "devices:" + self.newline
        return self._block(head, text[at:], {}, self._root_column() + 2)

    def empty(self, section: MappingMarks) -> DevicesText:
        text, start, end = self.text, section.start, section.end
        inside = text[text.index("{", start) + 1 : end - 1] if section.kind == "flow" else ""
        if self.root.kind == "flow":
            return self._flow(text[:start].rstrip(" ") + " {", inside + "}" + text[end:], {})
        if inside.strip():
            opening = text.index("{", start) + 1
            return self._flow(text[:opening], text[opening:], {})
        at = line_end(text, end)
        rest = text[end:at]
        before = text[:start] if rest.strip() else text[:start].rstrip(" ")
        return self._block(self._with_break(before + rest), text[at:], {}, self._root_column() + 2)

    def flow(self, section: MappingMarks) -> DevicesText:
        text, starts = self.text, section.key_starts
        end = section.last_value_end
        comma = re.compile(r"\s*,").match(text, end)
        end = comma.end() if comma else end
        bounds = [start for _, start in starts] + [end]
        entries = {key: text[bounds[index] : bounds[index + 1]] for index, (key, _) in enumerate(starts)}
        return self._flow(text[: bounds[0]], text[end:], entries)

    def block(self, section: MappingMarks) -> DevicesText:
        text, starts = self.text, section.key_starts
        bounds = [line_start(text, start) for _, start in starts] + [self._end_of(section)]
        entries: dict[str, str] = {}
        for index, (key, start) in enumerate(starts):
            if text[bounds[index] : start].strip() not in ("", "?"):
                return self._refused(f"the entry {key} does not begin on a line of its own")
            entries[key] = text[bounds[index] : bounds[index + 1]]
        before_key = text[bounds[0] : starts[0][1]]
        column = len(before_key) - len(before_key.lstrip(" "))  # where a ? stands, if there is one
        return self.entries(entries, (bounds[0], bounds[-1]), column)

    def entries(self, entries: dict[str, str], span: tuple[int, int], column: int) -> DevicesText:
        """The text in whose ``span`` these entries stand, in block style, their keys at ``column``."""
        text, last, (start, end) = self.text, next(reversed(entries)), span
        drops = not text.endswith(tuple(BREAKS)) and end == len(text)
        probe = EntryStyle(False, " " * column, 2, self.newline)
        is_open = drops and ends_open(entries[last], self.newline, probe)
        whole_last = self._with_break(entries[last])
        own = self._own_part(whole_last, column)
        entries[last], rest = whole_last[:own], whole_last[own:]
        if drops and rest:
            rest, drops = rest.removesuffix(self.newline), False
        style, open_end = self._style_like(entries, probe), last if is_open else None
        return DevicesText(Layout(text[:start], rest + text[end:], style, "", self.bom, drops, None, open_end), entries)

    def _own_part(self, entry: str, column: int) -> int:
        """How much of the last entry's raw text is its own: its content and the comments that are indented below it."""
        probe = EntryStyle(False, " " * column, 2, self.newline)
        try:
            end = line_end(entry, read_entry(entry, probe).end)
        except EditRefused:
            return len(entry)
        at = end
        while at < len(entry):
            if blank := _BLANK_LINE.match(entry, at):
                at = blank.end()
            elif (comment := _COMMENT_LINE.match(entry, at)) and len(comment.group(1)) > column:
                at = end = comment.end()
            else:
                break
        return end

    def _style_like(self, entries: Mapping[str, str], style: EntryStyle) -> EntryStyle:
        """The step of the first entry that shows one."""
        for entry in list(entries.values())[:8]:
            try:
                read = read_entry(entry, style)
            except EditRefused:
                continue
            if read.kind == "block":
                return replace(style, step=read.fields_column - read.key_column)
        return style

    def _block(self, head: str, tail: str, entries: Mapping[str, str], column: int) -> DevicesText:
        style = EntryStyle(False, " " * column, 2, self.newline)
        drops = not tail and not self.text.endswith(tuple(BREAKS))
        return DevicesText(Layout(head, tail, style, self.text, self.bom, drops), entries)

    def _flow(self, head: str, tail: str, entries: Mapping[str, str]) -> DevicesText:
        return DevicesText(Layout(head, tail, EntryStyle(True, "", 2, self.newline), self.text, self.bom), entries)

    def _refused(self, reason: str) -> DevicesText:
        style = EntryStyle(False, "  ", 2, self.newline)
        return DevicesText(Layout("", "", style, self.text, self.bom, refusal=reason), {})

    def _root_column(self) -> int:
        first = self.root.key_starts[0][1] if self.root.key_starts else 0
        return first - line_start(self.text, first)

    def _end_of(self, marks: MappingMarks) -> int:
        """Where a block mapping's lines end: the line start of what follows, or the text's end."""
        start = line_start(self.text, marks.end)
        return marks.end if self.text[start : marks.end].strip() else start

    def _with_break(self, text: str) -> str:
        return text if not text or text.endswith(tuple(BREAKS)) else text + self.newline
