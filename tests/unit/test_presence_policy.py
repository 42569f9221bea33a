"""What the core's notifier is told: when it asks, when something changed, and nothing else."""

from __future__ import annotations

import pytest

from domain.events import BindingAdded, BindingChanged, BindingRemoved, BindingUnreachable, RemovalReason
from domain.presence import CallPhase
from domain.watching import Audience, Resource, StateUnwanted, StateWanted, WatcherRule
from presence.owner_view import OwnedDevice, OwnerView
from tests.kit.presence_room import DIALOG, DOMAIN, PIDF, Presence, binding, part, partial, whole

KITCHEN = Resource("presence", "kitchen")


@pytest.fixture
def presence():
    return Presence()


def want(presence, resource=KITCHEN):
    presence.policy.on_watch_event(StateWanted(resource))


def told(presence):
    """How often the core was told something, deferred work included."""
    presence.turn()
    return len(presence.core.provided)


def basic(provided):
    return whole(provided.document).findtext(f"{PIDF}tuple/{PIDF}status/{PIDF}basic")


def test_every_package_is_offered(presence):
    names = {package.name for package in presence.policy.packages}
    assert names == {"presence", "dialog", "reg", "message-summary"}


def test_state_that_is_wanted_is_provided_at_once(presence):
    presence.board.on_binding_event(BindingAdded(binding()))
    want(presence)
    assert (presence.last().resource, presence.last().is_list, basic(presence.last())) == (KITCHEN, False, "open")


def test_rfc_3856_section_6_6_address_that_never_registered_is_closed_not_missing(presence):
    """A lamp is set up before its phone is unpacked."""
    want(presence)
    assert basic(presence.last()) == "closed"
    presence.board.on_binding_event(BindingAdded(binding()))
    assert basic(presence.last()) == "open"


def test_name_that_the_owner_says_is_nobodys_is_refused(presence):
    presence.owner.names["kitchen"] = None
    want(presence)
    assert presence.core.provided == []
    assert presence.core.refused == [(KITCHEN, "nobody here is called kitchen")]


def test_package_that_is_not_served_is_refused(presence):
    want(presence, Resource("winfo", "kitchen"))
    assert len(presence.core.refused) == 1


def test_rfc_3856_section_6_7_each_change_is_provided(presence):
    want(presence)
    presence.board.on_binding_event(BindingAdded(binding()))
    presence.board.on_call_parts(7, (part(phase=CallPhase.RINGING),))
    presence.board.on_call_parts(7, ())
    presence.board.on_binding_event(BindingUnreachable(binding(is_reachable=False)))
    assert [basic(one) for one in presence.core.provided] == ["closed", "open", "open", "open", "closed"]


def test_change_that_a_package_does_not_show_is_not_provided(presence):
    presence.board.on_binding_event(BindingAdded(binding()))
    want(presence)
    presence.board.on_binding_event(BindingAdded(binding(2)))
    presence.board.on_binding_event(BindingChanged(binding(2)))
    assert told(presence) == 1


def test_what_nobody_wants_is_not_provided(presence):
    presence.board.on_binding_event(BindingAdded(binding()))
    want(presence)
    want(presence, Resource("presence", "hall"))
    before = told(presence)
    presence.policy.on_watch_event(StateUnwanted(KITCHEN))
    presence.board.on_binding_event(BindingRemoved(binding(), RemovalReason.EXPIRED))
    assert told(presence) == before
    presence.policy.on_watch_event(StateUnwanted(Resource("presence", "hall")))
    assert len(presence.policy._states) == 0


def test_state_that_is_wanted_again_is_provided_again(presence):
    for _ in range(2):
        want(presence)
    assert told(presence) == 2


def test_state_is_rendered_once_for_all_its_names(presence, monkeypatch):
    presence.owner.names = {"uuid": "kitchen", "Kitchen": "kitchen"}
    names = ("kitchen", "uuid", "Kitchen")
    for name in names:
        want(presence, Resource("presence", name))
    rendered = []
    package = presence.policy._packages["presence"]
    render = type(package).render

    def counted(self, *arguments):
        rendered.append(arguments)
        return render(self, *arguments)

    monkeypatch.setattr(type(package), "render", counted)
    presence.board.on_binding_event(BindingAdded(binding()))
    assert len(rendered) == 1
    assert [one.resource.address for one in presence.core.provided[-3:]] == list(names)


def test_partial_says_what_differs_from_the_document_before(presence):
    dialogs = Resource("dialog", "kitchen")
    presence.board.on_call_parts(1, (part(1),))
    want(presence, dialogs)
    presence.board.on_call_parts(2, (part(2),))
    presence.board.on_call_parts(1, ())
    root = partial(presence.last().document)
    assert [(one.get("id"), one.findtext(f"{DIALOG}state")) for one in root.findall(f"{DIALOG}dialog")] == [
        ("1-in", "terminated")
    ]


def test_name_that_comes_to_mean_an_address_is_followed(presence):
    """A UUID is watched before its device told by which address it registers."""
    by_uuid = Resource("presence", "some-uuid")
    want(presence, by_uuid)
    assert basic(presence.last()) == "closed"
    presence.owner.names = {"some-uuid": "kitchen"}
    presence.board.on_binding_event(BindingAdded(binding(device_id="some-uuid")))
    presence.turn()
    assert (presence.last().resource, basic(presence.last())) == (by_uuid, "open")


def test_name_of_an_address_that_is_gone_may_mean_another(presence):
    presence.board.on_binding_event(BindingAdded(binding()))
    want(presence)
    presence.board.on_binding_event(BindingRemoved(binding(), RemovalReason.UNREGISTERED))
    presence.owner.names = {"kitchen": "kitchen-2"}
    presence.board.on_binding_event(BindingAdded(binding(2, "kitchen-2")))
    presence.turn()
    assert whole(presence.last().document).get("entity") == "sip:kitchen-2@screamrouter.local"


def test_owners_new_word_is_looked_up_again(presence):
    presence.board.on_binding_event(BindingAdded(binding()))
    want(presence)
    presence.owner.audience = Audience(WatcherRule.LISTED, frozenset({"hall"}))
    presence.policy.reconsider()
    assert told(presence) == 2
    assert presence.last().audience.rule is WatcherRule.LISTED
    presence.policy.reconsider()
    assert told(presence) == 2
    presence.owner.names["kitchen"] = None
    presence.policy.reconsider()
    assert [resource for resource, _ in presence.core.refused] == [KITCHEN]


def test_address_that_becomes_a_list_is_told_as_one(presence):
    want(presence)
    presence.owner.lists = {"kitchen": ("hall",)}
    presence.policy.reconsider()
    presence.turn()
    assert presence.last().is_list
    presence.owner.lists = {}
    presence.policy.reconsider()
    presence.turn()
    assert not presence.last().is_list


def test_list_learns_of_a_new_audience_and_of_nothing_else(presence):
    presence.owner.lists = {"up": ("kitchen",)}
    want(presence, Resource("presence", "up"))
    assert told(presence) == 1
    presence.policy.reconsider()
    assert told(presence) == 1
    presence.owner.audience = Audience(WatcherRule.ANYONE)
    presence.policy.reconsider()
    assert told(presence) == 2


def test_new_name_of_a_device_is_told_in_lists(presence):
    presence.owner.lists = {"up": ("kitchen",)}
    presence.board.on_binding_event(BindingAdded(binding(device_id="uuid")))
    want(presence, Resource("presence", "up"))
    told(presence)
    presence.board.apply_owner(OwnerView({"uuid": OwnedDevice("Cook's phone")}))
    presence.turn()
    assert b"<name>Cook's phone</name>" in presence.last().document.partial


def test_name_that_means_another_address_now_is_told_of_as_a_whole(presence):
    """RFC 4235 section 4.3: what changed of one address is nothing to whoever was told of another."""
    by_name = Resource("dialog", "den")
    presence.owner.names["den"] = "kitchen"
    want(presence, by_name)
    want(presence, Resource("dialog", "hall"))
    presence.board.on_call_parts(7, (part(user="hall", phase=CallPhase.RINGING),))
    presence.owner.names["den"] = "hall"
    presence.policy.reconsider()
    told_of = [one for one in presence.core.provided if one.resource == by_name][-1].document
    assert whole(told_of).get("entity") == f"sip:hall@{DOMAIN}"
    assert not told_of.partial
    presence.board.on_call_parts(7, ())
    assert presence.last().document.partial


def test_another_domain_is_told_of_in_each_document_and_list(presence):
    presence.owner.lists["both"] = ("kitchen", "hall")
    presence.board.on_binding_event(BindingAdded(binding()))
    want(presence)
    want(presence, Resource("presence", "both"))
    presence.turn()
    presence.owner.domain = "elsewhere.example"
    presence.policy.reconsider()
    presence.turn()
    alone, in_list = presence.core.provided[-2:]
    assert whole(alone.document).get("entity") == "sip:kitchen@elsewhere.example"
    assert b"screamrouter.local" not in in_list.document.body
    assert not in_list.document.partial
