"""The load generator ``webrtcload``: built on demand, driven line by line, with speech that espeak-ng has spoken."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.bench.load import BenchError
from tests.bench.media_network import ADDRESS
from tests.bench.media_servers import MediaServer

_CONNECT_S = 60
_TEXT = (
    "Good morning everybody. The kitchen speaker is playing again, and the workshop answers at the first ring. "
    "Please tell me whether you can hear every word, because yesterday the last one was always missing."
)


@dataclass(frozen=True, slots=True)
class Talk:
    """What the browsers sent and got back. ``late_ms``: how far the generator fell behind at the worst."""

    sent: int
    received: int
    missing: int
    unheard: int
    fewest: int
    late_ms: float


@dataclass(frozen=True, slots=True)
class Delay:
    """From mouth to ear, in milliseconds: as packets arrive, and as played behind a jitter buffer."""

    chirps: int
    played: int
    played_ms: float
    played_p95_ms: float
    arrived: int
    arrived_ms: float
    buffer_ms: float
    late_ms: float


def build(root: Path, build_dir: Path) -> Path:
    """Compile the generator; the program."""
    native = build_dir / "native"
    configure = ["cmake", "-S", str(root), "-B", str(native), "-G", "Ninja", "-DSR_BUILD_TESTS=ON"]
    configure += ["-DSR_BUILD_BINDINGS=OFF", "-DCMAKE_BUILD_TYPE=RelWithDebInfo"]
    try:
        subprocess.run(configure, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["cmake", "--build", str(native), "--target", "webrtcload"], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BenchError(f"webrtcload does not build ({error}): see the messages above") from error
    return native / "tests" / "native" / "webrtcload"


def speak(directory: Path) -> Path:
    """A recording of some ten seconds."""
    program = shutil.which("espeak-ng")
    if program is None:
        raise BenchError("nobody speaks: install the package espeak-ng")
    path = directory / "speech.wav"
    subprocess.run([program, "-v", "en", "-s", "170", "-w", str(path), _TEXT], check=True)
    return path


class Browsers:
    """One ``webrtcload`` process; ``with`` starts it."""

    def __init__(self, binary: Path, speech: Path) -> None:
        self._command = [str(binary), str(speech), ADDRESS]
        self._process: subprocess.Popen[str] | None = None
        self._count = 0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is None:
            return
        with self._process as process:
            if process.stdin is not None:
                process.stdin.close()
            if kind is not None:
                process.kill()

    def call(self, server: MediaServer, count: int, mix: str | None = None) -> None:
        """Connect ``count`` more browsers with the server."""
        for offer in self._ask(f"open {count}")["offers"]:
            answer = server.signalling.call(offer.replace("\t", "\r\n"), mix)
            fault = self._ask(f"answer {self._count} {answer.replace(chr(13), '').replace(chr(10), chr(9))}")["fault"]
            if fault:
                raise BenchError(f"{server.name}: {fault}: {answer}")
            self._count += 1
        told = self._ask(f"connect {_CONNECT_S}")
        if told["connected"] != self._count:
            raise BenchError(f"{server.name}: {told['connected']} of {self._count} browsers are connected")

    def talk(self, seconds: float, speakers: int) -> Talk:
        """All send for so long."""
        return Talk(**self._ask(f"talk {seconds} {speakers}"))

    def delay(self, speaker: int, listener: int, seconds: float, phase_ms: int) -> Delay:
        """From one browser to another."""
        return Delay(**self._ask(f"delay {speaker} {listener} {seconds} {phase_ms}"))

    def hang_up(self, server: MediaServer) -> None:
        """All go as pages do: the signalling says goodbye, then the connection is closed."""
        server.signalling.hang_up_all()
        self._ask("close")
        self._count = 0

    def _ask(self, line: str) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise BenchError("the load generator runs inside its with block only")
        process.stdin.write(line + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
            raise BenchError(f"webrtcload ended in `{line[:40]}` (exit code {process.wait()}): see its message above")
        told: dict[str, Any] = json.loads(answer)
        return told
