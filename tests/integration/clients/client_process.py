"""A SIP client of somebody else's as a child process: its output in a file, ended by its process id."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

END_S = 10.0


def needs_program(program: str, package: str) -> pytest.MarkDecorator:
    """Skips a test where ``program`` is not installed, and names the Debian package that has it."""
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"needs {program} (Debian package {package})")


def uri_host(ip: str) -> str:
    """The address as a SIP URI has it (RFC 3261 section 25.1: IPv6 in brackets)."""
    return f"[{ip}]" if ":" in ip else ip


@dataclass(frozen=True, slots=True)
class ClientProcess:
    """A running client; ``output_path`` has what it wrote."""

    process: subprocess.Popen[str]
    output_path: Path

    @property
    def output(self) -> str:
        return self.output_path.read_text(encoding="utf-8", errors="replace")

    def say(self, line: str) -> None:
        """Write one line to the client's standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def terminate(self) -> int:
        """Ask it to end (SIGTERM) and return its exit code."""
        self.process.terminate()
        return self.wait()

    def wait(self) -> int:
        """The exit code, once it ends by itself; AssertionError with its output when it does not."""
        try:
            return self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not end:\n{self.output}") from None


@contextmanager
def running_client(
    command: Sequence[str | Path], output_path: Path, environment: Mapping[str, str] | None = None
) -> Iterator[ClientProcess]:
    """Start ``command`` with ``environment`` over our own; killed at the end if it still runs."""
    with (
        output_path.open("wb") as output,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **(environment or {})},
        ) as process,
    ):
        try:
            yield ClientProcess(process, output_path)
        finally:
            if process.poll() is None:
                process.kill()
