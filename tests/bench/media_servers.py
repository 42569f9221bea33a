"""The media servers under test, each a child process in a group of its own, and how calls reach each of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.bench import janus_server
from tests.bench.cpu import CpuReading, read_cpu, read_memory_bytes
from tests.bench.load import BenchError
from tests.bench.peers import DOMAIN, daemon, running
from tests.bench.sip_calls import SipCalls

MIX = "bench"
"""The sink that everybody meets in."""
_STOP_TIMEOUT_S = 20.0
_JANUS_STARTS = 8
"""Now and then Debian's 1.1.2 says that it has no transport, although it has been given one, and ends."""
_ROOT = Path(__file__).resolve().parents[2]
_DAEMON_CONFIG = """\
devices:
  bench@bench.local:
    name: bench
    role: sink
media:
  address: 192.0.2.1
  port: 0
  silence_s: 3600.0
"""


class Signalling(Protocol):
    """How calls are made and ended."""

    def call(self, offer: str, mix: str | None) -> str:
        """The answer to an offer: of an echo, or of the mix of that name."""

    def hang_up_all(self) -> None:
        """End every call."""


@dataclass(frozen=True, slots=True)
class MediaServer:
    """A running server."""

    name: str
    pid: int
    signalling: Signalling

    def read_cpu(self) -> CpuReading:
        """The CPU time of all its processes and threads so far."""
        return read_cpu(self.pid)

    def read_memory_bytes(self) -> int:
        """Its proportional set size."""
        return read_memory_bytes(self.pid)


@contextmanager
def core(directory: Path) -> Iterator[MediaServer]:
    """Our AudioManager alone."""
    with _child([sys.executable, "-m", "tests.bench.media_core"], directory) as child:
        yield MediaServer("core", child.pid, _LineSignalling(child))


@contextmanager
def our_daemon(directory: Path) -> Iterator[MediaServer]:
    """The whole daemon, called by SIP over UDP."""
    with running(daemon(_ROOT, more_config=_DAEMON_CONFIG), directory) as server:
        yield MediaServer("daemon", server.pid, SipCalls(server.port, DOMAIN))


@contextmanager
def aiortc(directory: Path) -> Iterator[MediaServer]:
    """The package aiortc, out of the virtual environment."""
    with _child([sys.executable, "-m", "tests.bench.aiortc_server"], directory) as child:
        yield MediaServer("aiortc", child.pid, _LineSignalling(child))


@contextmanager
def janus(directory: Path) -> Iterator[MediaServer]:
    """Janus from Debian."""
    program = janus_server.find_janus()
    if program is None:
        raise BenchError("Janus is not there: install the package janus")
    for number in range(_JANUS_STARTS):
        place = directory / str(number)
        place.mkdir(parents=True)
        with _child(janus_server.command(program, place), place) as child:
            signalling = janus_server.JanusSignalling(place)
            if signalling.connect(child):
                yield MediaServer("janus", child.pid, signalling)
                return
    raise BenchError(f"Janus has ended by itself {_JANUS_STARTS} times: see the log in {directory}")


SERVERS: Mapping[str, Callable[[Path], AbstractContextManager[MediaServer]]] = {
    "core": core,
    "daemon": our_daemon,
    "janus": janus,
    "aiortc": aiortc,
}


@contextmanager
def _child(command: list[str], directory: Path) -> Iterator[subprocess.Popen[str]]:
    directory.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": f"{_ROOT}{os.pathsep}{_ROOT / 'src'}"}
    with (directory / "log").open("w") as log:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if command[0] == sys.executable else log,
            stderr=log,
            text=True,
            process_group=0,
            env=environment,
            cwd=directory,
        )
    try:
        yield child
    except BenchError:
        print((directory / "log").read_text(errors="replace")[-3000:], file=sys.stderr)
        raise
    finally:
        child.terminate()
        try:
            child.wait(timeout=_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


@dataclass(slots=True)
class _LineSignalling:
    """Calls to a child that speaks as ``line_server`` says."""

    child: subprocess.Popen[str]
    calls: list[str] = field(default_factory=list)
    number: int = 0

    def __post_init__(self) -> None:
        self._read()  # that it is ready

    def call(self, offer: str, mix: str | None) -> str:
        self.number += 1
        leg_id = f"leg-{self.number}"
        sdp = offer.replace("\r\n", "\t")
        told = self._ask(f"open {leg_id} {'mix' if mix else 'echo'} {mix or '-'} {sdp}")
        if "answer" not in told:
            raise BenchError(f"a call is refused: {told}")
        self.calls.append(leg_id)
        return told["answer"]

    def hang_up_all(self) -> None:
        for leg_id in self.calls:
            self._ask(f"close {leg_id}")
        self.calls.clear()

    def _ask(self, line: str) -> dict[str, str]:
        assert self.child.stdin is not None
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, str]:
        assert self.child.stdout is not None
        line = self.child.stdout.readline()
        if not line:
            raise BenchError("a server of the bench has ended: see its log")
        told: dict[str, str] = json.loads(line)
        return told
