"""The daemon's HTTPS port: what it shows is what it knows, and its troubles are not the telephones'."""

from __future__ import annotations

import re
import socket
import ssl

import httpx
import pytest

from api.control_socket import ask
from tests.kit.daemon_process import DaemonProcess, running_daemon, started_daemon, wait_until
from tests.kit.sip_peer import SipPeer

ANY_PORT = {"http": {"enabled": True, "address": "127.0.0.1", "port": 0}}


def browser_of(daemon: DaemonProcess) -> httpx.Client:
    """A client that trusts the daemon's authority as it stands in the state directory, and nothing else."""
    started = daemon.wait_for_log("http.started")
    port = re.fullmatch(r"127\.0\.0\.1 port (\d+)", started["listening"][0])
    assert port is not None
    pem = (daemon.state_dir / "certificates" / "authority.pem").read_text()
    trust = ssl.create_default_context(cadata=pem[pem.index("-----BEGIN CERTIFICATE") :])
    return httpx.Client(base_url=f"https://127.0.0.1:{port[1]}", verify=trust, trust_env=False)


@pytest.fixture
def daemon(tmp_path):
    with running_daemon(tmp_path, sections=ANY_PORT) as running:
        yield running


def test_devices_and_status_are_those_of_the_command_line(daemon):
    with SipPeer(daemon.address) as peer, browser_of(daemon) as browser:
        assert peer.register().status == 200
        daemon.wait_for_device("alice@screamrouter.local", online=True)
        (shown,) = browser.get("/api/devices").raise_for_status().json()
        (told,) = daemon.live_devices().values()
        assert {key: shown[key] for key in ("uuid", "name", "online", "ip", "port")} == {
            key: told[key] for key in ("uuid", "name", "online", "ip", "port")
        }
        status, asked = browser.get("/api/status").raise_for_status().json(), ask(daemon.state_dir, "status")
        assert (status["domain"], status["sip_port"]) == ("screamrouter.local", daemon.port)
        assert {**status, "statistics": None, "started": None} == {**asked, "statistics": None, "started": None}
        assert status["statistics"]["bindings"] == 1


def test_a_taken_port_costs_the_page_and_no_telephone(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        section = {**ANY_PORT["http"], "port": taken.getsockname()[1]}
        with running_daemon(tmp_path, sections={"http": section}) as daemon:
            told = daemon.wait_for_log("http.not_serving")
            assert "http.port" in told["reason"]
            with SipPeer(daemon.address) as peer:
                assert peer.register().status == 200


def test_wrong_files_of_the_owner_are_told_and_cost_no_telephone(tmp_path):
    section = {**ANY_PORT["http"], "certificate": str(tmp_path / "no.crt"), "key": str(tmp_path / "no.key")}
    with running_daemon(tmp_path, sections={"http": section}) as daemon:
        assert "http.certificate" in daemon.wait_for_log("certificate.failed")["reason"]
        with SipPeer(daemon.address) as peer:
            assert peer.register().status == 200


def test_networks_that_the_owner_takes_out_are_refused_at_once(daemon):
    with browser_of(daemon) as browser:
        assert browser.get("/api/status").status_code == 200
        text = daemon.config_path.read_text(encoding="utf-8")
        daemon.config_path.write_text(f"{text}admission: {{networks: [10.0.0.0/8]}}\n", encoding="utf-8")
        wait_until(lambda: browser.get("/api/status").status_code == 403, "403 after the edit")


def test_the_authority_stays_the_same_after_a_restart(tmp_path):
    with running_daemon(tmp_path, sections=ANY_PORT) as first, browser_of(first) as browser:
        before = browser.get("/ca.crt").raise_for_status().text
    (tmp_path / "daemon.log").unlink()
    with started_daemon(tmp_path) as second, browser_of(second) as browser:
        assert browser.get("/ca.crt").raise_for_status().text == before


def test_it_stops_while_browsers_are_connected(tmp_path):
    with running_daemon(tmp_path, sections=ANY_PORT) as daemon, browser_of(daemon) as browser:
        assert browser.get("/api/calls").json() == []
        assert daemon.stop() == 0


def test_no_answer_holds_a_secret(daemon):
    with browser_of(daemon) as browser:
        for path in ("/api/status", "/api/devices", "/api/calls", "/api/openapi.json", "/ca.crt"):
            text = browser.get(path).raise_for_status().text
            assert [word for word in ("PRIVATE", "ha1", "password", str(daemon.state_dir)) if word in text] == [], path


def test_tls_for_telephones_has_the_certificate_that_the_authority_signed(daemon):
    with browser_of(daemon) as browser:
        trust = ssl.create_default_context(cadata=browser.get("/ca.crt").text)
    listening = daemon.wait_for_log("sip.streams_started")["listening"]
    (place,) = [one for one in listening if one.endswith("over TLS")]
    port = int(place.split()[2])
    with (
        socket.create_connection((daemon.ip, port)) as plain,
        trust.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        assert secure.version() in {"TLSv1.2", "TLSv1.3"}
