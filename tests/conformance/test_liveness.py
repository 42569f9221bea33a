"""Who is there: what counts as a sign of life, and what of it reaches Python (RFC 3261 section 11; issue: point 5)."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.kit.daemon_process import DaemonProcess, running_daemon, wait_until
from tests.kit.digest import Account, authorization, challenges_of
from tests.kit.owner import give_password
from tests.kit.sip_peer import SipPeer

REFRESHES = 10_000
PEERS = 20
STATUSES = ("200 OK", "405 Method Not Allowed", "501 Not Implemented")
RETURNS = ("options", "refresh", "unknown-method", "ping-answer")
COME_AND_GONE_AND_COME = ["device.registered", "device.offline", "device.registered"]


def fresh_peer(daemon: DaemonProcess) -> SipPeer:
    return SipPeer(daemon.address, user=f"user-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def peer(lively_daemon, new_peer) -> SipPeer:
    """A device of the daemon that pings often."""
    made: SipPeer = new_peer(lively_daemon)
    return made


@contextlib.contextmanager
def answering(peer: SipPeer, status: str = "200 OK") -> Iterator[None]:
    """``peer`` answers every ping from a thread of its own."""
    is_over = threading.Event()

    def serve() -> None:
        while not is_over.is_set():
            try:
                peer.answer(peer.receive(timeout_s=0.05), status)
            except TimeoutError:
                continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def transitions(daemon: DaemonProcess, peer: SipPeer) -> list[str]:
    """What the log says of the device, in order."""
    return [line["event"] for line in daemon.log_lines() if line.get("device") == peer.aor]


@pytest.fixture(scope="module", name="answering_devices")
def _answering_devices(lively_daemon) -> Iterator[dict[str, SipPeer]]:
    """Registered for well more than the timeout, and each answering every ping with a status of its own."""
    with contextlib.ExitStack() as stack:
        peers = {status: stack.enter_context(fresh_peer(lively_daemon)) for status in STATUSES}
        for status, peer in peers.items():
            assert peer.register().status == 200
            stack.enter_context(answering(peer, status))
        until = time.monotonic() + 1.8
        wait_until(lambda: time.monotonic() > until, "the timeout is well past")
        yield peers


@pytest.mark.parametrize("status", STATUSES)
def test_a_device_that_answers_pings_in_whatever_way_stays_online(
    lively_daemon: DaemonProcess, answering_devices: dict[str, SipPeer], status: str
) -> None:
    """Section 11: any answer proves that somebody is there; the round-trip time is kept.

    device                          daemon, pings every 0.2 s, patient for 1 s
      | REGISTER                       |
      |------------------------------->|
      |                        OPTIONS |
      |<-------------------------------|
      | 405                            |
      |------------------------------->|   alive
    """
    peer = answering_devices[status]
    row = lively_daemon.live_devices()[peer.aor]
    assert row["online"] is True
    assert 0 < row["rtt_ms"] < 1000
    assert transitions(lively_daemon, peer) == ["device.registered"]


def test_a_device_that_speaks_by_itself_stays_online_without_answering_pings(
    lively_daemon: DaemonProcess, peer: SipPeer
) -> None:
    """PRES-002's other side: its own OPTIONS keep it alive."""
    peer.register()
    until = time.monotonic() + 1.8
    while time.monotonic() < until:
        assert peer.options().status == 200
    assert lively_daemon.live_devices()[peer.aor]["online"] is True
    assert transitions(lively_daemon, peer) == ["device.registered"]


def test_a_silent_device_goes_offline_and_stays_registered(lively_daemon: DaemonProcess, peer: SipPeer) -> None:
    """PRES-002: silence is no removal.

    device                          daemon
      | REGISTER, Expires: 3600        |
      |------------------------------->|
      |                        OPTIONS |
      |<-------------------------------|   several, none answered: offline
    """
    peer.register(expires=3600)
    entry = lively_daemon.wait_for_device(peer.aor, online=False)
    assert entry["enabled"] is True
    assert transitions(lively_daemon, peer) == ["device.registered", "device.offline"]
    assert [binding.uri for binding in peer.query()] == [peer.contact_uri]


def test_silence_is_noticed_not_before_the_timeout_and_soon_after(lively_daemon: DaemonProcess, peer: SipPeer) -> None:
    """``liveness.timeout_s`` is 1 here; the clock of the core ticks every 50 ms, the log comes after."""
    peer.register()
    registered_at = time.monotonic()
    lively_daemon.wait_for_log("device.offline", device=peer.aor)
    assert 0.95 < time.monotonic() - registered_at < 4


@pytest.fixture(scope="module", name="silent_devices")
def _silent_devices(lively_daemon) -> Iterator[dict[str, SipPeer]]:
    """Registered, and offline by now; one for each way to be heard again."""
    with contextlib.ExitStack() as stack:
        peers = {way: stack.enter_context(fresh_peer(lively_daemon)) for way in RETURNS}
        for peer in peers.values():
            assert peer.register().status == 200
        for peer in peers.values():
            lively_daemon.wait_for_device(peer.aor, online=False)
        yield peers


@pytest.mark.parametrize("way", RETURNS)
def test_a_device_that_is_heard_again_comes_back_online(
    lively_daemon: DaemonProcess, silent_devices: dict[str, SipPeer], way: str
) -> None:
    """Any valid message of the device's flow counts.

    device                        daemon
      | REGISTER                     |
      |----------------------------->|   silence: offline
      | OPTIONS                      |
      |----------------------------->|   online
    """
    peer = silent_devices[way]
    match way:
        case "options":
            assert peer.options().status == 200
        case "refresh":
            assert peer.register().status == 200
        case "unknown-method":
            assert peer.exchange(peer.request("FLY")).status == 501
        case "ping-answer":
            answer_newest_ping(peer)
    wait_until(lambda: transitions(lively_daemon, peer)[:3] == COME_AND_GONE_AND_COME, "it is back online")


def answer_newest_ping(peer: SipPeer) -> None:
    """Let go of those that came in the time of silence; only the last one sent is still waited for."""
    newest = peer.receive()
    while True:
        try:
            newest = peer.receive(timeout_s=0.01)
        except TimeoutError:
            break
    peer.answer(newest)


def test_a_message_from_another_address_is_no_sign_of_life(
    lively_daemon: DaemonProcess, peer: SipPeer, new_peer
) -> None:
    """The flow is the device's; whoever writes its name in From is not."""
    stranger = new_peer(lively_daemon, user=peer.user)
    peer.register()
    wait_until(
        lambda: stranger.options().status == 200 and "device.offline" in transitions(lively_daemon, peer),
        "offline in spite of the stranger",
        timeout_s=10,
    )


def test_an_answer_to_a_ping_that_was_not_sent_is_no_round_trip(lively_daemon: DaemonProcess, peer: SipPeer) -> None:
    """The branch holds a nonce; a copy of an answer, or a made-up one, tells no time."""
    peer.register()
    ping = peer.receive()
    prefix, binding, nonce, sent_at = ping.via["branch"].split("-")
    forged = "-".join([prefix, binding, f"{int(nonce, 16) ^ 1:x}", sent_at])
    headers = tuple((name, value.replace(ping.via["branch"], forged)) for name, value in ping.headers)
    peer.answer(replace(ping, headers=headers))
    assert peer.options().status == 200
    assert lively_daemon.live_devices()[peer.aor]["rtt_ms"] is None


def test_a_ping_is_an_options_that_any_device_understands(lively_daemon: DaemonProcess, peer: SipPeer) -> None:
    """Sections 8.1.1 and 11.1: the six fields, a Contact to answer to, Accept."""
    peer.register()
    ping = peer.answer_ping()
    assert ping.start_line == f"OPTIONS {peer.contact_uri} SIP/2.0"
    assert ping.get("to") == f"<{peer.contact_uri}>"
    assert (ping.get("from") or "").startswith("<sip:screamrouter.local>;tag=")
    assert ping.get("max-forwards") == "70"
    assert ping.get("cseq") == "1 OPTIONS"
    assert ping.get("accept") == "application/sdp"
    assert ping.get("contact") == f"<sip:127.0.0.1:{lively_daemon.port}>"
    assert ping.via["branch"].startswith("z9hG4bK")


def test_a_device_that_unregistered_is_offline_at_once_and_not_pinged_any_more(
    lively_daemon: DaemonProcess, peer: SipPeer
) -> None:
    """REG-005. The pings of another device show that their time has come."""
    peer.register()
    peer.register(expires=0)
    lively_daemon.wait_for_log("device.offline", device=peer.aor)
    lively_daemon.wait_for_device(peer.aor, online=False)
    while True:  # what was on its way before
        try:
            peer.receive(timeout_s=0.01)
        except TimeoutError:
            break
    with SipPeer(lively_daemon.address, user=f"{peer.user}-other") as other:
        other.register()
        other.answer_ping()
        other.answer_ping()
    with pytest.raises(TimeoutError):
        peer.receive(timeout_s=0.01)


def test_10000_refreshes_make_no_python_event_and_write_nothing(tmp_path, new_peer, capsys) -> None:
    """Design, law 4: only changes cross. The owner's file is not touched either."""
    with running_daemon(tmp_path) as daemon:  # nobody else's devices fall silent meanwhile
        peers = [new_peer(daemon) for _ in range(PEERS)]
        for peer in peers:
            assert peer.register().status == 200
        for peer in peers:
            daemon.wait_for_device(peer.aor, online=True)
        before, file_before = daemon.statistics(), daemon.config_path.stat()
        started_at = time.perf_counter()
        for number in range(REFRESHES):
            assert peers[number % PEERS].register().status == 200
        elapsed_s = time.perf_counter() - started_at
        after, file_after = daemon.statistics(), daemon.config_path.stat()
    requests, events = after["requests"] - before["requests"], after["events"] - before["events"]
    with capsys.disabled():
        print(f"\n{requests} refreshes in {elapsed_s:.1f} s, one at a time: {events} events reached Python")
    assert (requests, events) == (REFRESHES, 0)
    assert after["bindings"] == before["bindings"]
    assert (file_after.st_mtime_ns, file_after.st_ino) == (file_before.st_mtime_ns, file_before.st_ino)


def test_10000_refreshes_with_a_password_make_no_python_event_and_write_nothing(tmp_path, new_peer, capsys) -> None:
    """The same where each is proved anew, by a nonce-count of its own (RFC 7616 section 3.4): issue 4."""
    account = Account("alice", "Geheimnis-1")
    with running_daemon(tmp_path, sections={"admission": {"mode": "closed"}}) as daemon:
        give_password(daemon, account.user, account.password)
        peer = new_peer(daemon, user=account.user)
        (challenge, *_) = challenges_of(peer.register())

        def refresh(count: int) -> bool:
            header = authorization(challenge, account, f"sip:{peer.domain}", count=count)
            return bool(peer.register(headers=[header]).status == 200)

        assert refresh(1)
        daemon.wait_for_device(peer.aor, online=True)
        before, file_before = daemon.statistics(), daemon.config_path.stat()
        assert all(refresh(2 + number) for number in range(REFRESHES))
        after, file_after = daemon.statistics(), daemon.config_path.stat()
        requests, events = after["requests"] - before["requests"], after["events"] - before["events"]
        with capsys.disabled():
            print(f"\n{requests} refreshes by digest, one at a time: {events} events reached Python")
        assert (requests, events) == (REFRESHES, 0)
        assert (file_after.st_mtime_ns, file_after.st_ino) == (file_before.st_mtime_ns, file_before.st_ino)


def test_one_accounts_refresh_keeps_the_other_account_of_the_same_flow_online(
    lively_daemon: DaemonProcess, peer: SipPeer
) -> None:
    """Any valid message of a flow counts for all that is registered on it (RFC 5626 section 3.1)."""
    peer.register()
    first, peer.user, peer.call_id = peer.aor, f"{peer.user}-b", f"{peer.call_id}-b"
    until = time.monotonic() + 1.8
    while time.monotonic() < until:
        assert peer.register().status == 200
    assert lively_daemon.live_devices()[first]["online"] is True
