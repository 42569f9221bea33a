"""The parts of the program that join and tell: notification, identity, the control socket, tables."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console
from structlog.testing import capture_logs

from api.control_socket import ControlSocket, ask
from daemon import router_identity, self_probe
from daemon.devices_command import device_table
from daemon.service_notify import ServiceNotify
from domain.errors import UserError
from domain.ports import ListenAddress

NOON = datetime(2025, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def manager_socket(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(2)
        yield listener


def test_readiness_is_told_to_the_service_manager(manager_socket):
    ServiceNotify({"NOTIFY_SOCKET": manager_socket.getsockname()}).ready()
    assert manager_socket.recv(100) == b"READY=1"


def test_an_abstract_notification_socket_is_reached():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        name = f"screamrouter-test-{os.getpid()}"
        listener.bind(f"\0{name}")
        listener.settimeout(2)
        ServiceNotify({"NOTIFY_SOCKET": f"@{name}"}).stopping()
        assert listener.recv(100) == b"STOPPING=1"


def test_without_a_service_manager_nothing_is_said():
    ServiceNotify({}).ready()


def test_the_watchdog_is_fed_three_times_in_its_interval():
    assert ServiceNotify({"WATCHDOG_USEC": "30000000"}).watchdog_interval_s == 10
    assert ServiceNotify({}).watchdog_interval_s is None
    assert ServiceNotify({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}).watchdog_interval_s is None


def test_the_router_uuid_is_made_once(tmp_path):
    made = router_identity.load_or_make(tmp_path / "state")
    assert router_identity.load_or_make(tmp_path / "state") == made


def test_a_damaged_router_uuid_is_named_not_replaced(tmp_path):
    (tmp_path / "router_uuid").write_text("half a uu", encoding="ascii")
    with pytest.raises(UserError, match="holds no UUID"):
        router_identity.load_or_make(tmp_path)
    assert (tmp_path / "router_uuid").read_text(encoding="ascii") == "half a uu"


def test_an_empty_router_uuid_counts_as_missing(tmp_path):
    (tmp_path / "router_uuid").touch()
    made = router_identity.load_or_make(tmp_path)
    assert (tmp_path / "router_uuid").read_text(encoding="ascii") == f"{made}\n"


def test_no_half_router_uuid_is_left_when_it_cannot_be_written(tmp_path, monkeypatch):
    """As on a full disk, where a file can be made but not filled."""

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with capture_logs() as logs:
        made = router_identity.load_or_make(tmp_path)
    assert str(uuid.UUID(made)) == made
    assert list(tmp_path.iterdir()) == []
    assert [(each["event"], each["reason"]) for each in logs] == [
        ("router.identity_not_kept", "No space left on device")
    ]


@pytest.mark.parametrize("spoil", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_not_waited_for_and_not_replaced(tmp_path, spoil):
    spoil(tmp_path / "router_uuid")
    with capture_logs() as logs:
        made = router_identity.load_or_make(tmp_path)
        assert router_identity.load_or_make(tmp_path) != made
    assert [each["event"] for each in logs] == ["router.identity_not_kept"] * 2
    assert not (tmp_path / "router_uuid").is_file()


def test_a_state_directory_that_cannot_be_made_gives_a_uuid_for_this_run(tmp_path):
    (tmp_path / "file").touch()
    with capture_logs() as logs:
        made = router_identity.load_or_make(tmp_path / "file" / "state")
    assert str(uuid.UUID(made)) == made
    assert [each["event"] for each in logs] == ["router.identity_not_kept"]
    assert "server.state_dir" in logs[0]["remedy"]


def test_a_service_manager_that_is_gone_is_told_of_once(tmp_path):
    notify = ServiceNotify({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    with capture_logs() as logs:
        notify.ready()
        notify.alive()
    assert [each["event"] for each in logs] == ["daemon.manager_not_told"]


@pytest.mark.parametrize("state_dir", ["missing", "a" * 120, "occupied"])
async def test_a_control_socket_that_cannot_be_is_told_and_nothing_else(tmp_path, state_dir):
    (tmp_path / "occupied" / "control.sock").mkdir(parents=True)
    (tmp_path / ("a" * 120)).mkdir()
    control = ControlSocket(tmp_path / state_dir, {})
    with capture_logs() as logs:
        await control.start()
        await control.stop()
    assert [each["event"] for each in logs] == ["control.not_listening"]
    assert all(logs[0][field] for field in ("path", "reason", "effect", "remedy"))


async def test_a_question_is_answered_and_an_unknown_one_named(tmp_path):
    control = ControlSocket(tmp_path, {"devices": lambda: [1, 2]})
    await control.start()
    try:
        assert await asyncio.to_thread(ask, tmp_path, "devices") == [1, 2]
        with pytest.raises(UserError, match="unknown question"):
            await asyncio.to_thread(ask, tmp_path, "weather")
    finally:
        await control.stop()
    assert ask(tmp_path, "devices") is None


async def test_a_control_socket_left_by_a_killed_daemon_is_taken_over(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(tmp_path / "control.sock"))
    control = ControlSocket(tmp_path, {"devices": lambda: "here"})
    await control.start()
    try:
        assert await asyncio.to_thread(ask, tmp_path, "devices") == "here"
    finally:
        await control.stop()


async def test_the_self_probe_tells_an_answer_from_silence(monkeypatch):
    monkeypatch.setattr(self_probe, "_ATTEMPT_S", 0.05)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        assert not await self_probe.answers(ListenAddress(*mute.getsockname()))

    class Server(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport = transport

        def datagram_received(self, data, addr):
            self.transport.sendto(b"SIP/2.0 200 OK\r\n\r\n", addr)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
    try:
        port = transport.get_extra_info("sockname")[1]
        assert await self_probe.answers(ListenAddress("0.0.0.0", port))
    finally:
        transport.close()


def test_the_device_table_shows_who_is_there_first():
    rows = [
        _row("zoe", online=True, rtt_ms=1.26, last_seen=(NOON - timedelta(seconds=3)).isoformat()),
        _row("ann", online=False, last_seen=(NOON - timedelta(hours=5)).isoformat()),
        _row("bob", online=False, enabled=False),
    ]
    console = Console(width=140)
    with console.capture() as capture:
        console.print(device_table(rows, NOON))
    zoe, ann, bob = (line for line in capture.get().splitlines() if any(name in line for name in ("zoe", "ann", "bob")))
    for part in ("yes", "192.0.2.1 port 5060", "L16/48000/2, MP3", "3 s ago", "1.3 ms"):
        assert part in zoe
    assert "5 h ago" in ann
    assert "sink (disabled)" in bob
    assert "never" in bob


def test_the_device_table_has_the_word_of_presence_where_the_daemon_knows_it():
    rows = [_row("ann", online=True, availability="on_the_phone"), _row("bob", availability=None)]
    console = Console(width=140)
    with console.capture() as capture:
        console.print(device_table(rows, NOON))
    text = capture.get()
    assert "State" in text
    assert "Online" not in text
    ann, bob = (line for line in text.splitlines() if any(name in line for name in ("ann", "bob")))
    assert "on the phone" in ann
    assert " no " in bob


def _row(name, **fields):
    formats = [
        {"payload_type": 96, "codec": "L16", "clock_rate_hz": 48000, "channels": 2},
        {"payload_type": 97, "codec": "MP3", "clock_rate_hz": None, "channels": None},
    ]
    row = {"name": name, "role": "sink", "enabled": True, "online": False, "ip": "192.0.2.1", "port": 5060}
    return {**row, "formats": formats, "last_seen": None, "rtt_ms": None, **fields}
