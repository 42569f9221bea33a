"""sipvicious, which looks for users and guesses passwords; told to stay on the loopback and to end in time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.kit.daemon_process import DaemonProcess, free_udp_port

SCRIPTS = Path(sys.executable).parent
RUN_S = 30.0
CRACK_S = 12.0
SILENCE_S = 2
"""After that long without an answer it gives up."""

needs_sipvicious = pytest.mark.skipif(
    not (SCRIPTS / "sipvicious_svwar").exists(), reason="needs sipvicious (requirements/dev.txt)"
)


def enumerate_users(daemon: DaemonProcess, directory: Path, method: str, extensions: str) -> set[str]:
    """The names among ``extensions`` (such as "100-130") that svwar says exist."""
    options = ["-m", method, "-e", extensions, "--force", "--disablecancel"]
    return set(_table_of(_run("svwar", daemon, directory, options)))


def crack(daemon: DaemonProcess, directory: Path, user: str, words: Sequence[str]) -> str | None:
    """The password of ``user`` that svcrack finds among ``words`` within ``CRACK_S``, or None."""
    (directory / "words").write_text("\n".join([*words, ""]), encoding="utf-8")
    try:
        output = _run("svcrack", daemon, directory, ["-u", user, "-d", str(directory / "words")], CRACK_S)
    except subprocess.TimeoutExpired:
        return None  # it tells what it has found when it ends, and it ends when it has found something
    return _table_of(output).get(user)


def _run(tool: str, daemon: DaemonProcess, directory: Path, options: Sequence[str], most_s: float = RUN_S) -> str:
    command = [str(SCRIPTS / f"sipvicious_{tool}"), *options, "-p", str(daemon.port), "-b", "127.0.0.1"]
    command += ["-P", str(free_udp_port())]  # its own 5060 may be anybody's
    command += ["--domain", daemon.domain, "--maximumtime", str(SILENCE_S), daemon.ip]
    done = subprocess.run(
        command,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=most_s,
        check=False,
    )
    assert "found" in done.stderr or "| Extension" in done.stdout, done.stdout + done.stderr
    assert "unhandled exception" not in done.stderr, done.stderr
    return done.stdout


def _table_of(output: str) -> dict[str, str]:
    """The rows of a table such as "| 105 | pw |", without its head."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in output.splitlines() if line[:1] == "|"]
    return {row[0]: row[1] for row in cells if row[0] != "Extension"}
