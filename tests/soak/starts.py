"""How soon a killed daemon serves again with all its bindings, config.yaml full of their devices.

python -m tests.soak.starts 10000 100000
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.kit.daemon_process import DaemonProcess, running_daemon, started_daemon, wait_until
from tests.kit.sip_peer import SipPeer

PHONES_PER_SOCKET = 100
WINDOW = 40
ALLOWED_S = {10_000: 1.0, 100_000: 5.0}
SETTLED_S = 300.0


@dataclass(frozen=True, slots=True)
class Start:
    """``answered_s``: from the start of the process to the first answer; ``kept`` of ``bindings`` were there then."""

    bindings: int
    kept: int
    answered_s: float
    cpu_s: float
    config_octets: int
    devices: int

    def __str__(self) -> str:
        return (
            f"{self.bindings} bindings, config.yaml {self.config_octets / 1e6:.1f} MB with {self.devices} devices: "
            f"answers after {self.answered_s:.2f} s ({self.cpu_s:.2f} s of CPU), {self.kept} bindings there"
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
    sections = {"liveness": {"ping_interval_s": 300.0, "timeout_s": 1200.0}, "log": {"level": "warning"}}
    with running_daemon(directory, sections=sections) as daemon:
        register(daemon, count)
        wait_until(lambda: is_settled(daemon), "everything written", SETTLED_S)
        daemon.stop(signal.SIGKILL)
    config = directory / "config.yaml"
    began_s = time.monotonic()
    with started_daemon(directory) as second:
        # READY=1 comes after the first answer, by which the daemon proves itself.
        ready_s = time.monotonic() - began_s
        used_s = cpu_s(second.process.pid)
        kept = second.statistics()["bindings"]
        devices = config.read_text(encoding="utf-8").count("\n    enabled:")
        return Start(count, kept, ready_s, used_s, config.stat().st_size, devices)


def is_settled(daemon: DaemonProcess) -> bool:
    """No file has changed for a second and a half: three times what any of the daemon's writers waits."""
    paths = [daemon.config_path, *daemon.state_dir.glob("bindings*")]
    newest_s = max(path.stat().st_mtime for path in paths)
    return time.time() - newest_s > 1.5


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
