"""Two writers, one file: the daemon's changes are gathered and merged into what the owner wrote."""

from __future__ import annotations

import asyncio
import errno
import os
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from configuration import atomic_file, config_rewrite, config_store
from configuration.atomic_file import FileIdentity, replace_content
from configuration.config_document import DeviceEntry
from configuration.config_loader import load_config
from configuration.config_store import ConfigStore, StoreTiming
from configuration.entry_change import EntryChange, Sighting, fields_to_set, offline_change, registration_change
from configuration.file_exchange import exchange
from domain.values import AudioFormat, Capabilities, ProtocolType, Role

UUID = "abcdef00-0000-4000-8000-000000000001"
NOON = datetime(2025, 1, 31, 12, tzinfo=UTC)
SIGHTING = Sighting(f"sip:{UUID}@192.0.2.1:5062", "192.0.2.1", 5062, NOON)
SINK = Capabilities(Role.SINK, ProtocolType.RTP, (AudioFormat(96, "L16", 48000, 2),), 4010, ("rtp", "webrtc"), "dev/1")
NEW_ENTRY = f"""\
devices:
  {UUID}:
    name: sink_abcdef00
    role: sink
    enabled: true
    uuid: {UUID}
    user_agent: dev/1
    protocol_type: rtp
    sip_contact_uri: "sip:{UUID}@192.0.2.1:5062"
    ip: 192.0.2.1
    port: 5062
    online: true
    last_seen: 2025-01-31T12:00:00Z
    formats: [{{payload_type: 96, codec: L16, rate: 48000, channels: 2}}]
    rtp_port: 4010
    supported_protocols: [rtp, webrtc]
"""
AT_ONCE = StoreTiming(gather_s=0, retry_s=0, quiet_s=0)


def registered(capabilities: Capabilities = SINK) -> EntryChange:
    return registration_change(UUID, SIGHTING, capabilities.role, capabilities)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text("devices: {}\n")
    return path


@pytest.fixture
async def store(path):
    store = ConfigStore(load_config(path), AT_ONCE)
    await store.start()
    yield store
    await store.stop()


@pytest.fixture
async def attempt(monkeypatch):
    """Set when the writer has tried once."""
    tried, loop = asyncio.Event(), asyncio.get_running_loop()

    def rewrite(*arguments: Any) -> Any:
        try:
            return config_rewrite.rewrite_file(*arguments)
        finally:
            loop.call_soon_threadsafe(tried.set)

    monkeypatch.setattr(config_store, "rewrite_file", rewrite)
    return tried


# ---- what a change may set ----


def set_by(entry: DeviceEntry | None, change: EntryChange, device_id: str = UUID) -> dict[str, Any] | None:
    return fields_to_set(device_id, entry, change)


def test_device_that_goes_offline_gets_no_entry_of_its_own():
    assert set_by(None, offline_change(NOON)) is None


def test_owners_fields_are_never_overwritten():
    entry = DeviceEntry(name="Kitchen", role=Role.SOURCE, enabled=False)
    assert not {"name", "role", "enabled"} & set(set_by(entry, registered()) or {})


def test_role_is_filled_where_the_owner_left_it_open():
    assert (set_by(DeviceEntry(name="x", role=Role.UNKNOWN), registered()) or {})["role"] == "sink"
    assert (set_by(DeviceEntry(name="x"), registered()) or {})["role"] == "sink"


def test_name_that_the_daemon_gave_to_an_unknown_device_follows_its_role():
    fields = set_by(DeviceEntry(name="unknown_abcdef00", role=Role.UNKNOWN), registered())
    assert (fields or {})["name"] == "sink_abcdef00"


def test_name_of_an_entry_written_in_advance_follows_the_owners_role():
    assert (set_by(DeviceEntry(role=Role.PHONE), registered()) or {})["name"] == "phone_abcdef00"


def test_device_known_by_its_address_is_named_after_its_user_and_has_no_uuid():
    change = registration_change("sip:anna@example.org", SIGHTING, Role.UNKNOWN, Capabilities())
    fields = set_by(None, change, "sip:anna@example.org") or {}
    assert (fields["name"], "uuid" in fields) == ("anna", False)


def test_registration_without_a_body_erases_no_capability():
    entry = DeviceEntry.model_validate({"name": "x", "role": "sink", "protocol_type": "rtp", "rtp_port": 4010})
    fields = set_by(entry, registered(Capabilities())) or {}
    assert not {"protocol_type", "formats", "rtp_port", "supported_protocols", "user_agent"} & set(fields)


def test_body_that_tells_another_media_replaces_all_that_was_known():
    entry = DeviceEntry.model_validate({"name": "x", "role": "sink", "rtp_port": 4010, "supported_protocols": ["rtp"]})
    told = Capabilities(Role.SINK, ProtocolType.WEBRTC, (AudioFormat(111, "opus", None, None),))
    fields = set_by(entry, registered(told)) or {}
    assert (fields["rtp_port"], fields["supported_protocols"]) == (None, [])
    assert fields["formats"] == [{"payload_type": 111, "codec": "opus", "rate": None, "channels": None}]


def test_body_that_comes_before_the_write_of_a_registration_without_one_counts():
    fields = set_by(None, registered(Capabilities()).followed_by(registered())) or {}
    assert fields["protocol_type"] == "rtp"
    assert set_by(None, registered().followed_by(registered(Capabilities()))) == fields


def test_half_a_character_in_a_peers_text_cannot_stop_the_write(path):
    config = load_config(path)
    change = registered(Capabilities(user_agent="x\ud800y"))
    merged = config_rewrite.merge_changes(config, {UUID: change})
    assert merged.refused == {}
    assert merged.config.document.devices[UUID].user_agent == "x?y"


def test_change_that_breaks_the_schema_is_refused_alone(path):
    bad = EntryChange({"port": 99999}, creates=True)
    merged = config_rewrite.merge_changes(load_config(path), {"bad": bad, UUID: registered()})
    assert list(merged.refused) == ["bad"]
    assert list(merged.config.document.devices) == [UUID]


# ---- the store ----


async def test_new_device_is_written_as_the_reference_says(store, path):
    store.submit(UUID, registered())
    await store.wait_written()
    assert path.read_text() == NEW_ENTRY
    assert load_config(path).document == store.document


async def test_changes_of_one_moment_are_one_write(path, monkeypatch):
    writes = []

    def count(*arguments: Any) -> None:
        writes.append(1)
        replace_content(*arguments)

    monkeypatch.setattr(config_rewrite, "replace_content", count)
    store = ConfigStore(load_config(path), StoreTiming(gather_s=0.05))
    await store.start()
    for number in range(100):
        store.submit(
            f"sip:{number}@example.org", registration_change(f"sip:{number}@example.org", SIGHTING, Role.SINK, SINK)
        )
        store.submit(f"sip:{number}@example.org", offline_change(NOON))
    await store.wait_written()
    await store.stop()
    assert len(writes) == 1
    devices = load_config(path).document.devices
    assert len(devices) == 100
    assert not any(entry.online for entry in devices.values())


async def test_change_that_changes_nothing_writes_nothing(store, path):
    store.submit(UUID, registered())
    await store.wait_written()
    before = path.stat()
    store.submit(UUID, registered())
    await store.wait_written()
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


async def test_owners_edit_that_comes_meanwhile_is_kept(store, path):
    store.submit(UUID, registered())
    await store.wait_written()
    path.write_text("# my notes\n" + path.read_text().replace("name: sink_abcdef00", "name: 'Kitchen' # new"))
    store.submit(UUID, offline_change(NOON.replace(hour=13)))
    await store.wait_written()
    text = path.read_text()
    assert text.startswith("# my notes\ndevices:\n")
    assert "    name: 'Kitchen' # new\n" in text
    assert "    online: false\n    last_seen: 2025-01-31T13:00:00Z\n" in text
    assert store.document.devices[UUID].name == "Kitchen"


async def test_entry_that_the_owner_deleted_comes_back_only_with_a_registration(store, path):
    store.submit(UUID, registered())
    await store.wait_written()
    path.write_text("devices: {}\n")
    store.submit(UUID, offline_change(NOON))
    await store.wait_written()
    assert path.read_text() == "devices: {}\n"
    store.submit(UUID, registered())
    await store.wait_written()
    assert path.read_text() == NEW_ENTRY


async def test_edit_between_reading_and_renaming_is_merged(store, path, monkeypatch):
    edits = ["# typed at the worst moment\ndevices: {}\n"]

    def replace_after_an_edit(*arguments: Any) -> None:
        if edits:
            path.write_text(edits.pop())
        replace_content(*arguments)

    monkeypatch.setattr(config_rewrite, "replace_content", replace_after_an_edit)
    store.submit(UUID, registered())
    await store.wait_written()
    assert path.read_text() == "# typed at the worst moment\n" + NEW_ENTRY


async def test_file_that_is_invalid_for_a_moment_is_left_alone_and_the_change_waits(store, path, attempt):
    path.write_text("devices: {half")
    with capture_logs() as logs:
        store.submit(UUID, registered())
        await attempt.wait()
        assert path.read_text() == "devices: {half"
        path.write_text("devices: {}\n")
        await store.wait_written()
    assert path.read_text() == NEW_ENTRY
    assert [log for log in logs if log["log_level"] != "debug"] == []  # the watcher tells it if the file stays so


async def test_deleted_file_is_not_made_anew(store, path, attempt):
    path.unlink()
    with capture_logs() as logs:
        store.submit(UUID, registered())
        await attempt.wait()
        assert not path.exists()
        path.write_text("devices: {}\n")
        await store.wait_written()
    assert "there is no such file" in logs[0]["reason"]


async def test_failing_write_warns_once_loses_nothing_and_says_when_it_is_over(store, path, monkeypatch):
    failures = [OSError(errno.ENOSPC, "No space left on device")] * 3

    def replace_or_fail(*arguments: Any) -> None:
        if failures:
            raise failures.pop()
        replace_content(*arguments)

    monkeypatch.setattr(config_rewrite, "replace_content", replace_or_fail)
    with capture_logs() as logs:
        store.submit(UUID, registered())
        await store.wait_written()
    assert path.read_text() == NEW_ENTRY
    assert [log["event"] for log in logs] == ["config.write_failed", "config.write_recovered", "config.written"]


async def test_write_that_fails_unforeseen_is_told_once_and_tried_again_with_nothing_lost(store, path, monkeypatch):
    surprises = [IndexError("odd")] * 3

    def replace_or_crash(*arguments: Any) -> None:
        if surprises:
            raise surprises.pop()
        replace_content(*arguments)

    monkeypatch.setattr(config_rewrite, "replace_content", replace_or_crash)
    with capture_logs() as logs:
        store.submit(UUID, registered())
        await asyncio.wait_for(store.wait_written(), 5)
    assert path.read_text() == NEW_ENTRY
    assert [log["event"] for log in logs] == ["config.write_crashed", "config.written"]


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EACCES, "Permission denied; make {} writable for the daemon's user"),
        (errno.EROFS, "Read-only file system; make {} writable for the daemon's user"),
        (errno.ENOSPC, "No space left on device; make room on the file system of {}"),
        (errno.EIO, "Input/output error"),
    ],
)
async def test_directory_that_cannot_be_written_is_told_once_with_the_remedy(store, path, monkeypatch, number, remedy):
    tries = []

    def fail_at_first(*arguments: Any, **named: Any) -> tuple[int, str]:
        tries.append(1)
        if len(tries) <= 3:
            raise OSError(number, os.strerror(number), f"{path.parent}/.config.yaml.random{len(tries)}")
        return mkstemp(*arguments, **named)

    mkstemp = tempfile.mkstemp
    monkeypatch.setattr(tempfile, "mkstemp", fail_at_first)
    with capture_logs() as logs:
        store.submit(UUID, registered())
        await store.wait_written()
    told = [log["reason"] for log in logs if log["event"] == "config.write_failed"]
    assert told == [remedy.format(path.parent)]
    assert path.read_text() == NEW_ENTRY


async def test_change_during_a_failed_write_wins_over_the_older_one(store, path, monkeypatch):
    tries = []

    def fail_once(*arguments: Any) -> None:
        tries.append(1)
        if len(tries) == 1:
            loop_thread.submit(UUID, offline_change(NOON.replace(hour=14)))
            raise OSError(errno.EROFS, "Read-only file system")
        replace_content(*arguments)

    loop_thread = store
    monkeypatch.setattr(config_rewrite, "replace_content", fail_once)
    store.submit(UUID, registered())
    await store.wait_written()
    entry = load_config(path).document.devices[UUID]
    assert (entry.online, entry.last_seen) == (False, NOON.replace(hour=14))


async def test_stop_writes_what_is_pending(path):
    store = ConfigStore(load_config(path), StoreTiming(gather_s=3600))
    await store.start()
    store.submit(UUID, registered())
    await store.stop()
    await store.stop()
    assert path.read_text() == NEW_ENTRY


async def test_stop_ends_when_the_file_cannot_be_written_and_says_what_is_lost(path, monkeypatch):
    def fail(*_: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(config_rewrite, "replace_content", fail)
    store = ConfigStore(load_config(path))
    await store.start()
    store.submit(UUID, registered())
    with capture_logs() as logs:
        await store.stop()
    assert [log["event"] for log in logs][-1] == "config.changes_lost"


async def test_stop_gives_a_hung_disk_up_and_leaves_its_thread_behind(path, monkeypatch):
    is_hung, goes_on = threading.Event(), threading.Event()
    before = set(threading.enumerate())  # of other stores in this process

    def hang(*_: Any) -> None:
        is_hung.set()
        goes_on.wait()

    monkeypatch.setattr(config_rewrite, "replace_content", hang)
    store = ConfigStore(load_config(path), StoreTiming(gather_s=0, stop_s=0.05))
    await store.start()
    store.submit(UUID, registered())
    await asyncio.to_thread(is_hung.wait)
    with capture_logs() as logs:
        await asyncio.wait_for(store.stop(), 5)
    hung = [one for one in threading.enumerate() if one.name == "config-writer" and one not in before]
    goes_on.set()
    assert [(log["event"], log["devices"]) for log in logs] == [("config.stop_given_up", 1)]
    assert [one.daemon for one in hung] == [True], "the process waits for the thread"
    for one in hung:
        one.join(5)


async def test_entry_is_found_with_the_changes_on_their_way(path):
    store = ConfigStore(load_config(path))
    store.submit(UUID, registered())
    assert store.document.devices == {}
    found = store.find_entry(UUID)
    assert found is not None
    assert (found.name, found.online) == ("sink_abcdef00", True)
    assert store.find_entry("other") is None


async def test_save_by_rename_between_the_last_look_and_the_exchange_of_names_is_merged(store, path, monkeypatch):
    saves = ["# typed at the worst moment\ndevices: {}\n"]

    def exchange_after_a_save(*names: Path) -> None:
        if saves:
            saved = path.with_name("saved")
            saved.write_text(saves.pop())
            saved.rename(path)
        exchange(*names)

    monkeypatch.setattr(atomic_file, "exchange", exchange_after_a_save)
    store.submit(UUID, registered())
    await store.wait_written()
    assert path.read_text() == "# typed at the worst moment\n" + NEW_ENTRY
    assert [one.name for one in path.parent.iterdir()] == ["config.yaml"]


def test_save_of_equal_size_in_the_same_tick_of_the_clock_is_read(path, monkeypatch):
    """What was read first is not what the file holds when it is quiet, though nothing but its content tells."""
    known, tick = load_config(path), path.stat()
    contents = [b"devices: {a: }\n", b"devices: {b: }\n"]

    def save(_: float) -> None:
        if contents:
            path.write_bytes(contents.pop(0))
            os.utime(path, ns=(tick.st_atime_ns, tick.st_mtime_ns))

    def identity(path: Path) -> FileIdentity:
        return FileIdentity(tick.st_ino, path.stat().st_size, tick.st_mtime_ns, tick.st_ctime_ns)

    save(0)
    monkeypatch.setattr(config_rewrite, "identity_of", identity)
    monkeypatch.setattr("configuration.config_rewrite.time.sleep", save)
    assert list(config_rewrite.rewrite_file(known, {}).config.document.devices) == ["b"]
