"""Asks our own SIP socket whether it answers: one OPTIONS (RFC 3261 section 11), as any device would send."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets

from domain.ports import ListenAddress

SENDER = "self-probe"
"""The user in From."""

_ATTEMPT_S = 0.5
_ATTEMPTS = 4


async def answers(address: ListenAddress) -> bool:
    """Whether a SIP answer came from ``address`` (a wildcard is asked on its loopback address) within two seconds."""
    ip = ipaddress.ip_address(address.ip)
    if ip.is_unspecified:
        ip = ipaddress.ip_address("::1" if ip.version == 6 else "127.0.0.1")
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[None] = loop.create_future()
    try:
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _AnswerWaiter(answer), remote_addr=(str(ip), address.port)
        )
    except OSError:
        return False
    try:
        for _ in range(_ATTEMPTS):
            transport.sendto(_options(str(ip), address.port))
            done, _pending = await asyncio.wait([answer], timeout=_ATTEMPT_S)
            if done:
                return True
        return False
    finally:
        transport.close()


def _options(ip: str, port: int) -> bytes:
    host = f"[{ip}]" if ":" in ip else ip
    token = secrets.token_hex(8)
    return (
        f"OPTIONS sip:{host}:{port} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {host};rport;branch=z9hG4bK{token}\r\n"
        "Max-Forwards: 0\r\n"
        f"From: <sip:{SENDER}@{host}>;tag={token}\r\n"
        f"To: <sip:{host}:{port}>\r\n"
        f"Call-ID: {token}\r\n"
        "CSeq: 1 OPTIONS\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()


class _AnswerWaiter(asyncio.DatagramProtocol):
    def __init__(self, answer: asyncio.Future[None]) -> None:
        self._answer = answer

    def datagram_received(self, data: bytes, addr: object) -> None:
        if data.startswith(b"SIP/2.0 ") and not self._answer.done():
            self._answer.set_result(None)
