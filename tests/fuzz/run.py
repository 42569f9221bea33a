"""Sends mutated packets to a daemon of its own until ``--packets`` are through; exits 1 when it died, hung or leaked.

python -m tests.fuzz.run --packets 2000000 --seed 1
"""

from __future__ import annotations

import argparse
import itertools
import socket
import sys
import tempfile
from pathlib import Path

from tests.fuzz.packets import mutated_packets
from tests.kit.daemon_process import DaemonProcess, running_daemon
from tests.kit.sip_peer import SipPeer

BURST = 100
"""Packets between two probes: few enough for the daemon's receive buffer."""

MOST_GROWTH_MB = 200
"""Above what the bindings that fuzzing registers can hold."""


def fuzz(daemon: DaemonProcess, count: int, seed: int) -> None:
    """Send ``count`` packets in bursts, each followed by a probe that must be answered."""
    packets = mutated_packets(count, seed)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as attacker, SipPeer(daemon.address, user="probe") as probe:
        attacker.bind(("127.0.0.1", 0))
        while burst := list(itertools.islice(packets, BURST)):
            for packet in burst:
                attacker.sendto(packet, daemon.address)
            answer = probe.exchange(probe.request("OPTIONS"))
            if answer.status != 200:
                raise AssertionError(f"the probe was answered {answer.start_line}")
    if not daemon.is_running():
        raise AssertionError("the daemon died")


def resident_mb(pid: int) -> float:
    """The process's resident memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, running_daemon(Path(directory)) as daemon:
        fuzz(daemon, min(options.packets, 1000), options.seed)
        before = resident_mb(daemon.process.pid)
        fuzz(daemon, options.packets, options.seed)
        after = resident_mb(daemon.process.pid)
        counters = daemon.statistics()
    print(f"{options.packets} packets, seed {options.seed}: alive; {before:.0f} -> {after:.0f} MB; {counters}")
    return 0 if after - before < MOST_GROWTH_MB else 1


if __name__ == "__main__":
    sys.exit(main())
