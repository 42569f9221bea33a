"""Property: however the owner's and the daemon's edits interleave, neither loses what is theirs, to the byte.

The owner edits by the marks that PyYAML gives, so every way of writing an entry is edited the same. Each write of the
daemon is compared with the file as it was: without the values that had to change and the fields that were added, both
must be the same text.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from configuration.config_loader import load_config
from configuration.config_store import ConfigStore, StoreTiming
from configuration.entry_change import MASTERS, Master, Sighting, offline_change, registration_change
from domain.values import AudioFormat, Capabilities, ProtocolType, Role
from tests.kit.yaml_marks import EntryMarks, YamlMarks, without_changes

NOON = datetime(2025, 1, 31, 12, tzinfo=UTC)
DEVICES = ("d0", "d1", "d2", "d3")
RTP = Capabilities(Role.SINK, ProtocolType.RTP, (AudioFormat(96, "L16", 48000, 2),), 4010, ("rtp",), "dev/1")
STARTS = {
    "lines": """\
# the owner's first line
server: {name: 'Attic'}   # quoted
devices:
  d0: # the first
    name: "Start"   # in quotes

    ip: 192.0.2.250
    # inside
    formats: # in lines
      - payload_type: 0
        codec: PCMU # law
    port:   7  # a gap
  # between
  d1: {name: Flow, enabled: no, ip: '192.0.2.1' , }  # in braces
  'zz':

    name: nobody touches this
# the owner's last line
""",
    "anchors": """\
server: &s {name: Attic}
devices:
  zz: &base {role: sink, rtp_port: 4010}
  d0:
    name: &n 'Start'
    ip: &here 192.0.2.250 # unused
    <<: *base
  d1: *base
  "d3": {<<: *base, name: *n}
routes: []
""",
    "gaps": """\
devices:

    # first comment
    zz:
          name: |
              in lines
    "d0": {}   # empty
    d1:
    d3: ~
  # odd

log: {level: info} # the end
server: {name: Attic}
""",
    "braces": """\
server: {name: Attic}
devices: {d0: {name: "Start", ip: 192.0.2.250}, # one
   'd1': {},
   zz: {name: nobody touches this}  }
routes: [
]
""",
    "like ours": """\
server: {name: Attic}
devices:
  zz:
    name: zz
    online: false
  d0:
    name: Start
    role: sink
    enabled: true
    user_agent: "old 1"
    ip: 192.0.2.250
    port: 5062
    online: true
    last_seen: 2024-01-31T12:00:00Z
""",
    "none": "server: {name: Attic}\ndevices: {zz: {}} # mine\n",
}
SHAPES = {
    "as it is": lambda text: text,
    "windows lines": lambda text: text.replace("\n", "\r\n"),
    "no final break": lambda text: text.rstrip("\n"),
    "a mark": lambda text: "\ufeff" + text,
    "all": lambda text: "\ufeff" + text.rstrip("\n").replace("\n", "\r\n"),
}


def read(path: Path) -> str:
    return path.read_bytes().decode()


@dataclass
class Expected:
    """What must be in the file at the end."""

    owners: dict[str, dict[str, object]] = field(default_factory=dict)
    daemons: dict[str, dict[str, object]] = field(default_factory=dict)
    setting: str = "Attic"

    @classmethod
    def of(cls, text: str) -> Expected:
        expected = cls()
        for device, values in YamlMarks(text).values().items():
            for words, master in ((expected.owners, Master.OWNER), (expected.daemons, Master.DAEMON)):
                words[device] = {name: value for name, value in values.items() if MASTERS[name] is master}
        return expected


class Owner:
    """Edits the text as a person does: reads it, changes a piece, saves it by one of two ways."""

    def __init__(self, path: Path, expected: Expected) -> None:
        self.path, self.expected = path, expected
        self.comments = 0

    def edit(self, kind: str, device: str, number: int, *, renames: bool) -> None:
        text = read(self.path)
        marks = YamlMarks(text)
        whole = marks.text
        entry = marks.entries.get(device)
        match kind:
            case "name" if entry is not None and "name" in entry.fields and not entry.fields["name"].is_shared:
                self.expected.owners[device]["name"] = f"Name{number}"
                text = marks.with_value(entry.fields["name"], f"Name{number}")
            case "ip" if entry is not None and "ip" in entry.fields and not entry.fields["ip"].is_shared:
                text = marks.with_value(entry.fields["ip"], f"198.51.100.{number}")  # it comes back
            case "delete" if entry is not None and marks.is_block and len(marks.entries) > 1 and not entry.has_anchor:
                del self.expected.owners[device], self.expected.daemons[device]
                text = marks.mark + whole[: entry.line_start] + whole[entry.line_end :]
            case "add" if entry is None and marks.is_block:
                self.expected.owners[device], self.expected.daemons[device] = {"name": f"Added{number}"}, {}
                at = marks.entries["zz"].line_start
                line = marks.indent + f"{device}: {{ name: Added{number} }}" + marks.newline
                text = marks.mark + whole[:at] + line + whole[at:]
            case "comment":
                self.comments += 1
                text = f"{marks.mark}# note {number}.{self.comments}{marks.newline}{whole}"
            case "setting":
                self.expected.setting = f"Router {number}"
                text = marks.with_value(marks.server_name, f"Router {number}")
        self.save(text, renames=renames)

    def save(self, text: str, *, renames: bool) -> None:
        target = self.path.with_name("4913") if renames else self.path
        target.write_bytes(text.encode())
        if renames:
            target.rename(self.path)


STEP = st.tuples(
    st.sampled_from(["register", "media", "offline", "write", "name", "ip", "delete", "add", "comment", "setting"]),
    st.sampled_from(DEVICES),
    st.integers(1, 200),
    st.booleans(),
)


class Daemon:
    """Has its changes gathered; they are written by ``write``, which holds each write to what it may touch."""

    def __init__(self, path: Path, store: ConfigStore, expected: Expected) -> None:
        self.path, self.store, self.expected = path, store, expected

    def register(self, device: str, number: int, capabilities: Capabilities) -> None:
        ip = f"192.0.2.{number}"
        sighting = Sighting(f"sip:{device}@{ip}", ip, 5060, NOON)
        change = registration_change(device, sighting, capabilities.role, capabilities)
        self.store.submit(device, change)
        # An entry whose deletion has not been taken in is deleted after all, whatever registered meanwhile.
        if device in self.expected.owners or device not in self.store.document.devices:
            self.expected.owners.setdefault(device, {})
            self.expected.daemons.setdefault(device, {}).update(change.fields)

    def lose(self, device: str) -> None:
        self.store.submit(device, offline_change(None))
        if device in self.expected.owners:
            self.expected.daemons[device].update(online=False)

    async def write(self) -> None:
        before = read(self.path)
        with capture_logs() as logs:
            await self.store.sync()
        assert [log for log in logs if log["event"] == "config.change_refused"] == []
        assert_only_the_daemons_part_changed(before, read(self.path))


def assert_only_the_daemons_part_changed(before: str, after: str) -> None:
    assert before.endswith("\n") == after.endswith("\n")
    if not before.endswith("\n"):  # an added line begins with the break that the last one lacks, and has none itself
        break_ = "\r\n" if "\r\n" in before else "\n"
        before, after = before + break_, after + break_
    old, new = YamlMarks(before), YamlMarks(after)
    assert [key for key in new.entries if key in old.entries] == list(old.entries), "entries went or changed places"
    for device, entry in new.entries.items():
        if device in old.entries:
            assert_owners_words_stand(old.entries[device], entry)
    assert without_changes(old, new) == without_changes(new, old)


def assert_owners_words_stand(old: EntryMarks, new: EntryMarks) -> None:
    assert [name for name in new.fields if name in old.fields] == list(old.fields)
    for name, value in old.fields.items():
        changed = new.fields[name]
        if changed.raw == value.raw:
            continue
        assert changed.value != value.value, f"{name} is spelt anew"
        may_fill = MASTERS.get(name) is Master.OWNER and value.value in (None, "unknown")
        assert MASTERS.get(name) is Master.DAEMON or may_fill, f"{name} is the owner's"
        assert changed.anchor == value.anchor
        if value.quote is not None and isinstance(changed.value, str):
            assert changed.quote == value.quote


async def play(path: Path, steps: list[tuple[str, str, int, bool]]) -> Expected:
    """Edits and changes are on their way together until "write", or until the owner makes or deletes an entry."""
    expected = Expected.of(read(path))
    owner = Owner(path, expected)
    store = ConfigStore(load_config(path), StoreTiming(gather_s=3600, quiet_s=0))
    daemon = Daemon(path, store, expected)
    await store.start()
    try:
        for kind, device, number, renames in steps:
            if kind in ("write", "delete", "add"):
                await daemon.write()
            if kind in ("register", "media"):
                daemon.register(device, number, RTP if kind == "media" else Capabilities())
            elif kind == "offline":
                daemon.lose(device)
            elif kind != "write":
                owner.edit(kind, device, number, renames=renames)
        await daemon.write()
    finally:
        await store.stop()
    return expected


def assert_neither_lost_a_word(start: str, steps: list[tuple[str, str, int, bool]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "config.yaml"
        path.write_bytes(start.encode())
        expected = asyncio.run(play(path, steps))
        assert load_config(path).document.server.name == expected.setting
        text = read(path)
    values = YamlMarks(text).values()
    assert set(values) == set(expected.owners)
    for device, owners in expected.owners.items():
        for name, value in {**owners, **expected.daemons[device]}.items():
            is_open = name in ("name", "role") and value in (None, "unknown")
            assert is_open or values[device].get(name) == value, (device, name)
    if not any(
        kind in ("register", "media", "offline", "name", "ip", "delete", "add", "comment", "setting")
        for kind, *_ in steps
    ):
        assert text == start


@settings(max_examples=200)
@given(start=st.sampled_from(sorted(STARTS)), shape=st.sampled_from(sorted(SHAPES)), steps=st.lists(STEP, max_size=20))
@example("lines", "as it is", [("register", "d0", 5, False), ("ip", "d0", 9, False)])
@example("lines", "as it is", [("register", "d2", 5, False), ("delete", "d2", 1, True), ("register", "d2", 6, False)])
def test_no_interleaving_of_both_writers_edits_loses_a_word_of_either(start, shape, steps):
    assert_neither_lost_a_word(SHAPES[shape](STARTS[start]), steps)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("start", STARTS)
def test_every_kind_of_entry_takes_every_change(start, shape):
    for kind in ("register", "media", "offline"):
        steps = [(kind, device, 7, False) for device in DEVICES]
        assert_neither_lost_a_word(SHAPES[shape](STARTS[start]), [*steps, ("write", "d0", 1, False), *steps])
