"""The daemon ends, one way or another, and starts again: every phone is where it was, without doing anything."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from location.binding_store import DATABASE_NAME
from tests.kit.daemon_process import DaemonProcess, running_daemon, started_daemon, wait_until, write_config
from tests.kit.sip_peer import SipPeer

SAVE_S = 0.05
SECTIONS = {
    "registrar": {"save_interval_s": SAVE_S, "min_expires_s": 1},
    "liveness": {"ping_interval_s": 1.0, "timeout_s": 60.0},
}
UUID = "4f0c1a52-7a0e-4d2c-9b7e-0a1b2c3d4e5f"
ALICE = "alice@screamrouter.local"


def saved_cseq(daemon: DaemonProcess) -> int | None:
    """The CSeq of alice's binding as it lies on the disk; None while there is none."""
    with closing(sqlite3.connect(f"file:{daemon.state_dir / DATABASE_NAME}?mode=ro", uri=True)) as database:
        row = database.execute("SELECT cseq FROM bindings WHERE aor_key = 'alice'").fetchone()
    return None if row is None else int(row[0])


def wait_until_saved(daemon: DaemonProcess, alice: SipPeer) -> None:
    wait_until(lambda: saved_cseq(daemon) == alice.cseq, "the last REGISTER saved")


@contextmanager
def restarted(
    daemon: DaemonProcess, alice: SipPeer, number: signal.Signals = signal.SIGKILL
) -> Iterator[DaemonProcess]:
    """Another daemon on the same files, when ``daemon`` has saved what alice sent and has ended by ``number``."""
    wait_until_saved(daemon, alice)
    daemon.stop(number)
    with started_daemon(daemon.config_path.parent) as second:
        yield second


@pytest.fixture
def daemon(tmp_path) -> Iterator[DaemonProcess]:
    with running_daemon(tmp_path, sections=SECTIONS) as running:
        yield running


@pytest.fixture
def alice(daemon) -> Iterator[SipPeer]:
    with SipPeer(daemon.address) as peer:
        yield peer


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_binding_is_there_after_a_restart_with_the_time_it_has_left(daemon, alice, number):
    """The daemon asks first.

    alice             daemon
      |  REGISTER 600    |
      |----------------->|  saved
      |                  x  ends
      |                  |  starts, loads
      |  OPTIONS         |
      |<-----------------|  pinged before it has said anything
      |  200             |
      |----------------->|  online
    """
    assert alice.register(expires=600).status == 200
    daemon.wait_for_device(ALICE, online=True)
    with restarted(daemon, alice, number) as second:
        assert not second.live_devices()[ALICE]["online"]
        alice.answer_ping()
        second.wait_for_device(ALICE, online=True)
        (binding,) = alice.query()
        assert binding.uri == alice.contact_uri
        assert 500 < binding.expires_s <= 600


def test_call_id_and_cseq_outlive_the_process(daemon, alice):
    """RFC 3261 section 10.3 step 7: an older CSeq of the same Call-ID is out of order, before and after."""
    alice.cseq = 50
    assert alice.register().status == 200
    with restarted(daemon, alice):
        assert alice.register(cseq=40).status == 500
        assert alice.register(cseq=52).status == 200


def test_instance_reg_id_q_and_path_outlive_the_process(daemon, alice):
    contact = f'{alice.contact};+sip.instance="<urn:uuid:{UUID}>";reg-id=2;q=0.5'
    headers = ["Supported: path, outbound", "Path: <sip:proxy.example;lr>"]
    assert alice.register(contacts=[contact], headers=headers).status == 200
    with restarted(daemon, alice) as second:
        (binding,) = alice.query()
        assert binding.parameters["+sip.instance"] == f'"<urn:uuid:{UUID}>"'
        assert binding.parameters["q"] == "0.5"
        # The same instance at another contact replaces the binding, so that it was known as that instance.
        moved = contact.replace("sip:alice@", "sip:moved@")
        answer = alice.register(contacts=[moved], headers=headers)
        assert [one.uri for one in answer.bindings] == [alice.contact_uri.replace("alice", "moved")]
        assert second.statistics()["bindings"] == 1


def test_unregistered_device_does_not_come_back(daemon, alice):
    assert alice.register().status == 200
    wait_until_saved(daemon, alice)
    assert alice.register(expires=0).status == 200
    wait_until(lambda: saved_cseq(daemon) is None, "the removal saved")
    daemon.stop(signal.SIGKILL)
    with started_daemon(daemon.config_path.parent) as second:
        assert alice.query() == []
        assert second.statistics()["bindings"] == 0


def test_binding_that_expired_while_the_daemon_was_down_is_gone(daemon, alice):
    assert alice.register(expires=1).status == 200
    wait_until_saved(daemon, alice)
    daemon.stop(signal.SIGKILL)
    wait_until_expired(alice)
    with started_daemon(daemon.config_path.parent) as second:
        assert second.statistics()["bindings"] == 0


def wait_until_expired(peer: SipPeer) -> None:
    """Two seconds on the wall clock: an interval is granted in whole seconds, and nobody is there to tell."""
    with pytest.raises(TimeoutError):
        peer.receive(timeout_s=2.0)


def test_device_knows_what_it_can_do_after_a_restart(daemon, alice):
    sdp = (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        "m=audio 4010 RTP/AVP 10\r\na=sendonly\r\n"
    )
    assert alice.register(sdp=sdp).status == 200
    before = daemon.wait_for_device(ALICE, online=True, rtp_port=4010)
    with restarted(daemon, alice) as second:
        alice.answer_ping()
        after = second.wait_for_device(ALICE, online=True)
        assert {key: after[key] for key in before if key != "last_seen"} == {
            key: before[key] for key in before if key != "last_seen"
        }


def test_entry_that_was_deleted_while_the_daemon_was_down_stays_away(daemon, alice):
    assert alice.register().status == 200
    daemon.wait_for_device(ALICE, online=True)
    wait_until_saved(daemon, alice)
    daemon.stop(signal.SIGKILL)
    lines = daemon.config_path.read_text().splitlines(keepends=True)
    kept = [line for line in lines if line.startswith(("#", "server", "sip", "registrar", "liveness", "discovery"))]
    start = next(index for index, line in enumerate(lines) if line.startswith("devices:"))
    daemon.config_path.write_text("".join([*lines[:start], "devices: {}\n", kept[-1]]))
    with started_daemon(daemon.config_path.parent) as second:
        alice.answer_ping()
        wait_until(lambda: second.live_devices()[ALICE]["online"], "alice online")
        assert second.device(ALICE) is None
        # It comes back when it registers as something new.
        assert alice.register(headers=["User-Agent: another"]).status == 200
        second.wait_for_device(ALICE, online=True)


def delete_entries(daemon: DaemonProcess) -> str:
    """As the owner does with an editor, while the daemon runs; the text written."""
    settings = daemon.config()
    settings["devices"] = {}
    write_config(daemon.config_path, settings)
    daemon.wait_for_log("config.reloaded")
    return daemon.config_path.read_text(encoding="utf-8")


def is_listed(daemon: DaemonProcess) -> bool:
    with closing(sqlite3.connect(f"file:{daemon.state_dir / DATABASE_NAME}?mode=ro", uri=True)) as database:
        return bool(database.execute("SELECT count(*) FROM listed").fetchone()[0])


def test_entry_that_was_deleted_while_the_daemon_ran_stays_away_after_a_restart(daemon, alice):
    assert alice.register().status == 200
    daemon.wait_for_device(ALICE, online=True)
    wait_until(lambda: is_listed(daemon), "alice listed")
    delete_entries(daemon)
    with restarted(daemon, alice) as second:
        alice.answer_ping()
        wait_until(lambda: second.live_devices()[ALICE]["online"], "alice online")
        assert second.device(ALICE) is None


def test_device_that_registered_anew_after_its_deletion_gets_its_entry_after_a_kill(daemon, alice):
    """Its entry could not be written before, as the owner was in the middle of an edit."""
    assert alice.register().status == 200
    daemon.wait_for_device(ALICE, online=True)
    wait_until(lambda: is_listed(daemon), "alice listed")
    sound = delete_entries(daemon)
    assert alice.register(expires=0).status == 200
    daemon.config_path.write_text(f"{sound}\nbogus: [\n", encoding="utf-8")
    daemon.wait_for_log("config.rejected")
    assert alice.register().status == 200
    wait_until(lambda: not is_listed(daemon), "alice not listed")
    wait_until_saved(daemon, alice)
    daemon.stop(signal.SIGKILL)
    daemon.config_path.write_text(sound, encoding="utf-8")
    with started_daemon(daemon.config_path.parent) as second:
        alice.answer_ping()
        second.wait_for_device(ALICE, online=True)


def test_device_gets_an_entry_in_the_domain_that_the_owner_gave_while_the_daemon_was_down(daemon, alice):
    assert alice.register().status == 200
    daemon.wait_for_device(ALICE, online=True)
    wait_until(lambda: is_listed(daemon), "alice listed")
    wait_until_saved(daemon, alice)
    daemon.stop(signal.SIGKILL)
    settings = daemon.config()
    settings["server"]["domain"] = "home.arpa"
    write_config(daemon.config_path, settings)
    with started_daemon(daemon.config_path.parent) as second:
        alice.answer_ping()
        second.wait_for_device("alice@home.arpa", online=True)


def test_damaged_database_is_set_aside_and_the_daemon_serves(daemon, alice):
    assert alice.register().status == 200
    daemon.stop()
    database: Path = daemon.state_dir / DATABASE_NAME
    database.write_bytes(b"this is no database" * 1000)
    with started_daemon(daemon.config_path.parent) as second:
        second.wait_for_log("bindings.set_aside")
        assert alice.query() == []
        assert alice.register().status == 200
        assert len(list(daemon.state_dir.glob(f"{DATABASE_NAME}.damaged-*"))) == 1
        wait_until_saved(second, alice)


def test_database_can_be_read_by_the_daemons_user_only(daemon, alice):
    assert alice.register().status == 200
    wait_until_saved(daemon, alice)
    modes = {path.name: path.stat().st_mode & 0o777 for path in daemon.state_dir.glob(f"{DATABASE_NAME}*")}
    assert modes
    assert set(modes.values()) == {0o600}, modes
