"""Each rule of the doctor: what it finds, and what it leaves alone."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from diagnosis import device_rules, refusal_rules, server_rules
from diagnosis.device_match import ExchangeIndex, is_meant, is_of_device, match_devices, users_of
from diagnosis.evidence import DeviceEvidence, DeviceFacts, Finding, ServerFacts
from diagnosis.examination import examine_device, examine_server, state_of, survey_device
from diagnosis.refusals import AUTHENTICATION, OUTSIDE_NETWORKS, SENTENCES, sentence_of
from diagnosis.server_rules import ServerEvidence, group_refusals
from domain.exchanges import Exchange
from domain.ports import ListenAddress
from domain.values import Binding, Endpoint, Flow, Transport
from engine.core_engine import reject_reasons

NOON = datetime(2025, 1, 31, 12, tzinfo=UTC)
PHONE = Endpoint("192.0.2.7", 5060)
OTHER = Endpoint("192.0.2.8", 5060)
UUID = str(uuid.UUID(int=7))
SERVER = ServerFacts(
    listening=(ListenAddress("0.0.0.0", 5060),),
    domain="home",
    served_hosts=frozenset({"home", "192.0.2.1"}),
    addresses=("127.0.0.1", "192.0.2.1", "::1"),
    networks=("127.0.0.0/8", "192.0.2.0/24"),
    started_at=NOON - timedelta(hours=1),
)
DEVICE = DeviceFacts("alice@home", "Kitchen", ip="192.0.2.7", port=5060, contact_uri="sip:alice@192.0.2.7:5060")


def register(*headers: str, host: str = "home", body: str = "") -> bytes:
    head = [f"REGISTER sip:{host} SIP/2.0", "Via: v", "From: <sip:alice@home>", f"To: <sip:alice@{host}>", "Call-ID: 1"]
    lines = [*head, "CSeq: 1 REGISTER", *(headers or ("Contact: <sip:alice@192.0.2.7>",)), "", body]
    return "\r\n".join(lines).encode()


def said(message: bytes | None = None, *, cause: str | None = None, **fields) -> Exchange:
    answer = b"SIP/2.0 404 Not Found\r\n\r\n" if cause else b"SIP/2.0 200 OK\r\n\r\n"
    moment = fields.pop("at", NOON - timedelta(minutes=1))
    made = Exchange(
        moment, moment, 1, Transport.UDP, PHONE, "alice", register() if message is None else message, answer
    )
    return replace(made, cause=cause, status=404 if cause else 200, **fields)


def bound(**fields) -> Binding:
    made = Binding(
        binding_id=1,
        aor="alice@home",
        device_id="alice@home",
        contact_uri="sip:alice@192.0.2.7:5060",
        call_id="1",
        cseq=1,
        flow=Flow(Transport.UDP, PHONE),
        target=PHONE,
        expires_at=NOON + timedelta(hours=1),
        last_heard=NOON - timedelta(minutes=2),
        is_reachable=True,
    )
    return replace(made, **fields)


def evidence(
    *exchanges: Exchange, bindings: tuple[Binding, ...] = (), device: DeviceFacts | None = DEVICE, **server
) -> DeviceEvidence:
    return DeviceEvidence("alice", NOON, replace(SERVER, **server), device, bindings, exchanges)


def names(found: list[Finding]) -> list[str]:
    return [finding.rule for finding in found]


def test_every_reason_of_the_core_has_a_sentence_and_no_other_has():
    assert set(SENTENCES) == {row.name for row in reject_reasons()}


@pytest.mark.parametrize("name", sorted(SENTENCES))
def test_a_sentence_says_what_is_wrong_and_what_to_do(name):
    sentence = sentence_of(name)
    assert sentence.says[0].islower()
    assert not sentence.says.endswith(".")
    assert sentence.remedy[0].isupper()
    assert sentence.remedy.endswith(".")


@pytest.mark.parametrize("name", sorted(SENTENCES))
def test_every_refusal_of_a_register_is_found_exactly_once(name):
    found = examine_device(evidence(said(cause=name)))
    assert names(found) == [f"refused.{name}"]


def test_a_reason_nobody_knows_is_told_all_the_same():
    (finding,) = examine_device(evidence(said(cause="brand_new")))
    assert finding.rule == "refused.brand_new"


def test_a_device_that_is_there_has_no_findings():
    assert examine_device(evidence(said(), bindings=(bound(),))) == []
    assert state_of(evidence(bindings=(bound(),))) == "registered and online"


def test_a_disabled_device_is_told():
    assert device_rules.is_disabled(evidence(device=replace(DEVICE, is_enabled=False))) is not None
    assert device_rules.is_disabled(evidence()) is None


def test_a_deleted_entry_is_told_while_the_device_is_registered():
    unlisted = replace(DEVICE, is_listed=False)
    assert device_rules.has_no_entry(evidence(bindings=(bound(),), device=unlisted)) is not None
    assert device_rules.has_no_entry(evidence(device=unlisted)) is None
    assert device_rules.has_no_entry(evidence(bindings=(bound(),))) is None


def test_a_wrong_domain_is_named_with_those_that_are_served():
    found = refusal_rules.asks_for_unknown_domain(
        evidence(said(register(host="wrong.example"), cause="unknown_domain"))
    )
    assert found is not None
    assert "`wrong.example`" in found.says
    assert "home, 192.0.2.1" in found.remedy


def test_a_refusal_that_was_followed_by_a_good_request_is_over():
    first, then = NOON - timedelta(minutes=9), NOON - timedelta(minutes=3)
    refused = said(cause="unknown_domain", at=first)
    assert evidence(refused, said(at=then)).current_refusal is None
    assert evidence(said(at=first), said(cause="unknown_domain", at=then)).current_refusal is not None
    assert evidence(refused, said(at=then, remote=OTHER)).current_refusal is refused


def test_a_refused_subscription_does_not_explain_an_absence():
    subscribe = register().replace(b"REGISTER", b"SUBSCRIBE")
    assert evidence(said(subscribe, cause="method_not_allowed")).current_refusal is None


def test_too_short_an_interval_names_both_figures():
    message = register("Contact: <sip:alice@192.0.2.7>;expires=30")
    found = refusal_rules.asks_for_too_short_an_interval(evidence(said(message, cause="brief_interval")))
    assert found is not None
    assert "for 30 s" in found.says
    assert "60 s" in found.remedy


def test_a_missing_extension_is_named_from_the_answer_or_the_request():
    answered = said(cause="extension_required", answer=b"SIP/2.0 420 Bad Extension\r\nUnsupported: gruu\r\n\r\n")
    found = refusal_rules.demands_a_missing_extension(evidence(answered))
    assert found is not None
    assert "`gruu`" in found.says
    asked = said(register("Require: 100rel"), cause="extension_required", answer=b"")
    found = refusal_rules.demands_a_missing_extension(evidence(asked))
    assert found is not None
    assert "`100rel`" in found.says


def test_an_unreadable_message_is_told_with_the_place_and_that_nobody_answered():
    found = refusal_rules.sends_what_cannot_be_read(evidence(said(b"\x16\x03\x01", cause="malformed", answer=b"")))
    assert found is not None
    assert "TLS" in found.says
    assert "was not answered" in found.says


@pytest.mark.parametrize("cause", sorted(AUTHENTICATION))
def test_failures_to_authenticate_are_a_matter_once_they_repeat(cause):
    assert refusal_rules.fails_to_authenticate(evidence(said(cause=cause, count=2))) is None
    assert refusal_rules.fails_to_authenticate(evidence(said(cause=cause, count=3))) is not None
    for count in (2, 3):
        assert names(examine_device(evidence(said(cause=cause, count=count)))) == [f"refused.{cause}"]


def test_an_address_outside_the_networks_is_named():
    found = refusal_rules.comes_from_outside_the_networks(evidence(said(cause=OUTSIDE_NETWORKS)))
    assert found is not None
    assert "192.0.2.7" in found.says


def in_turns(first_at: int, last_at: int, remote: Endpoint) -> Exchange:
    """A REGISTER of one UUID, heard between two minutes before noon."""
    message = register(f'Contact: <sip:a@x>;+sip.instance="<urn:uuid:{UUID}>"')
    made = said(message, remote=remote, at=NOON - timedelta(minutes=last_at))
    return replace(made, first_at=NOON - timedelta(minutes=first_at), count=2)


def test_two_devices_with_one_identity_are_found_if_they_are_heard_in_turns():
    assert device_rules.shares_its_identity(evidence(in_turns(9, 2, PHONE), in_turns(8, 1, OTHER))) is not None
    assert device_rules.shares_its_identity(evidence(in_turns(9, 6, PHONE), in_turns(5, 1, OTHER))) is None  # it moved
    assert device_rules.shares_its_identity(evidence(in_turns(9, 2, PHONE), in_turns(8, 1, PHONE))) is None


def test_a_silent_device_that_names_another_port_is_told_from_one_that_is_merely_silent():
    silent = bound(is_reachable=False)
    elsewhere = bound(is_reachable=False, contact_uri="sip:alice@192.0.2.7:6060")
    nat = bound(is_reachable=False, contact_uri="sip:alice@10.0.0.2")
    assert device_rules.names_another_port(evidence(bindings=(silent,))) is None
    assert device_rules.answers_no_ping(evidence(bindings=(silent,))) is not None
    for binding in (elsewhere, nat):
        assert names(examine_device(evidence(said(), bindings=(binding,)))) == ["contact_elsewhere"]
    assert names(examine_device(evidence(said(), bindings=(elsewhere, bound())))) == []


def test_a_registration_taken_back_is_told_from_one_that_ran_out():
    for back in (register("Contact: *", "Expires: 0"), register("Contact: <sip:a@x>;expires=0")):
        assert names(examine_device(evidence(said(back)))) == ["unregistered"]
    assert names(examine_device(evidence(said()))) == ["expired"]


def test_a_device_that_only_asks_for_options_is_told_to_register():
    options = register("Max-Forwards: 70").replace(b"REGISTER", b"OPTIONS")
    assert names(examine_device(evidence(said(options)))) == ["no_register"]
    assert names(examine_device(evidence(said(register("Max-Forwards: 70"))))) == ["no_register"]  # a query


def test_a_device_of_which_nothing_came_is_told_where_to_go():
    found = device_rules.is_never_heard(evidence(is_announcing=False))
    assert found is not None
    assert "192.0.2.1, port 5060, transport UDP" in found.remedy
    assert "mDNS is off" in found.remedy
    assert device_rules.is_never_heard(evidence(said())) is None
    ping = said(is_ping=True)
    assert device_rules.is_never_heard(evidence(ping)) is not None  # that was us


@pytest.mark.parametrize(
    ("address", "is_fault"),
    [
        ("0.0.0.0", True),
        ("127.0.0.1", True),
        ("10.8.0.2", True),
        ("192.0.2.99", False),
        ("192.0.2.7", False),
        ("phone.home", False),
    ],
)
def test_a_media_address_that_nobody_can_reach_is_found(address, is_fault):
    body = f"v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\nc=IN IP4 {address}\r\n".encode()
    found = device_rules.offers_a_useless_address(evidence(bindings=(bound(body=body),)))
    assert (found is not None) == is_fault


def test_a_clock_that_is_far_off_is_found():
    def dated(date: str) -> DeviceEvidence:
        return evidence(said(register("Contact: <sip:a@x>", f"Date: {date}")))

    assert device_rules.has_a_wrong_clock(dated("Thu, 01 Jan 1970 00:00:00 GMT")) is not None
    assert device_rules.has_a_wrong_clock(dated("Fri, 31 Jan 2025 11:58:00 GMT")) is None
    assert device_rules.has_a_wrong_clock(dated("yesterday")) is None
    assert device_rules.has_a_wrong_clock(evidence(said())) is None


def test_that_a_device_is_off_is_a_problem_only_for_who_misses_it():
    assert [finding.is_problem for finding in examine_device(evidence())] == [True]
    assert [finding.is_problem for finding in survey_device(evidence())] == [False]
    assert [finding.is_problem for finding in survey_device(evidence(said(cause="unknown_domain")))] == [True]


def test_a_daemon_that_hears_only_itself_says_so():
    def listening(*ips: str) -> ServerEvidence:
        return ServerEvidence(NOON, replace(SERVER, listening=tuple(ListenAddress(ip, 5060) for ip in ips)))

    assert server_rules.hears_only_this_machine(listening("127.0.0.1", "::1")) is not None
    assert server_rules.hears_only_this_machine(listening("127.0.0.1", "192.0.2.1")) is None


def test_what_ails_the_daemon_is_found():
    ailing = replace(SERVER, receive_buffer_octets=212_992, is_state_writable=False)
    found = examine_server(ServerEvidence(datetime(1970, 1, 1, tzinfo=UTC), ailing))
    assert names(found) == ["receive_buffer_small", "state_not_writable", "own_clock"]
    assert examine_server(ServerEvidence(NOON, SERVER)) == []


def test_refusals_of_late_are_counted_by_reason_with_the_last_of_them():
    old = said(cause="malformed", at=NOON - timedelta(hours=2))
    one = said(cause="unknown_domain", at=NOON - timedelta(minutes=5), count=3)
    two = said(cause="unknown_domain", at=NOON - timedelta(minutes=2), remote=OTHER)
    (group,) = group_refusals(ServerEvidence(NOON, SERVER, (old, one, two)))
    assert (group.cause, group.count, group.last, group.is_problem) == ("unknown_domain", 4, two, True)
    (finding,) = examine_server(ServerEvidence(NOON, SERVER, (old, one, two)))
    assert "Refused 4 times of late" in finding.says
    assert "from 192.0.2.8, 2 min ago" in finding.says


def test_a_refused_subscription_is_worth_knowing_only():
    subscribe = said(register().replace(b"REGISTER", b"SUBSCRIBE"), cause="method_not_allowed")
    (finding,) = examine_server(ServerEvidence(NOON, SERVER, (subscribe,)))
    assert not finding.is_problem


def test_an_announcement_under_our_port_is_seen():
    assert server_rules.is_announcement_unseen(5060, [5060, 5070], 2) is None
    assert server_rules.is_announcement_unseen(5060, [], 2) is not None


BY_UUID = DeviceFacts(UUID, "Loft", ip="192.0.2.9", contact_uri="sip:bob@192.0.2.9")


@pytest.mark.parametrize(
    ("asked", "key"),
    [
        ("alice@home", "alice@home"),
        ("KITCHEN", "alice@home"),
        ("00000000-0000", UUID),
        ("bob", UUID),
        ("192.0.2.7", "alice@home"),
    ],
)
def test_a_device_is_found_by_whatever_people_call_it(asked, key):
    assert [device.key for device in match_devices(asked, [DEVICE, BY_UUID])] == [key]


def test_nobody_is_found_by_less_than_four_digits_of_a_uuid():
    assert match_devices("000", [DEVICE, BY_UUID]) == []


def test_the_shared_name_is_nobodys_user():
    shared = replace(BY_UUID, contact_uri="sip:screamrouter@192.0.2.9")
    assert users_of(shared, [bound(aor=f"{UUID}@home")]) == set()


def test_messages_are_ascribed_by_uuid_then_user_then_address_of_the_unreadable():
    claimed = in_turns(1, 1, OTHER)
    assert is_of_device(claimed, BY_UUID, ())
    assert not is_of_device(claimed, replace(BY_UUID, key=str(uuid.UUID(int=8))), ())
    assert is_of_device(said(), DEVICE, ())
    assert not is_of_device(said(user="carol"), DEVICE, ())
    assert is_of_device(said(b"\x80", user="", cause="malformed"), DEVICE, ())
    assert not is_of_device(said(b"\x80", user="", cause="malformed", remote=OTHER), DEVICE, ())
    assert is_of_device(said(is_ping=True), DEVICE, [bound()])
    assert not is_of_device(said(is_ping=True, remote=OTHER), DEVICE, [bound()])


def test_the_index_finds_what_the_rule_of_ascription_does():
    everything = [in_turns(1, 1, OTHER), said(), said(user="carol"), said(b"\x80", user="", cause="malformed")]
    everything.append(said(is_ping=True))
    index = ExchangeIndex(everything)
    for device, bindings in ((DEVICE, [bound()]), (BY_UUID, []), (replace(DEVICE, ip=None), [])):
        wanted = tuple(one for one in everything if is_of_device(one, device, bindings))
        assert index.of_device(device, bindings) == wanted


def test_somebody_unknown_is_meant_by_address_user_or_uuid():
    assert is_meant(said(), "192.0.2.7")
    assert is_meant(said(), "sip:alice@elsewhere")
    assert is_meant(in_turns(1, 1, OTHER), UUID[:9])
    assert not is_meant(said(), "carol")
