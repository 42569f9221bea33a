"""``screamrouter-sip doctor`` beside a real daemon and real devices: why they are not there, and what to change."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from api.control_socket import ask
from domain.errors import UserError
from tests.kit.daemon_process import ROOT, SRC, free_udp_port, running_daemon, wait_until, write_config
from tests.kit.sip_peer import SipPeer

SECRET = "n0b0dy-May-See-This"
ALICE = "alice@screamrouter.local"
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{SRC}:{ROOT}", "COLUMNS": "160"}
LISTED = {ALICE: {"name": "Kitchen", "role": "phone", "enabled": True, "last_seen": "2025-01-31T12:00:00Z"}}


def run_doctor(config_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "daemon", "doctor", *arguments, "--config", str(config_path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env=ENVIRONMENT)


def consult(daemon: Any, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the report of `doctor --json`."""
    finished = run_doctor(daemon.config_path, *arguments, "--json")
    assert finished.stderr == ""
    return finished.returncode, json.loads(finished.stdout)


def rules(report: dict[str, Any]) -> set[str]:
    """The names of all findings that ask for something to be done."""
    findings = [*report["findings"], *(one for device in report["devices"] for one in device["findings"])]
    return {one["rule"] for one in findings if one["is_problem"]}


def bound(ip: str) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((ip, 0))
    return made


@pytest.fixture
def daemon(tmp_path):
    with running_daemon(tmp_path, sections={"devices": LISTED}) as running:
        yield running


def test_all_is_well_while_every_device_is_there(daemon):
    with SipPeer(daemon.address) as peer:
        assert peer.register().status == 200
        daemon.wait_for_device(ALICE, online=True)
        code, report = consult(daemon)
        assert (code, rules(report)) == (0, set())
        code, report = consult(daemon, "Kitchen")
        assert (code, report["devices"][0]["state"], rules(report)) == (0, "registered and online", set())
        assert "Nothing is wrong" in run_doctor(daemon.config_path, "alice").stdout


@pytest.mark.parametrize("asked", [ALICE, "Kitchen", "kitchen", "alice"])
def test_a_wrong_domain_is_named_with_what_is_served(daemon, asked):
    with SipPeer(daemon.address, domain="wrong.example") as peer:
        assert peer.register().status == 404
        finished = run_doctor(daemon.config_path, asked)
        assert finished.returncode == 1
        assert "404 Not Found" in finished.stdout
        assert "`wrong.example`, which is not served here" in finished.stdout
        assert "screamrouter.local" in finished.stdout
        assert rules(consult(daemon)[1]) == {"refused.unknown_domain"}


def test_a_refusal_is_over_once_the_device_is_registered(daemon):
    with SipPeer(daemon.address) as peer:
        assert peer.register(uri="sip:wrong.example").status == 404
        assert consult(daemon, "alice")[0] == 1
        assert peer.register().status == 200
        assert consult(daemon, "alice")[0] == 0


def test_too_short_an_interval_is_named_with_the_least(tmp_path):
    sections = {"registrar": {"min_expires_s": 300, "below_min": "reject"}}
    with running_daemon(tmp_path, sections=sections) as daemon, SipPeer(daemon.address, user="bob") as peer:
        assert peer.register(expires=30).status == 423
        code, report = consult(daemon, "bob")
        assert (code, rules(report)) == (1, {"refused.brief_interval"})
        (finding,) = report["devices"][0]["findings"]
        assert "30 s" in finding["says"]
        assert "300 s" in finding["remedy"]


def test_a_demanded_extension_is_named(daemon):
    with SipPeer(daemon.address) as peer:
        assert peer.register(headers=["Require: path, gruu-x"]).status == 420
        _, report = consult(daemon, "alice")
        assert rules(report) == {"refused.extension_required"}
        assert "`gruu-x`" in report["devices"][0]["findings"][0]["says"]


def test_two_devices_with_one_identity_are_told_apart_by_their_addresses(daemon):
    shared = str(uuid.uuid4())
    contact = f'<sip:x@HOST>;+sip.instance="<urn:uuid:{shared}>"'
    with (
        SipPeer(daemon.address, to_user="screamrouter") as one,
        SipPeer(daemon.address, to_user="screamrouter", own_socket=bound("127.0.0.2")) as other,
    ):
        for peer in (one, other, one):
            assert peer.register(contacts=[contact.replace("HOST", peer.host_port)]).status == 200
        daemon.wait_for_device(shared)
        code, report = consult(daemon, shared[:8])
        assert code == 1
        assert rules(report) == {"shared_identity"}
        says = report["devices"][0]["findings"][0]["says"]
        assert "127.0.0.1 (2 times" in says
        assert "127.0.0.2 (once" in says


def test_a_device_of_which_nothing_came_is_told_where_to_register(daemon):
    code, report = consult(daemon, "Kitchen")
    assert (code, rules(report)) == (1, {"never_heard"})
    assert f"port {daemon.port}" in report["devices"][0]["findings"][0]["remedy"]
    assert consult(daemon)[0] == 0  # that a device is off is no fault unless somebody misses it


def test_nobody_of_that_name_is_said_plainly(daemon):
    code, report = consult(daemon, "nobody")
    assert (code, rules(report)) == (1, {"never_heard"})
    assert report["devices"][0]["key"] is None
    assert "unknown here" in run_doctor(daemon.config_path, "nobody").stdout


def test_a_silent_device_that_names_another_port_is_found(tmp_path):
    sections = {"liveness": {"ping_interval_s": 0.1, "timeout_s": 0.5}}
    with running_daemon(tmp_path, sections=sections) as daemon, SipPeer(daemon.address, uses_rport=False) as peer:
        assert peer.register(contacts=[f"<sip:alice@127.0.0.1:{free_udp_port()}>"]).status == 200
        wait_until(lambda: not daemon.live_devices()[ALICE]["online"], "alice is offline")
        _, report = consult(daemon, "alice")
        assert rules(report) == {"contact_elsewhere"}
        sent = [one for one in report["devices"][0]["exchanges"] if one["direction"] == "sent"]
        assert sent[0]["message"].startswith("OPTIONS sip:alice@127.0.0.1")
        assert sent[0]["answer"] == ""


def test_a_message_nobody_can_read_is_shown_with_the_place(daemon):
    with SipPeer(daemon.address, own_socket=bound("127.0.0.3")) as peer:
        octets = peer.request("REGISTER").replace(b"Max-Forwards: 70", b"Contact <sip:alice@127.0.0.3>")
        assert peer.exchange(octets).status == 400
        peer.send(b"\x16\x03\x01" + bytes(60))  # never answered, but recorded
        wait_until(lambda: len(consult(daemon, "127.0.0.3")[1]["devices"][0]["exchanges"]) == 2, "both are recorded")
        _, report = consult(daemon, "127.0.0.3")
        assert rules(report) == {"refused.malformed"}
        assert "TLS handshake" in report["devices"][0]["findings"][0]["says"]
        finished = run_doctor(daemon.config_path, "127.0.0.3", "--messages")
        assert "    Contact <sip:alice@127.0.0.3>" in finished.stdout
        assert "There was no answer." in finished.stdout


def test_an_unreachable_media_address_is_found(daemon):
    sdp = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"
    with SipPeer(daemon.address) as peer:
        assert peer.register(sdp=sdp).status == 200
        assert rules(consult(daemon, "alice")[1]) == {"sdp_address"}


def test_a_device_that_took_its_registration_back_is_told(daemon):
    with SipPeer(daemon.address) as peer:
        assert peer.register().status == 200
        assert peer.register(expires=0).status == 200
        assert rules(consult(daemon, "alice")[1]) == {"unregistered"}


def test_a_deleted_entry_is_told(daemon):
    with SipPeer(daemon.address) as peer:
        assert peer.register().status == 200
        daemon.wait_for_device(ALICE, online=True)
        write_config(daemon.config_path, {**daemon.config(), "devices": {}})
        daemon.wait_for_log("config.reloaded")
        assert rules(consult(daemon, "alice")[1]) == {"entry_deleted"}


def test_secrets_are_neither_in_the_output_nor_in_the_log_nor_on_the_socket(daemon):
    digest = (
        f'username="alice", realm="home", nonce="{SECRET}", response="{SECRET}", cnonce="{SECRET}", opaque="{SECRET}"'
    )
    headers = [
        f"Authorization: Digest {digest}",
        f"pRoXy-AuThOrIzAtIoN:\r\n Digest\r\n\t{digest}",
    ]
    with SipPeer(daemon.address) as peer:
        assert peer.register(headers=headers).status == 200
        assert peer.register(headers=headers, uri="sip:wrong.example").status == 404
        peer.exchange(peer.request("OPTIONS", headers=headers, to=f"<sip:alice:{SECRET}@screamrouter.local>"))
        peer.exchange(
            peer.request("OPTIONS", headers=headers).replace(
                b"Max-Forwards: 70", f"Authorization: Basic {SECRET}".encode()
            )
        )
        daemon.wait_for_log("request.refused", status=404, cause="unknown_domain")
        told = [run_doctor(daemon.config_path, *arguments).stdout for arguments in everything_asked()]
        told += [
            json.dumps(ask(daemon.state_dir, question)) for question in ("doctor", "devices", "config", "statistics")
        ]
        told += [json.dumps(ask(daemon.state_dir, "doctor", asked)) for asked in ("alice", "127.0.0.1")]
        told.append(daemon.log_path.read_text(encoding="utf-8"))
    assert 'username="alice"' in told[1]
    assert "response=***" in told[1]
    assert [text for text in told if SECRET in text] == []


def test_a_password_in_a_contact_is_shown_by_no_report(daemon):
    with SipPeer(daemon.address) as peer:
        assert peer.register(contacts=[f"<sip:alice:{SECRET}@{peer.host_port}>"]).status == 200
        report = run_doctor(daemon.config_path, "alice", "--json").stdout
    assert "sip:alice:***@" in report
    assert SECRET not in report


def everything_asked() -> list[list[str]]:
    ways = [["alice"], ["alice", "--messages"], ["127.0.0.1", "--messages"], [], ["--messages"]]
    return [*ways, *([*way, "--json"] for way in ways)]


def test_without_a_daemon_it_says_so_and_what_the_file_tells(tmp_path):
    path = tmp_path / "config.yaml"
    port = free_udp_port()
    disabled = {ALICE: {**LISTED[ALICE], "enabled": False}}
    settings = {
        "server": {"state_dir": str(tmp_path / "state")},
        "sip": {"udp": {"address": "127.0.0.1", "port": port}},
        "discovery": {"enabled": False},
        "devices": disabled,
    }
    write_config(path, settings)
    finished = run_doctor(path, "Kitchen")
    assert finished.returncode == 1
    assert "The daemon is not running" in finished.stdout
    assert "enabled: false" in finished.stdout
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", port))
        assert f"UDP port {port} on 127.0.0.1 cannot be had" in run_doctor(path).stdout


def test_a_faulty_file_is_told_with_its_place(daemon):
    text = daemon.config_path.read_text(encoding="utf-8")
    daemon.config_path.write_text(f"{text}liveness:\n  ping_interval_s: often\n", encoding="utf-8")
    daemon.wait_for_log("config.rejected")
    finished = run_doctor(daemon.config_path)
    assert finished.returncode == 1
    assert "liveness.ping_interval_s" in finished.stdout


def test_an_argument_that_is_no_json_harms_nobody(daemon):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as raw:
        raw.connect(str(daemon.state_dir / "control.sock"))
        raw.sendall(b"doctor {nonsense\n")
        raw.settimeout(5)
        assert b"".join(iter(lambda: raw.recv(4096), b"")).startswith(b'{"error"')
    with pytest.raises(UserError, match="unknown question"):
        ask(daemon.state_dir, "devices", {"with": "an argument"})
    assert ask(daemon.state_dir, "doctor", {"key": ["of", "any"]})["server"]["domain"] == "screamrouter.local"


def test_its_announcement_is_looked_for(tmp_path):
    sections = {"discovery": {"enabled": True, "interfaces": ["127.0.0.1"]}}
    with running_daemon(tmp_path, sections=sections) as daemon:
        assert rules(consult(daemon)[1]) == set()
