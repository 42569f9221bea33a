"""One INVITE dialog from the caller's side, over whatever its peer speaks."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from tests.kit.sip_peer import ANSWER_S, SipMessage, SipPeer

SDP = "Content-Type: application/sdp"


class SipCall:
    """A call of ``peer`` to ``user``; requests that come meanwhile wait in ``peer.pings_seen``."""

    def __init__(self, peer: SipPeer, user: str) -> None:
        self.peer = peer
        self.uri = f"sip:{user}@{peer.domain}"
        self.to = f"<{self.uri}>"
        self.call_id = uuid.uuid4().hex
        self._branch = ""
        self._cseq = 0

    def invite(self, offer: bytes, headers: Sequence[str] = ()) -> SipMessage:
        """INVITE or, within the call, re-INVITE: the final answer, acknowledged."""
        self.send_invite(offer, headers)
        answer = self.final()
        self.acknowledge(answer)
        return answer

    def send_invite(self, offer: bytes, headers: Sequence[str] = ()) -> None:
        self._branch = f"z9hG4bKcall{uuid.uuid4().hex}"
        lines = [f"Contact: {self.peer.contact}", *headers, *([SDP] if offer else [])]
        octets = self.peer.request(
            "INVITE", uri=self.uri, to=self.to, call_id=self.call_id, branch=self._branch, headers=lines, body=offer
        )
        self._cseq = self.peer.cseq
        self.peer.send(octets)

    def final(self) -> SipMessage:
        """The final answer to the last INVITE."""
        while True:
            message = self.peer.receive()
            if not message.status:
                self.peer.pings_seen.append(message)
            elif message.status >= 200 and message.get("cseq") == f"{self._cseq} INVITE":
                self.to = message.get("to") or self.to
                return message

    def acknowledge(self, answer: SipMessage, answer_sdp: bytes = b"") -> None:
        """ACK: a new transaction for a 2xx (RFC 3261 section 13.2.2.4), else the INVITE's (section 17.1.1.3)."""
        branch = self._branch if answer.status >= 300 else f"z9hG4bKack{uuid.uuid4().hex}"
        headers = [SDP] if answer_sdp else []
        self.peer.send(
            self.peer.request(
                "ACK",
                uri=self.uri,
                to=self.to,
                call_id=self.call_id,
                cseq=self._cseq,
                branch=branch,
                headers=headers,
                body=answer_sdp,
            )
        )

    def ask(self, method: str, *, headers: Sequence[str] = (), body: bytes = b"") -> SipMessage:
        """The answer to a request within the call."""
        octets = self.peer.request(method, uri=self.uri, to=self.to, call_id=self.call_id, headers=headers, body=body)
        return self.peer.exchange(octets)

    def cancel(self) -> SipMessage:
        """CANCEL the INVITE; its answer, with the INVITE's own final answer acknowledged (RFC 3261 section 9.1)."""
        octets = self.peer.request(
            "CANCEL",
            uri=self.uri,
            to=f"<{self.uri}>",
            call_id=self.call_id,
            cseq=self._cseq,
            branch=self._branch,
        )
        self.peer.send(octets)
        final = self.final()
        self.acknowledge(final)
        return final

    def wait_for_bye(self, timeout_s: float = ANSWER_S) -> SipMessage:
        """The daemon's BYE, answered."""
        while True:
            message = self.peer.pings_seen.pop(0) if self.peer.pings_seen else self.peer.receive(timeout_s)
            if message.method == "BYE" and message.get("call-id") == self.call_id:
                self.peer.answer(message)
                return message
