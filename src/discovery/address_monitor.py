"""Tells when the host's addresses or links change, by rtnetlink(7)."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable

RTMGRP_LINK = 0x1
RTMGRP_IPV4_IFADDR = 0x10
RTMGRP_IPV6_IFADDR = 0x100
GROUPS = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR
DEBOUNCE_S = 0.25  # one `ip link set up` makes several messages
DATAGRAM_OCTETS = 65_536


class AddressMonitor:
    """Calls ``on_change`` on the running loop, once for all that happens within ``debounce_s``.

    What changed is not told: the interfaces themselves are the truth, and the kernel may drop messages.
    """

    def __init__(self, on_change: Callable[[], None], debounce_s: float = DEBOUNCE_S) -> None:
        self._on_change = on_change
        self._debounce_s = debounce_s
        self._socket: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Listen to the kernel. Raise OSError where it does not allow netlink sockets."""
        kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
        try:
            kernel.bind((0, GROUPS))
        except OSError:
            kernel.close()
            raise
        self._socket = kernel
        asyncio.get_running_loop().add_reader(kernel, self._on_readable, kernel)

    def stop(self) -> None:
        """Listen no more; idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _on_readable(self, kernel: socket.socket) -> None:
        self._discard_messages(kernel)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._debounce_s, self._on_quiet)

    @staticmethod
    def _discard_messages(kernel: socket.socket) -> None:
        while True:
            try:
                kernel.recv(DATAGRAM_OCTETS)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:  # messages were lost, which is a change like any other
                    raise

    def _on_quiet(self) -> None:
        self._timer = None
        self._on_change()
