"""systemd's notification protocol (sd_notify(3)): a datagram to the socket that the service manager names."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

import structlog

_log = structlog.get_logger(__name__)


class ServiceNotify:
    """Says nothing when there is no service manager; one that cannot be told is no reason to end, and logged once."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog_us = _watchdog_us(environment)
        self._has_failed = False

    def ready(self) -> None:
        """The daemon serves."""
        self._send("READY=1")

    def stopping(self) -> None:
        """The daemon ends on purpose."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """One line that ``systemctl status`` shows."""
        self._send(f"STATUS={text}")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    @property
    def watchdog_interval_s(self) -> float | None:
        """How often to say ``alive``: a third of what the manager waits; None without a watchdog."""
        return self._watchdog_us / 3e6 if self._watchdog_us else None

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
                notify.sendto(message.encode(), self._address)
        except OSError as error:
            if not self._has_failed:
                _log.warning("daemon.manager_not_told", address=self._address, reason=error.strerror or str(error))
            self._has_failed = True


def _watchdog_us(environment: Mapping[str, str]) -> int:
    is_for_us = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    value = environment.get("WATCHDOG_USEC", "")
    return int(value) if is_for_us and value.isdigit() else 0
