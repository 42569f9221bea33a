"""The pure half of the truth test: whatever happens, every document tells the same, and it is what the core said."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from domain.events import (
    BindingAdded,
    BindingChanged,
    BindingReachable,
    BindingRemoved,
    BindingUnreachable,
    RemovalReason,
)
from domain.presence import Availability, CallPart, CallPhase, ChangeCause
from domain.values import Binding
from domain.watching import PublishAccepted, Resource, StateUnwanted, StateWanted
from presence.owner_view import OwnedDevice, OwnerView
from tests.kit.presence_room import (
    DIALOG,
    DOMAIN,
    OWN,
    PERSON,
    PIDF,
    REG,
    RPID,
    Presence,
    binding,
    part,
    pidf,
    publish,
    read_list,
    whole,
)

USERS = ("attic", "hall", "kitchen")
PACKAGES = ("presence", "dialog", "reg")
users = st.sampled_from(USERS)
WAYS_TO_END = [reason for reason in RemovalReason if reason is not RemovalReason.REPLACED]


class Truth(RuleBasedStateMachine):
    """A model of three addresses beside the room; every watcher's view is compared with it after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.presence = Presence()
        self.bindings: dict[int, Binding] = {}
        self.calls: dict[int, tuple[CallPart, ...]] = {}
        self.quiet: set[str] = set()
        self.next_id = 1
        for package in PACKAGES:
            for user in (*USERS, "all"):
                self.presence.policy.on_watch_event(StateWanted(Resource(package, user)))

    def of(self, user):
        return [one for one in self.bindings.values() if one.aor == f"{user}@{DOMAIN}"]

    def one_of(self, data):
        return self.bindings[data.draw(st.sampled_from(sorted(self.bindings)))]

    @rule(user=users)
    def register(self, user):
        new = binding(self.next_id, user)
        self.next_id += 1
        self.bindings[new.binding_id] = new
        self.presence.board.on_binding_event(BindingAdded(new))

    @rule(data=st.data(), reason=st.sampled_from(WAYS_TO_END))
    def end(self, data, reason):
        if self.bindings:
            old = self.one_of(data)
            del self.bindings[old.binding_id]
            self.presence.board.on_binding_event(BindingRemoved(old, reason))

    @rule(data=st.data())
    def replace_binding(self, data):
        if self.bindings:
            old = self.one_of(data)
            del self.bindings[old.binding_id]
            self.presence.board.on_binding_event(BindingRemoved(old, RemovalReason.REPLACED))
            self.register(old.aor.partition("@")[0])

    @rule(data=st.data(), is_reachable=st.booleans())
    def ping(self, data, is_reachable):
        if self.bindings:
            old = self.one_of(data)
            new = replace(old, is_reachable=is_reachable, rtt_ms=4.0)
            self.bindings[old.binding_id] = new
            self.presence.board.on_binding_event((BindingReachable if is_reachable else BindingUnreachable)(new))

    @rule(data=st.data())
    def move(self, data):
        if self.bindings:
            new = replace(self.one_of(data), contact_uri=f"sip:moved@192.0.2.7:{6000 + self.next_id}")
            self.bindings[new.binding_id] = new
            self.presence.board.on_binding_event(BindingChanged(new))

    @rule(data=st.data())
    def resync(self, data):
        kept = data.draw(st.sets(st.sampled_from(sorted(self.bindings))) if self.bindings else st.just(set()))
        self.bindings = {number: one for number, one in self.bindings.items() if number in kept}
        self.presence.board.on_resync(list(self.bindings.values()))

    @rule(call=st.integers(1, 3), caller=users, called=users, phase=st.sampled_from(list(CallPhase)))
    def call(self, call, caller, called, phase):
        self.calls[call] = (part(call, caller, phase, is_initiator=True), part(call, called, phase))
        self.presence.board.on_call_parts(call, self.calls[call])

    @rule(call=st.integers(1, 3))
    def hang_up(self, call):
        self.calls.pop(call, None)
        self.presence.board.on_call_parts(call, ())

    @rule(user=users, basic=st.sampled_from(["open", "closed", ""]), doing=st.sampled_from(["busy", "away", ""]))
    def publish(self, user, basic, doing):
        body = pidf(basic, f"<rpid:{doing}/>" if doing else "", note="a word")
        self.presence.policy.on_watch_event(publish(user, body))
        assert isinstance(self.presence.core.answers[-1], PublishAccepted) == bool(self.of(user))

    @rule(seconds=st.integers(1, 40))
    def wait(self, seconds):
        self.presence.clock.elapsed_s += seconds
        self.presence.desk.expire()

    @rule(quiet=st.sets(users), listed=st.sets(users))
    def configure(self, quiet, listed):
        self.quiet = quiet & listed
        entries = {f"{user}@{DOMAIN}": OwnedDevice(user.title(), user in quiet, (user,)) for user in sorted(listed)}
        self.presence.board.apply_owner(OwnerView(entries))
        self.presence.policy.reconsider()

    @rule(package=st.sampled_from(PACKAGES), user=st.sampled_from((*USERS, "all")))
    def watchers_come_and_go(self, package, user):
        self.presence.policy.on_watch_event(StateUnwanted(Resource(package, user)))
        self.presence.turn()
        self.presence.policy.on_watch_event(StateWanted(Resource(package, user)))

    @invariant()
    def every_watcher_sees_the_same_truth(self):
        self.presence.turn()
        newest = {one.resource: one.document for one in self.presence.core.provided}
        for user in USERS:
            documents = {package: whole(newest[Resource(package, user)]) for package in PACKAGES}
            self.compare(user, documents)

    @invariant()
    def the_list_of_all_says_what_each_says(self):
        self.presence.turn()
        newest = {one.resource: one.document for one in self.presence.core.provided}
        told = read_list(newest[Resource("presence", "all")])
        known = {presentity.address for presentity in self.presence.board.presentities()}
        assert set(told.rows) == {f"sip:{user}@{DOMAIN}" for user in known}
        for user in known & set(USERS):
            in_list = told.parts[told.rows[f"sip:{user}@{DOMAIN}"].get("cid")]
            alone = whole(newest[Resource("presence", user)])
            status = f"{PIDF}tuple/{PIDF}status/{PIDF}basic"
            assert in_list.findtext(status) == alone.findtext(status)
            assert in_list.findtext(f"{PIDF}tuple/{PIDF}note") == alone.findtext(f"{PIDF}tuple/{PIDF}note")

    @invariant()
    def nothing_is_kept_of_whom_nobody_knows(self):
        for presentity in self.presence.board.presentities():
            assert presentity.version > 0
            sources = (presentity.bindings, presentity.calls, presentity.published, presentity.device_ids)
            assert any(sources)

    def compare(self, user, documents):
        now = self.presence.board.find_presentity(user)
        mine = {one.binding_id: one for one in self.of(user)}
        talks = {f"{one.call_id}-{'out' if one.is_initiator else 'in'}" for one in self.parts_of(user)}
        is_there, is_reachable = bool(mine), any(one.is_reachable for one in mine.values())
        self.compare_with_registrar(documents, mine)
        liveness = documents["dialog"].find(f"{OWN}liveness").attrib
        assert (liveness["registered"], liveness["reachable"]) == (str(is_there).lower(), str(is_reachable).lower())
        dialogs = {
            one.get("id")
            for one in documents["dialog"].findall(f"{DIALOG}dialog")
            if one.findtext(f"{DIALOG}state") != "terminated"
        }
        assert dialogs == talks
        is_open = documents["presence"].findtext(f"{PIDF}tuple/{PIDF}status/{PIDF}basic") == "open"
        assert is_open == now.is_open
        assert (now.is_registered, now.is_reachable) == (is_there, is_reachable)
        assert not is_open or is_reachable
        self.compare_words(user, now, documents["presence"])

    def compare_with_registrar(self, documents, mine):
        active = {
            one.get("id"): one.find(f"{OWN}liveness").get("reachable") == "true"
            for one in documents["reg"].iter(f"{REG}contact")
            if one.get("state") == "active"
        }
        assert active == {str(number): one.is_reachable for number, one in mine.items()}
        contacts = {one.findtext(f"{REG}uri") for one in documents["reg"].iter(f"{REG}contact")}
        assert contacts >= {one.contact_uri for one in mine.values()}

    def compare_words(self, user, now, document):
        word = now.availability
        doing = {one.tag.removeprefix(RPID) for one in document.iterfind(f"{PERSON}person/{RPID}activities/*")}
        assert (word is Availability.NOT_REGISTERED) == (not now.is_registered)
        assert (word is Availability.UNREACHABLE) == (now.is_registered and not now.is_reachable)
        if now.is_reachable:
            assert (word is Availability.DO_NOT_DISTURB) == (user in self.quiet)
            is_talking = any(one.phase is not CallPhase.RINGING for one in self.parts_of(user))
            assert ("on-the-phone" in doing) == (word is Availability.ON_THE_PHONE)
            assert word is not Availability.AVAILABLE or not self.parts_of(user)
            assert word is not Availability.ON_THE_PHONE or is_talking
        else:
            assert doing == set()
        assert now.cause in ChangeCause

    def parts_of(self, user):
        return [one for parts in self.calls.values() for one in parts if one.address == user]


TestTruth = Truth.TestCase
TestTruth.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
