"""The acceptance cases REG-001 to REG-005, PRES-001 and PRES-002 against the running daemon, over UDP on IPv4 and IPv6.

ScreamRouter's own devices, so: ``To: <sip:screamrouter@...>``, the UUID in From and Contact. ZC-001 to ZC-005 stand in
test_acceptance_discovery.py.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.kit.daemon_process import DaemonProcess, has_address, running_daemon, wait_until
from tests.kit.sip_peer import SipPeer

DESCRIPTIONS = Path(__file__).parents[1] / "data" / "sdp"
FAMILIES = {"ipv4": "127.0.0.1", "ipv6": "::1"}


def description(name: str, device: str) -> str:
    """A device's SDP from the test data, about ``device``."""
    lines = (DESCRIPTIONS / name).read_text(encoding="utf-8").splitlines()
    told = [f"a=x-screamrouter-uuid:{device}" if "x-screamrouter-uuid:" in line else line for line in lines]
    return "\r\n".join([*told, ""])


def usable(ip: str) -> str:
    """``ip``, or the test is skipped where the kernel has no such address."""
    if not has_address(ip):
        pytest.skip(f"this machine has no {ip}")
    return ip


@pytest.fixture(scope="module", params=FAMILIES.values(), ids=list(FAMILIES))
def daemon(request, tmp_path_factory) -> Iterator[DaemonProcess]:
    with running_daemon(tmp_path_factory.mktemp("acceptance"), ip=usable(request.param)) as running:
        yield running


@pytest.fixture(scope="module", params=FAMILIES.values(), ids=list(FAMILIES))
def impatient_daemon(request, tmp_path_factory) -> Iterator[DaemonProcess]:
    """Gives a silent device up after a second."""
    liveness = {"ping_interval_s": 0.25, "timeout_s": 1}
    directory = tmp_path_factory.mktemp("impatient")
    with running_daemon(directory, ip=usable(request.param), sections={"liveness": liveness}) as running:
        yield running


def device_of(daemon: DaemonProcess) -> Iterator[SipPeer]:
    """A device as ScreamRouter's design has it, that knows the router by its address."""
    host = f"[{daemon.ip}]" if ":" in daemon.ip else daemon.ip
    with SipPeer(daemon.address, user=str(uuid.uuid4()), to_user="screamrouter", domain=host) as peer:
        yield peer


@pytest.fixture
def device(daemon) -> Iterator[SipPeer]:
    yield from device_of(daemon)


@pytest.fixture
def silent_device(impatient_daemon) -> Iterator[SipPeer]:
    yield from device_of(impatient_daemon)


def test_reg_001_a_new_device_without_sdp_gets_200_and_an_entry(daemon: DaemonProcess, device: SipPeer) -> None:
    """REG-001.

    device                              daemon
      | REGISTER To: screamrouter, no body |
      |----------------------------------->|
      |                              200   |
      |<-----------------------------------|   config.yaml: uuid, sip_contact_uri, enabled
    """
    answer = device.register()
    assert answer.status == 200
    assert [binding.uri for binding in answer.bindings] == [device.contact_uri]
    entry = daemon.wait_for_device(device.user, online=True)
    assert entry["uuid"] == device.user
    assert entry["sip_contact_uri"] == device.contact_uri
    assert entry["enabled"] is True
    assert (entry["role"], entry["name"]) == ("unknown", f"unknown_{device.user[:8]}")
    assert (entry["ip"], entry["port"]) == (device.ip, device.port)


def test_reg_002_a_new_source_with_sdp_gets_200_and_an_entry_with_its_formats(
    daemon: DaemonProcess, device: SipPeer
) -> None:
    """REG-002: role and formats are those of the SDP; a clock rate of 0 is left open."""
    assert device.register(sdp=description("screamrouter_source.sdp", device.user)).status == 200
    entry = daemon.wait_for_device(device.user, online=True)
    assert (entry["role"], entry["name"]) == ("source", f"source_{device.user[:8]}")
    assert (entry["protocol_type"], entry["supported_protocols"]) == ("rtp", ["rtp", "webrtc"])
    linear, compressed = entry["formats"]
    assert linear == {"payload_type": 96, "codec": "L16", "rate": 48000, "channels": 2}
    assert (compressed["payload_type"], compressed["codec"]) == (97, "MP3")
    assert not compressed.get("rate")


def test_reg_003_a_new_sink_with_sdp_gets_200_and_an_entry_with_its_port(
    daemon: DaemonProcess, device: SipPeer
) -> None:
    """REG-003: role, formats and receiving port are those of the SDP."""
    assert device.register(sdp=description("screamrouter_sink_lf.sdp", device.user)).status == 200
    entry = daemon.wait_for_device(device.user, online=True)
    assert (entry["role"], entry["name"]) == ("sink", f"sink_{device.user[:8]}")
    assert (entry["protocol_type"], entry["rtp_port"]) == ("rtp", 4010)
    assert {"payload_type": 96, "codec": "L16", "rate": 48000, "channels": 2} in entry["formats"]


def test_reg_003_a_new_webrtc_sink_with_sdp_gets_200_and_an_entry_that_says_so(
    daemon: DaemonProcess, device: SipPeer
) -> None:
    """REG-003 for the other kind of sink, in both forms of the media line."""
    for number, name in enumerate(["screamrouter_webrtc_sink.sdp", "screamrouter_webrtc_sink_old.sdp"]):
        sink = str(uuid.uuid4())
        contact = f"<sip:{sink}@{device.host_port};transport=udp>"
        body = description(name, sink)
        answer = device.register(contacts=[contact], sdp=body, sender=f"sip:{sink}@{device.host_port}", cseq=number + 1)
        assert answer.status == 200
        assert daemon.wait_for_device(sink, online=True, role="sink")["protocol_type"] == "webrtc"


def test_reg_004_registering_again_from_another_port_updates_the_same_entry(
    daemon: DaemonProcess, device: SipPeer
) -> None:
    """REG-004.

    device (port P)     device (port Q)                     daemon
      | REGISTER Contact: <...:P>;+sip.instance=X              |
      |------------------------------------------------------->|
      |                   | REGISTER Contact: <...:Q>;X        |
      |                   |----------------------------------->|
      |                   |                 200, only <...:Q>  |
      |                   |<-----------------------------------|   one entry, now at Q
    """

    def contact(peer: SipPeer) -> str:
        return f'{peer.contact};+sip.instance="<urn:uuid:{device.user}>"'

    device.register(contacts=[contact(device)])
    first = daemon.wait_for_device(device.user, port=device.port)
    with SipPeer(daemon.address, user=device.user, to_user="screamrouter", domain=device.domain) as moved:
        answer = moved.register(contacts=[contact(moved)])
        assert (answer.status, [binding.uri for binding in answer.bindings]) == (200, [moved.contact_uri])
        second = daemon.wait_for_device(device.user, port=moved.port)
        assert second["sip_contact_uri"] == moved.contact_uri
    assert (second["uuid"], second["name"], second["online"]) == (first["uuid"], first["name"], True)
    assert sum(device.user in key for key in daemon.config()["devices"]) == 1


def test_reg_004_registering_again_with_other_sdp_updates_the_same_entry(
    daemon: DaemonProcess, device: SipPeer
) -> None:
    """REG-004."""
    body = description("screamrouter_sink_lf.sdp", device.user)
    device.register(sdp=body)
    first = daemon.wait_for_device(device.user, rtp_port=4010)
    changed = body.replace("m=audio 4010", "m=audio 4020").replace("L16/48000/2", "L16/44100/1")
    assert device.register(sdp=changed).status == 200
    second = daemon.wait_for_device(device.user, rtp_port=4020)
    assert {"payload_type": 96, "codec": "L16", "rate": 44100, "channels": 1} in second["formats"]
    assert (second["uuid"], second["name"], second["role"]) == (first["uuid"], first["name"], first["role"])


def test_reg_005_expires_0_gets_200_and_the_entry_stays_offline(daemon: DaemonProcess, device: SipPeer) -> None:
    """REG-005.

    device                       daemon
      | REGISTER, SDP               |
      |---------------------------->|   online
      | REGISTER, Expires: 0        |
      |---------------------------->|
      |          200, no Contact    |
      |<----------------------------|   offline; uuid and formats stay
    """
    device.register(sdp=description("screamrouter_source.sdp", device.user))
    before = daemon.wait_for_device(device.user, online=True)
    answer = device.register(expires=0)
    assert (answer.status, answer.bindings) == (200, [])
    after = daemon.wait_for_device(device.user, online=False)
    kept = ("uuid", "name", "role", "enabled", "formats", "supported_protocols")
    assert [after[key] for key in kept] == [before[key] for key in kept]
    assert daemon.wait_for_log("device.offline", device=device.user)


def test_pres_001_options_of_a_registered_device_gets_200_and_moves_last_seen_on(
    daemon: DaemonProcess, device: SipPeer
) -> None:
    """PRES-001; last seen has whole seconds, so some have to pass.

    device                          daemon
      | REGISTER                       |
      |------------------------------->|   silence
      | OPTIONS                        |
      |------------------------------->|
      |    200 with Allow and Accept   |
      |<-------------------------------|   last seen: now
    """

    def last_seen() -> datetime:
        return datetime.fromisoformat(daemon.live_devices()[device.user]["last_seen"])

    device.register()
    registered_at = last_seen()
    wait_until(lambda: time.time() > registered_at.timestamp() + 2.2, "time passes")
    assert (last_seen() - registered_at).total_seconds() <= 1  # one for rounding
    answer = device.options()
    assert answer.status == 200
    assert {"REGISTER", "OPTIONS"} <= {method.strip() for method in (answer.get("allow") or "").split(",")}
    assert "application/sdp" in (answer.get("accept") or "")
    assert (last_seen() - registered_at).total_seconds() >= 2


def test_pres_002_a_device_silent_beyond_the_timeout_is_offline(
    impatient_daemon: DaemonProcess, silent_device: SipPeer
) -> None:
    """PRES-002: config.yaml says so, and ``handle_sip_device_offline`` was called, which the log shows.

    device                          daemon, patient for 1 s
      | REGISTER, Expires: 3600        |
      |------------------------------->|   online
      |                       OPTIONS  |
      |<-------------------------------|   none answered: offline
      | OPTIONS                        |
      |------------------------------->|   online
    """
    silent_device.register(expires=3600)
    impatient_daemon.wait_for_log("device.registered", device=silent_device.user)
    impatient_daemon.wait_for_log("device.offline", device=silent_device.user)
    assert impatient_daemon.wait_for_device(silent_device.user, online=False)["enabled"] is True

    def is_back() -> bool:
        assert silent_device.options().status == 200  # again and again, lest it fall silent before the file is written
        return (impatient_daemon.device(silent_device.user) or {})["online"] is True

    wait_until(is_back, "the device is back online in config.yaml")
