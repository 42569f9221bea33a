"""Scenarios of our own, played and checked by SIPp; what the running daemon made of them is checked here."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

import pytest

from tests.integration.clients.liveness import wait_for_online
from tests.integration.clients.sipp import needs_sipp, play
from tests.kit.daemon_process import DaemonProcess

pytestmark = needs_sipp

Play = Callable[..., None]


@pytest.fixture
def users() -> list[str]:
    """Two names that no other test has."""
    return [f"u{uuid.uuid4().hex[:12]}" for _ in range(2)]


@pytest.fixture
def assert_plays(patient_daemon, tmp_path) -> Play:
    """Plays a scenario once for each row; it must go as it is written."""

    def run(scenario: str, *rows: Sequence[str]) -> None:
        played = play(scenario, patient_daemon, tmp_path, rows)
        assert played.exit_code == 0, played.report

    return run


def aor(daemon: DaemonProcess, user: str) -> str:
    return f"{user}@{daemon.domain}"


def test_a_nominal_registration_is_online_with_its_contact(patient_daemon, users, assert_plays):
    """RFC 3261 section 10.2."""
    assert_plays("register", [users[0]])
    entry = wait_for_online(patient_daemon, aor(patient_daemon, users[0]), is_online=True)
    assert (entry["user_agent"], entry["ip"]) == ("SIPp", patient_daemon.ip)
    assert entry["sip_contact_uri"].startswith(f"sip:{users[0]}@")


def test_a_refresh_prolongs_the_binding_and_makes_no_second_device(patient_daemon, users, assert_plays):
    """RFC 3261 section 10.2.4."""
    before = patient_daemon.statistics()
    assert_plays("refresh", [users[0]])
    wait_for_online(patient_daemon, aor(patient_daemon, users[0]), is_online=True)
    after = patient_daemon.statistics()
    assert after["bindings"] == before["bindings"] + 1
    assert after["events"] == before["events"] + 1, "a refresh is no event"


def test_an_unregistered_device_is_offline_and_its_entry_stays(patient_daemon, users, assert_plays):
    """RFC 3261 section 10.2.2."""
    before = patient_daemon.statistics()
    assert_plays("unregister", [users[0]])
    entry = wait_for_online(patient_daemon, aor(patient_daemon, users[0]), is_online=False)
    assert entry["sip_contact_uri"].startswith(f"sip:{users[0]}@")
    assert patient_daemon.statistics()["bindings"] == before["bindings"]


def test_two_devices_at_once_are_two_under_their_own_names(patient_daemon, users, assert_plays):
    assert_plays("two_devices", *([user, user, "q=0.5"] for user in users))
    for user in users:
        entry = wait_for_online(patient_daemon, aor(patient_daemon, user), is_online=True)
        assert entry["sip_contact_uri"].startswith(f"sip:{user}@")


def test_two_devices_at_once_that_share_the_name_screamrouter_are_two_by_their_instance(patient_daemon, assert_plays):
    instances = [str(uuid.uuid4()) for _ in range(2)]
    assert_plays(
        "two_devices", *(["screamrouter", instance, f'+sip.instance="<urn:uuid:{instance}>"'] for instance in instances)
    )
    for instance in instances:
        entry = wait_for_online(patient_daemon, instance, is_online=True)
        assert entry["sip_contact_uri"].startswith(f"sip:{instance}@")


def test_a_device_of_another_domain_is_refused_and_unknown(patient_daemon, users, assert_plays):
    """RFC 3261 section 10.3 step 5."""
    before = patient_daemon.statistics()
    assert_plays("wrong_domain", [users[0], "elsewhere.example"])
    after = patient_daemon.statistics()
    assert after["refused"] > before["refused"]
    assert (after["bindings"], after["aors"]) == (before["bindings"], before["aors"])
    assert not [device_id for device_id in patient_daemon.live_devices() if device_id.startswith(users[0])]


def test_a_stale_cseq_is_refused_and_changes_nothing(patient_daemon, users, assert_plays):
    """RFC 3261 section 10.3 step 7; that the binding is as it was, SIPp has seen."""
    before = patient_daemon.statistics()
    assert_plays("stale_cseq", [users[0]])
    wait_for_online(patient_daemon, aor(patient_daemon, users[0]), is_online=True)
    after = patient_daemon.statistics()
    assert after["refused"] > before["refused"]
    assert after["bindings"] == before["bindings"] + 1


def test_a_contact_too_many_is_refused_and_changes_nothing(patient_daemon, users, assert_plays):
    before = patient_daemon.statistics()
    assert_plays("too_many_contacts", [users[0]])
    wait_for_online(patient_daemon, aor(patient_daemon, users[0]), is_online=True)
    after = patient_daemon.statistics()
    assert after["refused"] > before["refused"]
    assert after["bindings"] == before["bindings"] + 2


def test_an_answer_that_the_scenario_does_not_expect_fails_it(patient_daemon, users, tmp_path):
    """That the other tests can fail: our own domain where the scenario wants 404."""
    played = play("wrong_domain", patient_daemon, tmp_path, [[users[0], patient_daemon.domain]])
    assert played.exit_code == 1
    assert "SIP/2.0 200 OK" in played.report


def test_a_check_that_does_not_hold_fails_the_scenario(patient_daemon, users, tmp_path):
    """That the other tests can fail: two devices of one name and no instance see each other."""
    played = play("two_devices", patient_daemon, tmp_path, [[users[0], user, "q=0.5"] for user in users])
    assert played.exit_code == 1, played.report
