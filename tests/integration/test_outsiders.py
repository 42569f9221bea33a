"""What an outsider can learn: from answers about other people, from files, from what is shown."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from tests.kit.daemon_process import DaemonProcess, running_daemon
from tests.kit.digest import Account, authorization, challenges_of, prove
from tests.kit.owner import give_password, run_command
from tests.kit.sip_peer import SipMessage, SipPeer, bound_socket

ALICE = Account("alice", "Geheimnis-1")
SECRET = "contact-secret"


def seen_in(answer: SipMessage) -> tuple[str, list[tuple[str, str]]]:
    """What an onlooker can compare, in its order; nonces and what is copied from the request or random are not."""
    copied = {"via", "date", "to", "call-id", "from", "cseq"}
    rest = [(name, re.sub('nonce="[^"]*"', "", value)) for name, value in answer.headers if name not in copied]
    return answer.start_line, rest


def ask_about(peer: SipPeer, method: str, user: str) -> SipMessage:
    uri = f"sip:{user}@{peer.domain}"
    return peer.exchange(peer.request(method, uri=uri, to=f"<{uri}>"))


@pytest.mark.parametrize("mode", ["closed", "approve"])
@pytest.mark.parametrize("method", ["OPTIONS", "INVITE"])
def test_a_stranger_gets_the_same_answer_about_everybody(tmp_path, mode, method):
    """RFC 3261 section 11.2: OPTIONS is answered as an INVITE would be, so it is asked for a password as well.

    stranger                             daemon
      | OPTIONS sip:alice (registered)      |
      |------------------------------------>|
      | 401                                 |
      |<------------------------------------|
      | OPTIONS sip:carol (nobody)          |
      |------------------------------------>|
      | 401, octet for octet                |
      |<------------------------------------|
    """
    with running_daemon(tmp_path, sections={"admission": {"mode": mode}}) as daemon:
        give_password(daemon, "alice", ALICE.password)
        give_password(daemon, "bobby", ALICE.password)
        with SipPeer(daemon.address) as alice, SipPeer(daemon.address, user="mallo") as stranger:
            assert prove(alice, ALICE).status == 200
            answers = [seen_in(ask_about(stranger, method, user)) for user in ("alice", "bobby", "carol")]
        assert answers[0][0] == "SIP/2.0 401 Unauthorized"
        assert answers[0] == answers[1] == answers[2]


def test_who_proves_who_he_is_learns_who_is_there(tmp_path):
    with (
        running_daemon(tmp_path, sections={"admission": {"mode": "closed"}}) as daemon,
        SipPeer(daemon.address) as alice,
    ):
        give_password(daemon, "alice", ALICE.password)
        assert prove(alice, ALICE).status == 200

        def ask_with_password(method: str, user: str) -> int:
            uri = f"sip:{user}@{alice.domain}"
            (challenge, *_) = challenges_of(ask_about(alice, method, user))
            header = authorization(challenge, ALICE, uri, method=method)
            return alice.exchange(alice.request(method, uri=uri, to=f"<{uri}>", headers=[header])).status

        assert ask_with_password("OPTIONS", "alice") == 200
        assert ask_with_password("OPTIONS", "nobody") == 404
        assert ask_with_password("INVITE", "alice") == 480


def test_a_wrong_password_for_a_question_is_logged_like_any_other(tmp_path):
    with running_daemon(tmp_path, sections={"admission": {"mode": "closed"}}) as daemon:
        with SipPeer(daemon.address, user="mallo") as stranger:
            uri = f"sip:alice@{stranger.domain}"
            (challenge, *_) = challenges_of(ask_about(stranger, "OPTIONS", "alice"))
            header = authorization(challenge, Account("alice", "guess"), uri, method="OPTIONS")
            answer = stranger.exchange(stranger.request("OPTIONS", uri=uri, to=f"<{uri}>", headers=[header]))
            assert answer.status == 401
        assert daemon.wait_for_log("authentication.failed", user="alice")["source_ip"] == "127.0.0.1"


def test_device_with_networks_registers_from_there_alone_and_its_owner_is_told(tmp_path):
    devices = {"alice@screamrouter.local": {"networks": ["127.0.0.2"]}}
    with running_daemon(tmp_path, sections={"devices": devices}) as daemon:
        with SipPeer(daemon.address) as far, SipPeer(daemon.address, own_socket=bound_socket("127.0.0.2")) as near:
            assert near.register().status == 200
            assert far.register().status == 403
            with SipPeer(daemon.address, user="dora") as other:
                assert other.register().status == 200
        told = " ".join(run_command(daemon, "doctor", "alice", may_fail=True).split())
        assert "you let it register from 127.0.0.2 only, and its address is 127.0.0.1" in told


def assert_secret_is_kept(daemon: DaemonProcess) -> None:
    shown = daemon.config_path.read_text(encoding="utf-8") + daemon.log_path.read_text(encoding="utf-8")
    shown += run_command(daemon, "devices", "--json") + run_command(daemon, "doctor", "alice", "--messages")
    assert "alice:***@" in shown
    assert SECRET not in shown


def test_password_in_a_contact_is_shown_nowhere_and_outlives_a_restart_in_the_database(tmp_path):
    """RFC 3261 section 19.1.1 allows one and advises against it; the device gets its own Contact back."""
    with running_daemon(tmp_path) as daemon, SipPeer(daemon.address) as alice:
        uri = f"sip:alice:{SECRET}@{alice.host_port}"
        answer = alice.register(contacts=[f"<{uri}>"])
        assert [one.uri for one in answer.bindings] == [uri]
        daemon.wait_for_device(alice.aor, sip_contact_uri=f"sip:alice:***@{alice.host_port}")
        assert_secret_is_kept(daemon)
        daemon.stop()
        assert SECRET.encode() in (daemon.state_dir / "bindings.sqlite3").read_bytes()


def usable_with(bits: int, directory: Path) -> dict[str, str]:
    """Everything below ``directory`` whose mode has any of ``bits``, with its mode."""
    modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in sorted(directory.rglob("*"))}
    return {path.name: oct(mode) for path, mode in modes.items() if mode & bits}


PUBLIC_IN_GROUP = {"control.sock", "router_uuid"}
"""The group may ask the daemon; the identity is announced by mDNS anyway."""


def test_nothing_below_state_dir_is_for_others(tmp_path):
    """Bindings with their write-ahead log, the control socket, the identity, the passwords, what is left behind."""
    with running_daemon(tmp_path) as daemon, SipPeer(daemon.address) as alice:
        give_password(daemon, "alice", ALICE.password)
        assert prove(alice, ALICE).status == 200
        daemon.wait_for_device(alice.aor, online=True)
        names = {path.name for path in daemon.state_dir.rglob("*")}
        assert {"bindings.sqlite3", "credentials.yaml"} <= names
        assert any(name.startswith("bindings.sqlite3-") for name in names), "a write-ahead log"
        assert usable_with(0o007, daemon.state_dir) == {}
        assert usable_with(0o070, daemon.state_dir).keys() <= PUBLIC_IN_GROUP
