"""The command line as its users meet it: one sentence for each fault, exit codes that systemd understands."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from tests.kit.daemon_process import free_udp_port, running_daemon, write_config
from tests.kit.sip_peer import SipPeer

EX_USAGE, EX_UNAVAILABLE, EX_CONFIG = 64, 69, 78
ONE_DEVICE = {"alice@screamrouter.local": {"name": "Kitchen", "role": "phone", "enabled": True}}


def run_command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command: Sequence[str] = [sys.executable, "-m", "daemon", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def config_with(directory: Path, **udp: object) -> Path:
    path = directory / "config.yaml"
    settings = {
        "server": {"state_dir": str(directory / "state")},
        "sip": {"udp": {"address": "127.0.0.1", "port": free_udp_port(), **udp}},
        "discovery": {"enabled": False},
        "devices": {},
    }
    write_config(path, settings)
    return path


def assert_one_sentence(finished: subprocess.CompletedProcess[str], exit_code: int, *parts: str) -> None:
    last = finished.stderr.strip().splitlines()[-1]
    assert finished.returncode == exit_code, finished.stderr
    assert "Traceback" not in finished.stderr
    assert last.startswith("screamrouter-sip: ")
    for part in parts:
        assert part in last


def test_a_taken_port_is_named_with_what_to_do(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        finished = run_command("run", "--config", config_with(tmp_path, port=port))
    assert_one_sentence(finished, EX_UNAVAILABLE, f"UDP port {port} on 127.0.0.1 is taken", "sip.udp.port")


def test_an_address_of_another_machine_is_named_with_what_to_do(tmp_path):
    finished = run_command("run", "--config", config_with(tmp_path, address="192.0.2.77"))
    assert_one_sentence(finished, EX_UNAVAILABLE, "192.0.2.77 is no address of this machine", "sip.udp.address")


def test_a_missing_configuration_is_named_with_what_to_do(tmp_path):
    finished = run_command("run", "--config", tmp_path / "nowhere.yaml")
    assert_one_sentence(finished, EX_CONFIG, "nowhere.yaml", "no such file")


def test_a_second_daemon_with_the_same_state_is_refused(tmp_path):
    with running_daemon(tmp_path) as daemon:
        second = yaml.safe_load(daemon.config_path.read_text(encoding="utf-8"))
        second["sip"]["udp"]["port"] = free_udp_port()
        path = tmp_path / "second.yaml"
        write_config(path, second)
        finished = run_command("run", "--config", path)
    assert_one_sentence(finished, 1, "Another screamrouter-sip runs")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(tmp_path, number):
    with running_daemon(tmp_path) as daemon, SipPeer(daemon.address) as peer:
        assert peer.register().status == 200
        assert daemon.stop(number) == 0
        assert daemon.log_lines()[-1]["event"] == "daemon.stopped"
        assert not (daemon.state_dir / "control.sock").exists()
        assert "alice@screamrouter.local" in daemon.config()["devices"]


def test_it_is_ready_within_three_seconds(tmp_path):
    started = time.monotonic()
    with running_daemon(tmp_path):
        took_s = time.monotonic() - started
    assert took_s < 3, f"ready after {took_s:.1f} s"


def test_the_router_uuid_survives_a_restart(tmp_path):
    with running_daemon(tmp_path) as daemon:
        first = (daemon.state_dir / "router_uuid").read_text(encoding="ascii")
    with running_daemon(tmp_path) as daemon:
        assert (daemon.state_dir / "router_uuid").read_text(encoding="ascii") == first


def test_check_names_every_fault_with_its_place_and_exits_1(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("server:\n  nmae: x\nliveness:\n  ping_interval_s: often\n", encoding="utf-8")
    finished = run_command("check", path)
    assert finished.returncode == 1
    assert f"{path}:2:3: server.nmae:" in finished.stderr
    assert "name" in finished.stderr
    assert f"{path}:4:20: liveness.ping_interval_s:" in finished.stderr


def test_check_says_that_a_sound_file_is_sound():
    finished = run_command("check", Path(__file__).parents[2] / "config.yaml")
    assert finished.returncode == 0
    assert "is sound" in finished.stdout


def test_devices_shows_the_running_daemons_view(tmp_path):
    with running_daemon(tmp_path, sections={"devices": ONE_DEVICE}) as daemon, SipPeer(daemon.address) as peer:
        assert peer.register().status == 200
        finished = run_command("devices", "--config", daemon.config_path)
        assert finished.returncode == 0
        (row,) = [line for line in finished.stdout.splitlines() if "Kitchen" in line]
        assert "phone" in row
        assert "available" in row


def test_devices_without_a_daemon_shows_the_file_and_says_so(tmp_path):
    path = config_with(tmp_path)
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    write_config(path, {**document, "devices": ONE_DEVICE})
    finished = run_command("devices", "--config", path)
    assert finished.returncode == 0
    assert "not running" in finished.stderr
    assert "Kitchen" in finished.stdout


def test_a_wrong_command_is_a_usage_error_that_names_help():
    finished = run_command("rnu")
    assert finished.returncode == EX_USAGE
    assert "--help" in finished.stderr


def test_help_names_every_command():
    finished = run_command("--help")
    assert finished.returncode == 0
    for command in ("run", "check", "devices", "discover", "doctor"):
        assert f"\n    {command} " in finished.stdout


def test_check_warns_of_a_route_whose_device_is_not_there_and_takes_the_file(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("devices: {a: {}}\nroutes: [{source: a, sink: b}]\n", encoding="utf-8")
    finished = run_command("check", path)
    assert finished.returncode == 0
    assert f"{path}:2:28: routes[0].sink: warning: no device b stands under devices" in finished.stderr
