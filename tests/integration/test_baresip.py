"""baresip, a whole SIP phone, with the account line that README tells newcomers to write."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

from tests.integration.clients.baresip import needs_baresip, running_baresip
from tests.integration.clients.client_process import uri_host
from tests.integration.clients.liveness import assert_kept_by_refreshes, wait_for_online, wait_for_round_trip
from tests.kit.daemon_process import DaemonProcess

pytestmark = needs_baresip

README = Path(__file__).parents[2] / "README.md"
DEVICE = "alice@screamrouter.local"


def account(daemon: DaemonProcess, user: str = "alice") -> str:
    """README's account line, with ``user`` in the place of alice and the daemon's address in that of ROUTER."""
    line = re.search(r"^ *(<sip:alice@ROUTER>.*)$", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert line is not None, "README has no account line for baresip"
    return line[1].replace("alice", user).replace("ROUTER", f"{uri_host(daemon.ip)}:{daemon.port}")


def test_baresip_registers_answers_pings_and_unregisters_when_it_ends(patient_daemon, tmp_path):
    with running_baresip(tmp_path, patient_daemon.ip, account(patient_daemon)) as baresip:
        entry = wait_for_online(patient_daemon, DEVICE, is_online=True)
        assert entry["ip"] == patient_daemon.ip
        assert entry["user_agent"].startswith("baresip")
        assert entry["sip_contact_uri"].startswith("sip:alice-")
        wait_for_round_trip(patient_daemon, DEVICE)
        assert baresip.terminate() == 0
        wait_for_online(patient_daemon, DEVICE, is_online=False)


def test_baresip_with_an_instance_is_one_device_whatever_its_account(ipv4_daemon, tmp_path):
    """RFC 5626 section 4.1, which baresip's shipped configuration turns on."""
    instance = uuid.uuid4()
    for user in ("alice", "bert"):
        directory = tmp_path / user
        directory.mkdir()
        with running_baresip(directory, ipv4_daemon.ip, account(ipv4_daemon, user), instance) as baresip:
            entry = wait_for_online(ipv4_daemon, str(instance), is_online=True)
            assert entry["sip_contact_uri"].startswith(f"sip:{user}-")
            assert baresip.terminate() == 0
            wait_for_online(ipv4_daemon, str(instance), is_online=False)


def test_baresip_stays_online_beyond_its_expiry_by_refreshes(hasty_daemon, tmp_path):
    """RFC 3261 section 10.2.4; ``rwait`` is the percentage of the time granted after which baresip refreshes."""
    with running_baresip(tmp_path, hasty_daemon.ip, f"{account(hasty_daemon)};rwait=70"):
        assert_kept_by_refreshes(hasty_daemon, DEVICE)
