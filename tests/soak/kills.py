"""Kills the daemon at random moments under a stream of REGISTERs: nothing that was acknowledged in time is ever lost.

python -m tests.soak.kills --rounds 200 --seed 1
"""

from __future__ import annotations

import argparse
import itertools
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from configuration.config_loader import load_config
from tests.kit.daemon_process import DaemonProcess, running_daemon, started_daemon
from tests.kit.sip_peer import SipMessage, SipPeer

PHONES = 3000
BUSY_PHONES = 100
"""Those that go on changing until the kill; the others change once a round."""
BEHIND_S = 1.0
"""Changes that were acknowledged longer ago than this must have outlived the kill."""
WINDOW = 20
"""Requests on their way at once."""


@dataclass
class Operation:
    """A REGISTER that makes the phone registered, or not."""

    makes_present: bool
    acknowledged_s: float | None = None


@dataclass
class Phone:
    """One address-of-record: what was asked of the daemon since it was last seen there for sure."""

    user: str
    call_id: str
    cseq: int = 0
    operations: list[Operation] = field(default_factory=lambda: [Operation(makes_present=False, acknowledged_s=0.0)])

    def possible(self, killed_s: float) -> set[bool]:
        """Whether it may be registered after a kill at this time: as the last change that had to be kept left it, or
        any that came later.
        """
        kept = [
            index
            for index, one in enumerate(self.operations)
            if one.acknowledged_s is not None and one.acknowledged_s < killed_s - BEHIND_S
        ]
        return {one.makes_present for one in self.operations[kept[-1] :]}


class Stream:
    """Sends a REGISTER of every phone, a few at once, then more of some, until it is told the time to stop."""

    def __init__(self, daemon: DaemonProcess, peer: SipPeer, phones: list[Phone], lots: random.Random) -> None:
        self._peer = peer
        self._daemon = daemon
        order = lots.sample(phones, len(phones))
        self._phones = itertools.chain(order, itertools.cycle(order[:BUSY_PHONES]))
        self._lots = lots
        self._open: dict[str, Operation] = {}
        self.acknowledged = 0

    def run_until(self, end_s: float) -> None:
        while time.monotonic() < end_s:
            while len(self._open) < WINDOW:
                self._send(next(self._phones))
            try:
                self._take(self._peer.receive(timeout_s=0.05))
            except TimeoutError:
                self._open.clear()

    def _send(self, phone: Phone) -> None:
        phone.cseq += 1
        makes_present = self._lots.random() < 0.8
        branch = f"z9hG4bK{phone.user}x{phone.cseq}"
        contact = f"Contact: <sip:{phone.user}@{self._peer.host_port}>;expires={3600 if makes_present else 0}"
        aor = f"sip:{phone.user}@{self._daemon.domain}"
        octets = self._peer.request(
            "REGISTER",
            headers=[contact],
            sender=aor,
            to=f"<{aor}>",
            call_id=phone.call_id,
            cseq=phone.cseq,
            branch=branch,
        )
        self._open[branch] = Operation(makes_present)
        phone.operations.append(self._open[branch])
        self._peer.send(octets)

    def _take(self, answer: SipMessage) -> None:
        operation = self._open.pop(answer.via.get("branch", ""), None) if answer.status else None
        if operation is None:
            return
        assert answer.status == 200, answer.start_line
        operation.acknowledged_s = time.monotonic()
        self.acknowledged += 1


def check_phones(daemon: DaemonProcess, phones: list[Phone], killed_s: float) -> int:
    """Compare what the daemon knows with what it must; return how many are registered."""
    present = 0
    with SipPeer(daemon.address) as prober:  # the phones' own socket is full of pings
        for phone in phones:
            prober.user = phone.user
            is_present = bool(prober.query())
            assert is_present in phone.possible(killed_s), f"{phone.user}: registered {is_present}, {phone.operations}"
            phone.operations = [Operation(is_present, acknowledged_s=0.0)]
            present += is_present
    return present


def check_config(path: Path) -> None:
    """The file is whole, and the owner's lines are where they were."""
    load_config(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# the owner's first line"
    assert lines[-1] == "# the owner's last line"


def soak(directory: Path, rounds: int, seed: int) -> str:
    """Play ``rounds``; return what happened in a line. AssertionError when anything was lost."""
    lots = random.Random(seed)
    phones = [Phone(f"phone{number}", f"call-{number}-{seed}") for number in range(PHONES)]
    acknowledged = 0
    killed_s = time.monotonic()
    with running_daemon(directory) as first:
        peer = SipPeer(first.address)
        first.stop()
    with peer:
        for _ in range(rounds):
            with started_daemon(directory) as daemon:
                check_phones(daemon, phones, killed_s)
                stream = Stream(daemon, peer, phones, lots)
                stream.run_until(time.monotonic() + lots.uniform(0.05, 3.0))
                daemon.process.send_signal(signal.SIGKILL)
                killed_s = time.monotonic()
                daemon.process.wait()
            acknowledged += stream.acknowledged
            check_config(daemon.config_path)
        with started_daemon(directory) as last:
            present = check_phones(last, phones, killed_s)
    return f"{rounds} kills, seed {seed}: {acknowledged} changes acknowledged, none lost; {present} phones registered"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        print(soak(Path(directory), options.rounds, options.seed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
