"""Can a stranger tell by the clock who exists? Times of refusals, interleaved, compared by a rank test.

``PYTHONPATH=.:src python tests/bench/answer_times.py [ROUNDS]`` starts a daemon in mode closed on the loopback. Each
round asks once as every kind, in random order: as an unknown user, as a known one with a wrong password, as a disabled
one with its right password, and, to know what no difference looks like, as an unknown user once more. Those all get the
same 401. Beside them two that only the holder of a password ever gets: 403 for another's address, and 200.

Every guess is by a user and from an address that have not guessed before, so that the back-off is not what is measured.
Microseconds; z is of the Mann-Whitney test against the first kind: of |z| under 3, so many samples show no difference.
"""

from __future__ import annotations

import math
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from configuration.credential_file import CREDENTIALS_NAME, hash_password, update_credentials
from tests.kit.daemon_process import running_daemon, started_daemon
from tests.kit.digest import Account, authorization, challenges_of
from tests.kit.sip_peer import SipPeer, bound_socket

ROUNDS = 4000
DOMAIN = "screamrouter.local"


@dataclass
class Kind:
    """One sort of asker. ``prefix`` of its users' names; all are as long. ``network``: the second octet of 127.x."""

    name: str
    prefix: str
    network: int
    password: str = "wrong"
    aor_prefix: str | None = None
    expected: int = 401
    times_us: list[float] = field(default_factory=list)

    def ask(self, server: tuple[str, int], number: int) -> None:
        """A challenge and an answer to it, of which the time is kept."""
        user, ip = f"{self.prefix}{number:05d}", f"127.{self.network}.{number // 250 + 1}.{number % 250 + 1}"
        aor_user = f"{self.aor_prefix or self.prefix}{number:05d}"
        with SipPeer(server, user=aor_user, own_socket=bound_socket(ip)) as peer:
            (challenge, *_) = challenges_of(peer.register())
            header = authorization(challenge, Account(user, self.password), f"sip:{DOMAIN}")
            request = peer.request("REGISTER", headers=[f"Contact: {peer.contact}", header])
            started = time.perf_counter_ns()
            answer = peer.exchange(request)
            self.times_us.append((time.perf_counter_ns() - started) / 1000)
        if answer.status != self.expected:
            raise AssertionError(f"{self.name}: {answer.start_line} for {user}")


def rank_z(a: Sequence[float], b: Sequence[float]) -> float:
    """The normal deviate of the Mann-Whitney U of two samples; ties have their mean rank."""
    ordered = sorted([(value, True) for value in a] + [(value, False) for value in b])
    rank_sum, index = 0.0, 0
    while index < len(ordered):
        end = index
        while end < len(ordered) and ordered[end][0] == ordered[index][0]:
            end += 1
        rank_sum += (index + 1 + end) / 2 * sum(is_a for _, is_a in ordered[index:end])
        index = end
    m, n = len(a), len(b)
    return (rank_sum - m * (m + n + 1) / 2) / math.sqrt(m * n * (m + n + 1) / 12)


def write_house(directory: Path, rounds: int) -> None:
    """``rounds`` devices of each sort, each with a password: nobody is asked for twice, so nobody is in a cache."""
    users = [f"{prefix}{number:05d}" for prefix in ("known", "disab", "other", "owner") for number in range(rounds)]
    stored = {user: hash_password(user, DOMAIN, "right") for user in users}
    update_credentials(directory / "state" / CREDENTIALS_NAME, lambda _: stored)
    lines = [f"  {user}@{DOMAIN}: {{enabled: false}}\n" for user in users if user.startswith("disab")]
    path = directory / "config.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("devices: {}\n", "devices:\n" + "".join(lines)), encoding="utf-8")


def report(kinds: Sequence[Kind]) -> None:
    first = kinds[0]
    print(f"{'asker':40} {'n':>6} {'median us':>10} {'p90 us':>8} {'z':>7}")
    for kind in kinds:
        z = f"{rank_z(first.times_us, kind.times_us):7.2f}" if kind is not first else "      -"
        p90 = statistics.quantiles(kind.times_us, n=10)[-1]
        print(f"{kind.name:40} {len(kind.times_us):6} {statistics.median(kind.times_us):10.1f} {p90:8.1f} {z}")


def main(rounds: int = ROUNDS) -> None:
    kinds = [
        Kind("401 unknown user", "nobod", 1),
        Kind("401 unknown user once more", "nobdy", 2),
        Kind("401 known user, wrong password", "known", 3),
        Kind("401 disabled device, right password", "disab", 4, password="right"),
        Kind("403 right password, another's address", "other", 5, password="right", aor_prefix="nobod", expected=403),
        Kind("200 right password", "owner", 6, password="right", expected=200),
    ]
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        with running_daemon(directory, sections={"admission": {"mode": "closed"}, "log": {"level": "error"}}):
            pass
        write_house(directory, rounds)
        with started_daemon(directory) as daemon:
            for number in range(rounds):
                for kind in chance.sample(kinds, len(kinds)):
                    kind.ask(daemon.address, number)
    report(kinds)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
