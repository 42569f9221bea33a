"""Whether a server refuses what it must: figures of digest authentication compare only where this is alike.

phone                                      server
  | REGISTER                                 |
  |----------------------------------------->|
  |                            401 nonce=N   |
  |<-----------------------------------------|
  | REGISTER nc=1, wrong password            |
  |----------------------------------------->|  401
  | REGISTER nc=2                            |
  |----------------------------------------->|  200
  | REGISTER nc=2, other CSeq and cnonce     |
  |----------------------------------------->|  401 stale=true
"""

from __future__ import annotations

import hashlib
import re
import socket
from dataclasses import dataclass, replace

from tests.bench.load import PASSWORD, BenchError
from tests.bench.peers import DOMAIN, Server, user_of

_TIMEOUT_S = 5.0
_URI = f"sip:{DOMAIN}"


@dataclass(frozen=True, slots=True)
class _Proof:
    """What a phone claims in its credentials."""

    user: str
    nonce: str
    count: int
    password: str = PASSWORD
    uri: str = _URI
    cnonce: str = "0a4f113b"

    def header(self, algorithm: str) -> str:
        def hash_text(text: str) -> str:
            return hashlib.new(algorithm.replace("-", ""), text.encode()).hexdigest()

        ha1 = hash_text(f"{self.user}:{DOMAIN}:{self.password}")
        middle = f"{self.nonce}:{self.count:08x}:{self.cnonce}:auth"
        response = hash_text(f"{ha1}:{middle}:{hash_text(f'REGISTER:{self.uri}')}")
        return (
            f'Authorization: Digest username="{self.user}", realm="{DOMAIN}", nonce="{self.nonce}", uri="{self.uri}", '
            f'response="{response}", algorithm={algorithm}, cnonce="{self.cnonce}", qop=auth, nc={self.count:08x}\r\n'
        )


class _Phone:
    """Registers the AoR ``user``, each time with the next CSeq."""

    def __init__(self, server: Server, user: str, algorithm: str, phone: socket.socket) -> None:
        self._server, self._user, self._algorithm, self._socket = server, user, algorithm, phone
        self._cseq = 0
        phone.bind(("127.0.0.1", 0))
        phone.settimeout(_TIMEOUT_S)

    def ask(self, proof: _Proof | None = None) -> str:
        """The answer to a REGISTER with or without credentials."""
        self._cseq += 1
        port = self._socket.getsockname()[1]
        request = (
            f"REGISTER {_URI} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{port};rport;branch=z9hG4bKstrict{self._cseq}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{self._user}@{DOMAIN}>;tag=strict\r\nTo: <sip:{self._user}@{DOMAIN}>\r\n"
            f"Call-ID: strict@127.0.0.1\r\nCSeq: {self._cseq} REGISTER\r\n"
            f"Contact: <sip:{self._user}@127.0.0.1:{port}>\r\nExpires: 60\r\n"
            f"{proof.header(self._algorithm) if proof else ''}Content-Length: 0\r\n\r\n"
        )
        self._socket.sendto(request.encode(), ("127.0.0.1", self._server.port))
        try:
            return self._socket.recv(4096).decode()
        except TimeoutError:
            raise BenchError(f"{self._server.name} does not answer a REGISTER; {self._server.log_end()}") from None

    def fresh_nonce(self) -> str:
        """From a challenge that must offer nothing but our algorithm with qop=auth."""
        answer = self.ask()
        lines = re.findall(r"^WWW-Authenticate: Digest (.*)\r$", answer, re.MULTILINE)
        nonce = re.search(r'nonce="([^"]+)"', answer)
        is_expected = answer.startswith("SIP/2.0 401 ") and len(lines) == 1 and 'qop="auth"' in lines[0]
        if nonce is None or not is_expected or f"algorithm={self._algorithm}" not in lines[0]:
            raise BenchError(f"{self._server.name} does not challenge with {self._algorithm} and qop=auth:\n{answer}")
        return nonce[1]


def check_strictness(server: Server, algorithm: str, aor: int) -> None:
    """Raise BenchError when the server accepts what it must refuse. ``aor`` has a password and is no phone's."""
    user = user_of(aor)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        phone = _Phone(server, user, algorithm, own)

        def expect(what: str, status: int, proof: _Proof) -> str:
            answer = phone.ask(proof)
            if not answer.startswith(f"SIP/2.0 {status} "):
                raise BenchError(f"{server.name} does not answer {what} with {status}:\n{answer}")
            return answer

        expect("a wrong password", 401, _Proof(user, phone.fresh_nonce(), 1, password="another"))
        right = _Proof(user, phone.fresh_nonce(), 2)
        expect("a digest-uri that is not the Request-URI", 400, replace(right, count=1, uri="sip:elsewhere.local"))
        expect("the right password", 200, right)
        expect("the next nonce-count", 200, replace(right, count=3))
        for count in (2, 3):
            answer = expect(f"nonce-count {count} again", 401, replace(right, count=count, cnonce="77b1"))
            if not re.search(r"stale=true", answer, re.IGNORECASE):
                raise BenchError(f"{server.name} does not say that a used nonce is stale:\n{answer}")
        expect("another device's credentials", 403, _Proof(user_of(0), phone.fresh_nonce(), 1))
