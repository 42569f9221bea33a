"""A full config.yaml: the daemon never writes what it could not read again, whatever registers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from configuration import config_loader, config_rewrite, config_store
from configuration.config_loader import load_config
from configuration.config_store import ConfigStore, StoreTiming
from configuration.entry_change import EntryChange, Sighting, offline_change, registration_change
from domain.values import Capabilities, Role

NOON = datetime(2025, 1, 31, 12, tzinfo=UTC)
MOST_OCTETS = 12_000
FULL_OCTETS = 9_000


def registered(device_id: str, user_agent: str = "dev/1") -> EntryChange:
    sighting = Sighting(f"sip:{device_id}@192.0.2.1:5062", "192.0.2.1", 5062, NOON)
    return registration_change(device_id, sighting, Role.SINK, Capabilities(Role.SINK, user_agent=user_agent))


@pytest.fixture(autouse=True)
def small_files(monkeypatch):
    """What 32 MB are to the daemon, here in little."""
    monkeypatch.setattr(config_loader, "MAX_FILE_OCTETS", MOST_OCTETS)
    monkeypatch.setattr(config_rewrite, "MAX_FILE_OCTETS", MOST_OCTETS)
    monkeypatch.setattr(config_rewrite, "FULL_FILE_OCTETS", FULL_OCTETS)
    monkeypatch.setattr(config_store, "FULL_FILE_OCTETS", FULL_OCTETS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


@pytest.fixture
async def store(path):
    path.write_text("devices: {}\n")
    store = ConfigStore(load_config(path), StoreTiming(gather_s=0, retry_s=0, quiet_s=0))
    await store.start()
    yield store
    await store.stop()


async def submit(store: ConfigStore, changes: dict[str, EntryChange]) -> list[str]:
    with capture_logs() as logs:
        for device_id, change in changes.items():
            store.submit(device_id, change)
        await store.wait_written()
    return [log["event"] for log in logs if log["log_level"] != "debug"]


@pytest.mark.parametrize("start", ["devices: {}\n", "devices: {a: {}}", "{devices: {}}", "", "# é\ndevices:\n  a: {}"])
async def test_what_is_written_always_loads_whatever_registers_and_grows(path, start):
    path.write_text(start or "server: {name: x}")
    store = ConfigStore(load_config(path), StoreTiming(gather_s=0, retry_s=0, quiet_s=0))
    await store.start()
    for user_agent in ("dev/1", "é" * 200, "\U0001f600" * 256):
        await submit(store, {f"d{number}": registered(f"d{number}", user_agent) for number in range(50)})
        assert load_config(path).document == store.document
        written, size = len(path.read_bytes()), load_config(path).devices_text.size
        assert written <= size <= written + 2
    await store.stop()
    assert len(path.read_bytes()) > FULL_OCTETS


async def test_full_file_takes_no_new_device_but_what_becomes_of_the_old_ones(store, path):
    assert await submit(store, {f"d{number}": registered(f"d{number}") for number in range(50)}) == ["config.full"]
    devices = load_config(path).document.devices
    assert 1 < len(devices) < 50
    assert await submit(store, {"d0": offline_change(NOON), "new": registered("new")}) == []
    devices = load_config(path).document.devices
    assert (devices["d0"].online, "new" in devices) == (False, False)


async def test_full_file_is_told_again_only_when_there_was_room_between(store, path):
    many = {f"d{number}": registered(f"d{number}") for number in range(50)}
    assert await submit(store, many) == ["config.full"]
    assert await submit(store, many) == []
    path.write_text("devices: {}\n")
    assert await submit(store, {"new": registered("new")}) == []
    assert "new" in load_config(path).document.devices
    assert await submit(store, many) == ["config.full"]


async def test_full_file_is_told_once_when_devices_come_one_by_one(store):
    told = [await submit(store, {f"d{number}": registered(f"d{number}")}) for number in range(60)]
    assert [event for events in told for event in events] == ["config.full"]


async def test_owners_own_file_of_the_largest_size_is_left_as_it_is(path):
    head = "devices:\n  a:\n    online: true\n"
    path.write_text(head + "#" * (MOST_OCTETS - len(head) - 1) + "\n")
    before = path.read_bytes()
    store = ConfigStore(load_config(path), StoreTiming(gather_s=0, retry_s=0, quiet_s=0))
    await store.start()
    assert await submit(store, {"a": registered("a"), "b": registered("b")}) == ["config.change_refused", "config.full"]
    await store.stop()
    assert path.read_bytes() == before


async def test_file_lists_no_more_new_devices_than_may_register_and_is_full_then(store, path):
    path.write_text("limits: {max_bindings: 3}\ndevices:\n  owners: {}\n")
    many = {f"d{number}": registered(f"d{number}") for number in range(5)}
    assert await submit(store, many) == ["config.full"]
    assert list(load_config(path).document.devices) == ["owners", "d0", "d1"]
    assert await submit(store, {"d1": registered("d1", "dev/2")}) == []
    assert load_config(path).document.devices["d1"].user_agent == "dev/2"
    path.write_text("limits: {max_bindings: 9}\n" + path.read_text().partition("\n")[2])
    assert await submit(store, {"d2": registered("d2")}) == []
    assert "d2" in load_config(path).document.devices
