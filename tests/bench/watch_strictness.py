"""Whether a presence server refuses what it must: costs of watching compare only where this is alike.

watcher                                    server
  | SUBSCRIBE                                |
  |----------------------------------------->|  200, tag T
  | the same SUBSCRIBE again                 |
  |----------------------------------------->|  200, tag T: no second subscription
  | SUBSCRIBE within a dialog that is none   |
  |----------------------------------------->|  481
  | SUBSCRIBE, Event: nonsense               |
  |----------------------------------------->|  489
  | PUBLISH, SIP-If-Match: of nobody         |
  |----------------------------------------->|  412; Kamailio's memory-only mode says 500
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass

from tests.bench.load import BenchError
from tests.bench.peers import DOMAIN, Server

_TIMEOUT_S = 5.0
_DESK = "desk900000"
_PIDF = (
    '<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:{desk}@{domain}">'
    '<tuple id="t1"><status><basic>open</basic></status></tuple></presence>'
)


@dataclass(frozen=True, slots=True)
class _Request:
    """What differs between the requests; one is the same as another when ``call`` and ``branch`` are."""

    method: str
    call: str
    headers: str
    to_tag: str = ""
    body: str = ""

    def text(self, port: int) -> bytes:
        user = _DESK if self.method in ("REGISTER", "PUBLISH") else "user900000"
        target = DOMAIN if self.method == "REGISTER" else f"{_DESK}@{DOMAIN}"
        return (
            f"{self.method} sip:{target} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{port};rport;branch=z9hG4bK{self.call}{self.method}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{user}@{DOMAIN}>;tag=strict{self.call}\r\n"
            f"To: <sip:{_DESK}@{DOMAIN}>{self.to_tag}\r\nCall-ID: {self.call}@127.0.0.1\r\nCSeq: 7 {self.method}\r\n"
            f"Contact: <sip:{user}@127.0.0.1:{port}>\r\nExpires: 600\r\n{self.headers}"
            f"Content-Length: {len(self.body)}\r\n\r\n{self.body}"
        ).encode()


def check_watch_strictness(server: Server) -> None:
    """Raise BenchError when the server accepts what it must refuse, or takes a repetition for a request of its own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        phone.settimeout(_TIMEOUT_S)

        def expect(what: str, statuses: tuple[int, ...], request: _Request) -> str:
            answer = _ask(server, phone, request)
            if int(answer[8:11]) not in statuses:
                raise BenchError(f"{server.name} does not answer {what} with {statuses[0]}:\n{answer}")
            return answer

        presence = "Event: presence\r\nAccept: application/pidf+xml\r\n"
        published = presence + "Content-Type: application/pidf+xml\r\n"
        body = _PIDF.format(desk=_DESK, domain=DOMAIN)
        expect("a registration", (200,), _Request("REGISTER", "r1", ""))
        expect("a publication", (200,), _Request("PUBLISH", "p1", published, body=body))
        first, again = (expect("a watcher", (200,), _Request("SUBSCRIBE", "s1", presence)) for _ in range(2))
        if _to_tag(first) != _to_tag(again):
            raise BenchError(f"{server.name} takes a repeated SUBSCRIBE for a second one:\n{again}")
        expect("a dialog that is none", (481,), _Request("SUBSCRIBE", "s2", presence, to_tag=";tag=none"))
        expect("an unknown package", (489,), _Request("SUBSCRIBE", "s3", "Event: nonsense\r\n"))
        wrong = published + "SIP-If-Match: of-nobody\r\n"
        expect("a publication that is none", (412, 500), _Request("PUBLISH", "p2", wrong, body=body))


def _ask(server: Server, phone: socket.socket, request: _Request) -> str:
    """The final answer to the request, which is sent once; NOTIFYs in between stay unanswered."""
    phone.sendto(request.text(phone.getsockname()[1]), ("127.0.0.1", server.port))
    try:
        while True:
            text = phone.recv(4096).decode()
            if text.startswith("SIP/2.0 ") and f"Call-ID: {request.call}@" in text and text[8] != "1":
                return text
    except TimeoutError:
        raise BenchError(f"{server.name} does not answer {request.method}; {server.log_end()}") from None


def _to_tag(answer: str) -> str:
    found = re.search(r"^To: .*;tag=([^;\r]+)", answer, re.MULTILINE)
    return found[1] if found else ""
