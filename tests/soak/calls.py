"""Calls with audio, one after another: nothing of them is left.

python -m tests.soak.calls --calls 2000
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.kit.audio_daemon import phone_at, running_audio_daemon
from tests.kit.daemon_process import DaemonProcess, wait_until
from tests.kit.process_size import ProcessSize
from tests.kit.rtp_phone import RtpPhone, wait_for_no_legs

TARGETS = ("echo", "tone", "hall")
WARM_UP_CALLS = 100
"""Until memory that is kept for the next call has been taken."""
MOST_GROWTH_KB = 4_000
"""Beside the calls' own records, which live on for 32 s to answer what comes late (RFC 3261 section 17.2.2)."""
PACKETS = 3


@dataclass(frozen=True, slots=True)
class Calls:
    """How large the daemon was when warm, and after all calls."""

    calls: int
    took_s: float
    before: ProcessSize
    after: ProcessSize

    @property
    def leaks(self) -> str:
        """What is left of the calls; empty where nothing is."""
        if self.after.descriptors > self.before.descriptors:
            return "descriptors"
        if self.after.threads > self.before.threads:
            return "threads"
        return "memory" if self.after.resident_kb - self.before.resident_kb > MOST_GROWTH_KB else ""

    def __str__(self) -> str:
        return f"{self.calls} calls in {self.took_s:.1f} s; before: {self.before}; after: {self.after}"


def call(phone: RtpPhone, target: str) -> None:
    """One call that hears something."""
    phone.heard.clear()
    phone.reach(target)
    for _ in range(PACKETS):
        phone.speak()
    wait_until(phone.has_heard, f"audio of {target}")
    phone.hang_up()


def run(daemon: DaemonProcess, calls: int) -> Calls:
    """``WARM_UP_CALLS`` and ``calls`` to each target by turns."""
    with phone_at(daemon, 800) as phone:
        for number in range(WARM_UP_CALLS):
            call(phone, TARGETS[number % len(TARGETS)])
        wait_for_no_legs(daemon)
        before = ProcessSize.of(daemon.process.pid)
        began = time.monotonic()
        for number in range(calls):
            call(phone, TARGETS[number % len(TARGETS)])
        took_s = time.monotonic() - began
        wait_for_no_legs(daemon)
        return Calls(calls, took_s, before, ProcessSize.of(daemon.process.pid))


def main() -> int:
    """1 where something is left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, running_audio_daemon(Path(directory)) as daemon:
        done = run(daemon, asked.calls)
        print(done)
        if done.leaks:
            print(f"left of them: {done.leaks}", file=sys.stderr)
        return 1 if done.leaks else 0


if __name__ == "__main__":
    sys.exit(main())
