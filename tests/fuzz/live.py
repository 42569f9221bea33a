"""Mutations of what only an honest watcher can say: answers to NOTIFYs that came, SUBSCRIBEs in a dialog that stands,
publications under a tag that is known, with documents that are mutated and lengths that are right.

For each burst the attacker registers, subscribes and publishes like anybody; then everything goes wrong.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.fuzz import seeds
from tests.fuzz.packets import mutated
from tests.kit.digest import Account, authorization, challenges_of
from tests.kit.sip_peer import SipMessage, SipPeer

STATUSES = ("100 Trying", "200 OK", "202 Later", "302 Moved", "401 No", "408 Late", "481 Gone", "489 Bad", "500 No",
            "503 Later", "603 No", "699 No", "000 No", "99999 No")  # fmt: skip
EVENTS = ("presence", "dialog", "reg", "message-summary", "presence;id=1", "presence;id=2", "dialog;id=x")
EACH = 6
"""Packets of each kind in a burst."""
MOST_OCTETS = 3999


class LiveWatcher:
    """``peer``'s honest half, and what it says when it is honest no more."""

    def __init__(self, peer: SipPeer, account: Account, source: random.Random) -> None:
        self._peer = peer
        self._account = account
        self._source = source
        self._uri = f"sip:{account.user}@{peer.domain}"

    def packets(self) -> list[bytes]:
        """Register, subscribe and publish; then the mutations. Fewer where it is not let in."""
        peer, event = self._peer, self._source.choice(EVENTS)
        if self._ask("REGISTER", [f"Contact: {peer.contact}", "Expires: 60"], f"sip:{peer.domain}").status != 200:
            return []
        lines = [f"Contact: {peer.contact}", f"Event: {event}", "Expires: 60", "Supported: eventlist"]
        accepted = self._ask("SUBSCRIBE", lines, self._uri)
        published = self._ask("PUBLISH", ["Event: presence", _PIDF_TYPE], self._uri, seeds.PIDF)
        notifies = [one for one in peer.pings_seen if one.method == "NOTIFY"]
        made = [self._publish(published.get("sip-etag") or "a") for _ in range(EACH)]
        if accepted.status == 200:
            made += [self._refresh(accepted, event) for _ in range(EACH)]
        made += [self._answer(notify) for notify in notifies for _ in range(EACH)]
        self._source.shuffle(made)
        return [packet[:MOST_OCTETS] for packet in made]

    def _ask(self, method: str, lines: Sequence[str], uri: str, body: bytes = b"") -> SipMessage:
        peer = self._peer
        answer = peer.exchange(peer.request(method, uri=uri, to=f"<{self._uri}>", headers=lines, body=body))
        if answer.status == 401:
            challenge = next(one for one in challenges_of(answer) if one.algorithm == "MD5")
            proof = authorization(challenge, self._account, uri, method=method)
            headers = [*lines, proof]
            answer = peer.exchange(peer.request(method, uri=uri, to=f"<{self._uri}>", headers=headers, body=body))
        return answer

    def _refresh(self, accepted: SipMessage, event: str) -> bytes:
        """In its dialog, mostly: now and then with another event, an interval or an order that cannot be."""
        expires = self._source.choice(("60", "0", "1", "99999999999", "-1", ""))
        named = self._source.choice((event, event, self._source.choice(EVENTS)))
        lines = [f"Contact: {self._peer.contact}", f"Event: {named}", f"Expires: {expires}"]
        cseq = self._peer.cseq + self._source.choice((1, 2, 5, -1, 0, 2**31 - 1))
        octets = self._peer.request("SUBSCRIBE", uri=self._uri, to=accepted.get("to") or "", headers=lines, cseq=cseq)
        return self._perhaps_mutated(octets)

    def _publish(self, etag: str) -> bytes:
        document = mutated(self._source.choice((seeds.PIDF, seeds.BOMB, seeds.DEEP)), self._source)[: MOST_OCTETS - 800]
        lines = ["Event: presence", _PIDF_TYPE, "Expires: 60"]
        lines += self._source.choice(([], [f"SIP-If-Match: {etag}"]))
        return self._peer.request("PUBLISH", uri=self._uri, to=f"<{self._uri}>", headers=lines, body=document)

    def _answer(self, notify: SipMessage) -> bytes:
        copied = [
            f"{name.title()}: {value}"
            for name in ("via", "from", "to", "call-id", "cseq")
            for value in notify.all(name)
        ]
        extra = self._source.choice(([], ["Retry-After: 0"], ["Retry-After: 4294967296"], ["Contact: <sip:a@b>"]))
        lines = [f"SIP/2.0 {self._source.choice(STATUSES)}", *copied, *extra, "Content-Length: 0"]
        return self._perhaps_mutated("\r\n".join(lines).encode() + b"\r\n\r\n")

    def _perhaps_mutated(self, octets: bytes) -> bytes:
        return mutated(octets, self._source) if self._source.randrange(2) else octets


_PIDF_TYPE = "Content-Type: application/pidf+xml"
