"""Kamailio and our daemon side by side: each round starts both afresh and gives them the same commands in turn.

The order of the two changes from round to round, so that neither always has the warmer machine.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.bench.cpu import read_memory_bytes
from tests.bench.load import LoadGenerator, LoadShape
from tests.bench.measure import Command, MemoryRow, Row, Sample, measure
from tests.bench.peers import DOMAIN, Digest, Peer, Server, running
from tests.bench.strictness import check_strictness

_WARM_UP = Command("options", 2_000)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured. ``rate_size`` AoRs are what everything but size is measured with."""

    sizes: tuple[int, ...]
    rounds: int
    window: int
    requests: int
    rate_per_s: int
    rate_size: int
    memory_size: int
    digests: tuple[str, ...] = ("MD5", "SHA-256")

    def commands(self, aors: int) -> list[Command]:
        """What each server is given at ``aors`` registered phones, in order."""
        count = max(aors, self.requests)
        commands = [Command("new", aors), Command("refresh", count)]
        if aors == self.rate_size:
            commands += [Command("options", count), Command("refresh", 2 * self.rate_per_s, self.rate_per_s)]
        return commands

    def digest_commands(self, algorithm: str) -> list[Command]:
        """The same for ``rate_size`` phones with passwords: a nonce kept, and a nonce asked for each time."""
        count = max(self.rate_size, self.requests)
        return [
            Command("new", self.rate_size, digest=algorithm),
            Command("refresh", count, digest=algorithm),
            Command("exchange", count, digest=algorithm),
        ]


@dataclass(frozen=True, slots=True)
class Comparison:
    """All rows of a run."""

    rows: Sequence[Row]
    memory: Sequence[MemoryRow]


@dataclass(slots=True)
class _Tally:
    samples: dict[tuple[Command, str], list[Sample]]
    binding_bytes: dict[str, list[float]]


def compare(peers: Sequence[Peer], core: Peer | None, binary: Path, plan: Plan, directory: Path) -> Comparison:
    """Measure every size; ``peers`` are one or both of Kamailio and our daemon, ``core`` is asked for memory only."""
    rows: list[Row] = []
    memory: list[MemoryRow] = []
    for aors in plan.sizes:
        tally = _Tally(defaultdict(list), defaultdict(list))
        for number in range(plan.rounds):
            print(f"  {aors} AoRs, round {number + 1} of {plan.rounds}", flush=True)
            order = list(peers) if number % 2 == 0 else list(reversed(peers))
            with ExitStack() as stack:
                place = directory / f"{aors}-{number}"
                pairs = [_start(stack, peer, binary, LoadShape(DOMAIN, aors, plan.window), place) for peer in order]
                _run_round(pairs, plan.commands(aors), aors, tally)
                if aors == plan.memory_size and core is not None:
                    alone = _start(stack, core, binary, LoadShape(DOMAIN, aors, plan.window), place)
                    _run_round([alone], [Command("new", aors)], aors, tally)
        rows += [
            Row(command.label, aors, tally.samples[command, "kamailio"], tally.samples[command, "daemon"])
            for command in plan.commands(aors)
        ]
        if aors == plan.memory_size:
            costs = [tally.binding_bytes[name] for name in ("kamailio", "core", "daemon")]
            memory.append(MemoryRow(aors, *costs))
    return Comparison(rows, memory)


def compare_digest(peers: Callable[[Digest], Sequence[Peer]], binary: Path, plan: Plan, directory: Path) -> list[Row]:
    """Rows of each algorithm. Raise BenchError when a server takes what the other has to refuse (strictness.py)."""
    rows: list[Row] = []
    for algorithm in plan.digests:
        shape = LoadShape(DOMAIN, plan.rate_size, plan.window, digest=algorithm)
        # One more user than phones: whoever asks how strict they are must not be one of these.
        servers = peers(Digest(algorithm, plan.rate_size + 1))
        commands = plan.digest_commands(algorithm)
        tally = _Tally(defaultdict(list), defaultdict(list))
        for number in range(plan.rounds):
            print(f"  digest {algorithm}, round {number + 1} of {plan.rounds}", flush=True)
            order = list(servers) if number % 2 == 0 else list(reversed(servers))
            with ExitStack() as stack:
                place = directory / f"{algorithm}-{number}"
                pairs = [_start(stack, peer, binary, shape, place) for peer in order]
                for server, _ in pairs:
                    check_strictness(server, algorithm, plan.rate_size)
                _run_round(pairs, commands, plan.rate_size, tally)
        rows += [
            Row(command.label, plan.rate_size, tally.samples[command, "kamailio"], tally.samples[command, "daemon"])
            for command in commands
        ]
    return rows


def _start(
    stack: ExitStack, peer: Peer, binary: Path, shape: LoadShape, directory: Path
) -> tuple[Server, LoadGenerator]:
    server = stack.enter_context(running(peer, directory / peer.name))
    generator = stack.enter_context(LoadGenerator(binary, server.port, shape))
    generator.run(_WARM_UP.mode, _WARM_UP.count)
    return server, generator


def _run_round(
    pairs: Sequence[tuple[Server, LoadGenerator]], commands: Sequence[Command], aors: int, tally: _Tally
) -> None:
    for command in commands:
        for server, generator in pairs:
            before = read_memory_bytes(server.pid)
            tally.samples[command, server.name].append(measure(server, generator, command))
            if command.mode == "new":
                tally.binding_bytes[server.name].append((read_memory_bytes(server.pid) - before) / aors)
