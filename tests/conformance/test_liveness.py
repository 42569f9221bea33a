"""Who is there: what counts as a sign of life, and what of it reaches Python (RFC 3261 section 11; issue: point 5)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from tests.kit.daemon_process import DaemonProcess, wait_until
from tests.kit.sip_peer import SipPeer

REFRESHES = 10_000
PEERS = 20


@pytest.fixture
def peer(lively_daemon, new_peer) -> SipPeer:
    """A device of the daemon that pings often."""
    made: SipPeer = new_peer(lively_daemon)
    return made


@contextmanager
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


def last_seen(daemon: DaemonProcess, peer: SipPeer) -> datetime:
    return datetime.fromisoformat(daemon.live_devices()[peer.aor]["last_seen"])


def test_an_options_of_the_device_moves_last_seen_on(daemon: DaemonProcess, new_peer) -> None:
    """PRES-001; last seen has whole seconds, so one has to pass.

    device                       daemon
      | REGISTER                    |
      |---------------------------->|   silence: last seen stands still
      | OPTIONS                     |
      |---------------------------->|
      |      200 Allow, Accept      |
      |<----------------------------|   last seen is now
    """
    peer = new_peer(daemon)
    peer.register()
    registered_at = last_seen(daemon, peer)
    wait_until(lambda: time.time() > registered_at.timestamp() + 2.2, "time passes")
    assert (last_seen(daemon, peer) - registered_at).total_seconds() <= 1  # one for rounding
    assert peer.options().status == 200
    assert (last_seen(daemon, peer) - registered_at).total_seconds() >= 2


@pytest.mark.parametrize("status", ["200 OK", "405 Method Not Allowed", "501 Not Implemented"])
def test_a_device_that_answers_pings_in_whatever_way_stays_online(
    lively_daemon: DaemonProcess, peer: SipPeer, status: str
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
    peer.register()
    until = time.monotonic() + 1.8
    with answering(peer, status):
        row = wait_until(lambda: known_round_trip(lively_daemon, peer), "the round-trip time is known")
        wait_until(lambda: time.monotonic() > until, "the timeout is well past")
        assert lively_daemon.live_devices()[peer.aor]["online"] is True
    assert 0 < row["rtt_ms"] < 1000
    assert transitions(lively_daemon, peer) == ["device.registered"]


def known_round_trip(daemon: DaemonProcess, peer: SipPeer) -> dict[str, Any] | None:
    row = daemon.live_devices()[peer.aor]
    return row if row["rtt_ms"] is not None else None


def test_a_silent_device_goes_offline_and_stays_registered(lively_daemon: DaemonProcess, peer: SipPeer) -> None:
    """PRES-002: silence is no removal.

    device                          daemon
      | REGISTER, Expires: 3600        |
      |------------------------------->|
      |                        OPTIONS |
      |<-------------------------------|   several, none answered: offline
    """
    peer.register(expires=3600)
    lively_daemon.wait_for_device(peer.aor, online=True)
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


@pytest.mark.parametrize("how", ["options", "refresh", "ping-answer", "unknown-method"])
def test_a_device_that_is_heard_again_comes_back_online(lively_daemon: DaemonProcess, peer: SipPeer, how: str) -> None:
    """Any valid message of the device's flow counts.

    device                        daemon
      | REGISTER                     |
      |----------------------------->|   silence: offline
      | OPTIONS                      |
      |----------------------------->|   online
    """
    peer.register()
    lively_daemon.wait_for_device(peer.aor, online=False)
    match how:
        case "options":
            peer.options()
        case "refresh":
            peer.register()
        case "unknown-method":
            assert peer.exchange(peer.request("FLY")).status == 501
        case "ping-answer":
            answer_newest_ping(peer)
    lively_daemon.wait_for_device(peer.aor, online=True)
    assert transitions(lively_daemon, peer)[:3] == ["device.registered", "device.offline", "device.registered"]


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
    lively_daemon.wait_for_device(peer.aor, online=True)
    peer.register(expires=0)
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


def test_10000_refreshes_make_no_python_event_and_write_nothing(daemon: DaemonProcess, new_peer, capsys) -> None:
    """Design, law 4: only changes cross. The owner's file is not touched either."""
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
