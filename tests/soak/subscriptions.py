"""Subscriptions to ever other addresses, far more than there is room for: the limit holds, and nothing of them is left.

python -m tests.soak.subscriptions --addresses 20000 --waves 4
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.integration.test_https import ANY_PORT, browser_of
from tests.kit.answering_peer import AnsweringUdp
from tests.kit.daemon_process import running_daemon, wait_until
from tests.kit.process_size import ProcessSize

BRIEF_LEASE_S = 2
LEASE_S = 20
"""Long enough for a wave of 20,000 to come to the limit."""
AGAIN_S = 2.0
REPEATED = 0
"""In the place of a status: how many SUBSCRIBEs were sent again."""
MOST_REPEATED = 2000
IN_FLIGHT = 50
"""SUBSCRIBEs whose answers are waited for together."""
MOST_GROWTH_KB = 8_000
"""Of the last wave over the one before: those before have taken what the tables keep, and what lingers for 30 s."""


@dataclass
class Flood:
    """The answers of each wave, and how large the daemon was behind each, when all of it had ended."""

    limit: int
    answers: list[Counter[int]] = field(default_factory=list)
    sizes: list[ProcessSize] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)
    most_held: int = 0

    def require_nothing_broken(self) -> None:
        """AssertionError where the limit did not hold, or something is left."""
        assert self.most_held <= self.limit, f"{self.most_held} were held, and {self.limit} was the limit"
        assert all(set(wave) - {REPEATED} == {200, 503} for wave in self.answers), self.answers
        grown_kb = self.sizes[-1].resident_kb - self.sizes[-2].resident_kb
        assert grown_kb < MOST_GROWTH_KB, f"grown by {grown_kb} kB"
        assert self.sizes[-1].descriptors <= self.sizes[0].descriptors

    def __str__(self) -> str:
        waves = zip(self.answers, self.took_s, self.sizes, strict=True)
        return "\n".join(f"{dict(answers)} in {took_s:.1f} s, then {size}" for answers, took_s, size in waves)


def soak(directory: Path, *, addresses: int, waves: int, limit: int, lease_s: int = BRIEF_LEASE_S) -> Flood:
    """``addresses`` of its own in each wave; when its subscriptions have ended, the next comes."""
    presence: dict[str, Any] = {"min_expires_s": 1, "max_expires_s": lease_s, "max_subscriptions": limit}
    flood = Flood(limit)
    with (
        running_daemon(directory, sections={**ANY_PORT, "presence": presence}) as daemon,
        browser_of(daemon) as browser,
    ):
        for wave in range(waves):
            with AnsweringUdp(daemon.address, "flood") as peer:
                assert peer.register().status == 200
                began = time.monotonic()
                flood.answers.append(_subscribe_to_all(peer, f"w{wave}", addresses))
                flood.took_s.append(time.monotonic() - began)
                flood.most_held = max(flood.most_held, _held(browser))
                wait_until(lambda: not _held(browser), "their leases are over", lease_s + 40.0)
            flood.sizes.append(ProcessSize.of(daemon.process.pid))
    return flood


def _held(browser: httpx.Client) -> int:
    return len(browser.get("/api/subscriptions", timeout=20).raise_for_status().json())


def _subscribe_to_all(peer: AnsweringUdp, prefix: str, addresses: int) -> Counter[int]:
    answers: Counter[int] = Counter()
    for first in range(0, addresses, IN_FLIGHT):
        waiting: dict[str, bytes] = {}
        for number in range(first, min(first + IN_FLIGHT, addresses)):
            uri, call_id = f"sip:{prefix}-{number}@{peer.domain}", f"{prefix}-{number}@flood"
            lines = [f"Contact: {peer.contact}", "Event: presence", "Expires: 600"]
            waiting[call_id] = peer.request("SUBSCRIBE", uri=uri, to=f"<{uri}>", call_id=call_id, headers=lines)
            peer.send(waiting[call_id])
        while waiting:
            _take_answer(peer, waiting, answers)
    return answers


def _take_answer(peer: AnsweringUdp, waiting: dict[str, bytes], answers: Counter[int]) -> None:
    """The next answer; without one, what waits is sent again (RFC 3261 section 17.1.2)."""
    try:
        answer = peer.receive(AGAIN_S)
    except TimeoutError:
        answers[REPEATED] += len(waiting)
        assert answers[REPEATED] < MOST_REPEATED, f"{sorted(waiting)} are not answered"
        for octets in waiting.values():
            peer.send(octets)
    else:
        if waiting.pop(answer.get("call-id") or "", None):
            answers[answer.status] += 1


def main() -> int:
    """1 where the limit did not hold, or something is left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--addresses", type=int, default=20_000)
    parser.add_argument("--waves", type=int, default=4)
    parser.add_argument("--limit", type=int, default=10_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        flood = soak(Path(directory), addresses=asked.addresses, waves=asked.waves, limit=asked.limit, lease_s=LEASE_S)
    print(flood)
    flood.require_nothing_broken()
    return 0


if __name__ == "__main__":
    sys.exit(main())
