"""How soon a killed daemon serves again with all its bindings, config.yaml full of their devices.

python -m tests.soak.starts 10000 100000
"""

from __future__ import annotations

import argparse
import signal
import sqlite3
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from configuration.config_loader import FULL_FILE_OCTETS
from location.binding_store import DATABASE_NAME
from tests.kit.daemon_process import DaemonProcess, running_daemon, started_daemon, wait_until
from tests.kit.sip_peer import SipPeer

PHONES_PER_SOCKET = 100
WINDOW = 40
ALLOWED_S = {10_000: 1.0, 100_000: 5.0}
SETTLED_S = 300.0


@dataclass(frozen=True, slots=True)
class Start:
    """``answered_s``: from the start of the process to the first answer, which has its binding.

    ``kept`` of ``bindings`` were there then.
    """

    bindings: int
    kept: int
    answered_s: float
    cpu_s: float
    config_octets: int
    devices: int

    def __str__(self) -> str:
        return (
            f"{self.bindings} bindings, config.yaml {self.config_octets / 1e6:.1f} MB with {self.devices} devices: "
            f"answers after {self.answered_s:.2f} s, {self.kept} bindings there; "
            f"{self.cpu_s:.2f} s of CPU until it is ready"
        )


def register(daemon: DaemonProcess, count: int) -> None:
    """Register phones, ``PHONES_PER_SOCKET`` on each socket; all are acknowledged."""
    for first in range(0, count, PHONES_PER_SOCKET):
        with SipPeer(daemon.address) as peer:
            phones = range(first, min(first + PHONES_PER_SOCKET, count))
            for start in range(0, len(phones), WINDOW):
                window = phones[start : start + WINDOW]
                for phone in window:
                    aor = f"sip:phone{phone}@{daemon.domain}"
                    contact = f"Contact: <sip:phone{phone}@{peer.host_port};transport=udp>;expires=3600"
                    headers = [contact, "User-Agent: Some Phone T46 66.85.0.5"]
                    octets = peer.request(
                        "REGISTER", headers=headers, sender=aor, to=f"<{aor}>", call_id=f"call-of-phone-{phone}"
                    )
                    peer.send(octets)
                for _ in window:
                    answer = peer.receive()
                    while not answer.status:
                        answer = peer.receive()
                    assert answer.status == 200, answer.start_line


def cpu_s(pid: int) -> float:
    ticks = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / 100


def measure(directory: Path, count: int) -> Start:
    sections = {
        "liveness": {"ping_interval_s": 300.0, "timeout_s": 1200.0},
        "limits": {"max_aors": count, "max_bindings": count, "max_memory_mb": 1024},
        "log": {"level": "warning"},
    }
    with running_daemon(directory, sections=sections) as daemon:
        register(daemon, count)
        wait_until(lambda: is_written(daemon, count), "everything written", SETTLED_S)
        daemon.stop(signal.SIGKILL)
    config = directory / "config.yaml"
    with ThreadPoolExecutor(1) as threads:
        answered = threads.submit(first_answer_s, daemon.address, time.monotonic())
        with started_daemon(directory) as second:
            used_s = cpu_s(second.process.pid)
            kept = second.statistics()["bindings"]
            return Start(count, kept, answered.result(), used_s, config.stat().st_size, devices_in(config))


def first_answer_s(address: tuple[str, int], began_s: float) -> float:
    """How long after ``began_s`` a REGISTER without Contact was answered."""
    with SipPeer(address, user="phone0") as prober:
        while True:
            try:
                prober.send(prober.request("REGISTER"))
                answer = prober.receive(timeout_s=0.01)
            except (TimeoutError, ConnectionRefusedError):
                continue
            assert len(answer.bindings) == 1, answer
            return time.monotonic() - began_s


def is_written(daemon: DaemonProcess, count: int) -> bool:
    """Every device is in config.yaml, or it is full; every binding is in the database."""
    time.sleep(0.5)  # reading both is work that the daemon's own should not be slowed by
    is_full = daemon.config_path.stat().st_size >= FULL_FILE_OCTETS
    if not is_full and devices_in(daemon.config_path) < count:
        return False
    with closing(sqlite3.connect(f"file:{daemon.state_dir / DATABASE_NAME}?mode=ro", uri=True)) as database:
        (saved,) = database.execute("SELECT count(*) FROM bindings").fetchone()
    return bool(saved == count)


def devices_in(config_path: Path) -> int:
    return config_path.read_text(encoding="utf-8").count("\n    enabled:")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bindings", type=int, nargs="*", default=[10_000, 100_000])
    options = parser.parse_args()
    is_good = True
    for count in options.bindings:
        with tempfile.TemporaryDirectory() as directory:
            start = measure(Path(directory), count)
        print(start)
        is_good &= start.kept == count and start.answered_s <= ALLOWED_S.get(count, float("inf"))
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
