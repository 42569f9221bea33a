"""Other people's phones over TCP and TLS. Debian's SIPp is built without TLS."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.integration.clients.baresip import needs_baresip, running_baresip
from tests.integration.clients.linphone import needs_linphone, running_linphone
from tests.integration.clients.liveness import wait_for_online, wait_for_round_trip
from tests.integration.clients.sipp import needs_sipp, play
from tests.kit.daemon_process import DaemonProcess, running_daemon
from tests.kit.tls_daemon import COMMAND, write_certificate


@pytest.fixture(scope="module")
def tls_daemon(tmp_path_factory) -> Iterator[DaemonProcess]:
    """Patient, on 127.0.0.1, with TLS."""
    directory = tmp_path_factory.mktemp("tls")
    write_certificate(directory / "server.pem")
    environment = {"TLS_CERTIFICATE": str(directory / "server.pem")}
    sections = {"liveness": {"ping_interval_s": 0.5, "timeout_s": 1200}}
    with running_daemon(directory, sections=sections, command=COMMAND, environment=environment) as running:
        yield running


@needs_baresip
@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_baresip_registers_answers_pings_and_unregisters(tls_daemon, tmp_path, transport):
    server = f"{tls_daemon.ip}:{tls_daemon.port_over(transport)}"
    account = f"<sip:b{transport}@{server};transport={transport}>;auth_pass=none;regint=600"
    device = f"b{transport}@{tls_daemon.domain}"
    with running_baresip(tmp_path, tls_daemon.ip, account) as baresip:
        entry = wait_for_online(tls_daemon, device, is_online=True)
        assert entry["user_agent"].startswith("baresip")
        assert f"transport={transport}" in entry["sip_contact_uri"]
        wait_for_round_trip(tls_daemon, device)
        assert baresip.terminate() == 0
        wait_for_online(tls_daemon, device, is_online=False)


@needs_linphone
def test_linphone_registers_over_tcp_answers_pings_and_goes_with_its_connection(tls_daemon, tmp_path):
    """It registers twice, the second time with the port that Via told it, and takes back the second contact only."""
    device = f"lin@{tls_daemon.domain}"
    with running_linphone(tmp_path, tls_daemon.ip, tls_daemon.address, "lin", "tcp") as linphone:
        entry = wait_for_online(tls_daemon, device, is_online=True)
        assert "transport=tcp" in entry["sip_contact_uri"]
        wait_for_round_trip(tls_daemon, device)
        linphone.say("quit")
        assert linphone.wait() == 0
        wait_for_online(tls_daemon, device, is_online=False)


@needs_sipp
@pytest.mark.parametrize("sockets", ["t1", "tn"], ids=["one-connection", "one-each"])
@pytest.mark.parametrize("scenario", ["register", "refresh", "unregister"])
def test_sipp_plays_its_scenarios_over_tcp(tls_daemon, tmp_path, scenario, sockets):
    rows = [[f"u{uuid.uuid4().hex[:12]}"] for _ in range(5)]
    played = play(scenario, tls_daemon, tmp_path, rows, sockets=sockets)
    assert played.exit_code == 0, played.report
