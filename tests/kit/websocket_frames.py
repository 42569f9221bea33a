"""What a WebSocket client sends and reads, octet by octet (RFC 6455): for tests that must also send what is wrong."""

from __future__ import annotations

import asyncio
import base64

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_FINAL, _MASKED = 0x80, 0x80
_NO_MASK = bytes(4)  # masked with zeros: the octets as they are
_SHORT, _MEDIUM = 126, 127


def upgrade_request(port: int) -> bytes:
    """The request that opens SIP over WebSocket (RFC 7118 section 4.1) at a daemon of this host."""
    key = base64.b64encode(bytes(16)).decode()
    return (
        f"GET /sip HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
    ).encode()


def frame(octets: bytes, opcode: int = TEXT, *, is_final: bool = True) -> bytes:
    """A client's frame (RFC 6455 section 5.2)."""
    first = opcode | (_FINAL if is_final else 0)
    if len(octets) < _SHORT:
        return bytes((first, _MASKED | len(octets))) + _NO_MASK + octets
    if len(octets) < 1 << 16:
        return bytes((first, _MASKED | _SHORT)) + len(octets).to_bytes(2) + _NO_MASK + octets
    return bytes((first, _MASKED | _MEDIUM)) + len(octets).to_bytes(8) + _NO_MASK + octets


async def read_message(reader: asyncio.StreamReader) -> bytes:
    """The next message of a server's that is neither in pieces nor a control frame."""
    while True:
        opcode, length = await reader.readexactly(2)
        if length >= _SHORT:
            length = int.from_bytes(await reader.readexactly(2 if length == _SHORT else 8))
        octets = await reader.readexactly(length)
        if opcode & 0x0F in {TEXT, BINARY}:
            return octets
