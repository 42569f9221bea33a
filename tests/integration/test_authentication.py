"""Who may come in, at the real daemon: passwords, approval, networks and pace.

device                                   daemon
  | REGISTER                                |
  |========================================>|
  | 401, WWW-Authenticate by strength       |
  |<========================================|
  | REGISTER, Authorization                 |
  |========================================>|
  | 200; or 401 (who?), 403 (not yours)     |
  |<========================================|
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.clients.baresip import needs_baresip, running_baresip
from tests.integration.clients.linphone import LinphoneAccount, needs_linphone, running_linphone
from tests.integration.clients.sipp import needs_sipp, play
from tests.kit.daemon_process import DaemonProcess, running_daemon, started_daemon
from tests.kit.digest import HASHES, Account, authorization, challenges_of
from tests.kit.owner import give_password, run_command
from tests.kit.sip_peer import SipMessage, SipPeer, bound_socket

ALICE = Account("alice", "Geheimnis-1")
AOR = "alice@screamrouter.local"
URI = "sip:screamrouter.local"
PADDING = f"User-Agent: {'x' * 600}"
"""The answer to a short request from nobody knows where offers fewer algorithms."""
EX_CONFIG = 78
README = Path(__file__).parents[2] / "README.md"


def answer_to(peer: SipPeer, account: Account, *, algorithm: str = "MD5", **options: Any) -> SipMessage:
    """The answer to the second of the two requests of an exchange with a password."""
    asked = peer.register(headers=[PADDING])
    assert asked.status == 401, asked.start_line
    (challenge,) = [one for one in challenges_of(asked) if one.algorithm == algorithm]
    return peer.register(headers=[authorization(challenge, account, URI, **options)])


@pytest.fixture(scope="module")
def daemon(tmp_path_factory) -> Iterator[DaemonProcess]:
    """One in which alice has a password."""
    with running_daemon(tmp_path_factory.mktemp("passwords")) as running:
        give_password(running, "alice", ALICE.password)
        yield running


@pytest.fixture
def alice(daemon) -> Iterator[SipPeer]:
    with SipPeer(daemon.address) as peer:
        yield peer


@contextmanager
def daemon_with(directory: Path, **admission: Any) -> Iterator[DaemonProcess]:
    with running_daemon(directory, sections={"admission": admission}) as running:
        yield running


@pytest.mark.parametrize("algorithm", HASHES)
@pytest.mark.parametrize("count", [1, None], ids=["qop", "old"])
def test_right_password_gets_in_by_every_algorithm_and_form(alice, algorithm, count):
    """RFC 8760 section 2; without qop as in RFC 2069."""
    assert answer_to(alice, ALICE, algorithm=algorithm, count=count).status == 200


def test_algorithms_are_offered_the_strongest_first(alice):
    """RFC 8760 section 2.3."""
    assert [one.algorithm for one in challenges_of(alice.register(headers=[PADDING]))] == list(HASHES)


def test_a_refresh_with_the_next_count_is_one_request(alice):
    (challenge, *_) = challenges_of(alice.register(headers=[PADDING]))
    statuses = [alice.register(headers=[authorization(challenge, ALICE, URI, count=n)]).status for n in (1, 2, 3)]
    assert statuses == [200, 200, 200]


def test_a_count_is_good_for_one_request_only(alice):
    """RFC 7616 section 5.12, replay."""
    (challenge, *_) = challenges_of(alice.register(headers=[PADDING]))
    header = authorization(challenge, ALICE, URI)
    assert alice.register(headers=[header]).status == 200
    assert alice.register(headers=[header], call_id=uuid.uuid4().hex).status == 401


def without_nonces(answer: SipMessage) -> list[tuple[str, str]]:
    """What an onlooker can compare."""
    own = {"via", "date", "to", "call-id", "from"}
    return [(name, re.sub('nonce="[^"]*"', "", value)) for name, value in answer.headers if name not in own]


def test_wrong_password_unknown_user_and_disabled_device_look_the_same_and_are_logged(tmp_path):
    with running_daemon(tmp_path, sections={"admission": {"mode": "closed"}}) as daemon:
        give_password(daemon, "alice", ALICE.password)
        give_password(daemon, "bert", ALICE.password)
        text = daemon.config_path.read_text(encoding="utf-8")
        disabled = "devices: {bert@screamrouter.local: {enabled: false}}"
        daemon.config_path.write_text(text.replace("devices: {}", disabled), encoding="utf-8")
        daemon.wait_for_log("config.reloaded")
        seen = []
        for account in (Account("alice", "wrong"), Account("nobody", "x"), Account("bert", ALICE.password)):
            with SipPeer(daemon.address, user=account.user) as peer:
                answer = answer_to(peer, account)
                assert answer.status == 401
                seen.append(without_nonces(answer))
        assert seen[0] == seen[1] == seen[2]
        line = daemon.wait_for_log("authentication.failed", user="alice")
        assert line["source_ip"] == "127.0.0.1"
        daemon.wait_for_log("authentication.failed", user="bert")  # the last of the three
        assert_banned_by_readmes_filter(daemon)


def assert_banned_by_readmes_filter(daemon: DaemonProcess) -> None:
    found = re.search(r"^ *failregex = (.*)$", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    failregex = re.compile(found[1].replace("<ADDR>", r"(?P<ip>[0-9a-f.:]+)"))
    lines = daemon.log_path.read_text(encoding="utf-8").splitlines()
    banned = [(match["ip"], "authentication.failed" in line) for line in lines if (match := failregex.search(line))]
    assert len(banned) >= 3
    assert set(banned) == {("127.0.0.1", True)}


def test_password_of_one_device_does_not_register_another(daemon):
    """RFC 3261 section 10.3 step 4."""
    give_password(daemon, "carl", "another")
    with SipPeer(daemon.address, user="carl") as carl:
        assert answer_to(carl, ALICE).status == 403


def test_devices_without_a_password_come_in_as_before(daemon):
    with SipPeer(daemon.address, user="dora") as dora:
        assert dora.register().status == 200


def test_disabled_device_without_a_password_is_refused_from_the_next_request_on(tmp_path):
    with running_daemon(tmp_path) as daemon, SipPeer(daemon.address) as alice:
        assert alice.register().status == 200
        daemon.wait_for_device(AOR, online=True, enabled=True)
        text = daemon.config_path.read_text(encoding="utf-8")
        daemon.config_path.write_text(text.replace("enabled: true", "enabled: false"), encoding="utf-8")
        daemon.wait_for_log("config.reloaded")
        assert alice.register().status == 403


def test_closed_mode_knows_passwords_only(tmp_path):
    with daemon_with(tmp_path, mode="closed") as daemon, SipPeer(daemon.address) as alice:
        assert alice.register().status == 401
        give_password(daemon, "alice", ALICE.password)
        assert answer_to(alice, ALICE).status == 200


def test_approve_mode_parks_a_device_until_its_owner_lets_it_in(tmp_path):
    with daemon_with(tmp_path, mode="approve") as daemon, SipPeer(daemon.address) as alice:
        assert alice.register(headers=["User-Agent: Cam/1"]).status == 401
        entry = daemon.wait_for_device(AOR, pending=True, enabled=False)
        assert (entry["ip"], entry["user_agent"]) == ("127.0.0.1", "Cam/1")
        assert alice.register().status == 401
        assert "may come in" in run_command(daemon, "devices", "approve", "alice")
        assert alice.register().status == 200
        daemon.wait_for_device(AOR, pending=False, enabled=True, online=True)
        run_command(daemon, "devices", "reject", "alice")
        assert alice.register().status == 401


def test_owner_lets_a_device_in_by_his_editor(tmp_path):
    with daemon_with(tmp_path, mode="approve") as daemon, SipPeer(daemon.address) as alice:
        assert alice.register().status == 401
        daemon.wait_for_device(AOR, pending=True)
        text = daemon.config_path.read_text(encoding="utf-8")
        daemon.config_path.write_text(text.replace("enabled: false", "enabled: true"), encoding="utf-8")
        daemon.wait_for_device(AOR, pending=False, enabled=True)
        assert alice.register().status == 200


def test_other_networks_are_refused_whoever_comes(tmp_path):
    with daemon_with(tmp_path, networks=["10.0.0.0/8", "127.0.0.1"]) as daemon, SipPeer(daemon.address) as near:
        assert near.register().status == 200
        with SipPeer(daemon.address, own_socket=bound_socket("127.0.0.2")) as far:
            assert far.register().status == 403


def test_flood_of_one_source_does_not_slow_another(tmp_path):
    limits = {"requests_per_s": 20, "burst": 40, "unlimited": []}
    with running_daemon(tmp_path, sections={"limits": limits}) as daemon:
        flooder = SipPeer(daemon.address, user="flooder", own_socket=bound_socket("127.0.0.2"))
        honest = SipPeer(daemon.address, own_socket=bound_socket("127.0.0.3"))
        with flooder, honest:
            before = daemon.statistics()
            for _ in range(30):
                for _ in range(50):
                    flooder.send(flooder.request("OPTIONS"))
                started = time.monotonic()
                assert honest.register().status == 200
                assert time.monotonic() - started < 1
            after = daemon.statistics()
            answered = after["replies"] - before["replies"]
        assert answered < 30 + 40 + 30 * 20, "most of 1500 requests go unanswered"


def test_passwords_outlive_a_restart_and_a_damaged_file_keeps_the_daemon_from_starting(tmp_path):
    with running_daemon(tmp_path) as daemon:
        give_password(daemon, "alice", ALICE.password)
        credentials = daemon.state_dir / "credentials.yaml"
    with started_daemon(tmp_path) as daemon, SipPeer(daemon.address) as alice:
        assert alice.register().status == 401
        good = credentials.read_bytes()
        credentials.write_bytes(good[:-20])
        daemon.wait_for_log("credentials.rejected")
        assert answer_to(alice, ALICE).status == 200
    command = [sys.executable, "-m", "daemon", "run", "--config", str(daemon.config_path)]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert refused.returncode == EX_CONFIG
    assert "is damaged" in refused.stderr


def test_no_secret_is_ever_logged(daemon, alice):
    answer_to(alice, Account("alice", "wrong password of mine"))
    assert answer_to(alice, ALICE).status == 200
    stored = (daemon.state_dir / "credentials.yaml").read_text(encoding="utf-8")
    hashes = re.findall(r'"([0-9a-f]{32,64})"', stored)
    told = daemon.log_path.read_text(encoding="utf-8") + run_command(daemon, "devices", "--json")
    assert len(hashes) >= 3
    assert not any(secret in told + stored for secret in (ALICE.password, "wrong password of mine"))
    assert not any(text in told for text in hashes)


@needs_sipp
def test_sipp_authenticates_as_configured_by_default(daemon, tmp_path):
    """It gives up at the sight of any algorithm but MD5, and is known for it: see docs/decisions."""
    played = play("authenticate", daemon, tmp_path, [[ALICE.user, sipp_keyword(ALICE.password)]])
    assert played.exit_code == 0, played.report


@needs_sipp
def test_sipp_with_a_wrong_password_does_not(daemon, tmp_path):
    played = play("authenticate", daemon, tmp_path, [[ALICE.user, sipp_keyword("wrong")]])
    assert played.exit_code == 1
    assert "received 'SIP/2.0 401" in played.report


def sipp_keyword(password: str) -> str:
    return f"[authentication username={ALICE.user} password={password}]"


@needs_baresip
def test_baresip_authenticates_as_configured_by_default(daemon, tmp_path):
    """Debian 12's: it gives up at the sight of any algorithm but MD5, and is known for it."""
    give_password(daemon, "bert", ALICE.password)
    account = f"<sip:bert@127.0.0.1:{daemon.port}>;auth_user=bert;auth_pass={ALICE.password};regint=60"
    with running_baresip(tmp_path, daemon.ip, account) as baresip:
        daemon.wait_for_device("bert@screamrouter.local", online=True)
        assert baresip.terminate() == 0
        daemon.wait_for_device("bert@screamrouter.local", online=False)


@needs_linphone
def test_linphone_authenticates_with_sha_256_as_configured_by_default(daemon, tmp_path):
    """RFC 8760: it takes the strongest that it knows, and passes over the others."""
    give_password(daemon, "carol", ALICE.password)
    account = LinphoneAccount("carol", ALICE.password)
    with running_linphone(tmp_path, daemon.ip, daemon.address, account) as linphone:
        daemon.wait_for_device("carol@screamrouter.local", online=True)
        linphone.say("quit")
        assert linphone.wait() == 0
    assert "algorithm=SHA-256" in proofs_in(daemon, "carol")


def proofs_in(daemon: DaemonProcess, user: str) -> str:
    """The Authorization headers that a device sent, as the doctor shows them."""
    told = run_command(daemon, "doctor", user, "--messages")
    return "\n".join(line for line in told.splitlines() if "Authorization" in line)
