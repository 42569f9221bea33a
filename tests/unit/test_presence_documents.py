"""The documents of every package: valid by the RFCs' schemas, and true."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.presence import Activity, Availability, CallPhase, ChangeCause, Presentity, PublishedState
from domain.watching import EventPackage
from presence.package import at_version, find_packages
from presence.packages.presence_pidf import NOTES
from presence.xml_text import address_uri, uri_text
from tests.kit.presence_room import (
    DIALOG,
    DOMAIN,
    NOON,
    OWN,
    PERSON,
    PIDF,
    REG,
    RPID,
    binding,
    part,
    partial,
    render,
    whole,
)

URI = f"sip:kitchen@{DOMAIN}"


def kitchen(availability=Availability.AVAILABLE, **fields):
    registered = availability is not Availability.NOT_REGISTERED
    is_reachable = registered and availability is not Availability.UNREACHABLE
    bindings = (binding(is_reachable=is_reachable),) if registered else ()
    known = {"cause": ChangeCause.REGISTERED, "bindings": bindings}
    return Presentity("kitchen", 1, availability, is_reachable, NOON, **known | fields)


GONE = kitchen(Availability.NOT_REGISTERED, cause=ChangeCause.UNREGISTERED)


def test_a_package_is_found_by_being_there():
    assert {name: package.event for name, package in find_packages().items()} == {
        "presence": EventPackage("presence", ("application/pidf+xml",), is_list_served=True),
        "dialog": EventPackage("dialog", ("application/dialog-info+xml",), is_list_served=True),
        "reg": EventPackage("reg", ("application/reginfo+xml",), is_list_served=True),
        "message-summary": EventPackage("message-summary", ("application/simple-message-summary",)),
    }


@pytest.mark.parametrize("package", ["presence", "dialog", "reg"])
def test_rfc_3863_section_4_documents_are_utf_8_and_say_so(package):
    assert render(package, kitchen()).body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>')


@pytest.mark.parametrize("package", ["presence", "dialog", "reg", "message-summary"])
def test_same_state_is_the_same_octets(package):
    assert render(package, kitchen()) == render(package, kitchen())


# presence


def basic(document):
    return whole(document).findtext(f"{PIDF}tuple/{PIDF}status/{PIDF}basic")


def activities(document):
    return [one.tag.removeprefix(RPID) for one in whole(document).findall(f"{PERSON}person/{RPID}activities/*")]


@pytest.mark.parametrize(
    ("availability", "status", "doing"),
    [
        (Availability.NOT_REGISTERED, "closed", []),
        (Availability.UNREACHABLE, "closed", []),
        (Availability.DO_NOT_DISTURB, "closed", ["busy"]),
        (Availability.CLOSED, "closed", []),
        (Availability.ON_THE_PHONE, "open", ["on-the-phone"]),
        (Availability.RINGING, "open", ["busy"]),
        (Availability.AVAILABLE, "open", []),
    ],
)
def test_rfc_3863_section_4_1_4_and_rfc_4480_section_3_2_each_word_has_its_signs(availability, status, doing):
    document = render("presence", kitchen(availability))
    assert (basic(document), activities(document)) == (status, doing)
    assert whole(document).findtext(f"{PIDF}tuple/{PIDF}note") == NOTES[availability]


def test_every_word_is_explained_to_people():
    assert set(NOTES) == set(Availability)


def test_rfc_3856_section_5_entity_and_contact_are_the_address():
    root = whole(render("presence", kitchen()))
    assert (root.get("entity"), root.findtext(f"{PIDF}tuple/{PIDF}contact")) == (URI, URI)
    assert b"192.0.2.1" not in render("presence", kitchen()).body


def test_rfc_3863_section_4_1_7_timestamp_is_when_it_changed():
    root = whole(render("presence", kitchen()))
    assert root.findtext(f"{PIDF}tuple/{PIDF}timestamp") == "2025-01-31T12:00:00Z"
    assert whole(render("presence", replace(GONE, version=0))).find(f"{PIDF}tuple/{PIDF}timestamp") is None


def test_rfc_4479_section_3_what_was_published_is_the_persons():
    published = PublishedState(activities=tuple(Activity), note="R\xe4ume auf <jetzt>")
    document = render("presence", kitchen(Availability.BUSY, published=published))
    assert activities(document) == list(Activity)
    assert whole(document).findtext(f"{PERSON}person/{PERSON}note") == "R\xe4ume auf <jetzt>"


def test_of_rpid_only_activities_are_sent():
    """The schema at hand has nothing else (tests/data/schema/README.md)."""
    root = whole(render("presence", kitchen(published=PublishedState(activities=tuple(Activity)))))
    own = {one.getparent().tag for one in root.iter() if str(one.tag).startswith(RPID)}
    assert own == {f"{PERSON}person", f"{RPID}activities"}


@pytest.mark.parametrize("availability", [Availability.NOT_REGISTERED, Availability.UNREACHABLE])
def test_of_one_who_is_not_there_only_that_is_told(availability):
    published = PublishedState(is_open=True, activities=(Activity.ON_THE_PHONE,), note="here I am")
    document = render("presence", kitchen(availability, published=published))
    assert (basic(document), activities(document)) == ("closed", [])
    assert b"here I am" not in document.body


def test_pidf_has_no_version_and_no_partial_form():
    document = render("presence", kitchen(), GONE)
    assert (document.version_at, document.partial) == (None, b"")


# dialog


def states(root):
    return {one.get("id"): one.findtext(f"{DIALOG}state") for one in root.findall(f"{DIALOG}dialog")}


@pytest.mark.parametrize(
    ("phase", "state"),
    [(CallPhase.RINGING, "early"), (CallPhase.TALKING, "confirmed"), (CallPhase.HELD, "confirmed")],
)
def test_rfc_4235_section_3_7_1_state_of_a_dialog(phase, state):
    assert states(whole(render("dialog", kitchen(calls=(part(phase=phase),))))) == {"7-in": state}


def test_rfc_4235_section_4_1_full_document_without_dialogs_is_idle():
    root = whole(render("dialog", kitchen()), 3)
    assert (root.get("state"), root.get("version"), root.get("entity"), states(root)) == ("full", "3", URI, {})


@pytest.mark.parametrize(("is_initiator", "direction"), [(True, "initiator"), (False, "recipient")])
def test_rfc_4235_section_4_1_1_direction_is_who_called(is_initiator, direction):
    root = whole(render("dialog", kitchen(calls=(part(is_initiator=is_initiator),))))
    assert root.find(f"{DIALOG}dialog").get("direction") == direction


def test_rfc_4235_section_4_1_6_both_parties_are_named():
    dialog = whole(render("dialog", kitchen(calls=(part(),)))).find(f"{DIALOG}dialog")
    for side, uri in (("local", URI), ("remote", f"sip:hall@{DOMAIN}")):
        assert dialog.findtext(f"{DIALOG}{side}/{DIALOG}identity") == uri
        assert dialog.find(f"{DIALOG}{side}/{DIALOG}target").get("uri") == uri


def test_rfc_4235_section_4_1_6_unknown_party_is_left_out():
    dialog = whole(render("dialog", kitchen(calls=(part(remote=""),)))).find(f"{DIALOG}dialog")
    assert dialog.find(f"{DIALOG}remote") is None


def test_rfc_4235_section_5_2_hold_is_told_as_rendering():
    held, talking = (
        whole(render("dialog", kitchen(calls=(part(phase=phase),)))) for phase in (CallPhase.HELD, CallPhase.TALKING)
    )
    param = f"{DIALOG}dialog/{DIALOG}local/{DIALOG}target/{DIALOG}param"
    assert (held.find(param).get("pname"), held.find(param).get("pval")) == ("+sip.rendering", "no")
    assert talking.find(param) is None


def test_device_that_calls_itself_is_in_two_dialogs():
    root = whole(render("dialog", kitchen(calls=(part(is_initiator=True), part()))))
    assert states(root) == {"7-out": "confirmed", "7-in": "confirmed"}


def test_rfc_4235_section_4_3_partial_has_only_what_changed():
    before = kitchen(calls=(part(1), part(2, phase=CallPhase.RINGING), part(3)))
    now = kitchen(calls=(part(1), part(2), part(4, phase=CallPhase.RINGING)))
    document = render("dialog", now, before)
    root = partial(document, 8)
    assert (root.get("state"), root.get("version")) == ("partial", "8")
    assert states(root) == {"2-in": "confirmed", "3-in": "terminated", "4-in": "early"}
    assert states(whole(document)) == states(root) | {"1-in": "confirmed"}


def test_first_document_has_no_partial_form():
    assert render("dialog", kitchen()).partial == b""


@pytest.mark.parametrize(
    ("presentity", "registered", "reachable"),
    [
        (kitchen(), "true", "true"),
        (kitchen(Availability.UNREACHABLE), "true", "false"),
        (GONE, "false", "false"),
    ],
)
def test_not_registered_can_be_told_from_idle(presentity, registered, reachable):
    """Decision 15; the schema allows elements of other namespaces there (RFC 4235 section 4.4)."""
    for root in (whole(render("dialog", presentity)), partial(render("dialog", presentity, GONE))):
        liveness = root.find(f"{OWN}liveness")
        assert dict(liveness.attrib) == {"registered": registered, "reachable": reachable}


# reg


def contacts(root):
    registration = root.find(f"{REG}registration")
    return [(one.get("id"), one.get("state"), one.get("event")) for one in registration.findall(f"{REG}contact")]


def registration_state(root):
    return root.find(f"{REG}registration").get("state")


def test_rfc_3680_section_4_7_1_from_init_to_active_to_terminated():
    unknown = replace(GONE, version=0)
    assert registration_state(whole(render("reg", unknown))) == "init"
    active = whole(render("reg", kitchen(), unknown))
    assert (registration_state(active), contacts(active)) == ("active", [("1", "active", "registered")])
    ended = whole(render("reg", GONE, kitchen()))
    assert (registration_state(ended), contacts(ended)) == ("terminated", [("1", "terminated", "unregistered")])


@pytest.mark.parametrize(
    ("cause", "event"),
    [
        (ChangeCause.UNREGISTERED, "unregistered"),
        (ChangeCause.EXPIRED, "expired"),
        (ChangeCause.FLOW_CLOSED, "deactivated"),
    ],
)
def test_rfc_3680_section_4_7_1_event_is_why_a_contact_ended(cause, event):
    assert contacts(partial(render("reg", replace(GONE, cause=cause), kitchen()))) == [("1", "terminated", event)]


def test_rfc_3680_section_5_1_address_contact_and_its_parameters():
    one = replace(binding(), q=0.75, instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>", reg_id=1)
    root = whole(render("reg", kitchen(bindings=(one,))), 2)
    registration = root.find(f"{REG}registration")
    contact = registration.find(f"{REG}contact")
    assert (root.get("version"), root.get("state"), registration.get("aor")) == ("2", "full", URI)
    assert (contact.findtext(f"{REG}uri"), contact.get("q")) == (one.contact_uri, "0.75")
    parameters = {each.get("name"): each.text for each in contact.findall(f"{REG}unknown-param")}
    assert parameters == {"+sip.instance": one.instance, "reg-id": "1"}


def test_rfc_3680_section_5_2_partial_has_only_the_contacts_that_changed():
    before = kitchen(bindings=(binding(1), binding(2), binding(3)))
    now = kitchen(bindings=(binding(1), binding(2, is_reachable=False), binding(4)))
    changed = partial(render("reg", replace(now, cause=ChangeCause.EXPIRED), before))
    assert contacts(changed) == [
        ("2", "active", "registered"),
        ("4", "active", "registered"),
        ("3", "terminated", "expired"),
    ]


def test_contact_that_does_not_answer_is_told_from_one_that_does():
    root = whole(render("reg", kitchen(bindings=(binding(1), binding(2, is_reachable=False)))))
    assert [one.get("reachable") for one in root.iter(f"{OWN}liveness")] == ["true", "false"]


# message-summary


def test_rfc_3842_section_5_2_nobody_has_messages():
    document = render("message-summary", kitchen())
    assert document.content_type == "application/simple-message-summary"
    assert document.body.decode() == (f"Messages-Waiting: no\r\nMessage-Account: {URI}\r\nVoice-Message: 0/0 (0/0)\r\n")


# whatever strangers are called

ANY_TEXT = st.text(max_size=20)


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_documents_are_valid_whatever_a_stranger_is_called(user, contact, note):
    one = replace(binding(), contact_uri=contact, instance=contact or None)
    call = replace(part(), local_uri=contact, remote_uri=note)
    busy = kitchen(bindings=(one,), calls=(call,), name=note, published=PublishedState(note=note))
    for package in ("presence", "dialog", "reg"):
        document = render(package, replace(busy, address=user), GONE)
        whole(document, 12)
        if document.partial:
            partial(document, 13)


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("sip:k%20a@192.0.2.1:5062;transport=ws;ob", "sip:k%20a@192.0.2.1:5062;transport=ws;ob"),
        ("sip:k@[2001:db8::1]:5060", "sip:k@[2001:db8::1]:5060"),
        ("sips:[::1]", "sips:[::1]"),
        ("sip:k@h;x=[1]", "sip:k@h;x=%5B1%5D"),
        ("sip:100%@h", "sip:100%25@h"),
        ("sip:caf\xe9@h", "sip:caf%C3%A9@h"),
        ("tel:+49-30", "tel:+49-30"),
        ("no uri: at all", "no%20uri%3A%20at%20all"),
    ],
)
def test_uri_is_told_as_it_is_written_where_it_can_be(uri, told):
    assert uri_text(uri) == told


def test_version_is_written_where_the_document_says():
    document = render("dialog", kitchen(name='version=""', calls=(part(remote='sip:version=""@h'),)))
    assert b'version="42"' in at_version(document, 42)
    assert whole(document, 42).get("version") == "42"


def test_surrogates_of_undecodable_octets_do_not_stop_a_document():
    broken = b"k\xff".decode("utf-8", "surrogateescape")
    whole(render("reg", kitchen(bindings=(replace(binding(), contact_uri=broken, instance=broken),))))


@pytest.mark.parametrize(
    ("address", "user"),
    [("a b", "a%20b"), ("k\u00fcche", "k%C3%BCche"), ("a%25b", "a%25b"), ("a%00b", "a%00b"), ("50%", "50%25")],
)
def test_rfc3261_25_1_the_escapes_that_the_core_leaves_in_an_address_are_escaped_once(address, user):
    assert address_uri(address, DOMAIN) == f"sip:{user}@{DOMAIN}"
