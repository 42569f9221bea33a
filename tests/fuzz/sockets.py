"""Sends mutated messages over secure WebSocket to a daemon of its own: most in frames that are right, some in frames
that are not, in pieces, or with control frames between; exits 1 when the daemon died, hung or leaked.

python -m tests.fuzz.sockets --messages 1000000 --seed 1
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import itertools
import random
import re
import select
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from tests.fuzz.packets import mutated_packets
from tests.fuzz.run import MOST_GROWTH_MB, WARM_UP, resident_mb
from tests.kit.daemon_process import DaemonProcess, running_daemon
from tests.kit.sip_peer import SipPeer

BURST = 200
"""Messages between two probes."""

_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10
_FINAL, _MASKED = 0x80, 0x80
_NO_MASK = bytes(4)  # masked with zeros: the octets as they are
_SENDABLE_S = 5.0


def frame(octets: bytes, opcode: int = _TEXT, *, is_final: bool = True) -> bytes:
    """A client's frame (RFC 6455 section 5.2)."""
    first = opcode | (_FINAL if is_final else 0)
    if len(octets) < 126:
        return bytes((first, _MASKED | len(octets))) + _NO_MASK + octets
    if len(octets) < 1 << 16:
        return bytes((first, _MASKED | 126)) + len(octets).to_bytes(2) + _NO_MASK + octets
    return bytes((first, _MASKED | 127)) + len(octets).to_bytes(8) + _NO_MASK + octets


def framed(message: bytes, source: random.Random) -> bytes:
    """``message`` as a browser would send it, or as none would."""
    match source.randrange(200):
        case 0:
            spoilt = bytearray(frame(message))
            for _ in range(source.randint(1, 3)):
                spoilt[source.randrange(min(len(spoilt), 10))] = source.randrange(256)
            return bytes(spoilt)
        case 1:
            return frame(message, source.randrange(16), is_final=source.randrange(2) == 0)
        case 2:
            return source.randbytes(source.randint(1, 200))
        case 3:
            return frame(b"", _CLOSE) + frame(message)
        case number if number < 20:
            cut = source.randrange(len(message) + 1)
            between = frame(source.randbytes(source.randrange(126)), source.choice((_PING, _PONG)))
            return frame(message[:cut], is_final=False) + between + frame(message[cut:], 0)
        case number:
            return frame(message, _BINARY if number < 110 else _TEXT)


class Browser:
    """A connection that is made anew whenever the daemon has had enough of it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.connections = 0
        self._tls = self._connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._tls.close()

    def send(self, octets: bytes) -> None:
        """Send all of it, reading what comes meanwhile; a connection that ends costs the rest of ``octets``."""
        view = memoryview(octets)
        deadline = time.monotonic() + _SENDABLE_S
        try:
            while view:
                self._read()
                try:
                    view = view[self._tls.send(view) :]
                except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                    select.select([self._tls], [self._tls], [], 0.1)
                if time.monotonic() > deadline:
                    raise AssertionError("the daemon reads no more")
        except (ConnectionError, ssl.SSLError):
            self._tls.close()
            self._tls = self._connect()

    def _read(self) -> None:
        with contextlib.suppress(ssl.SSLWantReadError):
            while self._tls.recv(65536):
                pass
            raise ConnectionResetError

    def _connect(self) -> ssl.SSLSocket:
        self.connections += 1
        trust = ssl.create_default_context()
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE  # what is sent is fuzzed, not whom to
        tls = trust.wrap_socket(socket.create_connection(("127.0.0.1", self._port), _SENDABLE_S))
        key = base64.b64encode(bytes(16)).decode()
        tls.sendall(
            f"GET /sip HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n".encode()
        )
        answer = b""
        while b"\r\n\r\n" not in answer:
            octets = tls.recv(4096)
            if not octets:
                raise AssertionError(f"no WebSocket was opened: {answer!r}")
            answer += octets
        if not answer.startswith(b"HTTP/1.1 101 "):
            raise AssertionError(f"no WebSocket was opened: {answer!r}")
        tls.setblocking(False)
        return tls


def fuzz(daemon: DaemonProcess, browser: Browser, messages: Iterator[bytes], source: random.Random) -> None:
    """Send ``messages``, with a probe over UDP after each burst that must be answered."""
    with SipPeer(daemon.address, user="probe") as probe:
        while burst := list(itertools.islice(messages, BURST)):
            for message in burst:
                browser.send(framed(message, source))
            answer = probe.options()
            if answer.status != 200 or not daemon.is_running():
                raise AssertionError(f"the probe was answered {answer.start_line}")


def port_of(daemon: DaemonProcess) -> int:
    """Where it serves HTTPS."""
    listening: str = daemon.wait_for_log("http.started")["listening"][0]
    found = re.search(r"port (\d+)$", listening)
    assert found is not None
    return int(found[1])


def fuzz_sockets(count: int, seed: int) -> bool:
    """False for a leak; AssertionError or TimeoutError for anything else that is wrong."""
    messages, source = mutated_packets(count, seed), random.Random(seed)
    sections = {"http": {"enabled": True, "address": "127.0.0.1", "port": 0}}
    with (
        tempfile.TemporaryDirectory() as directory,
        running_daemon(Path(directory), sections=sections) as daemon,
        Browser(port_of(daemon)) as browser,
    ):
        start = time.monotonic()
        fuzz(daemon, browser, itertools.islice(messages, int(count * WARM_UP)), source)
        warm_mb = resident_mb(daemon.process.pid)
        fuzz(daemon, browser, messages, source)
        seconds, last_mb = time.monotonic() - start, resident_mb(daemon.process.pid)
        exit_code = daemon.stop()
    is_flat = last_mb - warm_mb <= MOST_GROWTH_MB
    print(
        f"{count} messages of seed {seed} over {browser.connections} WebSockets in {seconds:.0f} s "
        f"({count / seconds:.0f}/s): {'alive' if is_flat else 'LEAKING'}, exit {exit_code}; "
        f"{warm_mb:.1f} -> {last_mb:.1f} MB",
        flush=True,
    )
    return is_flat and exit_code == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    return 0 if fuzz_sockets(options.messages, options.seed) else 1


if __name__ == "__main__":
    sys.exit(main())
