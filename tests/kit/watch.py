"""One subscription (RFC 6665) from the watcher's side, and what a device says of itself (RFC 3903)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lxml import etree

from tests.kit.presence_room import DIALOG, PIDF, RPID, pidf, read
from tests.kit.sip_call import SipCall
from tests.kit.sip_peer import ANSWER_S, SipMessage, SipPeer

PIDF_TYPE = "application/pidf+xml"
_G711_OFFER = (
    "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 40002 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


class Watch:
    """A subscription of ``peer`` to ``user``; its NOTIFYs are answered as they are taken, and so are pings meanwhile.

    What belongs to other subscriptions of the peer waits in ``peer.pings_seen``.
    """

    def __init__(self, peer: SipPeer, user: str, event: str = "presence") -> None:
        self.peer = peer
        self.event = event
        self.uri = f"sip:{user}@{peer.domain}"
        self.to = f"<{self.uri}>"
        self.call_id = uuid.uuid4().hex
        self._answered: tuple[str | None, str] = (None, "")

    def subscribe(self, expires_s: int | None = 60, *, headers: Sequence[str] = (), **options: Any) -> SipMessage:
        """SUBSCRIBE, the first or within the dialog: its answer."""
        octets = self.request(expires_s, headers=headers, **options)
        answer = self.peer.exchange(octets)
        if answer.status == 200:
            self.to = answer.get("to") or self.to
        return answer

    def request(self, expires_s: int | None = 60, *, headers: Sequence[str] = (), **options: Any) -> bytes:
        """The octets of ``subscribe``."""
        lines = [f"Contact: {self.peer.contact}", f"Event: {self.event}", *headers]
        if expires_s is not None:
            lines.append(f"Expires: {expires_s}")
        usual = {"uri": self.uri, "to": self.to, "call_id": self.call_id}
        return self.peer.request("SUBSCRIBE", headers=lines, **{**usual, **options})

    def next_notify(self, timeout_s: float = ANSWER_S, status: str = "200 OK") -> SipMessage:
        """The next NOTIFY of this subscription, answered ``status``; TimeoutError when none comes."""
        notify = self.next_unanswered(timeout_s)
        self.peer.answer(notify, status)
        self._answered = notify.get("cseq"), status
        return notify

    def next_unanswered(self, timeout_s: float = ANSWER_S) -> SipMessage:
        """The next NOTIFY of this subscription that was not answered yet, which may be a repetition.

        One that is repeated since its answer came late, on a busy machine, is answered again.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            notify = self._next(deadline)
            number, status = self._answered
            if notify.get("cseq") != number:
                return notify
            self.peer.answer(notify, status)

    def _next(self, deadline: float) -> SipMessage:
        for index, waiting in enumerate(self.peer.pings_seen):
            if self._is_mine(waiting):
                return self.peer.pings_seen.pop(index)
        while (left_s := deadline - time.monotonic()) > 0:
            message = self.peer.receive(left_s)
            if self._is_mine(message):
                return message
            if message.method == "OPTIONS":
                self.peer.answer(message)
            elif not message.status:
                self.peer.pings_seen.append(message)
        raise TimeoutError

    def notify_that_says(self, word: str, timeout_s: float = ANSWER_S) -> SipMessage:
        """The first NOTIFY from now on with ``word`` in its body."""
        deadline = time.monotonic() + timeout_s
        while True:
            notify = self.next_notify(max(0.001, deadline - time.monotonic()))
            if word in notify.body.decode():
                return notify

    def _is_mine(self, message: SipMessage) -> bool:
        return message.method == "NOTIFY" and message.get("call-id") == self.call_id


def state_of(notify: SipMessage) -> tuple[str, dict[str, str]]:
    """The Subscription-State and its parameters (RFC 6665 section 8.2.3)."""
    state, *parameters = (notify.get("subscription-state") or "").split(";")
    return state, dict(one.split("=", 1) for one in parameters)


def document_of(notify: SipMessage) -> Any:
    """The XML document that a NOTIFY carries, valid by its schema."""
    return read(notify.get("content-type") or "", notify.body)


def basic_of(notify: SipMessage) -> str:
    """``open`` or ``closed`` (RFC 3863 section 4.1.4)."""
    return str(document_of(notify).findtext(f"{PIDF}tuple/{PIDF}status/{PIDF}basic"))


def activities_of(notify: SipMessage) -> list[str]:
    """RPID's words for what the person does (RFC 4480 section 3.2)."""
    return [etree.QName(one).localname for one in document_of(notify).iterfind(f".//{RPID}activities/*")]


def dialog_states(notify: SipMessage) -> list[str]:
    """The states of the dialogs that dialog-info names (RFC 4235 section 3.7.1)."""
    return [str(one.text) for one in document_of(notify).iterfind(f"{DIALOG}dialog/{DIALOG}state")]


def version_of(notify: SipMessage) -> int:
    """The document's version."""
    return int(document_of(notify).get("version"))


def publish(
    peer: SipPeer, expires_s: int | None = 60, *, body: bytes | None = None, headers: Sequence[str] = ()
) -> SipMessage:
    """A PUBLISH of the peer's own state: its answer. ``body`` None: it is away; empty: a refresh or removal."""
    said = pidf(activities="<rpid:away/>") if body is None else body
    lines = ["Event: presence", *headers, *([f"Content-Type: {PIDF_TYPE}"] if said else [])]
    if expires_s is not None:
        lines.append(f"Expires: {expires_s}")
    uri = f"sip:{peer.aor}"
    return peer.exchange(
        peer.request("PUBLISH", uri=uri, to=f"<{uri}>", headers=lines, body=said, call_id=uuid.uuid4().hex)
    )


@contextmanager
def talking(peer: SipPeer, user: str = "echo") -> Iterator[SipCall]:
    """The peer is in a call with ``user`` while entered."""
    call = SipCall(peer, user)
    answer = call.invite(_G711_OFFER.format(ip=peer.ip).encode())
    assert answer.status == 200, answer.start_line
    yield call
    assert call.ask("BYE").status == 200
