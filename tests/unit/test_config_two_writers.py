"""Property: however the owner's and the daemon's edits interleave, neither loses what is theirs."""

from __future__ import annotations

import asyncio
import re
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from configuration.config_loader import load_config
from configuration.config_store import ConfigStore, StoreTiming
from configuration.entry_change import Sighting, offline_change, registration_change
from domain.values import Capabilities, Role

NOON = datetime(2025, 1, 31, 12, tzinfo=UTC)
DEVICES = ("d0", "d1", "d2")
START = """\
# the owner's first line
server: {name: 'Attic'}   # quoted
devices:
  d0: # the first
    name: "Start"

    ip: 192.0.2.250
  # between
  d1: {name: Flow, enabled: no}  # in braces
  zz:
    name: nobody touches this
# the owner's last line
"""


@dataclass
class Expected:
    """What must be in the file at the end."""

    owners: dict[str, dict[str, object]] = field(
        default_factory=lambda: {"d0": {"name": "Start"}, "d1": {"name": "Flow"}}
    )
    daemons: dict[str, dict[str, object]] = field(default_factory=lambda: {"d0": {"ip": "192.0.2.250"}, "d1": {}})
    setting: str = "Attic"
    comments: list[str] = field(default_factory=list)


class Owner:
    """Edits the text as a person does: reads it, changes a piece, saves it by one of two ways."""

    def __init__(self, path: Path, expected: Expected) -> None:
        self.path, self.expected = path, expected

    def save(self, text: str, *, renames: bool) -> None:
        if renames:
            new = self.path.with_name("4913")
            new.write_text(text)
            new.rename(self.path)
        else:
            self.path.write_text(text)

    def edit(self, kind: str, device: str, number: int, *, renames: bool) -> None:
        text = self.path.read_text()
        match kind:
            case "name":
                text = self.rename_device(text, device, f"Name{number}")
            case "ip":
                text = self.change_ip(text, device, number)
            case "delete":
                text = self.delete(text, device)
            case "add":
                text = self.add(text, device, f"Added{number}")
            case "comment":
                text = self.comment(text, number)
            case "setting":
                text = self.set_name(text, number)
        self.save(text, renames=renames)

    def rename_device(self, text: str, device: str, name: str) -> str:
        if device in self.expected.owners and (found := self.entry(text, device)):
            self.expected.owners[device]["name"] = name
            return text.replace(found, re.sub(r"name: [^,}\n]*", f"name: {name}", found))
        return text

    def change_ip(self, text: str, device: str, number: int) -> str:
        """A field of the daemon's: it comes back."""
        if device in self.expected.owners and (found := self.entry(text, device)):
            return text.replace(found, re.sub(r"\bip: [0-9.]+", f"ip: 198.51.100.{number}", found))
        return text

    def delete(self, text: str, device: str) -> str:
        if device in self.expected.owners and (found := self.entry(text, device)):
            del self.expected.owners[device], self.expected.daemons[device]
            return text.replace(found, "")
        return text

    def add(self, text: str, device: str, name: str) -> str:
        if device not in self.expected.owners and self.entry(text, device) is None:
            self.expected.owners[device], self.expected.daemons[device] = {"name": name}, {}
            return text.replace("devices:\n", f"devices:\n  {device}:\n    name: {name}\n")
        return text

    def comment(self, text: str, number: int) -> str:
        line = f"# note {number}.{len(self.expected.comments)}\n"
        self.expected.comments.append(line)
        return line + text

    def set_name(self, text: str, number: int) -> str:
        self.expected.setting = f"Router {number}"
        return re.sub(r"server: .*", f"server: {{name: {self.expected.setting}}}   # quoted", text)

    @staticmethod
    def entry(text: str, device: str) -> str | None:
        """The entry's lines, those of its fields included."""
        found = re.search(rf"^  {device}:.*\n((    .*)?\n)*", text, re.MULTILINE)
        return found.group() if found else None


STEP = st.tuples(
    st.sampled_from(["register", "offline", "write", "name", "ip", "delete", "add", "comment", "setting"]),
    st.sampled_from(DEVICES),
    st.integers(1, 200),
    st.booleans(),
)


class Daemon:
    """Has its changes gathered; they are written by ``store.sync``."""

    def __init__(self, store: ConfigStore, expected: Expected) -> None:
        self.store, self.expected = store, expected

    def register(self, device: str, number: int) -> None:
        ip = f"192.0.2.{number}"
        sighting = Sighting(f"sip:{device}@{ip}", ip, 5060, NOON)
        self.store.submit(device, registration_change(device, sighting, Role.UNKNOWN, Capabilities()))
        # An entry whose deletion has not been taken in is deleted after all, whatever registered meanwhile.
        if device in self.expected.owners or device not in self.store.document.devices:
            self.expected.owners.setdefault(device, {})
            self.expected.daemons.setdefault(device, {}).update(ip=ip, port=5060, online=True)

    def lose(self, device: str) -> None:
        self.store.submit(device, offline_change(None))
        if device in self.expected.owners:
            self.expected.daemons[device].update(online=False)


async def play(path: Path, steps: list[tuple[str, str, int, bool]]) -> Expected:
    """Edits and changes are on their way together until "write", or until the owner makes or deletes an entry."""
    expected = Expected()
    owner = Owner(path, expected)
    store = ConfigStore(load_config(path), StoreTiming(gather_s=3600, quiet_s=0))
    daemon = Daemon(store, expected)
    await store.start()
    for kind, device, number, renames in steps:
        if kind in ("write", "delete", "add"):
            await store.sync()
        if kind == "register":
            daemon.register(device, number)
        elif kind == "offline":
            daemon.lose(device)
        elif kind != "write":
            owner.edit(kind, device, number, renames=renames)
    await store.sync()
    await store.stop()
    return expected


@settings(max_examples=100, deadline=None)
@given(st.lists(STEP, max_size=25))
@example([("register", "d0", 5, False), ("ip", "d0", 9, False)])
@example([("register", "d2", 5, False), ("delete", "d2", 1, True), ("register", "d2", 6, False)])
def test_no_interleaving_of_both_writers_edits_loses_a_word_of_either(steps):
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "config.yaml"
        path.write_text(START)
        expected = asyncio.run(play(path, steps))
        text = path.read_text()
        document = yaml.safe_load(text)
        assert load_config(path).document.server.name == expected.setting
    assert set(document["devices"]) == {"zz", *expected.owners}
    for device, owners in expected.owners.items():
        entry = document["devices"][device]
        for name, value in {**owners, **expected.daemons[device]}.items():
            assert entry.get(name) == value, (device, name)
    # Outside the entries that changed not a byte differs.
    assert text.startswith("".join(reversed(expected.comments)) + "# the owner's first line\n")
    assert text.endswith("\n# the owner's last line\n")
    assert "  zz:\n    name: nobody touches this\n" in text
    if not any(kind in ("register", "offline", "name", "ip", "delete") for kind, *_ in steps):
        added = {"d2"} & set(expected.owners)
        assert len(text.splitlines()) == len(START.splitlines()) + len(expected.comments) + 2 * len(added)
