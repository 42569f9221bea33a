"""ConfigurationManager: devices come and go, config.yaml follows; the SIP service starts and stops from here."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from configuration import device_log
from configuration.config_document import ConfigDocument
from configuration.config_loader import load_config
from configuration.config_store import ConfigStore, StoreTiming
from configuration.configuration_manager import ConfigurationManager, Surroundings, engine_config, listen_addresses
from domain.errors import AddressUnavailable
from domain.events import (
    BindingAdded,
    BindingChanged,
    BindingReachable,
    BindingRemoved,
    BindingUnreachable,
    RemovalReason,
)
from domain.ports import EngineConfig, ListenAddress
from domain.values import Binding, Capabilities, Endpoint, Flow, ProtocolType, Role, Transport
from engine.fake_engine import FakeEngine

UUID = "abcdef00-0000-4000-8000-000000000001"
NOON = datetime(2025, 1, 31, 12, tzinfo=UTC)
PHONE = Endpoint("192.0.2.1", 5062)
BINDING = Binding(
    1, f"sip:{UUID}@x", UUID, f"sip:{UUID}@192.0.2.1:5062", "c", 1, Flow(Transport.UDP, PHONE), PHONE, NOON, NOON, True
)


class FakeClock:
    def now(self) -> datetime:
        return NOON


class FakeSip:
    def __init__(self) -> None:
        self.is_running = False
        self.refusal: AddressUnavailable | None = None

    def start(self, addresses: Sequence[ListenAddress]) -> Sequence[ListenAddress]:
        if self.refusal:
            raise self.refusal
        self.is_running = True
        return [ListenAddress(address.ip, 5999) for address in addresses]

    def stop(self) -> None:
        self.is_running = False


class House:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.engine, self.sip = FakeEngine(), FakeSip()
        self.store = ConfigStore(load_config(path), StoreTiming(gather_s=0, retry_s=0, quiet_s=0))
        self.reloaded: list[ConfigDocument] = []
        hosts = frozenset({"192.0.2.9"})
        around = Surroundings(FakeClock(), self.engine, self.sip, self.read, hosts, on_reload=self.reloaded.append)
        self.manager = ConfigurationManager(self.store, around)

    def read(self, _: str | None, body: bytes) -> Capabilities:
        return Capabilities(role=Role(body.decode()), protocol_type=ProtocolType.RTP)

    async def edit(self, old: str, new: str) -> list[str]:
        """The owner replaces ``old``; what is logged of it, debug messages aside."""
        await self.store.wait_written()
        text = self.path.read_text()
        assert old in text
        self.path.write_text(text.replace(old, new))
        with capture_logs() as logs:
            await self.store.sync()
        return [log["event"] for log in logs if log["log_level"] != "debug"]

    async def entry(self, device_id: str = UUID):
        await self.store.wait_written()
        return load_config(self.path).document.devices.get(device_id)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("sip: {udp: {address: [127.0.0.1], port: 0}}\ndevices: {}\n")
    return path


@pytest.fixture
async def house(path):
    house = House(path)
    await house.manager.start()
    yield house
    await house.manager.stop()


async def test_start_configures_the_core_serves_and_tells_the_addresses_as_bound(path):
    house = House(path)
    assert await house.manager.start() == [ListenAddress("127.0.0.1", 5999)]
    assert house.engine.configs == [engine_config(house.store.document, ["192.0.2.9"])]
    await house.manager.stop()
    await house.manager.stop()
    assert not house.sip.is_running


async def test_service_that_cannot_start_leaves_nothing_running(path):
    house = House(path)
    house.sip.refusal = AddressUnavailable("port 5060 is taken")
    with pytest.raises(AddressUnavailable):
        await house.manager.start()
    assert house.store._task is None


async def test_every_device_is_offline_at_start_until_it_is_heard(path):
    path.write_text("devices:\n  a: {online: true, last_seen: 2025-01-01T00:00:00Z} # mine\n  b: {online: false}\n")
    house = House(path)
    await house.manager.start()
    await house.store.wait_written()
    assert path.read_text() == (
        "devices:\n  a: {online: false, last_seen: 2025-01-01T00:00:00Z} # mine\n  b: {online: false}\n"
    )
    await house.manager.stop()


async def test_every_device_is_offline_in_the_file_after_the_stop_with_when_it_was_heard_last(path):
    house = House(path)
    await house.manager.start()
    house.engine.hear(replace(BINDING, last_heard=NOON.replace(hour=15)))
    house.manager.observer.on_binding_event(BindingAdded(BINDING))
    house.manager.handle_sip_registration("b", "192.0.2.2", 5062, Role.SINK, Capabilities())
    await house.store.wait_written()
    house.manager.observer.on_binding_event(BindingAdded(replace(BINDING, binding_id=2, device_id="late")))
    await house.manager.stop()
    await house.manager.stop()
    devices = load_config(path).document.devices
    assert {key: (entry.online, entry.last_seen) for key, entry in devices.items()} == {
        UUID: (False, NOON.replace(hour=15)),
        "b": (False, NOON),
        "late": (False, NOON),
    }


async def test_reg_001_new_device_without_sdp_has_an_entry_with_uuid_contact_and_enabled(house):
    house.manager.observer.on_binding_event(BindingAdded(BINDING))
    entry = await house.entry()
    assert (entry.uuid, entry.sip_contact_uri, entry.enabled) == (UUID, BINDING.contact_uri, True)
    assert (entry.role, entry.name, entry.online, entry.last_seen) == (Role.UNKNOWN, "unknown_abcdef00", True, NOON)


async def test_reg_005_unregistered_device_is_offline_and_its_entry_kept(house):
    house.manager.observer.on_binding_event(BindingAdded(replace(BINDING, body=b"sink")))
    gone = replace(BINDING, last_heard=NOON.replace(hour=13))
    house.manager.observer.on_binding_event(BindingRemoved(gone, RemovalReason.UNREGISTERED))
    entry = await house.entry()
    assert (entry.online, entry.last_seen, entry.role) == (False, NOON.replace(hour=13), Role.SINK)


async def test_pres_002_silent_device_is_offline(house):
    house.manager.observer.on_binding_event(BindingAdded(BINDING))
    house.manager.observer.on_binding_event(BindingUnreachable(replace(BINDING, is_reachable=False)))
    assert (await house.entry()).online is False


async def test_registration_from_another_wire_makes_an_entry_with_a_contact_of_its_own(house):
    house.manager.handle_sip_registration(UUID.upper(), "2001:db8::1", 5060, Role.SOURCE, Capabilities())
    entry = await house.entry()
    assert entry.sip_contact_uri == f"sip:{UUID}@[2001:db8::1]:5060"
    assert (entry.role, entry.online) == (Role.SOURCE, True)


async def test_device_config_joins_the_owners_words_with_the_live_state(house):
    house.manager.handle_sip_registration(UUID, "192.0.2.1", 5062, Role.SINK, Capabilities())
    house.engine.hear(replace(BINDING, last_heard=NOON.replace(hour=15), rtt_ms=2.5, user_agent="dev/2"))
    found = house.manager.get_sip_config_for_device(UUID.upper())
    assert found is not None
    assert (found.name, found.role, found.online) == ("sink_abcdef00", Role.SINK, True)
    assert (found.last_seen, found.rtt_ms, found.user_agent) == (NOON.replace(hour=15), 2.5, "dev/2")


async def test_device_config_is_offline_when_no_binding_is_reachable(house):
    house.manager.handle_sip_registration(UUID, "192.0.2.1", 5062, Role.SINK, Capabilities())
    house.engine.hear(BINDING)
    house.engine.silence(BINDING.binding_id)
    found = house.manager.get_sip_config_for_device(UUID)
    assert found is not None
    assert found.online is False


async def test_unknown_device_has_no_config(house):
    assert house.manager.get_sip_config_for_device(UUID) is None


async def test_new_own_addresses_reach_the_core(house):
    house.manager.set_served_hosts(frozenset({"2001:DB8::9"}))
    assert house.engine.configs[-1].served_hosts == {"2001:db8::9", "screamrouter.local"}


def test_engine_config_has_the_documents_values_in_the_cores_units():
    document = ConfigDocument.model_validate(
        {
            "server": {"domain": "Home.Example"},
            "registrar": {"min_expires_s": 1, "default_expires_s": 2, "max_expires_s": 3, "below_min": "reject"},
            "liveness": {"ping_interval_s": 0.05, "timeout_s": 1.5},
            "limits": {"max_aors": 4, "max_bindings": 5, "max_memory_mb": 6},
        }
    )
    assert engine_config(document, ["MyHost"]) == EngineConfig(
        domain="home.example",
        served_hosts=frozenset({"home.example", "myhost"}),
        min_expires_s=1,
        default_expires_s=2,
        max_expires_s=3,
        rejects_brief_expires=True,
        max_contacts=10,
        max_aors=4,
        max_bindings=5,
        max_binding_octets=6 * 1024 * 1024,
        ping_interval_ms=50,
        liveness_timeout_ms=1500,
    )


def test_default_engine_config_is_the_schemas_default():
    assert engine_config(ConfigDocument(), []) == EngineConfig("screamrouter.local", frozenset({"screamrouter.local"}))


def test_listening_addresses_share_the_port():
    assert listen_addresses(ConfigDocument()) == (ListenAddress("0.0.0.0", 5060), ListenAddress("::", 5060))


# ---- the owner's edits ----

REGISTERED = BindingAdded(replace(BINDING, body=b"sink"))


async def test_edited_setting_reaches_the_core_and_who_listens(house):
    assert await house.edit("devices:", "registrar: {max_contacts: 3}\ndevices:") == ["config.reloaded"]
    assert house.engine.configs[-1].max_contacts == 3
    assert house.reloaded == [house.manager.document]


async def test_edit_of_a_comment_touches_nothing(house):
    configs = len(house.engine.configs)
    assert await house.edit("devices:", "# mine\ndevices:") == []
    assert (len(house.engine.configs), house.reloaded) == (configs, [])


async def test_what_needs_a_restart_is_told_once_and_not_in_force(house):
    assert await house.edit("port: 0", "port: 5999") == ["config.restart_needed"]
    assert house.manager.document.sip.udp.port == 0
    assert await house.edit("devices:", "# mine\ndevices:") == []
    assert await house.edit("port: 5999", "port: 0") == ["config.restart_not_needed"]


async def test_deleted_entry_stays_away_until_the_device_registers_again(house):
    house.manager.observer.on_binding_event(REGISTERED)
    await house.store.wait_written()
    await house.edit(house.path.read_text().partition("devices:")[2], " {}\n")
    house.manager.observer.on_binding_event(BindingUnreachable(replace(BINDING, is_reachable=False)))
    house.manager.observer.on_binding_event(BindingReachable(BINDING))
    assert await house.entry() is None
    house.manager.observer.on_binding_event(BindingRemoved(BINDING, RemovalReason.REPLACED))
    house.manager.observer.on_binding_event(BindingAdded(replace(BINDING, binding_id=2)))
    assert (await house.entry()).online is True


async def test_entry_that_the_owner_writes_is_filled_when_its_device_is_there(house):
    house.manager.observer.on_binding_event(REGISTERED)
    await house.store.wait_written()
    text = house.path.read_text()
    await house.edit(text.partition("devices:")[2], " {}\n")
    await house.edit("devices: {}", f"devices:\n  {UUID}: {{name: Kitchen}}")
    entry = await house.entry()
    assert (entry.name, entry.role, entry.ip, entry.online) == ("Kitchen", Role.SINK, PHONE.ip, True)


async def test_entry_that_claims_to_be_online_is_corrected(house):
    await house.edit("devices: {}", f"devices:\n  {UUID}: {{name: Kitchen, online: true}}")
    assert (await house.entry()).online is False


async def test_new_domain_makes_the_devices_known_by_their_new_address(house):
    old = replace(BINDING, device_id="alice@screamrouter.local")
    house.engine.hear(old)
    house.manager.observer.on_binding_event(BindingAdded(old))
    await house.store.wait_written()
    house.engine.remove(old.binding_id)
    house.engine.hear(replace(old, device_id="alice@x.org"))
    await house.edit("sip: {", "server: {domain: x.org}\nsip: {")
    await house.store.wait_written()
    online = {key: entry.online for key, entry in load_config(house.path).document.devices.items()}
    assert online == {"alice@screamrouter.local": False, "alice@x.org": True}


async def test_daemons_field_that_the_owner_edits_gets_its_value_back_and_that_is_told(house):
    house.manager.observer.on_binding_event(REGISTERED)
    assert await house.edit("ip: 192.0.2.1", "ip: 192.0.2.77") == ["config.reloaded"]
    assert (await house.entry()).ip == "192.0.2.1"


async def test_field_that_both_set_at_once_keeps_the_owners_value_and_that_is_told(path):
    path.write_text(f"devices:\n  {UUID}: {{name: Kitchen}}\n")
    house = House(path)
    await house.manager.start()
    path.write_text(f"devices:\n  {UUID}: {{name: Kitchen, role: source}}\n")
    with capture_logs() as logs:
        house.manager.observer.on_binding_event(REGISTERED)
        entry = await house.entry()
    assert entry.role is Role.SOURCE
    (conflict,) = [log for log in logs if log["event"] == "config.conflict"]
    assert (conflict["field"], conflict["kept"], conflict["dropped"]) == ("role", "source", "sink")
    await house.manager.stop()


async def test_registration_on_its_way_does_not_bring_a_deleted_entry_back(house):
    house.manager.observer.on_binding_event(REGISTERED)
    await house.store.wait_written()
    head = house.path.read_text().partition("devices:")[0]
    house.path.write_text(head + "devices: {}\n")
    house.manager.observer.on_binding_event(
        BindingChanged(replace(BINDING, contact_uri="sip:x@192.0.2.8", body=b"sink"))
    )
    assert await house.entry() is None


async def start_with_binding(path: Path, *, has_been_listed: bool) -> House:
    """A daemon that starts with the binding of one device, which has no entry, and hears it then."""
    house = House(path)
    house.engine.hear(BINDING)
    house.engine.drain()
    await house.manager.start()
    await house.manager.take_restored(lambda _: has_been_listed)
    house.manager.observer.on_binding_event(BindingReachable(BINDING))
    return house


async def test_deleted_entry_stays_away_when_a_restart_finds_the_device_still_registered(path):
    house = await start_with_binding(path, has_been_listed=True)
    assert await house.entry() is None
    await house.manager.stop()


async def test_device_that_registered_just_before_a_crash_gets_its_entry_after_it(path):
    house = await start_with_binding(path, has_been_listed=False)
    assert (await house.entry()).online
    await house.manager.stop()


async def test_whose_entry_is_in_the_file_is_told_after_the_write(house):
    listed: list[str] = []
    house.store.on_listed = listed.extend
    house.manager.observer.on_binding_event(BindingAdded(BINDING))
    await house.store.wait_written()
    assert listed == [UUID]


# ---- a flood ----


async def test_flood_of_devices_is_told_by_its_first_lines_and_a_sum(house):
    with capture_logs() as logs:
        for number in range(130):
            house.manager.handle_sip_registration(f"d{number}", "192.0.2.1", 5062, Role.SINK, Capabilities())
        house.manager.handle_sip_device_offline("d0")
        await house.manager.stop()
    told = [log for log in logs if log["event"].startswith("device.")]
    assert [log["device"] for log in told[:50]] == [f"d{number}" for number in range(50)]
    assert [(log["event"], log["count"]) for log in told[50:]] == [
        ("device.registered_many", 80),
        ("device.offline_many", 1),
    ]


async def test_sum_of_a_flood_is_told_when_its_second_is_over_and_the_next_device_by_itself_again(house, monkeypatch):
    monkeypatch.setattr(device_log, "_WINDOW_S", 0.0)
    with capture_logs() as logs:
        for number in range(60):
            house.manager.handle_sip_registration(f"d{number}", "192.0.2.1", 5062, Role.SINK, Capabilities())
        for _ in range(10):  # turns of the loop
            await asyncio.sleep(0)
        house.manager.handle_sip_registration("late", "192.0.2.1", 5062, Role.SINK, Capabilities())
    told = [log for log in logs if log["event"].startswith("device.")]
    assert (told[50]["count"], told[51]["device"]) == (10, "late")
