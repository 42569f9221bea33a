"""sipsak, the command that sends one SIP request and says by its exit code how that went. It speaks IPv4 only."""

from __future__ import annotations

import subprocess

from tests.integration.clients.client_process import needs_program
from tests.kit.daemon_process import DaemonProcess

RUN_S = 20.0

needs_sipsak = needs_program("sipsak", "sipsak")


def ask(daemon: DaemonProcess, expected: str) -> None:
    """OPTIONS for the daemon itself, answered 2xx and with ``expected``, a regular expression."""
    _run(f"sip:{daemon.ip}:{daemon.port}", expected)


def register(daemon: DaemonProcess, user: str, contact: str, *, expires_s: int, expected: str) -> None:
    """REGISTER ``contact``, a URI or ``*``, answered 2xx and with ``expected``; 0 seconds take it back."""
    options = ("--usrloc-mode", "--no-via", "--contact", contact, "--expires", str(expires_s))
    _run(f"sip:{user}@{daemon.ip}:{daemon.port}", expected, *options)


def _run(uri: str, expected: str, *options: str) -> None:
    finished = subprocess.run(
        ["sipsak", "-vvv", "--search", expected, *options, "--sip-uri", uri],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
