"""Leads the audio of somebody else's telephone through a bad network: it stands before the daemon's SIP port and names
its own audio port in the daemon's description.

    phone                 CallRelay                 daemon
      | INVITE, 200 (ours)  |  INVITE, 200 (its own)  |
      |-------------------->|------------------------>|
      | ACK, BYE            |                         |
      |---------------------------------------------->|  to the daemon's Contact
      | RTP                 |  RTP, what is left of it|
      |<===================>|<=======================>|  a LossyRelay
"""

from __future__ import annotations

import re
import select
import threading
from contextlib import ExitStack
from typing import Self

from tests.kit.lossy_relay import BadNetwork, LossyRelay
from tests.kit.sip_peer import bound_socket

_IDLE_S = 0.1
_MEDIA = re.compile(rb"(?m)^m=audio (\d+)")


class CallRelay:
    """Relays one call over UDP to ``daemon`` while entered; ``media`` is there once the call is answered."""

    def __init__(self, daemon: tuple[str, int], network: BadNetwork, back: BadNetwork) -> None:
        self.media: LossyRelay | None = None
        self._daemon, self._network, self._back = daemon, network, back
        self._inner, self._outer = bound_socket(daemon[0]), bound_socket(daemon[0])
        self._phone: tuple[str, int] | None = None
        self._stack = ExitStack()
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="call-relay")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_ending.set()
        self._thread.join()
        self._inner.close()
        self._outer.close()
        self._stack.close()

    @property
    def address(self) -> tuple[str, int]:
        """Where the phone calls."""
        name: tuple[str, int] = self._inner.getsockname()
        return name

    def _run(self) -> None:
        while not self._is_ending.is_set():
            ready, _, _ = select.select([self._inner, self._outer], [], [], _IDLE_S)
            if self._inner in ready:
                octets, self._phone = self._inner.recvfrom(65536)
                self._outer.sendto(octets, self._daemon)
            if self._outer in ready and self._phone is not None:
                self._inner.sendto(_MEDIA.sub(self._lead, self._outer.recv(65536)), self._phone)

    def _lead(self, described: re.Match[bytes]) -> bytes:
        """The line with our port in the place of the daemon's."""
        if self.media is None:
            target = self._daemon[0], int(described[1])
            self.media = self._stack.enter_context(LossyRelay(target, self._network, self._back))
        port = b"%d" % self.media.address[1]
        assert len(port) == len(described[1]), "another length would make Content-Length a lie"
        return b"m=audio " + port
