"""One device's entry changes; every byte that is somebody else's stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configuration import yaml_text
from configuration.config_loader import parse_config
from configuration.config_rewrite import merge_changes
from configuration.entry_change import EntryChange
from configuration.yaml_entry import EditRefused, EntryStyle, edit_carefully, new_entry, read_entry
from configuration.yaml_format import format_text, format_value
from configuration.yaml_reader import read_text
from configuration.yaml_simple import edit_simple, is_simple

SEEN = "2025-01-31T12:00:00Z"


def edited(text: str, *changes: tuple[str, dict[str, Any]]) -> str:
    config = parse_config(text.encode(), Path("config.yaml"))
    devices = config.devices_text.copy()
    for device_id, fields in changes:
        devices.set_fields(device_id, fields)
    assert config.devices_text.octets() == text.encode(), "the original noticed its copy's change"
    return devices.octets().decode()


EXAMPLES = {
    "an empty mapping in braces": ("devices: {}\n", "devices:\n  a:\n    online: true\n"),
    "a comment behind the braces": ("devices: {}  # mine\n", "devices:   # mine\n  a:\n    online: true\n"),
    "nothing": ("devices:\n# c\nroutes: []\n", "devices:\n  a:\n    online: true\n# c\nroutes: []\n"),
    "a written null": ("devices: null # c\n", "devices:  # c\n  a:\n    online: true\n"),
    "no devices key": ("log: {}\n# end\n", "log: {}\n# end\ndevices:\n  a:\n    online: true\n"),
    "no final line break": ("log: {}\ndevices: {}", "log: {}\ndevices:\n  a:\n    online: true"),
    "a document end mark": ("--- \nlog: {}\n...\n", "--- \nlog: {}\ndevices:\n  a:\n    online: true\n...\n"),
    "an indented document": ("  log: {}\n", "  log: {}\n  devices:\n    a:\n      online: true\n"),
    "a document in braces": ("{log: {}}\n", "{log: {}, devices: {a: {online: true}}}\n"),
    "empty braces in braces": ("{devices: {}, log: {}}\n", "{devices: {a: {online: true}}, log: {}}\n"),
    "a comment within the braces": ("devices: { # c\n}\n", "devices: {a: {online: true} # c\n}\n"),
    "an entry without a value": (
        "devices:\n    a: # c\nlog: {}\n",
        "devices:\n    a: # c\n      online: true\nlog: {}\n",
    ),
    "an entry with empty braces": ("devices:\n  a: {}\n", "devices:\n  a:\n    online: true\n"),
    "an entry in braces": ("devices:\n  a: {name: x, }\n", "devices:\n  a: {name: x, online: true, }\n"),
    "all in braces": ("devices: {a: {name: x}, # c\n}\n", "devices: {a: {name: x, online: true}, # c\n}\n"),
    "an alias": (
        "devices:\n  b: &b {role: sink}\n  a: *b\n",
        "devices:\n  b: &b {role: sink}\n  a: {<<: *b, online: true}\n",
    ),
    "a merge": (
        "devices:\n  b: &b {role: sink}\n  a:\n    <<: *b # c\n",
        "devices:\n  b: &b {role: sink}\n  a:\n    <<: *b # c\n    online: true\n",
    ),
    "an anchored value": (
        "devices:\n  a: {online: &o false}\n  b: {enabled: no}\n",
        "devices:\n  a: {online: &o true}\n  b: {enabled: no}\n",
    ),
    "a comment behind the value": (
        "devices:\n  a:\n    online:   false   # seen\n    # end\n",
        "devices:\n  a:\n    online:   true   # seen\n    # end\n",
    ),
    "an empty value": ("devices:\n  a:\n    ip:\n    online: false\n", "devices:\n  a:\n    ip:\n    online: true\n"),
    "windows lines": (
        "devices:\r\n  b:\r\n\r\nlog: {}\r\n",
        "devices:\r\n  b:\r\n  a:\r\n    online: true\r\n\r\nlog: {}\r\n",
    ),
    "an entry that ends in a text with blank lines of its own": (
        "devices:\n  a:\n    name: |+\n      text\n\n\nlog: {}\n",
        "devices:\n  a:\n    name: |+\n      text\n\n\n    online: true\nlog: {}\n",
    ),
    "an explicit key before others": (
        "devices:\n  ? e\n  a:\n    name: x\n",
        "devices:\n  ? e\n  a:\n    name: x\n    online: true\n",
    ),
    "an explicit key": ("devices:\n  ? a\n  : name: x\n", "devices:\n  ? a\n  : name: x\n    online: true\n"),
}


@pytest.mark.parametrize(("before", "after"), EXAMPLES.values(), ids=EXAMPLES)
def test_a_field_is_set_in(before, after):
    assert edited(before, ("a", {"online": True})) == after


def test_a_new_entry_stands_behind_the_last_ones_own_comments_and_before_the_next_sections():
    before = "devices:\n   a:\n      name: x\n      # role: sink\n\n# routes\nroutes: []\n"
    after = "devices:\n   a:\n      name: x\n      # role: sink\n   b:\n      online: true\n\n# routes\nroutes: []\n"
    assert edited(before, ("b", {"online": True})) == after


@pytest.mark.parametrize(
    "before",
    [
        "devices:\n  ? a\n",
        "devices:\n  ? a\n  : name: x\n",
        "devices:\n  ? e\n  a:\n    name: x\n",
        "devices:\n  a:\n    name: x\n  ? e\n",
        "devices: &all\n  ? a\n  : {name: x,\n  role: sink}\n",
        "devices:\n  ? |\n    a\n  : name: x\n",
    ],
)
def test_a_new_entry_stands_beside_one_whose_key_is_written_with_a_question_mark(before):
    after = edited(before, ("b", {"online": True}))
    assert after == before + "  b:\n    online: true\n"
    assert read_text(after).value["devices"] == {**read_text(before).value["devices"], "b": {"online": True}}


@pytest.mark.parametrize(
    ("text", "device_id", "remedy"),
    [
        ("devices:\n  ? a\n", "a", "write it as a:"),
        ("devices:\n  ?\n    a\n", "b", "behind a as that is written; write it as a: on one line"),
        ("devices:\n  ?\n    a\n  : name: x\n", "b", "behind a as that is written; write it as a: on one line"),
        ("devices:\n  a:\n    name: |\n      odd", "b", "add one to the file's end"),
        ("devices:\n  a:\n    name: |\n      odd", "a", "add one to the file's end"),
    ],
)
def test_an_entry_that_allows_no_edit_is_named_with_the_remedy(text, device_id, remedy):
    config = parse_config(text.encode(), Path("config.yaml"))
    with pytest.raises(EditRefused, match=remedy):
        config.devices_text.set_fields(device_id, {"online": True})
    assert config.devices_text.octets() == text.encode()


def test_a_value_is_replaced_though_the_file_ends_within_a_text():
    before = "devices:\n  a:\n    online: false\n    name: |\n      odd"
    assert edited(before, ("a", {"online": True})) == before.replace("false", "true")


def test_what_would_not_read_back_as_meant_is_not_written(monkeypatch):
    """The last line of defence: an edit that goes wrong unnoticed must never reach the disk."""
    config = parse_config(b"devices:\n  a: &l {name: x}\n", Path("config.yaml"))

    def damage(text: str, *_: Any) -> str:
        return text + "    b: nested\n"

    monkeypatch.setattr(yaml_text, "edit_entry", damage)
    merged = merge_changes(config, {"a": EntryChange({"online": True})})
    assert merged.config is config
    assert "would not read back" in merged.refused["a"]


def test_a_list_in_lines_becomes_one_line_and_its_neighbours_stay():
    before = "devices:\n  a:\n    formats: # c\n    - {payload_type: 0, codec: PCMU}\n    name: 'x'\n"
    after = "devices:\n  a:\n    formats: [{payload_type: 8, codec: PCMA}] # c\n    name: 'x'\n"
    assert edited(before, ("a", {"formats": [{"payload_type": 8, "codec": "PCMA"}]})) == after


@pytest.mark.parametrize(("old", "new"), [("'x'", "'y''s'"), ('"x"', '"y\'s"'), ("x", '"y\'s"')])
def test_a_changed_text_keeps_its_quotes(old, new):
    before = f"devices:\n  a:\n    name: {old} # c\n"
    assert edited(before, ("a", {"name": "y's"})) == before.replace(old, new)


def test_an_equal_value_in_another_spelling_is_left_alone():
    before = 'devices:\n  a:\n    port: +16\n    online: yes\n    name: "\\x41"\n'
    assert edited(before, ("a", {"port": 16, "online": True, "name": "A", "ip": None})) == before


@pytest.mark.parametrize(
    ("field", "spelling", "value"),
    [
        ("port", "+16", 16),
        ("online", "yes", True),
        ("user_agent", "a:b", "a:b"),
        ("ip", "Null", None),
    ],
)
def test_an_equal_value_in_another_spelling_is_left_alone_in_an_entry_like_ours(field, spelling, value):
    before = f"devices:\n  a:\n    {field}: {spelling}\n"
    assert edited(before, ("a", {field: value})) == before


def test_a_change_of_a_copy_is_still_a_change_to_the_original():
    config = parse_config(b"devices:\n  a:\n    online: false\n", Path("config.yaml"))
    assert config.devices_text.copy().set_fields("a", {"online": True})
    assert config.devices_text.set_fields("a", {"online": True})


def test_a_value_that_is_no_longer_known_becomes_null():
    before = "devices:\n  a:\n    rtp_port: 4000\n    online: true\n"
    assert edited(before, ("a", {"rtp_port": None})) == before.replace("4000", "null")


@pytest.mark.parametrize(
    "text",
    [
        "log: &x {}\ndevices: *x\n",
        "? devices\n: a: {name: x}\n",
        "devices:\n  a: {online: &o false}\n  b: {enabled: *o}\n",
        "devices:\n  a: {formats: [&f {payload_type: 0, codec: x}]}\n  b: {formats: [*f]}\n",
        "devices:\n  a:\n    online: &o false\n    enabled: *o\n",
        "devices:\n  a: &a {role: sink}\n  b: *a\n",
        "devices:\n  a: &a {role: sink}\n  b:\n    <<: *a\n",
        "devices:\n  a: {online: &o false}\ndiscovery: {enabled: *o}\n",
    ],
    ids=[
        "devices are an alias",
        "entries on the key's line",
        "a value that another entry takes",
        "a value of which another entry takes a part",
        "a value that another field takes",
        "an entry that another takes",
        "an entry that another is merged with",
        "a value that a section takes",
    ],
)
def test_what_cannot_be_edited_without_damage_is_refused(text):
    config = parse_config(text.encode(), Path("config.yaml"))
    with pytest.raises(EditRefused):
        config.devices_text.set_fields("a", {"online": True, "formats": []})
    assert config.devices_text.octets() == text.encode()


def test_a_large_file_changes_in_one_place_only():
    lines = [f"  d{n}:\n    name: n{n}\n    online: false\n" for n in range(1000)]
    before = "devices:\n" + "".join(lines) + "# end\n"
    expected = before.replace(lines[777], lines[777].replace("false", "true"))
    assert edited(before, ("d777", {"online": True})) == expected


hostile_text = st.text(st.characters(codec="utf-8"), max_size=40)
plain_values = st.one_of(st.none(), st.booleans(), st.integers(), hostile_text)


@given(value=st.one_of(plain_values, st.lists(plain_values), st.dictionaries(hostile_text, plain_values, max_size=4)))
def test_a_formatted_value_reads_back_as_itself(value):
    keys = set(value) if isinstance(value, dict) else set()
    if not keys & {"<<"}:
        assert read_text(f"a: {format_value(value)}\nb: [{format_value(value)}]\n").value == {"a": value, "b": [value]}


@given(text=hostile_text, quote=st.sampled_from([None, "'", '"']))
def test_a_formatted_text_reads_back_as_itself_in_any_quotes(text, quote):
    assert read_text(f"a: {format_text(text, quote)}\n").value == {"a": text}


# ---- random documents: what the daemon did not change stays byte for byte ----

OWNERS_SPELLINGS = {
    "name": ["kitchen", "'it''s'", '"a \\"b\\""', "Küche 😀", "two  words", "|\n{deep}literal\n", "~"],
    "role": ["sink", "'source'", "unknown", '"phone"'],
    "enabled": ["true", "no", "!!bool false"],
    "online": ["true", "false", "yes", "&on false"],
    "last_seen": [SEEN, f'"{SEEN}"', "", "null"],
    "ip": ["10.0.0.1", '"fe80::1"', "fe80::1"],
    "port": ["5060", "+16", "&p 7"],
    "formats": [
        "[]",
        "[{payload_type: 96, codec: L16, rate: 48000, channels: 2}]",
        "\n{deep}- {{payload_type: 0, codec: PCMU}} # law\n{deep}- payload_type: 8\n{deep}  codec: PCMA\n",
        "[ {payload_type: 0, codec: x},\n{deep}   {payload_type: 8, codec: y} ]",
    ],
    "rtp_port": ["4000", "null", ""],
    "supported_protocols": ["[rtp, webrtc]", "[]", "\n{deep}- rtp\n", '["rtp"]'],
    "user_agent": ['"baresip/1.0 #1"', "x/1", "'y'", ">-\n{deep}folded\n{deep}text\n"],
}
IDS = ["abcdef00-0000-4000-8000-000000000001", "sip:anna@example.org", "1001", "kitchen", "on", "é"]
daemons_fields = st.fixed_dictionaries(
    {},
    optional={
        "online": st.booleans(),
        "last_seen": st.just("2030-01-01T00:00:00Z"),
        "ip": st.sampled_from(["192.0.2.7", "2001:db8::7"]),
        "port": st.integers(0, 65535),
        "rtp_port": st.one_of(st.none(), st.integers(0, 65535)),
        "formats": st.lists(
            st.fixed_dictionaries({"payload_type": st.integers(0, 127), "codec": st.sampled_from(["L16", "a b: c"])}),
            max_size=2,
        ),
        "supported_protocols": st.lists(st.sampled_from(["rtp", "webrtc", "#x"]), max_size=2),
        "user_agent": hostile_text,
        "name": st.sampled_from(["sink_1", "Küche", "yes", "1"]),
    },
)


@st.composite
def block_entries(draw: st.DrawFn, device_id: str, indent: int, step: int) -> str:
    pad, inner = " " * indent, " " * (indent + step)
    note = draw(st.sampled_from(["", "  # note", " # 😀"]))
    kind = draw(st.sampled_from(["block", "block", "block", "flow", "null", "braces"]))
    key = draw(st.sampled_from([device_id if ":" not in device_id else f'"{device_id}"', f"'{device_id}'"]))
    if kind == "null":
        return f"{pad}{key}:{note}\n"
    if kind == "braces":
        return f"{pad}{key}: {{}}{note}\n"
    names = draw(st.lists(st.sampled_from(sorted(OWNERS_SPELLINGS)), unique=True, min_size=1, max_size=6))
    flow_safe = {
        name: [one for one in OWNERS_SPELLINGS[name] if "\n" not in one and one and ":" not in one] for name in names
    }
    if kind == "flow":
        fields = ", ".join(f"{name}: {draw(st.sampled_from(flow_safe[name] or ['null']))}" for name in names)
        if "null" in fields:
            fields = "name: x"
        return f"{pad}{key}: {{{fields}{draw(st.sampled_from(['', ', ']))}}}{note}\n"
    lines = [f"{pad}{key}:{note}\n"]
    for name in names:
        spelling = draw(st.sampled_from(OWNERS_SPELLINGS[name]))
        value = spelling.replace("{deep}", inner + "  ").replace("{{", "{").replace("}}", "}")
        lines.append(
            f"{inner}{name}: {value}" + ("" if value.endswith("\n") else draw(st.sampled_from(["", " # why"])) + "\n")
        )
        lines.append(draw(st.sampled_from(["", "", f"{inner}# about the next\n", "\n", "# at the edge\n"])))
    return "".join(lines)


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[str, str], str]:
    """(head, entries, tail) of a valid config.yaml, each piece whole lines but for the end of the file."""
    indent, step = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    head = draw(
        st.sampled_from(["", "# top\n\n", "---\n", "server: {name: 'Küche 😀'} # us\n", "log:\n    level: info\n"])
    )
    tail = draw(st.sampled_from(["", "\n# end\n", "routes: []\n", "\n # odd\nlog: {}\n", "...\n"]))
    if head.startswith("log") and "log" in tail:
        tail = ""
    ids = draw(st.lists(st.sampled_from(IDS), unique=True, min_size=1, max_size=4))
    entries = {device_id: draw(block_entries(device_id, indent, step)) for device_id in ids}
    break_ = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    head, tail = (head + "devices: # all\n").replace("\n", break_), tail.replace("\n", break_)
    entries = {device_id: entry.replace("\n", break_) for device_id, entry in entries.items()}
    return head, entries, tail


changes = st.lists(st.tuples(st.sampled_from(IDS), daemons_fields), max_size=5)


@settings(max_examples=250)
@given(document=documents(), edits=changes, ends_with_break=st.booleans())
def test_only_the_wanted_fields_of_the_wanted_entries_change(document, edits, ends_with_break):
    head, entries, tail = document
    whole = head + "".join(entries.values()) + tail
    text = whole if ends_with_break else whole.rstrip("\r\n")
    config = parse_config(text.encode(), Path("config.yaml"))
    devices = config.devices_text.copy()
    wanted = {key: dict(value or {}) for key, value in read_text(text).value["devices"].items()}
    touched: dict[str, set[str]] = {}
    for device_id, fields in edits:
        wanted.setdefault(device_id, {}).update(
            {name: value for name, value in fields.items() if value is not None or name in wanted[device_id]}
        )
        if devices.set_fields(device_id, fields):
            touched.setdefault(device_id, set()).update(fields)
    result = devices.octets().decode()

    parse_config(result.encode(), Path("config.yaml"))
    before, after = read_text(text).value, read_text(result).value
    assert {**before, "devices": None} == {**after, "devices": None}
    assert {key: dict(value or {}) for key, value in after["devices"].items()} == wanted
    assert list(after["devices"])[: len(entries)] == list(before["devices"]), "entries changed their order"
    assert_rest_is_whole(result, (head, entries, tail if ends_with_break else tail.rstrip("\r\n")), touched)
    assert result.endswith(("\n", "\r")) == text.endswith(("\n", "\r"))


def assert_rest_is_whole(result: str, pieces: tuple[str, dict[str, str], str], touched: dict[str, set[str]]) -> None:
    """Every untouched piece stands in ``result`` as it was and in order; of a touched entry the other fields' lines."""
    head, entries, tail = pieces
    assert result.startswith(head)
    at = len(head)
    for device_id, entry in entries.items():
        kept = [entry.rstrip()] if device_id not in touched else other_lines(entry, touched[device_id])
        if device_id == next(reversed(entries)):  # new entries stand between its own lines and comments at the edge
            kept = [line for piece in kept for line in piece.splitlines() if line.strip()]
        for piece in kept:
            found = result.find(piece, at)
            assert found >= 0, f"{piece!r} is gone"
            at = found + len(piece)
    assert result.endswith(tail)


def other_lines(entry: str, fields: set[str]) -> list[str]:
    """The lines of an entry in block style that belong to none of ``fields``; of a flow entry nothing."""
    kept, is_kept = [], True
    for line in entry.splitlines()[1:]:
        name = line.strip().partition(":")[0]
        if line.strip() and name in OWNERS_SPELLINGS:
            is_kept = name not in fields
        is_comment = line.strip().startswith("#")
        if is_comment or (is_kept and line.strip()):
            kept.append(line)
    return kept


@settings(max_examples=250)
@given(
    fields=daemons_fields, later=daemons_fields, break_=st.sampled_from(["\n", "\r\n"]), device_id=st.sampled_from(IDS)
)
def test_the_quick_way_writes_what_the_careful_way_writes(fields, later, break_, device_id):
    style = EntryStyle(False, "  ", 2, break_)
    entry = new_entry(device_id, fields, style)
    quick = edit_simple(entry, later, style.indent, break_)
    assert quick is None or quick == edit_carefully(entry, later, style)


@settings(max_examples=250)
@given(
    lines=st.lists(
        st.tuples(
            st.sampled_from(sorted(OWNERS_SPELLINGS)),
            st.text(st.sampled_from("ab1 :,[]{}\"#-&*!|'é"), min_size=1, max_size=9),
        ),
        min_size=1,
        max_size=3,
        unique_by=lambda line: line[0],
    )
)
def test_what_counts_as_simple_reads_line_by_line(lines):
    text = "  a:\n" + "".join(f"    {name}: {value}\n" for name, value in lines)
    if is_simple(text, "  ", "\n"):
        alone = {name: read_text(f"{name}: {value}\n").value[name] for name, value in lines}
        assert read_entry(text, EntryStyle(False, "  ", 2, "\n")).values == alone
