"""sipvicious learns nothing where strangers are not let in: svwar no user, svcrack no password.

Each tool is shown to work first, where the owner has left open what it looks for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.clients.sipvicious import crack, enumerate_users, needs_sipvicious
from tests.kit.daemon_process import DaemonProcess, running_daemon
from tests.kit.digest import Account, prove
from tests.kit.owner import give_password
from tests.kit.sip_peer import SipPeer

pytestmark = needs_sipvicious

KNOWN = {"105": "Geheimnis-5", "117": "Geheimnis-7"}
METHODS = ("OPTIONS", "INVITE", "REGISTER")
PLACE = 60
"""Of the right word among the wrong ones: sooner by far than a word list has it."""


def register_known(daemon: DaemonProcess) -> list[SipPeer]:
    """Both devices, with their passwords."""
    peers = []
    for user, password in KNOWN.items():
        give_password(daemon, user, password)
        peers.append(SipPeer(daemon.address, user=user))
        assert prove(peers[-1], Account(user, password)).status == 200
    return peers


@pytest.fixture(scope="module", params=["closed", "approve"])
def guarded(request, tmp_path_factory) -> Iterator[DaemonProcess]:
    """A daemon with two registered devices that strangers are to know nothing of."""
    sections = {"admission": {"mode": request.param}}
    with running_daemon(tmp_path_factory.mktemp(request.param), sections=sections) as running:
        peers = register_known(running)
        yield running
        for peer in peers:
            peer.close()


def test_svwar_finds_who_is_registered_where_everybody_may_know(tmp_path):
    """So the tool works. OPTIONS before REGISTER, which in an open house registers whatever it tries."""
    with running_daemon(tmp_path) as daemon:
        for user in KNOWN:
            with SipPeer(daemon.address, user=user) as peer:
                assert peer.register().status == 200
        assert enumerate_users(daemon, tmp_path, "OPTIONS", "100-130") == set(KNOWN)
        assert enumerate_users(daemon, tmp_path, "INVITE", "100-130") == set(KNOWN)


@pytest.mark.parametrize("extensions", ["100-130", "105-130"], ids=["unknown-first", "known-first"])
@pytest.mark.parametrize("method", METHODS)
def test_svwar_finds_nobody(guarded, tmp_path, method, extensions):
    """It ends a scan early when even an unlikely name is asked for a password, so a known one is first once."""
    assert enumerate_users(guarded, tmp_path, method, extensions) == set()


@pytest.fixture
def md5_daemon(tmp_path) -> Iterator[DaemonProcess]:
    """Where svcrack has its best chance: it breaks down at the sight of SHA-256."""
    sections: dict[str, Any] = {"admission": {"mode": "closed"}, "authentication": {"algorithms": ["MD5"]}}
    with running_daemon(tmp_path, sections=sections) as running:
        give_password(running, "105", KNOWN["105"])
        yield running


def test_svcrack_finds_a_password_that_it_guesses_at_once(md5_daemon, tmp_path):
    """So the tool works: the first guesses are free, for people mistype."""
    assert crack(md5_daemon, tmp_path, "105", ["wrong", KNOWN["105"], "x"]) == KNOWN["105"]


def test_svcrack_is_held_back_before_it_comes_to_the_right_word(md5_daemon, tmp_path):
    words = [f"wrong-{number}" for number in range(PLACE)]
    assert crack(md5_daemon, tmp_path, "105", [*words, KNOWN["105"]]) is None
    line = md5_daemon.wait_for_log("authentication.failed", user="105")
    assert line["source_ip"] == "127.0.0.1"
    md5_daemon.wait_for_log("authentication.failed", user="105", cause="too_many_failures")
    guesses = [one for one in md5_daemon.log_lines() if one["event"] == "authentication.failed"]
    assert sum(one["cause"] == "unauthorized" for one in guesses) < PLACE // 2
