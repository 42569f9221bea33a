"""Who may come in follows config.yaml, the passwords and the owner's word; devices that wait are written down."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from configuration import access_control
from configuration.access_control import AccessControl, AccessSurroundings
from configuration.config_loader import load_config
from configuration.config_store import ConfigStore, StoreTiming
from configuration.credential_file import CredentialsUnreadable, hash_password, update_credentials
from configuration.entry_change import Sighting, offline_change, registration_change
from configuration.owner_edit import OwnerEdit
from configuration.pending_devices import MOST_PENDING
from daemon.access_answers import AccessAnswers
from domain.access import AccessConfig, AdmissionMode
from domain.errors import UserError
from domain.events import RequestRefused
from domain.values import Capabilities, Endpoint, Role
from engine.event_pump import EventPump
from engine.fake_engine import FakeEngine
from tests.unit.test_config_manager import BINDING, NOON

UUID = "abcdef00-0000-4000-8000-000000000001"
CAM = "cam@screamrouter.local"
PASSWORD = "Geheimnis-1"
STORED = hash_password("cam", "screamrouter.local", PASSWORD)


def parked(user: str = "cam", device_uuid: str = "", cause: str = "awaiting_approval") -> RequestRefused:
    return RequestRefused(401, "", Endpoint("192.0.2.7", 5060), user, "", "Cam/1", cause, device_uuid)


class House:
    """config.yaml, credentials.yaml and a core that records what it is to obey."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.credentials_path = path.parent / "credentials.yaml"
        self.engine = FakeEngine()
        self.store = ConfigStore(load_config(path), StoreTiming(gather_s=0, retry_s=0, quiet_s=0))
        self.networks: tuple[str, ...] = ()
        macs = {"192.0.2.7": "02:00:00:00:00:07"}
        around = AccessSurroundings(self.engine, self.credentials_path, lambda: self.networks, macs.get)
        self.access = AccessControl(self.store, around)
        self.store.on_edit = self.take_edit
        self.store.on_listed = self.access.note_listed
        self.pump = EventPump(self.engine, Nobody(), self.access.on_refused)

    def take_edit(self, edit: OwnerEdit) -> None:
        self.access.take_edit(edit)

    @property
    def access_now(self) -> AccessConfig:
        return self.engine.accesses[-1]

    def give_password(self, key: str = "cam") -> None:
        update_credentials(self.credentials_path, lambda stored: {**stored, key: STORED})

    async def start(self) -> None:
        self.access.start()
        await self.store.start()
        self.pump.start()

    async def stop(self) -> None:
        self.pump.stop()
        self.access.stop()
        await self.store.stop()

    async def edit(self, old: str, new: str) -> None:
        await self.store.wait_written()
        text = self.path.read_text()
        assert old in text
        self.path.write_text(text.replace(old, new))
        await self.store.sync()
        await self.store.wait_written()

    async def entry(self, device_id: str = CAM):
        await self.store.wait_written()
        return load_config(self.path).document.devices.get(device_id)

    async def applied(self, count: int) -> AccessConfig:
        async with asyncio.timeout(5):
            while len(self.engine.accesses) < count:  # noqa: ASYNC110  # timers apply it, and tell nobody
                await asyncio.sleep(0)
        return self.access_now


class Nobody:
    def on_binding_event(self, event: object) -> None: ...

    def on_resync(self, bindings: object) -> None: ...


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("admission: {mode: approve}\ndevices: {}\n")
    return path


@pytest.fixture
async def house(path, monkeypatch):
    monkeypatch.setattr(access_control, "GATHER_S", 0)
    monkeypatch.setattr(access_control, "LOOK_S", 0)
    house = House(path)
    await house.start()
    yield house
    await house.stop()


async def test_start_tells_the_core_once_and_before_anything_else(house):
    assert house.engine.accesses == [AccessConfig("screamrouter.local", mode=AdmissionMode.APPROVE)]


async def test_parked_device_is_written_down_once_with_what_is_known_of_it(house):
    house.engine.refuse(parked())
    house.engine.refuse(parked())
    await house.applied(1)
    house.pump.stop()
    entry = await house.entry()
    assert (entry.enabled, entry.pending, entry.ip, entry.user_agent) == (False, True, "192.0.2.7", "Cam/1")
    assert (entry.mac, entry.name) == ("02:00:00:00:00:07", "cam")
    assert len(house.engine.accesses) == 1


async def test_parked_device_with_a_uuid_is_known_by_it(house):
    house.access.on_refused(parked("screamrouter", UUID))
    entry = await house.entry(UUID)
    assert (entry.pending, entry.uuid) == (True, UUID)


async def test_device_that_names_nobody_is_not_written_down(house):
    house.access.on_refused(parked(""))
    house.access.on_refused(parked("x" * 255))
    assert not house.store.device_ids()


async def test_too_many_that_wait_are_told_once_and_kept_out_of_the_file(house):
    with capture_logs() as logs:
        for number in range(MOST_PENDING + 5):
            house.access.on_refused(parked(f"cam{number}"))
    assert len(house.store.device_ids()) == MOST_PENDING
    (line,) = [log for log in logs if log["event"] == "devices.pending_full"]
    assert line["device"] == f"cam{MOST_PENDING}@screamrouter.local"
    house.access.approve("cam0")
    house.access.on_refused(parked("late"))
    assert "late@screamrouter.local" in house.store.device_ids()


async def test_entries_that_the_owner_deletes_make_room(house):
    for number in range(MOST_PENDING):
        house.access.on_refused(parked(f"cam{number}"))
    await house.store.wait_written()
    house.path.write_text("admission: {mode: approve}\ndevices: {}\n")
    await house.store.sync()
    house.access.on_refused(parked("late"))
    assert "late@screamrouter.local" in house.store.device_ids()


async def test_approved_device_is_let_in_at_once_and_waits_no_more(house):
    house.access.on_refused(parked())
    assert house.access.approve("cam") == CAM
    assert house.access_now.devices == {"cam": True}
    entry = await house.entry()
    assert (entry.enabled, entry.pending) == (True, False)


async def test_rejected_device_is_kept_out_in_every_mode_and_not_parked_again(house):
    house.access.on_refused(parked())
    house.access.reject("cam")
    house.access.on_refused(parked())
    assert (await house.entry()).pending is False
    await house.edit("mode: approve", "mode: open")
    assert house.access_now.devices == {"cam": False}


async def test_pending_device_counts_as_unknown_so_that_the_mode_decides(house):
    house.access.on_refused(parked())
    await house.edit("mode: approve", "mode: open")
    assert house.access_now.devices == {}


async def test_owner_who_enables_a_pending_device_lets_it_in_and_pending_goes(house):
    house.access.on_refused(parked())
    await house.edit("enabled: false", "enabled: true")
    assert house.access_now.devices == {"cam": True}
    entry = await house.entry()
    assert (entry.enabled, entry.pending) == (True, False)


async def test_owner_may_take_the_line_pending_away_as_well(house):
    house.access.on_refused(parked())
    await house.edit("enabled: false\n    pending: true\n", "enabled: true\n")
    assert house.access_now.devices == {"cam": True}
    assert (await house.entry()).pending is False


async def test_pending_device_that_gets_a_password_waits_no_more(house):
    house.access.on_refused(parked())
    house.give_password()
    assert house.access.reread() is None
    entry = await house.entry()
    assert (entry.enabled, entry.pending) == (True, False)
    assert house.access_now.credentials[0].is_enabled


async def test_device_that_is_written_down_while_it_is_approved_keeps_the_approval(house):
    sighting = Sighting("sip:cam@192.0.2.7", "192.0.2.7", 5060, NOON)
    house.access.on_refused(parked())
    house.store.submit(CAM, registration_change(CAM, sighting, Role.UNKNOWN, Capabilities()))
    house.access.approve("cam")
    entry = await house.entry()
    assert (entry.enabled, entry.pending) == (True, False)


async def test_nobody_is_approved_who_is_not_there(house):
    house.access.on_refused(parked())
    with pytest.raises(UserError, match=r"No device is called bert\. Waiting to be let in: cam@screamrouter\.local"):
        house.access.approve("bert")


async def test_new_device_that_was_let_in_may_come_from_elsewhere_too(house):
    sighting = Sighting("sip:cam@192.0.2.7", "192.0.2.7", 5060, NOON)
    house.store.submit(CAM, registration_change(CAM, sighting, Role.UNKNOWN, Capabilities()))
    assert (await house.applied(2)).devices == {"cam": True}


async def test_what_the_daemon_writes_of_its_own_reaches_the_core_never(house):
    await house.edit("devices: {}", f"devices: {{{CAM}: {{enabled: true}}}}")
    count = len(house.engine.accesses)
    house.store.submit(CAM, offline_change(BINDING.last_heard))
    await house.store.wait_written()
    await asyncio.sleep(0)
    assert len(house.engine.accesses) == count


async def test_disabled_device_is_refused_when_the_file_is_saved(house):
    await house.edit("mode: approve}\ndevices: {}", f"mode: open}}\ndevices: {{{CAM}: {{enabled: false}}}}")
    assert house.access_now.devices == {"cam": False}


async def test_networks_of_this_host_reach_the_core_when_they_change(house):
    house.networks = ("2001:db8::/64",)
    house.access.note_networks()
    assert house.access_now.neighbours == ("2001:db8::/64",)


async def test_changed_file_of_credentials_is_found_without_a_word(house):
    house.give_password()
    assert [one.user for one in (await house.applied(2)).credentials] == ["cam"]


@pytest.mark.parametrize("damage", ["credentials: [", None])
async def test_damaged_or_lost_file_leaves_the_last_good_passwords_in_force(house, damage):
    house.give_password()
    assert house.access.reread() is None
    if damage is None:
        house.credentials_path.unlink()
    else:
        house.credentials_path.write_text(damage)
    with capture_logs() as logs:
        assert house.access.reread() is not None
    assert [log["event"] for log in logs] == ["credentials.rejected"]
    assert [one.user for one in house.access_now.credentials] == ["cam"]


@pytest.mark.parametrize("mode", ["open", "approve", "closed"])
async def test_start_with_a_damaged_file_is_refused_since_devices_would_be_open_to_all(path, mode):
    path.write_text(f"admission: {{mode: {mode}}}\ndevices: {{}}\n")
    house = House(path)
    house.credentials_path.write_text("credentials: [")
    with pytest.raises(CredentialsUnreadable, match="damaged"):
        house.access.start()
    assert not house.engine.accesses


async def test_passwords_of_another_domain_are_told_once(house):
    house.give_password()
    house.access.reread()
    with capture_logs() as logs:
        await house.edit("admission:", "server: {domain: new.local}\nadmission:")
        house.access.reread()
    (line,) = [log for log in logs if log["event"] == "credentials.other_realm"]
    assert line["devices"] == ["cam"]
    assert "passwd" in line["remedy"]
    assert dict(house.access_now.credentials[0].ha1) == {}


async def test_file_that_others_may_read_is_told(house):
    house.give_password()
    house.credentials_path.chmod(0o640)
    with capture_logs() as logs:
        house.access.reread()
    assert "credentials.exposed" in [log["event"] for log in logs]


@pytest.mark.parametrize("cause", ["unauthorized", "too_many_failures", "not_own_address"])
async def test_failed_authentication_is_told_with_its_source_and_the_user_claimed(house, cause):
    refused = RequestRefused(401, "wrong password", Endpoint("192.0.2.7", 5060), "cam", "", "", cause)
    with capture_logs() as logs:
        house.access.on_refused(refused)
    assert logs == [
        {
            "event": "authentication.failed",
            "log_level": "warning",
            "source_ip": "192.0.2.7",
            "user": "cam",
            "cause": cause,
            "finding": "wrong password",
        }
    ]


async def test_other_refusals_are_no_failed_authentications(house):
    with capture_logs() as logs:
        house.access.on_refused(parked(cause="brief_interval"))
    assert logs == []


async def test_control_socket_is_told_what_was_decided_or_why_not(house):
    answers = AccessAnswers(house.access).answers
    house.access.on_refused(parked())
    assert answers["approve"]("cam") == {"device": CAM, "problem": None}
    assert answers["reject"](CAM) == {"device": CAM, "problem": None}
    assert "No device is called bert" in answers["approve"]("bert")["problem"]
    assert answers["approve"](None)["problem"] == "Name a device."
    assert answers["credentials"](None) == {"problem": None}
    house.credentials_path.write_text("credentials: [")
    assert "damaged" in answers["credentials"](None)["problem"]


async def test_no_hash_is_ever_logged(house):
    with capture_logs() as logs:
        house.give_password()
        house.access.reread()
        house.credentials_path.write_text(house.credentials_path.read_text().replace("user:", "usr:"))
        house.access.reread()
        await house.edit("admission:", "server: {domain: new.local}\nadmission:")
    assert logs
    assert not any(secret in str(logs) for secret in (PASSWORD, *STORED.ha1.values()))
