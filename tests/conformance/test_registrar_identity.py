"""Which device a REGISTER is about: +sip.instance, a=x-screamrouter-uuid, From, then the address-of-record.

Every ScreamRouter device writes ``To: <sip:screamrouter@...>``; keyed on To alone they would evict each other.
"""

from __future__ import annotations

import uuid

import pytest

from tests.kit.daemon_process import DaemonProcess
from tests.kit.sip_peer import SipMessage, SipPeer

SDP = """\
v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
a=x-screamrouter-role:{role}
a=x-screamrouter-uuid:{uuid}
m=audio 4010 RTP/AVP 96
a=rtpmap:96 L16/48000/2
"""


def fresh() -> str:
    return str(uuid.uuid4())


def sdp(device: str, role: str = "sink") -> str:
    return SDP.format(uuid=device, role=role)


def with_instance(peer: SipPeer, device: str) -> str:
    return f'{peer.contact};+sip.instance="<urn:uuid:{device}>"'


@pytest.fixture
def shared(daemon, new_peer) -> SipPeer:
    """A device that knows itself as ``device`` in From and Contact and the router as ``screamrouter``."""
    made: SipPeer = new_peer(daemon, user=fresh(), to_user="screamrouter")
    return made


def refusal(answer: SipMessage) -> str:
    """The Warning of a 400."""
    assert answer.status == 400, answer.start_line
    return answer.get("warning") or ""


def test_two_devices_that_register_as_screamrouter_stay_two(daemon: DaemonProcess, shared: SipPeer, new_peer) -> None:
    """Each is its own address-of-record.

    From: <sip:UUID1@...>         daemon                       From: <sip:UUID2@...>
      | REGISTER To: screamrouter    |    REGISTER To: screamrouter   |
      |----------------------------->|<-------------------------------|
      |       200, its own Contact   |        200, its own Contact    |
      |<-----------------------------|------------------------------->|
    """
    other = new_peer(daemon, user=fresh(), to_user="screamrouter")
    for peer in (shared, other):
        answer = peer.register()
        assert [binding.uri for binding in answer.bindings] == [peer.contact_uri]
    for peer in (shared, other):
        entry = daemon.wait_for_device(peer.user, online=True)
        assert (entry["uuid"], entry["sip_contact_uri"]) == (peer.user, peer.contact_uri)


def test_one_leaving_screamrouter_does_not_take_the_other_along(
    daemon: DaemonProcess, shared: SipPeer, new_peer
) -> None:
    """Contact: * is about the device's own address-of-record."""
    other = new_peer(daemon, user=fresh(), to_user="screamrouter")
    shared.register()
    other.register()
    assert shared.register(contacts=["*"], expires=0).bindings == []
    assert [binding.uri for binding in other.query()] == [other.contact_uri]


@pytest.mark.parametrize("name", ["screamrouter", "ScreamRouter"])
def test_nothing_is_ever_registered_under_the_shared_name(daemon: DaemonProcess, shared: SipPeer, name: str) -> None:
    """The address-of-record is the device's UUID, never ``screamrouter``."""
    shared.to_user = name
    assert shared.register().status == 200
    daemon.wait_for_device(shared.user, online=True)
    assert not any(name.lower() in device.lower().split("@")[0] for device in daemon.config()["devices"])


def test_the_instance_is_the_identity_where_it_is_given(daemon: DaemonProcess, new_peer) -> None:
    """First hit: it wins over a From that is a name."""
    peer, device = new_peer(daemon, user="turntable", to_user="screamrouter"), fresh()
    assert peer.register(contacts=[with_instance(peer, device)]).status == 200
    assert daemon.wait_for_device(device, online=True)["uuid"] == device


def test_the_sdp_attribute_is_the_identity_where_there_is_no_instance(daemon: DaemonProcess, new_peer) -> None:
    """Second hit."""
    peer, device = new_peer(daemon, user="turntable", to_user="screamrouter"), fresh()
    assert peer.register(sdp=sdp(device)).status == 200
    assert daemon.wait_for_device(device, online=True)["uuid"] == device


def test_the_from_user_is_the_identity_where_it_is_a_uuid_and_nothing_else_is_given(
    daemon: DaemonProcess, shared: SipPeer
) -> None:
    """Third hit."""
    assert shared.register().status == 200
    assert daemon.wait_for_device(shared.user, online=True)["uuid"] == shared.user


def test_the_address_of_record_is_the_identity_of_everybody_else(daemon: DaemonProcess, peer: SipPeer) -> None:
    """Last hit: an ordinary telephone."""
    assert peer.register().status == 200
    assert daemon.wait_for_device(peer.aor, online=True)["sip_contact_uri"] == peer.contact_uri


def test_a_device_with_a_name_of_its_own_is_found_by_its_instance(daemon: DaemonProcess, peer: SipPeer) -> None:
    """The address-of-record stays its name; the entry in config.yaml is the device's."""
    device = fresh()
    assert peer.register(contacts=[with_instance(peer, device)]).status == 200
    daemon.wait_for_device(device, online=True)
    assert [binding.uri for binding in peer.query()] == [peer.contact_uri]


def test_a_uuid_in_capitals_is_the_same_device(daemon: DaemonProcess, shared: SipPeer, new_peer) -> None:
    """RFC 4122 section 3."""
    shared.register()
    loud = new_peer(daemon, user=shared.user.upper(), to_user="screamrouter", own_socket=shared.own_socket)
    assert len(loud.query()) == 1
    assert daemon.wait_for_device(shared.user, online=True)


def test_claims_that_agree_in_all_three_places_are_one_identity(daemon: DaemonProcess, shared: SipPeer) -> None:
    """The usual case."""
    answer = shared.register(contacts=[with_instance(shared, shared.user)], sdp=sdp(shared.user.upper()))
    assert answer.status == 200
    assert daemon.wait_for_device(shared.user, online=True, role="sink")


def test_screamrouter_without_any_uuid_is_400_and_says_what_is_missing(daemon: DaemonProcess, new_peer) -> None:
    """Nobody could tell such devices apart."""
    peer = new_peer(daemon, user="turntable", to_user="screamrouter")
    warning = refusal(peer.register())
    assert "no device UUID" in warning
    assert "+sip.instance" in warning


def test_instance_and_sdp_that_contradict_each_other_are_400(shared: SipPeer) -> None:
    """The Warning names the two.

    device                                               daemon
      | REGISTER +sip.instance=X, a=x-screamrouter-uuid:Y   |
      |---------------------------------------------------->|
      |                                    400 with Warning |
      |<----------------------------------------------------|
    """
    answer = shared.register(contacts=[with_instance(shared, shared.user)], sdp=sdp(fresh()))
    assert "+sip.instance and a=x-screamrouter-uuid" in refusal(answer)
    assert shared.query() == []


def test_instance_and_from_that_contradict_each_other_are_400(shared: SipPeer) -> None:
    """The Warning names the two."""
    answer = shared.register(contacts=[with_instance(shared, fresh())])
    assert "+sip.instance and From" in refusal(answer)
    assert shared.query() == []


def test_sdp_and_from_that_contradict_each_other_are_400(shared: SipPeer) -> None:
    """The Warning names the two."""
    answer = shared.register(sdp=sdp(fresh()))
    assert "a=x-screamrouter-uuid and From" in refusal(answer)
    assert shared.query() == []


def test_two_instances_in_one_registration_as_screamrouter_are_400(daemon: DaemonProcess, new_peer) -> None:
    """The Warning says so."""
    peer = new_peer(daemon, user="turntable", to_user="screamrouter")
    contacts = [with_instance(peer, fresh()), f'<sip:b@192.0.2.1>;+sip.instance="<urn:uuid:{fresh()}>"']
    assert "two Contacts with different +sip.instance" in refusal(peer.register(contacts=contacts))


def test_under_a_name_of_its_own_instance_and_sdp_must_agree_too(peer: SipPeer) -> None:
    """They claim to be one device."""
    answer = peer.register(contacts=[with_instance(peer, fresh())], sdp=sdp(fresh()))
    assert "+sip.instance and a=x-screamrouter-uuid" in refusal(answer)
    assert peer.query() == []


def test_under_a_name_of_its_own_from_contradicts_nothing(daemon: DaemonProcess, peer: SipPeer) -> None:
    """A UUID as an account name is a name."""
    device = fresh()
    answer = peer.register(contacts=[with_instance(peer, device)], sender=f"sip:{fresh()}@{peer.domain}")
    assert answer.status == 200
    assert daemon.wait_for_device(device, online=True)


@pytest.mark.parametrize(
    "body",
    ["\x00\x01\x02 no description", "v=0\nm=audio\n", "m=audio 1 RTP/AVP 0\nv=0\n", "x" * 2000],
    ids=["binary", "media-line-cut-off", "media-first", "long-line"],
)
def test_a_malformed_body_does_not_cost_the_registration_and_is_reported(
    daemon: DaemonProcess, shared: SipPeer, body: str
) -> None:
    """The device is there; what it can do is told when it says it properly."""
    answer = shared.register(sdp=body)
    assert (answer.status, len(answer.bindings)) == (200, 1)
    assert daemon.wait_for_log("device.body_unreadable", device=shared.user)["problem"]
    assert daemon.wait_for_device(shared.user, online=True)["role"] == "unknown"
    assert shared.register(sdp=sdp(shared.user, "source")).status == 200
    assert daemon.wait_for_device(shared.user, role="source")


def test_a_malformed_body_does_not_erase_what_is_known(daemon: DaemonProcess, shared: SipPeer) -> None:
    """Nor does a REGISTER without a body."""
    shared.register(sdp=sdp(shared.user, "source"))
    daemon.wait_for_device(shared.user, role="source")
    shared.register(sdp="v=nonsense")
    daemon.wait_for_log("device.body_unreadable", device=shared.user)
    shared.register()
    entry = daemon.wait_for_device(shared.user, online=True)
    assert (entry["role"], len(entry["formats"])) == ("source", 1)


def test_a_refresh_without_the_body_that_named_the_device_stays_the_same_device(
    daemon: DaemonProcess, new_peer
) -> None:
    """A device may send its SDP once: its refreshes are its own all the same."""
    device: SipPeer = new_peer(daemon)
    device_id = str(uuid.uuid4())
    sdp = f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=x-screamrouter-uuid:{device_id}\r\n"
    assert device.register(sdp=sdp).status == 200
    daemon.wait_for_device(device_id, online=True)
    assert device.register().status == 200
    assert device.register(expires=0).status == 200
    daemon.wait_for_device(device_id, online=False)
    assert daemon.device(device.aor) is None


def test_a_device_that_names_itself_later_is_not_left_behind_online(daemon: DaemonProcess, new_peer) -> None:
    """The same contact, now with its instance: the nameless entry goes offline, the device is known by its UUID."""
    device: SipPeer = new_peer(daemon)
    device_id = str(uuid.uuid4())
    assert device.register().status == 200
    daemon.wait_for_device(device.aor, online=True)
    assert device.register(contacts=[f'{device.contact};+sip.instance="<urn:uuid:{device_id}>"']).status == 200
    daemon.wait_for_device(device_id, online=True)
    daemon.wait_for_device(device.aor, online=False)
