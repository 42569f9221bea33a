"""RFC 4662: many resources in one document, whole and in part, below 60 KB."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.events import BindingAdded, BindingRemoved, BindingUnreachable, RemovalReason
from domain.watching import Resource, StateUnwanted, StateWanted
from presence.owner_view import OwnedDevice, OwnerView
from presence.resource_lists import MOST_MEMBERS, MOST_OCTETS, ListChange, ListSubject, Member, render_list
from tests.kit.presence_room import DOMAIN, NOON, PIDF, RLMI, Presence, binding, read_list, render

ALL = Resource("presence", "all")


def uri(user):
    return f"sip:{user}@{DOMAIN}"


@pytest.fixture
def presence():
    kit = Presence()
    for number, user in enumerate(("attic", "hall", "kitchen"), 1):
        kit.board.on_binding_event(BindingAdded(binding(number, user)))
    return kit


def watch(presence, resource=ALL):
    presence.policy.on_watch_event(StateWanted(resource))
    presence.turn()
    return presence.last()


def basics(told):
    """Per URI: open, closed, or None where nothing is told."""
    cids = {row: instance.get("cid") for row, instance in told.rows.items()}
    return {
        row: None if cid is None else told.parts[cid].findtext(f"{PIDF}tuple/{PIDF}status/{PIDF}basic")
        for row, cid in cids.items()
    }


def test_section_5_whole_list_has_every_resource_and_its_document(presence):
    provided = watch(presence)
    assert provided.is_list
    assert provided.document.content_type.startswith('multipart/related;type="application/rlmi+xml";start="<')
    told = read_list(provided.document)
    assert basics(told) == dict.fromkeys(map(uri, ("attic", "hall", "kitchen")), "open")


def test_section_5_2_list_is_named_versioned_and_full(presence):
    told = read_list(watch(presence).document, version=4)
    assert (told.rlmi.get("uri"), told.rlmi.get("version"), told.rlmi.get("fullState")) == (uri("all"), "4", "true")


def test_section_5_4_resource_has_the_owners_name(presence):
    presence.board.apply_owner(OwnerView({f"hall@{DOMAIN}": OwnedDevice("Hall & stairs")}))
    told = read_list(watch(presence).document)
    names = {row.get("uri"): row.findtext(f"{RLMI}name") for row in told.rlmi.iter(f"{RLMI}resource")}
    assert names == {uri("attic"): None, uri("hall"): "Hall & stairs", uri("kitchen"): None}


def test_section_5_5_each_instance_is_active_and_refers_to_its_part(presence):
    told = read_list(watch(presence).document)
    assert {(one.get("id"), one.get("state")) for one in told.rows.values()} == {("1", "active")}
    assert {one.get("cid") for one in told.rows.values()} == set(told.parts)
    assert all(told.parts[one.get("cid")].get("entity") == row for row, one in told.rows.items())


def test_section_5_6_2_partial_has_only_the_resources_that_changed(presence):
    watch(presence)
    presence.board.on_binding_event(BindingUnreachable(binding(2, "hall", is_reachable=False)))
    presence.turn()
    document = presence.last().document
    part = read_list(document, is_partial=True, version=1)
    assert (part.rlmi.get("fullState"), part.rlmi.get("version")) == ("false", "1")
    assert basics(part) == {uri("hall"): "closed"}
    assert basics(read_list(document)) == {uri("attic"): "open", uri("hall"): "closed", uri("kitchen"): "open"}


def test_section_5_6_2_resource_that_left_is_terminated_once(presence):
    watch(presence)
    presence.board.on_binding_event(BindingRemoved(binding(1, "attic"), RemovalReason.UNREGISTERED))
    presence.turn()
    part = read_list(presence.last().document, is_partial=True)
    left = part.rows[uri("attic")]
    assert (left.get("state"), left.get("reason"), left.get("cid")) == ("terminated", "noresource", None)
    assert set(read_list(presence.last().document).rows) == {uri("hall"), uri("kitchen")}


def test_section_5_6_2_resource_that_came_is_in_the_partial(presence):
    watch(presence)
    presence.board.on_binding_event(BindingAdded(binding(4, "cellar")))
    presence.turn()
    assert basics(read_list(presence.last().document, is_partial=True)) == {uri("cellar"): "open"}


def test_content_ids_are_never_used_again(presence):
    first = read_list(watch(presence).document)
    presence.board.on_binding_event(BindingUnreachable(binding(2, "hall", is_reachable=False)))
    presence.turn()
    second = read_list(presence.last().document)
    assert set(first.parts).isdisjoint(second.parts)


def test_many_changes_in_one_turn_are_one_document(presence):
    watch(presence)
    told = len(presence.core.provided)
    for number, user in enumerate(("attic", "hall", "kitchen"), 1):
        presence.board.on_binding_event(BindingUnreachable(binding(number, user, is_reachable=False)))
    presence.turn()
    assert len(presence.core.provided) == told + 1
    assert set(basics(read_list(presence.last().document, is_partial=True)).values()) == {"closed"}


@pytest.mark.parametrize("package", ["dialog", "reg"])
def test_versions_within_a_list_rise_with_each_document(presence, package):
    """RFC 4235 section 4.1 and RFC 3680 section 5.1: a lower version would be thrown away."""
    first = read_list(watch(presence, Resource(package, "all")).document)
    presence.board.on_binding_event(BindingUnreachable(binding(2, "hall", is_reachable=False)))
    presence.turn()
    second = read_list(presence.last().document)
    seen = [{int(one.get("version")) for one in told.parts.values()} for told in (first, second)]
    assert max(seen[0]) < min(seen[1])


def test_list_of_config_yaml_has_its_members_in_their_order(presence):
    presence.owner.lists = {"ground floor": ("kitchen", "Hall phone", "garage")}
    presence.owner.names = {"Hall phone": "hall"}
    told = read_list(watch(presence, Resource("presence", "ground floor")).document)
    assert list(basics(told).items()) == [(uri("kitchen"), "open"), (uri("hall"), "open"), (uri("garage"), "closed")]
    assert told.rlmi.get("uri") == f"sip:ground%20floor@{DOMAIN}"


def test_change_outside_a_list_is_not_told(presence):
    presence.owner.lists = {"up": ("attic",)}
    watch(presence, Resource("presence", "up"))
    told = len(presence.core.provided)
    presence.board.on_binding_event(BindingUnreachable(binding(2, "hall", is_reachable=False)))
    presence.turn()
    assert len(presence.core.provided) == told


def test_list_that_nobody_watches_costs_nothing(presence):
    watch(presence)
    presence.policy.on_watch_event(StateUnwanted(ALL))
    told = len(presence.core.provided)
    presence.board.on_binding_event(BindingUnreachable(binding(2, "hall", is_reachable=False)))
    presence.turn()
    assert len(presence.core.provided) == told
    assert len(presence.policy._states) == 0


def test_list_wanted_again_is_told_again(presence):
    watch(presence)
    told = len(presence.core.provided)
    watch(presence)
    assert len(presence.core.provided) == told + 1


def test_message_summary_is_served_of_addresses_only(presence):
    """A list of it is asked for by no phone; `all` is an address like others there."""
    provided = watch(presence, Resource("message-summary", "all"))
    assert not provided.is_list


def members(count, name=""):
    presence = Presence()
    for number in range(count):
        presence.board.on_binding_event(BindingAdded(binding(number, f"phone{number:04}")))
    return [
        Member(one.address, name, render("presence", one), NOON + timedelta(seconds=number))
        for number, one in enumerate(presence.board.presentities())
    ]


SUBJECT = ListSubject("all", DOMAIN, "sr-boundary", 1)


def rendered(members, change):
    document = render_list(SUBJECT, members, change)
    assert document is not None
    return document


def test_list_that_does_not_fit_keeps_its_rows_and_tells_who_changed_last():
    document = rendered(members(300), None)
    assert len(document.body) <= MOST_OCTETS
    told = basics(read_list(document))
    assert len(told) == 300
    are_told = [basic is not None for basic in told.values()]
    assert 0 < sum(are_told) < 300
    assert are_told == sorted(are_told), "those that changed last are the last here"


def test_most_members_of_usual_names_fit():
    document = rendered(members(MOST_MEMBERS, name="A device in the living room"), None)
    assert len(document.body) <= MOST_OCTETS
    assert len(read_list(document).rows) == MOST_MEMBERS


def test_partial_that_would_hide_a_change_is_not_sent():
    all_ = members(300)
    document = rendered(all_, ListChange({one.address for one in all_}))
    assert document.partial == b""


def test_rows_that_do_not_fit_make_no_list():
    assert render_list(SUBJECT, members(MOST_MEMBERS, name="n" * 200), None) is None


def test_list_that_is_too_long_is_refused_and_forgotten(presence):
    presence.owner.lists = {"crowd": tuple(f"phone{number}" for number in range(MOST_MEMBERS + 1))}
    crowd = Resource("presence", "crowd")
    presence.policy.on_watch_event(StateWanted(crowd))
    presence.turn()
    assert [resource for resource, _ in presence.core.refused] == [crowd]
    assert str(MOST_MEMBERS) in presence.core.refused[0][1]
    assert len(presence.policy._states) == 0


def test_list_that_grows_too_long_ends(presence):
    watch(presence)
    for number in range(MOST_MEMBERS):
        presence.board.on_binding_event(BindingAdded(binding(number + 10, f"phone{number}")))
    presence.turn()
    assert [resource for resource, _ in presence.core.refused] == [ALL]
    assert len(presence.policy._states) == 0
