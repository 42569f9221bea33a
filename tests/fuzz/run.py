"""Sends mutated packets to daemons of its own, half of them to one in mode open and half to one in mode closed, both
with passwords; exits 1 when one died, hung, leaked or did not serve an honest device afterwards.

python -m tests.fuzz.run --packets 2000000 --seed 1
"""

from __future__ import annotations

import argparse
import itertools
import random
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from configuration.credential_file import CREDENTIALS_NAME, hash_password, update_credentials
from tests.fuzz.live import LiveWatcher
from tests.fuzz.packets import mutated_packets
from tests.fuzz.seeds import DOMAIN, Login
from tests.kit.daemon_process import DaemonProcess, running_daemon
from tests.kit.digest import Account, authorization, challenges_of
from tests.kit.sip_peer import SipPeer

MODES = ("open", "closed")
BURST = 100
"""Packets between two probes: few enough for the daemon's receive buffer."""

USERS = 64
"""With passwords, used in turn: who is guessed at has to wait."""

HONEST = Account("honest", "Geheimnis-1")
PADDING = f"User-Agent: {'x' * 600}"
"""So that the answer has room for every challenge."""

WARM_UP = 0.5
"""Part of the packets after which the memory must stay as it is."""

MOST_GROWTH_MB = 8.0
"""Of the other part: what the tables of fixed size (the last messages alone have 4.7 MB) take as they fill up. Measured
over 125,000 packets: 0.0 to 0.2 MB."""


def user(number: int) -> str:
    return f"fuzz{number % USERS:02d}"


def password(name: str) -> str:
    return f"Geheimnis-{name}"


@contextmanager
def fuzzed_daemon(directory: Path, mode: str) -> Iterator[DaemonProcess]:
    """A daemon in which the attacker's users and the honest one have passwords."""
    accounts = [HONEST, *(Account(user(number), password(user(number))) for number in range(USERS))]
    stored = {one.user: hash_password(one.user, DOMAIN, one.password) for one in accounts}
    update_credentials(directory / "state" / CREDENTIALS_NAME, lambda _: stored)
    with running_daemon(directory, sections={"admission": {"mode": mode}}) as daemon:
        yield daemon


class Attacker:
    """Sends in bursts, each from a loopback address of its own and as the next user, with a nonce for both."""

    def __init__(self, daemon: DaemonProcess) -> None:
        self._daemon = daemon
        self._bursts = itertools.count()
        self.live = 0

    def send(self, packets: list[bytes]) -> None:
        number = next(self._bursts)
        own_socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        own_socket.bind((f"127.{1 + number // 65536}.{number // 256 % 256}.{number % 256}", 0))
        with SipPeer(self._daemon.address, user=user(number), own_socket=own_socket) as peer:
            asked = peer.register(headers=[PADDING])
            if asked.status != 401:
                raise AssertionError(f"{peer.user} has a password, and was told {asked.start_line}")
            login = Login(peer.user, password(peer.user), challenges_of(asked)[0].nonce)
            for packet in packets:
                peer.send(login.dress(packet))
            watcher = LiveWatcher(peer, Account(peer.user, password(peer.user)), random.Random(number))
            for packet in watcher.packets():
                peer.send(packet)
                self.live += 1


def fuzz(daemon: DaemonProcess, packets: Iterator[bytes]) -> int:
    """Send ``packets`` in bursts, each with what a watcher adds, and then a probe that must be answered.

    How many the watchers sent.
    """
    attacker = Attacker(daemon)
    with SipPeer(daemon.address, user="probe") as probe:
        while burst := list(itertools.islice(packets, BURST)):
            attacker.send(burst)
            answer = probe.options()
            if answer.status != 200:
                raise AssertionError(f"the probe was answered {answer.start_line}")
    if not daemon.is_running():
        raise AssertionError("the daemon died")
    return attacker.live


def check_service(daemon: DaemonProcess) -> dict[str, int]:
    """An honest device registers, is listed and leaves; the counters, by the control socket."""
    with SipPeer(daemon.address, user=HONEST.user) as peer:
        for expires_s, bindings in ((600, 1), (0, 0)):
            (challenge,) = [one for one in challenges_of(peer.register(headers=[PADDING])) if one.algorithm == "MD5"]
            login = authorization(challenge, HONEST, f"sip:{DOMAIN}")
            answer = peer.register(expires=expires_s, headers=[login])
            if (answer.status, len(answer.bindings)) != (200, bindings):
                raise AssertionError(f"the honest device was told {answer.start_line}")
    return daemon.statistics()


def resident_mb(pid: int) -> float:
    """The process's resident memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6


def fuzz_mode(mode: str, count: int, seed: int) -> bool:
    """False for a leak; AssertionError or TimeoutError for anything else that is wrong."""
    packets = mutated_packets(count, seed)
    with tempfile.TemporaryDirectory() as directory, fuzzed_daemon(Path(directory), mode) as daemon:
        start = time.monotonic()
        live = fuzz(daemon, itertools.islice(packets, int(count * WARM_UP)))
        warm_mb = resident_mb(daemon.process.pid)
        live += fuzz(daemon, packets)
        seconds = time.monotonic() - start
        counters = check_service(daemon)
        last_mb = resident_mb(daemon.process.pid)
        exit_code = daemon.stop()
    is_flat = last_mb - warm_mb <= MOST_GROWTH_MB
    print(
        f"{mode}: {count} packets of seed {seed} and {live} of watchers in {seconds:.0f} s ({count / seconds:.0f}/s): "
        f"{'alive' if is_flat else 'LEAKING'}, exit {exit_code}; "
        f"{warm_mb:.1f} -> {last_mb:.1f} MB; {counters}",
        flush=True,
    )
    return is_flat and exit_code == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    results = [fuzz_mode(mode, options.packets // len(MODES), options.seed) for mode in MODES]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
