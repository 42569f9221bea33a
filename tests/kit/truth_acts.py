"""What can happen to devices, done to a running daemon and believed by the model: the steps of the truth test."""

from __future__ import annotations

import itertools
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

from tests.kit import truth_model as model
from tests.kit.answering_peer import AnsweringTcp, AnsweringUdp
from tests.kit.daemon_process import DaemonProcess
from tests.kit.presence_room import pidf as pidf_body
from tests.kit.sip_call import SipCall
from tests.kit.standing_watch import StandingWatch

LONG_S = 3600
ALL = "all"
HALL = "hall@screamrouter.local"
PUBLISHED_ACTIVITIES = ("away", "busy", "meeting", "on-the-phone", "meal")


@dataclass
class Actor:
    """One telephone: a contact of its address; whatever it did that stands."""

    label: str
    address: str
    device: str
    is_tcp: bool = False
    instance: str = ""
    peer: AnsweringUdp | AnsweringTcp | None = None
    call: SipCall | None = None
    is_silent: bool = False
    is_called_by_name: bool = False
    etag: str = ""

    def contact(self, peer: AnsweringUdp | AnsweringTcp) -> str:
        return f'{peer.contact};+sip.instance="<urn:uuid:{self.instance}>"' if self.instance else peer.contact


def _actors() -> list[Actor]:
    """Two contacts of one device, one on a connection, two devices at one address, a sink that can be called."""
    twins = [str(uuid.uuid5(uuid.NAMESPACE_DNS, name)) for name in ("first", "second")]
    return [
        Actor("ann-1", "ann", "ann@screamrouter.local"),
        Actor("ann-2", "ann", "ann@screamrouter.local"),
        Actor("ben", "ben", "ben@screamrouter.local", is_tcp=True),
        Actor("eve-1", "eve", twins[0], instance=twins[0]),
        Actor("eve-2", "eve", twins[1], is_tcp=True, instance=twins[1]),
        Actor("hall", "hall", HALL),
    ]


@dataclass
class Household:
    """Actors, what they do, and the model of it. Every act leaves the model as the views should be soon."""

    daemon: DaemonProcess
    watch: StandingWatch
    random: random.Random
    actors: list[Actor] = field(default_factory=_actors)
    addresses: dict[str, model.Address] = field(default_factory=dict)
    standing: dict[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)
        for actor in self.actors:
            devices = self.addresses.setdefault(actor.address, model.Address({})).devices
            devices.setdefault(actor.device, model.Device())
        self.addresses["hall"].devices[HALL] = model.Device(True, "Great Hall")

    def close(self) -> None:
        for actor in self.actors:
            if actor.peer is not None:
                actor.peer.close()

    def possible(self) -> list[tuple[str, Actor]]:
        """Each act beside who can do it now."""
        return [(act, actor) for actor in self.actors for act in sorted(ACTS) if ACTS[act](self, actor)]

    # ---- what can happen ----

    def come(self, actor: Actor) -> None:
        made = AnsweringTcp if actor.is_tcp else AnsweringUdp
        if actor.peer is None:
            actor.peer = made(self.daemon.address, actor.address)
        self._register(actor, LONG_S)
        address = self.addresses[actor.address]
        address.contacts.pop(actor.label, None)
        address.contacts[actor.label] = model.Contact(actor.peer.contact_uri, actor.device)
        address.devices[actor.device].has_entry = True

    def refresh(self, actor: Actor) -> None:
        self._register(actor, LONG_S)

    def go(self, actor: Actor) -> None:
        self._register(actor, 0)
        del self.addresses[actor.address].contacts[actor.label]

    def lapse(self, actor: Actor) -> None:
        self._register(actor, 1)
        del self.addresses[actor.address].contacts[actor.label]

    def _register(self, actor: Actor, expires_s: int) -> None:
        assert actor.peer is not None
        answer = actor.peer.register(contacts=[actor.contact(actor.peer)], expires=expires_s)
        assert answer.status == 200, answer.start_line

    def fall_silent(self, actor: Actor) -> None:
        self._set_silent(actor, is_silent=True)

    def wake(self, actor: Actor) -> None:
        self._set_silent(actor, is_silent=False)

    def _set_silent(self, actor: Actor, *, is_silent: bool) -> None:
        assert actor.peer is not None
        actor.is_silent = actor.peer.answering.is_silent = is_silent
        self.addresses[actor.address].contacts[actor.label].is_reachable = not is_silent

    def drop(self, actor: Actor) -> None:
        """The connection closes: what was registered over it is gone, and so is its call."""
        assert actor.peer is not None
        actor.peer.close()
        actor.peer, actor.call, actor.is_silent = None, None, False
        self.addresses[actor.address].contacts.pop(actor.label, None)
        self._note_call(actor, None)

    def dial(self, actor: Actor) -> None:
        self._dial(actor, "echo")

    def dial_sink(self, actor: Actor) -> None:
        self._dial(actor, "hall")

    def dial_sink_by_name(self, actor: Actor) -> None:
        name = self.addresses["hall"].devices[HALL].name
        assert name is not None
        self._dial(actor, name.replace(" ", "-").lower())

    def _dial(self, actor: Actor, user: str) -> None:
        assert actor.peer is not None
        actor.call = SipCall(actor.peer, user)
        answer = actor.call.invite(_sdp("sendrecv"))
        assert answer.status == 200, answer.start_line
        actor.is_called_by_name = user != "echo"
        self._note_call(actor, False)

    def hold(self, actor: Actor) -> None:
        self._reinvite(actor, "sendonly")

    def resume(self, actor: Actor) -> None:
        self._reinvite(actor, "sendrecv")

    def _reinvite(self, actor: Actor, direction: str) -> None:
        assert actor.call is not None
        answer = actor.call.invite(_sdp(direction))
        assert answer.status == 200, answer.start_line
        self._note_call(actor, direction == "sendonly")

    def hang_up(self, actor: Actor) -> None:
        assert actor.call is not None
        assert actor.call.ask("BYE").status == 200
        actor.call = None
        self._note_call(actor, None)

    def _note_call(self, actor: Actor, is_held: bool | None) -> None:
        """None: it is over. Whoever calls a sink has it in a call, too."""
        for address in (self.addresses[actor.address], self.addresses["hall"]):
            address.calls.pop(actor.label, None)
        if is_held is None:
            return
        self.addresses[actor.address].calls[actor.label] = [("initiator", is_held)]
        if actor.is_called_by_name:
            self.addresses["hall"].calls.setdefault(actor.label, []).append(("recipient", is_held))

    def publish(self, actor: Actor) -> None:
        """An initial publication or another state, which is the newest then."""
        basic = self.random.choice(["open", "closed"])
        activities = frozenset(self.random.sample(PUBLISHED_ACTIVITIES, k=self.random.randrange(3)))
        body = pidf_body(basic, "".join(f"<rpid:{one}/>" for one in sorted(activities)))
        self._publish(actor, LONG_S, body)
        publications = self.addresses[actor.address].publications
        publications.pop(actor.label, None)
        publications[actor.label] = model.Publication(basic == "open", activities)

    def publish_again(self, actor: Actor) -> None:
        self._publish(actor, LONG_S)

    def withdraw(self, actor: Actor) -> None:
        self._publish(actor, 0)
        self._forget_publication(actor)

    def let_publication_lapse(self, actor: Actor) -> None:
        self._publish(actor, 1)
        self._forget_publication(actor)

    def _forget_publication(self, actor: Actor) -> None:
        actor.etag = ""
        del self.addresses[actor.address].publications[actor.label]

    def _publish(self, actor: Actor, expires_s: int, body: bytes = b"") -> None:
        assert actor.peer is not None
        uri = f"sip:{actor.address}@{actor.peer.domain}"
        lines = ["Event: presence", f"Expires: {expires_s}"]
        lines += ["Content-Type: application/pidf+xml"] if body else []
        lines += [f"SIP-If-Match: {actor.etag}"] if actor.etag else []
        answer = actor.peer.exchange(
            actor.peer.request("PUBLISH", uri=uri, to=f"<{uri}>", sender=uri, headers=lines, body=body)
        )
        assert answer.status == 200, answer.start_line
        actor.etag = answer.get("sip-etag") or ""

    def disturb(self, actor: Actor) -> None:
        """Do-not-disturb is set, or taken back."""
        device = self.addresses[actor.address].devices[actor.device]
        device.is_dnd = not device.is_dnd
        self._edit(lambda devices: devices[actor.device].update(do_not_disturb=device.is_dnd))

    def rename(self, actor: Actor) -> None:
        device = self.addresses[actor.address].devices[actor.device]
        device.name = f"Name {next(self._numbers)}"
        self._edit(lambda devices: devices[actor.device].update(name=device.name))

    def forget(self, actor: Actor) -> None:
        """The owner deletes the entry."""
        self.addresses[actor.address].devices[actor.device] = model.Device()
        self._edit(lambda devices: devices.pop(actor.device))

    def _edit(self, change: Callable[[dict[str, Any]], object]) -> None:
        """As an editor does that writes a new file and renames it."""
        document = self.daemon.config()
        change(document["devices"])
        path = self.daemon.config_path
        new = path.with_name("config.yaml.mine")
        new.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        new.rename(path)

    def resubscribe(self, actor: Actor) -> None:
        """Every subscription to the address is refreshed: whole documents in the midst of partial ones."""
        for (_, name), call_id in self.standing.items():
            if name in {actor.address, ALL}:
                assert self.watch.refresh(call_id).status == 200


def _is_there(house: Household, actor: Actor) -> bool:
    return actor.label in house.addresses[actor.address].contacts


def _is_up(house: Household, actor: Actor) -> bool:
    return _is_there(house, actor) and not actor.is_silent


def _has_entry(house: Household, actor: Actor) -> bool:
    return house.addresses[actor.address].devices[actor.device].has_entry


ACTS: dict[str, Callable[[Household, Actor], bool]] = {
    "come": lambda house, actor: not _is_there(house, actor),
    "refresh": _is_up,
    "go": _is_up,
    "lapse": _is_up,
    "fall_silent": _is_up,
    "wake": lambda house, actor: _is_there(house, actor) and actor.is_silent,
    "drop": lambda _, actor: actor.is_tcp and actor.peer is not None,
    "dial": lambda house, actor: _is_up(house, actor) and actor.call is None,
    "dial_sink": lambda house, actor: _is_up(house, actor) and actor.call is None and actor.device != HALL,
    "dial_sink_by_name": lambda house, actor: _is_up(house, actor) and actor.call is None and actor.device != HALL,
    "hold": lambda _, actor: actor.call is not None and not actor.is_silent,
    "resume": lambda _, actor: actor.call is not None and not actor.is_silent,
    "hang_up": lambda _, actor: actor.call is not None and not actor.is_silent,
    "publish": _is_up,
    "publish_again": lambda house, actor: _is_up(house, actor) and bool(actor.etag),
    "withdraw": lambda house, actor: _is_up(house, actor) and bool(actor.etag),
    "let_publication_lapse": lambda house, actor: _is_up(house, actor) and bool(actor.etag),
    "disturb": _has_entry,
    "rename": _has_entry,
    "forget": lambda house, actor: _has_entry(house, actor) and actor.device != HALL,
    "resubscribe": lambda *_: True,
}
"""When each of ``Household``'s acts can be done."""


def _sdp(direction: str) -> bytes:
    return (
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio 40000 RTP/AVP 0\r\na={direction}\r\n"
    ).encode()
