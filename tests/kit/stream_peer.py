"""A SIP device on a connection: TCP, or TLS when it is given a context."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from dataclasses import dataclass, field
from typing import ClassVar, Self

from tests.kit.sip_peer import ANSWER_S, SipMessage, SipPeer, parse_message

_LENGTH = re.compile(rb"(?im)^content-length\s*:\s*(\d+)")


@dataclass
class TcpPeer(SipPeer):
    """``octets_seen`` are those received that are no message yet; ``own_socket`` is connected already."""

    transport: ClassVar[str] = "TCP"
    octets_seen: bytes = field(default=b"", init=False)

    def make_socket(self) -> socket.socket:
        made = socket.create_connection(self.server, ANSWER_S)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def reconnect(self) -> Self:
        """The same device on a new connection; the old one stays open until ``close_old``."""
        self._old = self._socket
        self._socket = self.make_socket()
        self.ip, self.port = self._socket.getsockname()[:2]
        self.octets_seen = b""
        return self

    def close_old(self) -> None:
        self._old.close()

    def shut_down(self, half: int) -> None:
        """Close one half of the connection: ``socket.SHUT_WR`` or ``SHUT_RD``."""
        self._socket.shutdown(half)

    def send(self, octets: bytes) -> None:
        self._socket.sendall(octets)

    def send_until_full(self, octets: bytes) -> None:
        """Send the same again and again, reading nothing, until the daemon takes no more or ends the connection."""
        self._socket.settimeout(0.5)
        with contextlib.suppress(ConnectionError, TimeoutError):
            while True:
                self._socket.sendall(octets)

    def receive_octets(self, count: int, timeout_s: float = ANSWER_S) -> bytes:
        """Exactly ``count`` octets; fewer when the connection ended."""
        self._socket.settimeout(timeout_s)
        while len(self.octets_seen) < count and (piece := self._socket.recv(65536)):
            self.octets_seen += piece
        taken, self.octets_seen = self.octets_seen[:count], self.octets_seen[count:]
        return taken

    def receive(self, timeout_s: float = ANSWER_S) -> SipMessage:
        """The next message; ConnectionError when the connection ended before it was whole."""
        self._socket.settimeout(timeout_s)
        while True:
            head, end, rest = self.octets_seen.partition(b"\r\n\r\n")
            found = _LENGTH.search(head)
            length = int(found[1]) if found else 0
            if end and len(rest) >= length:
                self.octets_seen = rest[length:]
                return parse_message(head + end + rest[:length])
            piece = self._socket.recv(65536)
            if not piece:
                raise ConnectionError("the daemon closed the connection")
            self.octets_seen += piece

    def is_closed_by_peer(self, timeout_s: float = ANSWER_S) -> bool:
        """Wait for the daemon's end of the connection; what comes before it is kept in ``octets_seen``."""
        self._socket.settimeout(timeout_s)
        try:
            while piece := self._socket.recv(65536):
                self.octets_seen += piece
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        return True


@dataclass
class TlsPeer(TcpPeer):
    """``context`` trusts the server's certificate."""

    transport: ClassVar[str] = "TLS"
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def make_socket(self) -> socket.socket:
        return self.context.wrap_socket(super().make_socket(), server_hostname="localhost")
