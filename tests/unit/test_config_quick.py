"""The quick way to read config.yaml gives what the careful one gives, or gives up; a reload reads what changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configuration import config_quick
from configuration.config_loader import LoadedConfig, parse_carefully, parse_config
from configuration.config_quick import read_quickly
from configuration.config_rewrite import merge_changes
from configuration.entry_change import EntryChange
from configuration.problem import ConfigRejected
from configuration.yaml_entry import EditRefused
from tests.unit.test_config_text import IDS, changes, documents, hostile_text

PATH = Path("config.yaml")
ENTRY = "  a:\n    name: x\n    online: false\n"
DOUBTFUL = {
    "a line of a longer text": '"devices:\n  a: 1":\n',
    "a line of a text in lines": f"--- |\ndevices:\n{ENTRY}",
    "a line within braces": f"{{\ndevices:\n{ENTRY}}}\n",
    "no line of its own": "server: {}\n? x\n: devices:\n    a: {}\n",
    "an anchor of the head, set anew": f"x: &a {{}}\ndevices:\n{ENTRY}  b: &a {{name: y}}\nlog: *a\n",
    "an alias": "devices:\n  a: &a {name: x}\n  b: *a\n",
    "a merge of an alias": "server: &a {name: x}\ndevices:\n  b: {<<: *a}\n",
    "a key given twice": f"devices:\n{ENTRY}{ENTRY}",
    "a UUID given twice": f"devices:\n  {IDS[0]}: {{}}\n  {IDS[0].upper()}: {{}}\n",
    "a field given twice": f"devices:\n{ENTRY}    name: y\n",
    "devices given twice": f"devices:\n{ENTRY}devices:\n  b: {{}}\n",
    "an explicit key": "devices:\n  ? a\n  : name: x\n",
    "an empty key": "devices:\n  : name: x\n  a: {}\n",
    "braces over two entries": "devices:\n  a: {name: x,\n  role: sink}\n",
    "a text over two entries": 'devices:\n  a:\n    name: "x\n  b: y"\n',
    "a text at the margin": 'devices:\n  a:\n    name: "x\ny"\n',
    "a text in lines that lacks its end": "devices:\n  a:\n    name: |+\n      x",
    "blanks at the end": f"devices:\n{ENTRY}  ",
    "tabs behind": f"devices:\n{ENTRY}\t# c\n",
    "another kind of line": "devices:\n  a: {}\x85  b: {}\n",
    "a directive": f"%TAG !! tag:example.org,2000:\n---\ndevices:\n{ENTRY}  b: {{name: !!str y}}\n",
    "an outdented field": "devices:\n  a:\n    name: x\n online: true\n",
    "a second document": f"devices:\n{ENTRY}---\nx: y\n",
    "a wrong value": "devices:\n  a:\n    port: x\n",
    "a number that is none": "devices:\n  a:\n    port: 0x_\n",
    "a mark within": "devices:\n  \ufeffa: {}\n",
    "a list": "devices:\n  - a\n",
    "no entries": "devices:\nlog: {}\n",
}


def carefully(text: str) -> LoadedConfig | None:
    try:
        return parse_carefully(text.encode(), text, "", PATH)
    except ConfigRejected:
        return None


def assert_same_or_given_up(text: str, edits: list[tuple[str, dict[str, object]]]) -> None:
    quick, careful = read_quickly(text, "", None), carefully(text)
    if quick is None:
        return
    assert careful is not None, "what is invalid was read"
    assert quick.document == careful.document
    assert list(quick.document.devices) == list(careful.document.devices)
    assert quick.devices_text.octets() == careful.devices_text.octets() == text.encode()
    for device_id, fields in edits:
        outcomes = [outcome(one.devices_text, device_id, fields) for one in (quick, careful)]
        assert outcomes[0] == outcomes[1]


def outcome(devices, device_id, fields) -> tuple[object, bytes]:
    try:
        changed: object = devices.set_fields(device_id, fields)
    except EditRefused as refused:
        changed = str(refused)
    return changed, devices.octets()


@pytest.mark.parametrize("text", DOUBTFUL.values(), ids=DOUBTFUL)
def test_what_cannot_be_cut_is_left_to_the_careful_way(text):
    assert read_quickly(text, "", None) is None


@pytest.mark.parametrize("text", DOUBTFUL.values(), ids=DOUBTFUL)
@pytest.mark.parametrize("break_", ["\r\n", "\n\n", "\n# c\n", "\n  # c\n"])
def test_what_cannot_be_cut_is_the_same_with_other_lines(text, break_):
    assert_same_or_given_up(text.replace("\n", break_), [("a", {"online": True}), ("new", {"ip": "::1"})])


@settings(max_examples=250)
@given(document=documents(), edits=changes, ends_with_break=st.booleans())
def test_owners_files_are_read_as_the_careful_way_reads_them(document, edits, ends_with_break):
    head, entries, tail = document
    text = head + "".join(entries.values()) + tail
    assert_same_or_given_up(text if ends_with_break else text.rstrip("\r\n"), edits)


SCRAPS = [
    *"\n \t#:-,{}[]\"'&*!|>%?\ufeff\x85", "\r\n", "  ", "\n  ", "\n    ", "devices:", "  b:\n", " &a ", " *a", "<<: ",
    "---\n", "...\n", "é", "0x_", "null", "name: y", "|+\n", '"', "# c\n",
]  # fmt: skip


@settings(max_examples=500)
@given(
    document=documents(),
    splices=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), st.sampled_from(SCRAPS)), min_size=1, max_size=3),
    edits=changes,
)
def test_damaged_files_are_read_as_the_careful_way_reads_them_or_given_up(document, splices, edits):
    head, entries, tail = document
    text = head + "".join(entries.values()) + tail
    for place, removed, scrap in splices:
        at = int(place * len(text))
        text = text[:at] + scrap + text[at + removed :]
    assert_same_or_given_up(text, edits)


daemons_devices = st.dictionaries(
    st.one_of(st.sampled_from(IDS), hostile_text.filter(bool)),
    st.fixed_dictionaries(
        {"online": st.booleans()},
        optional={
            "user_agent": hostile_text,
            "ip": st.sampled_from(["192.0.2.7", "2001:db8::7"]),
            "formats": st.lists(
                st.fixed_dictionaries({"payload_type": st.integers(0, 127), "codec": hostile_text}), max_size=2
            ),
            "supported_protocols": st.lists(hostile_text, max_size=2),
        },
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=250)
@given(
    start=st.sampled_from(["devices: {}\n", "# c\r\ndevices:\r\n", "", "log: {}\ndevices: {} # c\nroutes: []"]),
    devices=daemons_devices,
)
def test_quick_way_never_gives_up_on_what_the_daemon_wrote(start, devices):
    changes = {device_id: EntryChange(fields, creates=True) for device_id, fields in devices.items()}
    written = merge_changes(parse_config((start or "log: {}").encode(), PATH), changes).config
    text = written.octets.decode()
    quick = read_quickly(text, "", None)
    if written.document.devices:
        assert quick is not None
        assert quick.document == written.document
        assert_same_or_given_up(text, [])


# ---- a reload ----

MANY = "# mine\nserver: {name: Attic}\ndevices:\n" + "".join(
    f"  d{n}:\n    name: n{n}\n    ip: 192.0.2.{n}\n" for n in range(200)
)


@pytest.fixture
def reads(monkeypatch):
    """The entries that were read."""
    found: list[str] = []
    original = config_quick.read_entry_alone

    def read(text, section):
        found.append(text)
        return original(text, section)

    monkeypatch.setattr(config_quick, "read_entry_alone", read)
    return found


@pytest.mark.parametrize("tail", ["", "routes: []\n"])
def test_reload_of_one_changed_entry_reads_exactly_that(reads, tail):
    known = parse_config((MANY + tail).encode(), PATH)
    assert len(reads) == 200
    reads.clear()
    after = parse_config((MANY.replace("name: n77\n", "name: Kitchen # !\n") + tail).encode(), PATH, known)
    assert reads == ["  d77:\n    name: Kitchen # !\n    ip: 192.0.2.77\n"]
    assert [key for key, entry in after.document.devices.items() if entry is not known.document.devices[key]] == ["d77"]


def test_reload_after_a_write_of_the_daemon_reads_only_what_the_owner_changed(reads):
    known = parse_config(MANY.encode(), PATH)
    written = merge_changes(known, {"d5": EntryChange({"online": True}), "new": EntryChange({}, creates=True)}).config
    reads.clear()
    parse_config(written.octets.replace(b"name: n9\n", b"name: Kitchen\n"), PATH, written)
    assert reads == ["  d9:\n    name: Kitchen\n    ip: 192.0.2.9\n"]


def test_moved_and_deleted_entries_are_taken_over_or_gone(reads):
    known = parse_config(MANY.encode(), PATH)
    lines = MANY.splitlines(keepends=True)
    moved = "".join(lines[:3] + lines[9:] + lines[3:6])
    reads.clear()
    after = parse_config(moved.encode(), PATH, known)
    assert reads == []
    assert list(after.document.devices) == [f"d{n}" for n in (*range(2, 200), 0)]
    assert after.devices_text.octets() == moved.encode()


def test_entry_in_the_same_words_is_read_anew_when_an_anchor_elsewhere_gave_it_its_meaning():
    text = "server: &a {name: x}\ndevices:\n  b: {<<: *a}\n  c: {name: z}\n"
    known = parse_config(text.encode(), PATH)
    after = parse_config(text.replace("name: x", "name: y").encode(), PATH, known)
    assert after.document.devices["b"].name == "y"


@settings(max_examples=250)
@given(before=documents(), after=documents(), kept=st.sets(st.sampled_from(IDS)))
def test_reload_gives_what_a_fresh_start_gives(before, after, kept):
    first = "".join([before[0], *before[1].values(), before[2]])
    entries = {key: before[1].get(key, text) if key in kept else text for key, text in after[1].items()}
    second = "".join([after[0], *entries.values(), after[2]])
    if (careful := carefully(second)) is None or carefully(first) is None:
        return
    known = parse_config(first.encode(), PATH)
    reloaded = parse_config(second.encode(), PATH, known)
    assert reloaded.document == careful.document
    assert reloaded.octets == reloaded.devices_text.octets() == second.encode()


def test_owners_file_with_comments_braces_and_blank_lines_is_read_quickly():
    entries = f"  # one\n{ENTRY}\n  'b': {{name: x}} # two\n  c:\n\n"
    text = f"server: {{name: 'A'}}\n\ndevices: # all\n{entries}# end\nlog: {{}}\n"
    quick = read_quickly(text, "", None)
    assert quick is not None
    assert list(quick.document.devices) == ["a", "b", "c"]
    assert_same_or_given_up(text, [("c", {"online": True}), ("b", {"ip": "::1"}), ("d", {"ip": "::1"})])
