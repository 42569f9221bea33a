"""The real daemon as a child process: started on free ports, ready when it says so, ended by its process id."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml

from api.control_socket import ask

START_S = 15.0
STOP_S = 10.0
POLL_S = 0.02
ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"


def has_address(ip: str) -> bool:
    """Whether this machine can bind ``ip``: containers often have no ::1."""
    try:
        free_udp_port(ip)
    except OSError:
        return False
    return True


def free_udp_port(ip: str = "127.0.0.1") -> int:
    """A port that was free a moment ago on ``ip``, also for TCP, which is served on the same."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    while True:
        with socket.socket(family, socket.SOCK_DGRAM) as probe, socket.socket(family, socket.SOCK_STREAM) as other:
            probe.bind((ip, 0))
            port: int = probe.getsockname()[1]
            with contextlib.suppress(OSError):
                other.bind((ip, port))
                return port


def wait_until(condition: Callable[[], Any], what: str, timeout_s: float = 5.0) -> Any:
    """The first true value of ``condition``; AssertionError naming ``what`` when it stays false.

    For facts that another process makes true and announces nowhere, such as the content of a file.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:g} s: {what}")
        time.sleep(POLL_S)


@dataclass
class DaemonProcess:
    """A running daemon and its files."""

    process: subprocess.Popen[bytes]
    config_path: Path
    state_dir: Path
    log_path: Path
    ip: str
    port: int
    domain: str = "screamrouter.local"
    exit_code: int | None = field(default=None, init=False)

    @property
    def address(self) -> tuple[str, int]:
        return self.ip, self.port

    def port_over(self, transport: str) -> int:
        """Its SIP port over ``udp``, ``tcp`` or ``tls``."""
        if transport == "udp":
            return self.port
        listening = self.wait_for_log("sip.streams_started")["listening"]
        (place,) = [one for one in listening if one.endswith(f"over {transport.upper()}")]
        return int(place.split()[2])

    def authority_pem(self) -> str:
        """The certificate of its own authority, once that has signed the server's."""
        self.wait_for_log("certificate.issued")
        kept = (self.state_dir / "certificates" / "authority.pem").read_text(encoding="utf-8")
        return kept[kept.index("-----BEGIN CERTIFICATE-----") :]

    def config(self) -> dict[str, Any]:
        """config.yaml as it is now."""
        document: dict[str, Any] = yaml.load(self.config_path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        return document

    def device(self, device_id: str) -> dict[str, Any] | None:
        """The device's entry in config.yaml as it is now, or None."""
        devices = self.config().get("devices") or {}
        entry: dict[str, Any] | None = devices.get(device_id)
        return entry

    def wait_for_device(self, device_id: str, *, timeout_s: float = 10.0, **fields: Any) -> dict[str, Any]:
        """The device's entry once all ``fields`` have these values."""

        def matching() -> dict[str, Any] | None:
            entry = self.device(device_id)
            is_match = entry is not None and all(entry.get(key) == value for key, value in fields.items())
            return entry if is_match else None

        found: dict[str, Any] = wait_until(
            matching, f"{device_id} with {fields}; there is {self.device(device_id)}", timeout_s
        )
        return found

    def live_devices(self) -> dict[str, dict[str, Any]]:
        """What ``screamrouter-sip devices`` shows, by device id."""
        return {row["uuid"]: row for row in ask(self.state_dir, "devices")}

    def statistics(self) -> dict[str, int]:
        """The core's counters."""
        counters: dict[str, int] = ask(self.state_dir, "statistics")
        return counters

    def log_lines(self) -> list[dict[str, Any]]:
        """The structured log so far."""
        lines = self.log_path.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def wait_for_log(self, event: str, *, timeout_s: float = 10.0, **fields: Any) -> dict[str, Any]:
        """The first line of this event whose ``fields`` have these values, once it is there."""

        def matching() -> dict[str, Any] | None:
            wanted = {"event": event, **fields}
            return next(
                (line for line in self.log_lines() if all(line.get(key) == wanted[key] for key in wanted)), None
            )

        found: dict[str, Any] = wait_until(matching, f"{event} with {fields} in the log", timeout_s)
        return found

    def is_running(self) -> bool:
        return self.process.poll() is None

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it and return its exit code; idempotent."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.exit_code = self.process.wait(STOP_S)
        return self.exit_code


def write_config(path: Path, settings: dict[str, Any]) -> None:
    """A config.yaml with ``settings``, as an owner might have it: with a comment at both ends."""
    body = yaml.safe_dump(settings, sort_keys=False)
    path.write_text(f"# the owner's first line\n{body}# the owner's last line\n", encoding="utf-8")


@contextmanager
def running_daemon(
    directory: Path,
    *,
    ip: str = "127.0.0.1",
    sections: dict[str, Any] | None = None,
    command: Sequence[str] = (sys.executable, "-m", "daemon"),
    environment: dict[str, str] | None = None,
) -> Iterator[DaemonProcess]:
    """The daemon on free ports of ``ip``, without mDNS and HTTP unless ``sections`` say otherwise; ready when given.

    ``sections`` are merged over the default settings, section by section.
    """
    state_dir = directory / "state"
    port = free_udp_port(ip)
    settings: dict[str, Any] = {
        "server": {"state_dir": str(state_dir)},
        "sip": {"udp": {"address": ip, "port": port}, "tls": {"port": 0}},
        "discovery": {"enabled": False},
        "media": {"port": 0},
        "http": {"enabled": False},
        "devices": {},
    }
    for name, section in (sections or {}).items():
        settings[name] = {**settings.get(name, {}), **section} if isinstance(section, dict) else section
    write_config(directory / "config.yaml", settings)
    with started_daemon(directory, command=command, environment=environment) as daemon:
        yield daemon


@contextmanager
def started_daemon(
    directory: Path,
    *,
    command: Sequence[str] = (sys.executable, "-m", "daemon"),
    environment: dict[str, str] | None = None,
) -> Iterator[DaemonProcess]:
    """The daemon on the files that ``running_daemon`` made in ``directory``, as they are now; ready when given."""
    config_path, log_path = directory / "config.yaml", directory / "daemon.log"
    # The settings alone: to read a hundred thousand devices would take longer than the daemon takes to start.
    head = config_path.read_text(encoding="utf-8").partition("\ndevices:")[0]
    settings: dict[str, Any] = yaml.load(head, Loader=yaml.CSafeLoader)
    with _ReadySocket(directory / "notify") as ready, log_path.open("ab") as log:
        process = subprocess.Popen(
            [*command, "run", "--config", str(config_path)],
            stderr=log,
            stdout=log,
            env={**os.environ, "PYTHONPATH": f"{SRC}:{ROOT}", "NOTIFY_SOCKET": str(ready.path), **(environment or {})},
        )
        state_dir, udp = Path(settings["server"]["state_dir"]), settings["sip"]["udp"]
        daemon = DaemonProcess(process, config_path, state_dir, log_path, udp["address"], udp["port"])
        try:
            ready.wait(process, log_path)
            yield daemon
        finally:
            if process.poll() is None:
                daemon.stop()


class _ReadySocket:
    """The receiving end of systemd's notification protocol."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(0.2)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def wait(self, process: subprocess.Popen[bytes], log_path: Path) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            try:
                if b"READY=1" in self._socket.recv(4096):
                    return
            except TimeoutError:
                if process.poll() is not None:
                    break
        raise AssertionError(f"the daemon did not become ready:\n{log_path.read_text(encoding='utf-8')}")


def https_port(daemon: DaemonProcess) -> int:
    """Where it serves HTTPS."""
    listening: str = daemon.wait_for_log("http.started")["listening"][0]
    return int(listening.rpartition(" ")[2])
