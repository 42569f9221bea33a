"""Hostile packets leave the daemon alive and answering."""

import pytest

from tests.fuzz.packets import deadly_exchanges
from tests.fuzz.run import fuzz
from tests.kit.daemon_process import running_daemon
from tests.kit.sip_peer import SipPeer


def test_the_four_packet_kill_leaves_the_daemon_answering(tmp_path):
    """
    Attacker              daemon
    | INVITE -------------->|
    |<----------------- 404 |
    | ACK ----------------->|
    | OPTIONS, CSeq INVITE->|   aborted PJSIP's transaction layer
    |<----------------- 400 |
    | OPTIONS ------------->|
    |<----------------- 200 |
    """
    with running_daemon(tmp_path) as daemon, SipPeer(daemon.address) as peer:
        invite, ack, deadly = deadly_exchanges()["options-with-cseq-of-invite"]
        assert peer.exchange(invite).status == 404
        peer.send(ack)
        assert peer.exchange(deadly).status == 400
        assert peer.exchange(peer.request("OPTIONS")).status == 200
        assert daemon.is_running()


@pytest.mark.parametrize("packets", deadly_exchanges().values(), ids=deadly_exchanges())
def test_what_once_ended_a_daemon_leaves_it_answering(tmp_path, packets):
    """Each exchange of ``tests/data/crash``."""
    with running_daemon(tmp_path) as daemon, SipPeer(daemon.address) as peer:
        for packet in packets:
            peer.send(packet)
        assert peer.exchange(peer.request("OPTIONS")).status == 200
        assert daemon.is_running()


def test_100_000_mutated_packets_leave_the_daemon_answering(tmp_path):
    with running_daemon(tmp_path) as daemon:
        fuzz(daemon, 100_000, seed=20_261)
        assert daemon.stop() == 0
