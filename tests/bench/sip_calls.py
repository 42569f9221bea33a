"""Calls over SIP and UDP as the bench makes them of our daemon: INVITE with an offer, ACK, BYE; one socket for all."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from tests.bench.load import BenchError

_ANSWER_TIMEOUT_S = 5.0
_MOST_OCTETS = 65_535


@dataclass(frozen=True, slots=True)
class _Dialog:
    call_id: str
    to: str
    target: str


class SipCalls:
    """The caller's side. Nothing is repeated: what the daemon does not answer at once is a failure of the bench."""

    def __init__(self, port: int, domain: str) -> None:
        self._domain = domain
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.connect(("127.0.0.1", port))
        self._socket.settimeout(_ANSWER_TIMEOUT_S)
        self._own = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._number = 0
        self._dialogs: list[_Dialog] = []

    def call(self, offer: str, mix: str | None) -> str:
        """The SDP of the 200 to an INVITE to echo, or to the sink ``mix``."""
        self._number += 1
        call_id = f"bench{self._number}"
        uri = f"sip:{mix or 'echo'}@{self._domain}"
        contact = f"Contact: <sip:bench@{self._own}>\r\n"
        headers = f"{contact}Content-Type: application/sdp\r\n"
        self._send("INVITE 1", _Dialog(call_id, f"<{uri}>", uri), headers, offer)
        answer = self._final(call_id)
        head, _, body = answer.partition("\r\n\r\n")
        dialog = _Dialog(call_id, _header(head, "to"), _header(head, "contact").partition("<")[2].partition(">")[0])
        self._send("ACK 1", dialog)
        self._dialogs.append(dialog)
        return body

    def hang_up_all(self) -> None:
        """BYE to every call."""
        for dialog in self._dialogs:
            self._send("BYE 2", dialog)
            self._final(dialog.call_id)
        self._dialogs.clear()

    def _send(self, numbered_method: str, dialog: _Dialog, headers: str = "", body: str = "") -> None:
        """``numbered_method``: with its CSeq, as in ``BYE 2``."""
        method, cseq = numbered_method.split()
        text = (
            f"{method} {dialog.target} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self._own};rport;branch=z9hG4bK{method}{dialog.call_id}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:bench@{self._domain}>;tag=bench\r\nTo: {dialog.to}\r\n"
            f"Call-ID: {dialog.call_id}\r\nCSeq: {cseq} {method}\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}"
        )
        self._socket.send(text.encode())

    def _final(self, call_id: str) -> str:
        """The final answer, which must be a 200."""
        while True:
            text = self._socket.recv(_MOST_OCTETS).decode()
            status = text.split(" ", 2)[1]
            if status.startswith("1") or _header(text, "call-id") != call_id:
                continue
            if status != "200":
                raise BenchError(f"the daemon refuses a call: {text}")
            return text


def _header(text: str, name: str) -> str:
    for line in text.split("\r\n"):
        key, _, value = line.partition(":")
        if key.strip().lower() == name:
            return value.strip()
    raise BenchError(f"an answer without {name}: {text!r}")
