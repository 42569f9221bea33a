"""linphone, by its command-line daemon."""

from __future__ import annotations

from tests.integration.clients.linphone import needs_linphone, running_linphone
from tests.integration.clients.liveness import assert_kept_by_refreshes, wait_for_online, wait_for_round_trip

pytestmark = needs_linphone

USER = "carol"
DEVICE = f"{USER}@screamrouter.local"


def test_linphone_registers_answers_pings_and_unregisters(patient_daemon, tmp_path):
    with running_linphone(tmp_path, patient_daemon.ip, patient_daemon.address, USER) as linphone:
        entry = wait_for_online(patient_daemon, DEVICE, is_online=True)
        assert entry["ip"] == patient_daemon.ip
        assert entry["sip_contact_uri"].startswith(f"sip:{USER}@")
        wait_for_round_trip(patient_daemon, DEVICE)
        linphone.say("unregister 1")
        wait_for_online(patient_daemon, DEVICE, is_online=False)
        linphone.say("quit")
        assert linphone.wait() == 0


def test_linphone_stays_online_beyond_its_expiry_by_refreshes(hasty_daemon, tmp_path):
    """RFC 3261 section 10.2.4; linphone asks for an hour, is granted seconds and refreshes by what it was granted."""
    with running_linphone(tmp_path, hasty_daemon.ip, hasty_daemon.address, USER):
        assert_kept_by_refreshes(hasty_daemon, DEVICE)
