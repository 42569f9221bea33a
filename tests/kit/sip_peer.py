"""A SIP device on a plain UDP socket: builds requests, matches answers by branch, answers pings when told to."""

from __future__ import annotations

import itertools
import re
import socket
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self, TypedDict, Unpack

ANSWER_S = 5.0
_branches = itertools.count(1)
_BRANCH = re.compile(rb"(?i)branch=([^;,\s]+)")


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
        """The request's method; empty for an answer."""
        return "" if self.start_line.startswith("SIP/2.0") else self.start_line.split()[0]

    @property
    def bindings(self) -> list[Contact]:
        """The Contact values in order."""
        return [Contact.parse(value) for value in self.all("contact")]

    @property
    def via(self) -> dict[str, str]:
        """The parameters of the top Via."""
        return _parameters(self.all("via")[0].split(";")[1:])

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name.lower()]

    def get(self, name: str) -> str | None:
        values = self.all(name)
        return values[0] if values else None


@dataclass(frozen=True, slots=True)
class Contact:
    """One Contact value of an answer; parameter names in lower case."""

    uri: str
    parameters: dict[str, str]

    @classmethod
    def parse(cls, value: str) -> Contact:
        uri, _, rest = value.removeprefix("<").partition(">")
        return cls(uri, _parameters(rest.split(";")[1:]))

    @property
    def expires_s(self) -> int:
        return int(self.parameters["expires"])


def _parameters(parts: Sequence[str]) -> dict[str, str]:
    pairs = (part.partition("=") for part in parts)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def parse_message(octets: bytes) -> SipMessage:
    """Reads what the daemon writes: CRLF, no folding, long header names."""
    head, _, body = octets.partition(b"\r\n\r\n")
    start_line, *lines = head.decode("utf-8", "replace").split("\r\n")
    headers = []
    for line in lines:
        name, _, value = line.partition(":")
        headers.append((name.strip().lower(), value.strip()))
    return SipMessage(start_line, tuple(headers), body)


class RequestOptions(TypedDict, total=False):
    """What a request may have otherwise than by default; ``sender`` is the URI of From."""

    uri: str
    to: str
    sender: str
    call_id: str
    cseq: int
    cseq_method: str
    branch: str


def bound_socket(ip: str) -> socket.socket:
    """A UDP socket on a free port of ``ip``."""
    made = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((ip, 0))
    return made


@dataclass
class SipPeer:
    """One device. ``server`` is the daemon's address; ``user`` names the device in From and Contact.

    ``to_user`` is the user of the address-of-record where it is another. ``own_socket`` is bound already, in whatever
    network namespace; by default one on the loopback address of the server's family.
    """

    server: tuple[str, int]
    user: str = "alice"
    domain: str = "screamrouter.local"
    to_user: str | None = None
    call_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    cseq: int = 0
    uses_rport: bool = True
    own_socket: socket.socket | None = None
    transport: ClassVar[str] = "UDP"
    """As Via has it."""

    def __post_init__(self) -> None:
        self._socket = self.own_socket or self.make_socket()
        self._socket.settimeout(ANSWER_S)
        self.ip: str = self._socket.getsockname()[0]
        self.port: int = self._socket.getsockname()[1]
        self.pings_seen: list[SipMessage] = []

    def make_socket(self) -> socket.socket:
        return bound_socket("::1" if ":" in self.server[0] else "127.0.0.1")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def own_file(self) -> socket.socket:
        """What a selector waits for."""
        return self._socket

    @property
    def host_port(self) -> str:
        """This device's address as a URI and a Via have it."""
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"

    @property
    def contact_uri(self) -> str:
        return f"sip:{self.user}@{self.host_port};transport={self.transport.lower()}"

    @property
    def contact(self) -> str:
        """This device's Contact header value, without parameters."""
        return f"<{self.contact_uri}>"

    @property
    def aor(self) -> str:
        """The address-of-record without its scheme, which is also the device's id where it has no UUID."""
        return f"{self.to_user or self.user}@{self.domain}"

    def request(
        self, method: str, *, headers: Sequence[str] = (), body: bytes = b"", **options: Unpack[RequestOptions]
    ) -> bytes:
        """A request's octets, with the next CSeq unless ``options`` have one."""
        if "cseq" not in options:
            self.cseq += 1
        branch = options.get("branch") or f"z9hG4bKkit{next(_branches)}x{self.port}"
        rport = ";rport" if self.uses_rport else ""
        lines = [
            f"{method} {options.get('uri') or f'sip:{self.domain}'} SIP/2.0",
            f"Via: SIP/2.0/{self.transport} {self.host_port};branch={branch}{rport}",
            "Max-Forwards: 70",
            f"From: <{options.get('sender') or f'sip:{self.user}@{self.domain}'}>;tag=kit",
            f"To: {options.get('to') or f'<sip:{self.aor}>'}",
            f"Call-ID: {options.get('call_id') or self.call_id}",
            f"CSeq: {options.get('cseq', self.cseq)} {options.get('cseq_method') or method}",
            *headers,
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def send(self, octets: bytes) -> None:
        self._socket.sendto(octets, self.server)

    def receive(self, timeout_s: float = ANSWER_S) -> SipMessage:
        """The next message of any kind; TimeoutError when none comes."""
        self._socket.settimeout(timeout_s)
        return parse_message(self._socket.recv(65536))

    def exchange(self, octets: bytes) -> SipMessage:
        """Send a request and return the final answer with its branch; requests that come first are ``pings_seen``."""
        sent = _BRANCH.search(octets)
        branch = sent[1].decode() if sent else None
        self.send(octets)
        while True:
            message = self.receive()
            if not message.status:
                self.pings_seen.append(message)
            elif message.via.get("branch") == branch and message.status >= 200:
                return message

    def register(
        self,
        *,
        contacts: Sequence[str] | None = None,
        expires: int | None = 3600,
        sdp: str | None = None,
        headers: Sequence[str] = (),
        **options: Unpack[RequestOptions],
    ) -> SipMessage:
        """REGISTER with this device's Contact (or ``contacts``; an empty list queries) and return the answer."""
        wanted = [self.contact] if contacts is None else contacts
        lines = [f"Contact: {contact}" for contact in wanted]
        if expires is not None:
            lines.append(f"Expires: {expires}")
        if sdp is not None:
            lines.append("Content-Type: application/sdp")
        body = (sdp or "").encode()
        return self.exchange(self.request("REGISTER", headers=[*lines, *headers], body=body, **options))

    def query(self) -> list[Contact]:
        """The bindings of this device's address-of-record (RFC 3261 section 10.2.3), asked under another Call-ID."""
        answer = self.register(contacts=[], expires=None, call_id=uuid.uuid4().hex)
        assert answer.status == 200, answer.start_line
        return answer.bindings

    def options(self, **options: Unpack[RequestOptions]) -> SipMessage:
        """The answer to an OPTIONS for the server itself, or for ``uri``."""
        return self.exchange(self.request("OPTIONS", **options))

    def answer_ping(self, status: str = "200 OK") -> SipMessage:
        """Wait for the daemon's next OPTIONS, answer it and return it."""
        message = self.pings_seen.pop(0) if self.pings_seen else self.receive()
        while message.method != "OPTIONS":
            message = self.receive()
        self.answer(message, status)
        return message

    def answer(self, request: SipMessage, status: str = "200 OK") -> None:
        """Answer a request of the daemon's."""
        copied = [
            f"{name.title()}: {value}"
            for name in ("via", "from", "to", "call-id", "cseq")
            for value in request.all(name)
        ]
        self.send("\r\n".join([f"SIP/2.0 {status}", *copied, "Content-Length: 0"]).encode() + b"\r\n\r\n")
