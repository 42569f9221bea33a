"""A SIP device on a plain UDP socket: builds requests, matches answers by branch, answers pings when told to."""

from __future__ import annotations

import itertools
import socket
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

ANSWER_S = 3.0
_branches = itertools.count(1)


@dataclass(frozen=True, slots=True)
class SipMessage:
    """A message as received: header names in lower case, each with its values in order."""

    start_line: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def status(self) -> int:
        """The status code; 0 for a request."""
        return int(self.start_line.split()[1]) if self.start_line.startswith("SIP/2.0") else 0

    @property
    def method(self) -> str:
        return "" if self.start_line.startswith("SIP/2.0") else self.start_line.split()[0]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name.lower()]

    def get(self, name: str) -> str | None:
        values = self.all(name)
        return values[0] if values else None


def parse_message(octets: bytes) -> SipMessage:
    """Reads what the daemon writes: CRLF, no folding, long header names."""
    head, _, body = octets.partition(b"\r\n\r\n")
    start_line, *lines = head.decode("utf-8", "replace").split("\r\n")
    headers = []
    for line in lines:
        name, _, value = line.partition(":")
        headers.append((name.strip().lower(), value.strip()))
    return SipMessage(start_line, tuple(headers), body)


@dataclass
class SipPeer:
    """One device. ``server`` is the daemon's address; ``user`` names the device in From and Contact."""

    server: tuple[str, int]
    user: str = "alice"
    domain: str = "screamrouter.local"
    to_user: str | None = None
    call_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    cseq: int = 0
    uses_rport: bool = True

    def __post_init__(self) -> None:
        family = socket.AF_INET6 if ":" in self.server[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((self.server[0] if family == socket.AF_INET6 else "127.0.0.1", 0))
        self.socket.settimeout(ANSWER_S)
        self.pings_seen: list[SipMessage] = []

    def __enter__(self) -> SipPeer:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    @property
    def ip(self) -> str:
        ip: str = self.socket.getsockname()[0]
        return ip

    @property
    def port(self) -> int:
        port: int = self.socket.getsockname()[1]
        return port

    @property
    def host_port(self) -> str:
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"

    @property
    def contact(self) -> str:
        """This device's Contact header value, without parameters."""
        return f"<sip:{self.user}@{self.host_port};transport=udp>"

    def request(
        self, method: str, *, uri: str | None = None, headers: Sequence[str] = (), body: bytes = b"", **options: object
    ) -> bytes:
        """A request's octets. Options: branch, cseq, call_id, to, sender (From's URI), cseq_method."""
        branch = options.get("branch") or f"z9hG4bKkit{next(_branches)}x{self.port}"
        if "cseq" not in options:
            self.cseq += 1
        cseq = options.get("cseq", self.cseq)
        aor = f"sip:{self.to_user or self.user}@{self.domain}"
        rport = ";rport" if self.uses_rport else ""
        lines = [
            f"{method} {uri or f'sip:{self.domain}'} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.host_port};branch={branch}{rport}",
            "Max-Forwards: 70",
            f"From: <{options.get('sender', f'sip:{self.user}@{self.domain}')}>;tag=kit",
            f"To: {options.get('to', f'<{aor}>')}",
            f"Call-ID: {options.get('call_id', self.call_id)}",
            f"CSeq: {cseq} {options.get('cseq_method', method)}",
            *headers,
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def send(self, octets: bytes) -> None:
        self.socket.sendto(octets, self.server)

    def receive(self) -> SipMessage:
        """The next message of any kind; TimeoutError when none comes."""
        return parse_message(self.socket.recv(65536))

    def exchange(self, octets: bytes) -> SipMessage:
        """Send a request and return its answer; requests that come meanwhile are kept in ``pings_seen``."""
        self.send(octets)
        while True:
            message = self.receive()
            if message.status:
                return message
            self.pings_seen.append(message)

    def register(
        self,
        *,
        contacts: Sequence[str] | None = None,
        expires: int | None = 3600,
        sdp: str | None = None,
        **options: object,
    ) -> SipMessage:
        """REGISTER with this device's Contact (or ``contacts``; an empty list queries) and return the answer."""
        wanted = [self.contact] if contacts is None else contacts
        headers = [f"Contact: {contact}" for contact in wanted]
        if expires is not None:
            headers.append(f"Expires: {expires}")
        headers.extend(options.pop("headers", []))  # type: ignore[arg-type]
        body = b""
        if sdp is not None:
            headers.append("Content-Type: application/sdp")
            body = sdp.encode()
        return self.exchange(self.request("REGISTER", headers=headers, body=body, **options))

    def answer_ping(self, status: str = "200 OK") -> SipMessage:
        """Wait for the daemon's next OPTIONS, answer it and return it."""
        message = self.pings_seen.pop(0) if self.pings_seen else self.receive()
        while message.method != "OPTIONS":
            message = self.receive()
        copied = [
            f"{name.title()}: {value}"
            for name in ("via", "from", "to", "call-id", "cseq")
            for value in message.all(name)
        ]
        self.send("\r\n".join([f"SIP/2.0 {status}", *copied, "Content-Length: 0"]).encode() + b"\r\n\r\n")
        return message
