"""A watcher that keeps subscriptions and puts together what they tell it, as RFC 4235, RFC 3680 and RFC 4662 have it.

Every document is held to its schema. ``seen`` is what one package says of one address, in the words of ``truth_model``.
"""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any

from tests.kit.answering_peer import AnsweringTcp, AnsweringUdp
from tests.kit.presence_room import DIALOG, OWN, PERSON, PIDF, REG, RLMI, RPID, Element, read
from tests.kit.sip_peer import SipMessage
from tests.kit.truth_model import Seen, dialogs_of

TOLD_S = 5.0


def read_pidf(root: Element) -> Seen:
    doing = root.findall(f"{PERSON}person/{RPID}activities/*")
    return {
        "basic": root.findtext(f"{PIDF}tuple/{PIDF}status/{PIDF}basic"),
        "note": root.findtext(f"{PIDF}tuple/{PIDF}note"),
        "activities": sorted(one.tag.removeprefix(RPID) for one in doing),
    }


@dataclass
class Accumulated:
    """What was told of one address in one package; ``faults`` are what no watcher could have made sense of."""

    seen: Seen | None = None
    parts: dict[str, Any] = field(default_factory=dict)
    version: int = -1
    faults: list[str] = field(default_factory=list)

    def take(self, content_type: str, body: bytes) -> None:
        kind = content_type.partition(";")[0]
        if kind == "multipart/related":
            self._take_list(content_type, body)
            return
        root = read(content_type, body)
        if kind == "application/pidf+xml":
            self.seen = read_pidf(root)
            return
        is_full = root.get("state") == "full"
        self._count(int(root.get("version")), is_full=is_full)
        if kind == "application/dialog-info+xml":
            self._take_dialogs(root)
        else:
            self._take_contacts(root)

    def _count(self, version: int, *, is_full: bool) -> None:
        """RFC 4235 section 4.3: a partial document counts from the one before it."""
        if version != self.version + 1:
            self.faults.append(f"version {version} came after {self.version}")
        self.version = version
        if is_full:
            self.parts.clear()
        elif self.seen is None:
            self.faults.append("the first document was a partial one")

    def _take_dialogs(self, root: Element) -> None:
        for dialog in root.findall(f"{DIALOG}dialog"):
            self.parts[dialog.get("id")] = (
                dialog.findtext(f"{DIALOG}state"),
                (dialog.get("direction"), dialog.find(f".//{DIALOG}param[@pname='+sip.rendering']") is not None),
            )
        liveness = root.find(f"{OWN}liveness")
        self.seen = {
            "registered": liveness.get("registered") == "true",
            "reachable": liveness.get("reachable") == "true",
            "dialogs": dialogs_of(told for state, told in self.parts.values() if state != "terminated"),
        }

    def _take_contacts(self, root: Element) -> None:
        registration = root.find(f"{REG}registration")
        for contact in registration.findall(f"{REG}contact"):
            if contact.get("state") == "terminated":
                self.parts.pop(contact.get("id"), None)
            else:
                is_reachable = contact.find(f"{OWN}liveness").get("reachable") == "true"
                self.parts[contact.get("id")] = (contact.findtext(f"{REG}uri"), is_reachable)
        self.seen = {"active": registration.get("state") == "active", "contacts": sorted(self.parts.values())}

    def _take_list(self, content_type: str, body: bytes) -> None:
        message: Any = message_from_bytes(f"MIME-Version: 1.0\r\nContent-Type: {content_type}\r\n\r\n".encode() + body)
        root, *others = message.get_payload()
        bodies = {one["Content-ID"].strip("<>"): one.get_payload(decode=True) for one in others}
        rlmi = read(root["Content-Type"], root.get_payload(decode=True))
        self._count(int(rlmi.get("version")), is_full=rlmi.get("fullState") == "true")
        for row in rlmi.iter(f"{RLMI}resource"):
            user, instance = row.get("uri").removeprefix("sip:").partition("@")[0], row.find(f"{RLMI}instance")
            if instance.get("state") == "terminated":
                self.parts.pop(user, None)
            elif (cid := instance.get("cid")) is not None:
                self.parts[user] = read_pidf(read("application/pidf+xml", bodies[cid]))
        self.seen = dict(self.parts)


@dataclass
class Subscription:
    """One dialog."""

    package: str
    address: str
    to: str
    told: Accumulated = field(default_factory=Accumulated)
    cseq: int = 0
    ended: str = ""


class StandingWatch:
    """The subscriptions of ``peer``, which is registered."""

    def __init__(self, peer: AnsweringUdp | AnsweringTcp) -> None:
        self._changed = threading.Condition()
        self._subscriptions: dict[str, Subscription] = {}
        self._count = 0
        self.move(peer)

    def move(self, peer: AnsweringUdp | AnsweringTcp) -> None:
        """Be there from now on, with all subscriptions."""
        self.peer = peer
        peer.answering.on_notify = self._take

    @property
    def count(self) -> int:
        """Of notifications that came; for ``wait_for_more``."""
        return self._count

    def wait_for_more(self, count: int, timeout_s: float) -> None:
        """Return when more than ``count`` have come, or it takes too long."""
        with self._changed:
            self._changed.wait_for(lambda: self._count > count, timeout_s)

    def seen(self, call_id: str) -> Seen | None:
        """What the subscription has told by now; AssertionError where it could not be understood."""
        with self._changed:
            found = self._subscriptions[call_id]
            assert not found.told.faults, f"{found.package} of {found.address}: {found.told.faults}"
            return found.told.seen

    def state_of(self, call_id: str) -> str:
        """The Subscription-State of its end; empty: it goes on."""
        with self._changed:
            return self._subscriptions[call_id].ended

    def subscribe(self, package: str, address: str, *, expires_s: int = 3600) -> str:
        """A subscription whose first notification has come; its Call-ID."""
        call_id, uri = uuid.uuid4().hex, f"sip:{address}@{self.peer.domain}"
        with self._changed:
            self._subscriptions[call_id] = Subscription(package, address, f"<{uri}>")
        answer = self._send(call_id, expires_s)
        assert answer.status == 200, f"SUBSCRIBE to {package} of {address}: {answer.start_line}"
        self._subscriptions[call_id].to = answer.get("to") or ""
        self._await(call_id, 0)
        return call_id

    def refresh(self, call_id: str, expires_s: int = 3600) -> SipMessage:
        """SUBSCRIBE within the dialog; when it is accepted, the notification has come, too."""
        before = self._subscriptions[call_id].cseq
        answer = self._send(call_id, expires_s)
        if answer.status == 200:
            self._await(call_id, before)
        return answer

    def fetch(self, package: str, address: str) -> Seen | None:
        """The state at this moment (RFC 6665 section 4.4.3), without a subscription that stays."""
        call_id = self.subscribe(package, address, expires_s=0)
        seen = self.seen(call_id)
        del self._subscriptions[call_id]
        return seen

    def _send(self, call_id: str, expires_s: int) -> SipMessage:
        found, uri = self._subscriptions[call_id], f"sip:{self._subscriptions[call_id].address}@{self.peer.domain}"
        lines = [
            f"Contact: {self.peer.contact}",
            f"Event: {found.package}",
            f"Expires: {expires_s}",
            "Supported: eventlist",
        ]
        octets = self.peer.request("SUBSCRIBE", uri=uri, to=found.to, call_id=call_id, headers=lines)
        return self.peer.exchange(octets)

    def _await(self, call_id: str, after_cseq: int) -> None:
        found = self._subscriptions[call_id]
        with self._changed:
            is_told = self._changed.wait_for(lambda: found.cseq > after_cseq, TOLD_S)
        assert is_told, f"no NOTIFY of {found.package} of {found.address}"

    def _take(self, notify: SipMessage) -> None:
        with self._changed:
            found = self._subscriptions.get(notify.get("call-id") or "")
            cseq = int((notify.get("cseq") or "0").split()[0])
            if found is None or cseq <= found.cseq:
                return  # a repetition, or late
            try:
                if notify.body:
                    found.told.take(notify.get("content-type") or "", notify.body)
            except Exception as fault:  # noqa: BLE001  # the thread's edge: told where the state is looked at
                found.told.faults.append(f"{fault!r} of {notify.body!r}")
            state = notify.get("subscription-state") or ""
            found.cseq, found.ended = cseq, state if state.startswith("terminated") else ""
            self._count += 1
            self._changed.notify_all()
