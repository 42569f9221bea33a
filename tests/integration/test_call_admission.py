"""Who may call: the door is the one that REGISTER meets (RFC 3261 section 22.2).

caller                                   daemon
  | INVITE                                  |
  |========================================>|
  | 401, WWW-Authenticate                   |
  |<========================================|
  | ACK; INVITE, Authorization              |
  |========================================>|
  | 100, 200                                |
  |<========================================|
"""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.kit.daemon_process import DaemonProcess, running_daemon
from tests.kit.digest import Account, authorization, challenges_of
from tests.kit.sip_peer import SipMessage, SipPeer

ALICE = Account("alice", "Geheimnis-1")
URI = "sip:echo@screamrouter.local"
LET_IN = 200
PADDING = f"User-Agent: {'x' * 600}"


@contextmanager
def daemon_with_alice(directory: Path, mode: str) -> Iterator[DaemonProcess]:
    with running_daemon(directory, sections={"admission": {"mode": mode}}) as running:
        command = [sys.executable, "-m", "daemon", "passwd", "alice", "--config", str(running.config_path)]
        subprocess.run(command, input=f"{ALICE.password}\n", capture_output=True, text=True, timeout=30, check=True)
        yield running


@pytest.fixture(scope="module")
def open_daemon(tmp_path_factory) -> Iterator[DaemonProcess]:
    with daemon_with_alice(tmp_path_factory.mktemp("open"), "open") as running:
        yield running


@pytest.fixture(scope="module")
def closed_daemon(tmp_path_factory) -> Iterator[DaemonProcess]:
    with daemon_with_alice(tmp_path_factory.mktemp("closed"), "closed") as running:
        yield running


def invite(peer: SipPeer, *headers: str, **options: Any) -> SipMessage:
    """The final answer, acknowledged."""
    branch = f"z9hG4bK{uuid.uuid4().hex}"
    lines = [f"Contact: {peer.contact}", PADDING, *headers]
    answer = peer.exchange(peer.request("INVITE", uri=URI, to=f"<{URI}>", headers=lines, branch=branch, **options))
    peer.send(peer.request("ACK", uri=URI, to=answer.get("to") or "", branch=branch, cseq=peer.cseq))
    return answer


def test_a_caller_whose_address_has_a_password_must_know_it(open_daemon):
    with SipPeer(open_daemon.address, user="alice") as alice:
        asked = invite(alice)
        assert asked.status == 401
        challenge = challenges_of(asked)[0]
        wrong = authorization(challenge, Account("alice", "wrong"), URI, method="INVITE")
        assert invite(alice, wrong).status == 401
        right = authorization(challenge, ALICE, URI, method="INVITE")
        assert invite(alice, right).status == LET_IN


def test_credentials_of_a_register_let_no_call_in(open_daemon):
    """RFC 7616 section 3.4.3: the method is in the digest."""
    with SipPeer(open_daemon.address, user="alice") as alice:
        challenge = challenges_of(invite(alice))[0]
        assert invite(alice, authorization(challenge, ALICE, URI, method="REGISTER")).status == 401


def test_in_an_open_house_anybody_else_may_call(open_daemon):
    with SipPeer(open_daemon.address, user="bert") as bert:
        assert invite(bert).status == LET_IN


def test_in_a_closed_house_nobody_calls_without_a_password_or_under_another_name(closed_daemon):
    with SipPeer(closed_daemon.address, user="bert") as bert:
        asked = invite(bert)
        assert asked.status == 401
        assert invite(bert, authorization(challenges_of(asked)[0], ALICE, URI, method="INVITE")).status == 403
        foreign = invite(bert, sender="sip:alice@example.org")
        assert foreign.status == 401


def test_a_request_within_a_call_that_was_not_let_in_is_481(closed_daemon):
    with SipPeer(closed_daemon.address, user="bert") as bert:
        refused = invite(bert)
        bye = bert.request("BYE", uri=URI, to=refused.get("to") or "")
        assert bert.exchange(bye).status == 481
