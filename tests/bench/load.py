"""The load generators: built when their source is newer, driven line by line, one process per server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_HERE = Path(__file__).resolve().parent
_HEADERS = {
    "sipload": ("digest.hpp", "sip_text.hpp", "udp_batch.hpp"),
    "notifyload": (
        "sip_text.hpp",
        "udp_batch.hpp",
        "watch_options.hpp",
        "watch_report.hpp",
        "watch_state.hpp",
        "watch_text.hpp",
    ),
}

PASSWORD = "correct horse battery staple"
"""Of every phone that has one."""


class BenchError(Exception):
    """The bench cannot go on; ``str()`` says what happened and what to do."""


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What the generator saw of one command. ``challenge_octets`` and ``challenged_octets`` are means, 0 without a 401.

    ``own_cpu_us``: the generator's own CPU per request, which is in no figure of a server.
    """

    requests: int
    statuses: Mapping[str, int]
    retransmits: int
    lost: int
    incomplete: int
    strays: int
    send_errors: int
    wall_s: float
    answered_per_s: float
    request_octets: float
    challenges: int
    awaited_challenges: int
    challenge_octets: float
    challenged_octets: float
    own_cpu_us: float
    p50_us: float
    p99_us: float

    @property
    def errors(self) -> int:
        """Requests that did not get their one complete 200, plus answers that nobody asked for.

        A challenge is awaited before every 200 or before none: one that came or stayed away is an error as well.
        """
        unanswered = self.requests - self.statuses.get("200", 0)
        unawaited = abs(self.challenges - self.awaited_challenges)
        return unanswered + unawaited + self.incomplete + self.strays + self.send_errors

    @property
    def is_clean(self) -> bool:
        """True when every request was answered 200, completely and at once: only then does a figure count."""
        return self.errors == 0 and self.retransmits == 0


def build(build_dir: Path, name: str = "sipload") -> Path:
    """Compile a generator into ``build_dir`` unless its binary is newer than its sources; return its path."""
    binary = build_dir / name
    sources = [_HERE / source for source in (f"{name}.cpp", *_HEADERS[name])]
    if binary.exists() and all(source.stat().st_mtime < binary.stat().st_mtime for source in sources):
        return binary
    build_dir.mkdir(parents=True, exist_ok=True)
    command = ["g++", "-std=c++20", "-O2", "-Wall", "-Wextra", "-o", str(binary), str(sources[0]), "-lcrypto"]
    _compile(command)
    return binary


def build_kernel_buffers(build_dir: Path) -> Path:
    """Compile the library that, preloaded, keeps a server from enlarging its receive buffers; return its path."""
    library = build_dir / "kernel_buffers.so"
    build_dir.mkdir(parents=True, exist_ok=True)
    command = ["g++", "-std=c++20", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-o", str(library)]
    _compile([*command, str(_HERE / "kernel_buffers.cpp")])
    return library


def _compile(command: list[str]) -> None:
    """Compile; raise BenchError with what to do when it fails."""
    try:
        subprocess.run(command, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BenchError(
            f"a part of the bench does not build ({error}): install g++ and libssl-dev, and see its messages above"
        ) from error


@dataclass(frozen=True, slots=True)
class LoadShape:
    """How the phones are and how they are driven."""

    domain: str
    aors: int
    window: int
    sources: int = 0
    has_instance: bool = False
    digest: str = ""
    """``MD5`` or ``SHA-256``; empty: phones without passwords."""
    user: str = "user"
    first_source: str = "127.1.0.1"
    expires_s: int = 3600
    answers_pings: bool = False


class Generator:
    """One process of a load generator, which answers each line with a line of JSON."""

    def __init__(self, command: list[str]) -> None:
        """``with`` starts the process."""
        self._command = command
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is None:
            return
        with self._process as process:  # closes its pipes and waits for it
            if process.stdin is not None:
                process.stdin.close()
            if kind is not None:
                process.kill()  # it may be waiting for a server that is gone

    def ask(self, line: str) -> dict[str, Any]:
        """Give one command and return what it answers."""
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise BenchError("the load generator runs inside its with block only")
        process.stdin.write(line + "\n")
        process.stdin.flush()
        if not (answer := process.stdout.readline()):
            name = Path(self._command[0]).name
            raise BenchError(f"{name} ended in `{line}` (exit code {process.wait()}): see its message above")
        found: dict[str, Any] = json.loads(answer)
        return found


class LoadGenerator(Generator):
    """One ``sipload`` process: its phones keep Call-ID, CSeq, port and address from command to command."""

    def __init__(self, binary: Path, port: int, shape: LoadShape) -> None:
        """Set up for a server on 127.0.0.1; ``with`` starts the process."""
        super().__init__([str(binary), "--target", f"127.0.0.1:{port}", "--domain", shape.domain])
        self._command += ["--aors", str(shape.aors), "--window", str(shape.window), "--sources", str(shape.sources)]
        self._command += ["--user", shape.user, "--first-source", shape.first_source]
        self._command += ["--expires", str(shape.expires_s)]
        if shape.answers_pings:
            self._command.append("--answers-pings")
        if shape.has_instance:
            self._command.append("--instance")
        if shape.digest:
            self._command += ["--digest", shape.digest, "--password", PASSWORD]
        self._has_digest = bool(shape.digest)

    def run(self, mode: str, count: int, rate_per_s: int = 0) -> LoadReport:
        """Send ``count`` requests and return when each is answered or given up. Modes: see ``sipload.cpp``."""
        seen = self.ask(f"{mode} {count} {rate_per_s}")
        latency = seen["latency_us"]
        return LoadReport(
            requests=seen["requests"],
            statuses=seen["statuses"],
            retransmits=seen["retransmits"],
            lost=seen["lost"],
            incomplete=seen["incomplete"],
            strays=seen["strays"],
            send_errors=seen["send_errors"],
            wall_s=seen["wall_s"],
            answered_per_s=seen["answered_per_s"],
            request_octets=seen["request_octets"],
            challenges=seen["challenges"],
            awaited_challenges=count if self._has_digest and mode in ("new", "exchange") else 0,
            challenge_octets=seen["challenge_octets"],
            challenged_octets=seen["challenged_octets"],
            own_cpu_us=seen["own_cpu_us"],
            p50_us=latency["p50"],
            p99_us=latency["p99"],
        )
