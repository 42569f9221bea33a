"""Sends messages that others wrote and hears what is answered, wherever the message's own Via sends the answer."""

from __future__ import annotations

import contextlib
import re
import socket

from tests.kit.daemon_process import DaemonProcess
from tests.kit.sip_peer import SipMessage, SipPeer


def answer_port(octets: bytes) -> int:
    """Where an answer goes without rport (RFC 3261 section 18.2.2): the top Via's port, 5060 where it has none."""
    via = re.search(rb"(?im)^(?:via|v)[ \t]*:([^;]*)", octets)
    port = re.search(rb"(?:\]|[^:\]]):(\d+)\s*$", re.sub(rb"\[[^\]]*\]", b"]", via[1])) if via else None
    return int(port[1]) if port else 5060


def socket_at(port: int) -> socket.socket:
    """A socket at ``port`` of whichever loopback address has it free."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for last in range(2, 255):
        with contextlib.suppress(OSError):
            made.bind((f"127.0.0.{last}", port))
            return made
    made.close()
    raise AssertionError(f"no loopback address has UDP port {port} free")


def answer_to(octets: bytes, daemon: DaemonProcess, domain: str) -> SipMessage | None:
    """What is answered to ``octets``; None when an OPTIONS sent after them is answered first.

    An OPTIONS before them and one behind them must be answered 200.
    """
    with socket_at(answer_port(octets)) as device:
        peer = SipPeer(daemon.address, domain=domain, own_socket=device)
        assert peer.options().status == 200
        peer.send(octets)
        peer.send(peer.request("OPTIONS", call_id="marker"))
        first = peer.receive()
        if first.get("call-id") == "marker":
            last, answer = first, None
        elif first.status == 100:  # an INVITE is decided about while the OPTIONS is answered
            last, answer = sorted((peer.receive(), peer.receive()), key=lambda one: one.get("call-id") != "marker")
        else:
            last, answer = peer.receive(), first
        assert (last.get("call-id"), last.status) == ("marker", 200)
        return answer
