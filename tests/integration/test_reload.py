"""config.yaml is edited while the daemon runs: in force within a second, no binding lost, nothing breaks it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.control_socket import ask
from tests.kit.daemon_process import DaemonProcess, running_daemon, wait_until
from tests.kit.sip_peer import SipPeer

IN_FORCE_S = 1.0
ALICE = "alice@screamrouter.local"


@pytest.fixture
def daemon(tmp_path) -> Iterator[DaemonProcess]:
    with running_daemon(tmp_path, sections={"liveness": {"ping_interval_s": 300.0, "timeout_s": 1200.0}}) as running:
        yield running


@pytest.fixture
def peer(daemon) -> Iterator[SipPeer]:
    with SipPeer(daemon.address) as alice:
        assert alice.register().status == 200
        daemon.wait_for_device(ALICE, online=True)
        yield alice
        assert len(alice.query()) == 1  # whatever happened to the file
        assert daemon.is_running()


def settings_in_force(daemon: DaemonProcess) -> dict[str, Any]:
    document: dict[str, Any] = ask(daemon.state_dir, "config")["document"]
    return document


def contacts_in_force(daemon: DaemonProcess) -> int:
    contacts: int = settings_in_force(daemon).get("registrar", {}).get("max_contacts", 10)
    return contacts


def with_contacts(path: Path, most: int) -> str:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("registrar")]
    return "\n".join([f"registrar: {{max_contacts: {most}}}", *lines]) + "\n"


def truncate_and_write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def write_in_pieces(path: Path, text: str) -> None:
    """What is there between the pieces is no valid configuration, or another one."""
    with path.open("w", encoding="utf-8") as file:
        for start in range(0, len(text), 40):
            file.write(text[start : start + 40])
            file.flush()
            time.sleep(0.01)


def rename_over(path: Path, text: str) -> None:
    new = path.with_name("4913")
    new.write_text(text, encoding="utf-8")
    new.rename(path)


def move_to_backup_and_write(path: Path, text: str) -> None:
    path.rename(path.with_name("config.yaml~"))
    path.write_text(text, encoding="utf-8")


def delete_and_write(path: Path, text: str) -> None:
    path.unlink()
    time.sleep(0.05)
    path.write_text(text, encoding="utf-8")


def half_and_then_whole(path: Path, text: str) -> None:
    path.write_text(text + "devices: {half", encoding="utf-8")
    time.sleep(0.15)
    path.write_text(text, encoding="utf-8")


def become_a_link(path: Path, text: str) -> None:
    target = path.with_name("elsewhere.yaml")
    target.write_text(text, encoding="utf-8")
    path.with_name("link").symlink_to(target.name)
    path.with_name("link").rename(path)


SAVES = [
    truncate_and_write,
    write_in_pieces,
    rename_over,
    move_to_backup_and_write,
    delete_and_write,
    half_and_then_whole,
    become_a_link,
]


@pytest.mark.parametrize("save", SAVES)
def test_saved_edit_is_in_force_within_a_second_and_keeps_the_bindings(daemon, peer, save):
    save(daemon.config_path, with_contacts(daemon.config_path, 3))
    saved = time.monotonic()
    wait_until(lambda: contacts_in_force(daemon) == 3, "3 contacts in force", IN_FORCE_S)
    print(f"in force after {time.monotonic() - saved:.2f} s")
    refused = [f"<sip:alice@127.0.0.1:{port}>" for port in range(7001, 7005)]
    assert peer.register(contacts=refused).status != 200  # the core knows the new limit
    events = [line["event"] for line in daemon.log_lines()]
    assert "config.rejected" not in events
    assert "config.reloaded" in events


def test_swapped_target_of_a_link_and_a_replaced_directory_are_in_force_within_a_second(tmp_path):
    with running_daemon(tmp_path) as daemon:
        first, second = tmp_path / "first", tmp_path / "second"
        for directory, contacts in ((first, 3), (second, 4)):
            directory.mkdir()
            text = with_contacts(daemon.config_path, contacts)
            (directory / "config.yaml").write_text(text, encoding="utf-8")
        (tmp_path / "current").symlink_to("first")
        daemon.config_path.unlink()
        daemon.config_path.symlink_to("current/config.yaml")
        wait_until(lambda: contacts_in_force(daemon) == 3, "the link's target in force", IN_FORCE_S)
        (tmp_path / "next").symlink_to("second")
        (tmp_path / "next").rename(tmp_path / "current")
        wait_until(lambda: contacts_in_force(daemon) == 4, "the swapped target in force", IN_FORCE_S)
        second.rename(tmp_path / "old")
        shutil.copytree(first, second)
        wait_until(lambda: contacts_in_force(daemon) == 3, "the new directory's file in force", IN_FORCE_S)


BOMB = "\n".join(
    ["a: &a [1,1,1,1,1,1,1,1,1,1]"]
    + [f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 10)}]" for n in range(12)]
)


def fifty_megabytes(path: Path) -> None:
    path.write_bytes(b"# " + b"x" * 50_000_000)


def replace_by_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def replace_by_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "deleted": (Path.unlink, "there is no such file"),
    "empty": (lambda path: path.write_bytes(b""), "holds no settings"),
    "directory": (replace_by_directory, "this is a directory"),
    "pipe": (replace_by_pipe, "no regular file"),
    "circle of links": (link_to_itself, "cannot be read"),
    "not UTF-8": (lambda path: path.write_bytes(b"server: {name: \xe9}\n"), "is not UTF-8"),
    "50 MB": (fifty_megabytes, "larger than"),
    "bomb": (lambda path: path.write_text(BOMB, encoding="utf-8"), "aliases expand"),
    "duplicate keys": (lambda path: path.write_text("log: {}\nlog: {}\n", encoding="utf-8"), ":2:1: log: this key"),
    "tabs": (lambda path: path.write_text("server:\n\tname: x\n", encoding="utf-8"), "a tab stands"),
    "no YAML": (lambda path: path.write_text("devices: {half", encoding="utf-8"), "this is not YAML"),
    "wrong type": (lambda path: path.write_text("liveness: 5\n", encoding="utf-8"), ":1:11: liveness:"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_file_is_told_once_and_the_last_good_one_stays_in_force(daemon, peer, damage):
    """While it is damaged the daemon serves, and what it has learnt then is in the file when that is mended."""
    do_damage, words = DAMAGES[damage]
    good = daemon.config_path.read_text(encoding="utf-8")
    before = settings_in_force(daemon)
    do_damage(daemon.config_path)
    rejected = daemon.wait_for_log("config.rejected")
    assert words in rejected["problems"][0]
    assert {key: value for key, value in settings_in_force(daemon).items() if key != "devices"} == {
        key: value for key, value in before.items() if key != "devices"
    }
    with SipPeer(daemon.address, "bob") as bob:
        assert bob.register().status == 200
    if daemon.config_path.is_dir():
        daemon.config_path.rmdir()
    rename_over(daemon.config_path, good)
    daemon.wait_for_log("config.accepted", timeout_s=IN_FORCE_S)
    daemon.wait_for_device("bob@screamrouter.local", online=True)
    assert [line["event"] for line in daemon.log_lines()].count("config.rejected") == 1


def test_file_that_may_not_be_read_is_told_and_the_last_good_one_stays_in_force(tmp_path, request):
    """Root may read everything: the daemon runs as another user."""
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("setpriv is missing")
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    for directory in (tmp_path, *tmp_path.parents):
        if directory.is_relative_to(Path("/tmp")) and directory != Path("/tmp"):  # pytest's own place
            directory.chmod(0o755)
    if as_nobody:
        os.chown(tmp_path, 65534, 65534)
    if subprocess.run([*as_nobody, sys.executable, "-c", "import pjsua2"], check=False, capture_output=True).returncode:
        pytest.skip("the user nobody may not read this Python")
    mask = os.umask(0)  # the daemon must reach the socket on which it says that it is ready
    request.addfinalizer(lambda: os.umask(mask))
    with running_daemon(tmp_path, command=(*as_nobody, sys.executable, "-m", "daemon")) as daemon:
        daemon.config_path.chmod(0)
        (problem,) = daemon.wait_for_log("config.rejected")["problems"]
        assert "may not read this file" in problem
        with SipPeer(daemon.address) as alice:
            assert alice.register().status == 200
            daemon.config_path.chmod(0o644)
            daemon.wait_for_log("config.accepted", timeout_s=IN_FORCE_S)


def test_hangup_signal_reads_the_file_at_once_and_tells_the_outcome(daemon, peer):
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for_log("config.unchanged")
    daemon.config_path.write_text(daemon.config_path.read_text(encoding="utf-8") + "nonsense: 1\n", encoding="utf-8")
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for_log("config.rejected")


def test_what_needs_a_restart_is_named_and_the_rest_is_in_force(daemon, peer):
    text = with_contacts(daemon.config_path, 3).replace(f"port: {daemon.port}", "port: 5999")
    rename_over(daemon.config_path, text)
    told = daemon.wait_for_log("config.restart_needed", timeout_s=IN_FORCE_S)
    assert told["changes"] == [f"sip.udp.port: {daemon.port} -> 5999"]
    assert contacts_in_force(daemon) == 3
    assert settings_in_force(daemon)["sip"]["udp"]["port"] == daemon.port
    rename_over(daemon.config_path, text.replace("port: 5999", f"port: {daemon.port}"))
    daemon.wait_for_log("config.restart_not_needed")


def test_log_level_changes_while_running(daemon, peer):
    rename_over(daemon.config_path, daemon.config_path.read_text(encoding="utf-8") + "log: {level: debug}\n")
    daemon.wait_for_log("config.reloaded", changes=["log.level: info -> debug"])
    with SipPeer(daemon.address, "bob") as bob:
        assert bob.register().status == 200
        assert daemon.wait_for_log("config.written")["level"] == "debug"


def test_new_domain_is_in_force_and_the_devices_are_known_by_their_new_address(daemon, peer):
    text = daemon.config_path.read_text(encoding="utf-8").replace("server:\n", "server:\n  domain: home.example\n", 1)
    rename_over(daemon.config_path, text)
    daemon.wait_for_device("alice@home.example", online=True)
    daemon.wait_for_device(ALICE, online=False)
    peer.domain = "home.example"


def without_alice(text: str) -> str:
    """Her entry's lines go; hers is the only one."""
    entry = re.search(r'^  "?alice@.*:\n(    .*\n)+', text, re.MULTILINE)
    assert entry is not None, text
    return text.replace(entry.group(), "").replace("devices:\n", "devices: {}\n")


def test_deleted_entry_comes_back_only_when_the_device_registers_again(daemon, peer):
    rename_over(daemon.config_path, without_alice(daemon.config_path.read_text(encoding="utf-8")))
    daemon.wait_for_log("config.reloaded", changes=[f"devices.{ALICE}: removed"])
    assert peer.register().status == 200  # a refresh
    with SipPeer(daemon.address, "bob") as bob:
        assert bob.register().status == 200
        daemon.wait_for_device("bob@screamrouter.local", online=True)
    assert daemon.device(ALICE) is None
    assert peer.register(expires=0).status == 200
    assert peer.register().status == 200
    daemon.wait_for_device(ALICE, online=True)


def test_entry_written_in_advance_is_filled_when_its_device_comes(daemon, peer):
    entry = "  bob@screamrouter.local: {name: Porch, role: phone} # mine\n"
    text = daemon.config_path.read_text(encoding="utf-8").replace("devices:\n", "devices:\n" + entry)
    rename_over(daemon.config_path, text)
    daemon.wait_for_log("config.reloaded", changes=["devices.bob@screamrouter.local: added"])
    with SipPeer(daemon.address, "bob") as bob:
        assert bob.register().status == 200
        filled = daemon.wait_for_device("bob@screamrouter.local", online=True)
    assert (filled["name"], filled["role"], filled["port"]) == ("Porch", "phone", bob.port)
    assert "# mine" in daemon.config_path.read_text(encoding="utf-8")


def test_daemons_field_that_the_owner_edits_gets_its_value_back(daemon, peer):
    text = daemon.config_path.read_text(encoding="utf-8")
    rename_over(daemon.config_path, text.replace("online: true", "online: false").replace("name: alice", "name: Attic"))
    daemon.wait_for_device(ALICE, online=True, name="Attic", timeout_s=2.0)


def check(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "daemon", "check", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_check_diff_shows_what_a_reload_would_change_and_changes_nothing(daemon, peer, tmp_path):
    text = with_contacts(daemon.config_path, 3).replace("name: alice", "name: Attic")
    draft = tmp_path / "draft.yaml"
    draft.write_text(text.replace(f"port: {daemon.port}", "port: 5999"), encoding="utf-8")
    finished = check("--diff", draft)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout.splitlines() == [
        f"{draft} is sound.",
        "Compared with what the running daemon has in force:",
        "A reload changes:",
        "  registrar.max_contacts: 10 -> 3",
        f"  devices.{ALICE}.name: alice -> Attic",
        "Only a restart of the daemon changes:",
        f"  sip.udp.port: {daemon.port} -> 5999",
    ]
    assert contacts_in_force(daemon) == 10
    assert f"  sip.udp.port: {daemon.port} -> 5999" in check(draft).stdout
    assert "A reload would change nothing." in check("--diff", daemon.config_path).stdout


def test_check_diff_finds_the_daemon_whose_state_directory_a_file_moves(daemon, peer, tmp_path):
    draft = tmp_path / "draft.yaml"
    moved = daemon.config_path.read_text(encoding="utf-8").replace(str(daemon.state_dir), "/nowhere")
    draft.write_text(moved, encoding="utf-8")
    finished = check("--diff", draft, "--config", daemon.config_path)
    assert f"  server.state_dir: {daemon.state_dir} -> /nowhere" in finished.stdout


def test_check_diff_without_a_daemon_compares_with_the_defaults_and_says_so(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(f"server: {{name: Attic, state_dir: {tmp_path}}}\n", encoding="utf-8")
    finished = check("--diff", path)
    assert finished.returncode == 0
    assert "No daemon runs with this state directory; compared with the defaults:" in finished.stdout
    assert "  server.name: ScreamRouter -> Attic" in finished.stdout


def test_check_diff_of_a_bad_file_names_its_faults(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("liveness: 5\n", encoding="utf-8")
    finished = check("--diff", path)
    assert finished.returncode == 1
    assert f"{path}:1:11: liveness:" in finished.stderr
