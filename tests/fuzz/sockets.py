"""Sends mutated messages over secure WebSocket to a daemon of its own: most in frames that are right, some in frames
that are not, in pieces, or with control frames between; exits 1 when the daemon died, hung or leaked.

python -m tests.fuzz.sockets --messages 1000000 --seed 1
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import random
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
from tests.kit.daemon_process import DaemonProcess, https_port, running_daemon
from tests.kit.sip_peer import SipPeer
from tests.kit.websocket_frames import BINARY, CLOSE, PING, PONG, TEXT, frame, upgrade_request

BURST = 200
"""Messages between two probes."""

_SENDABLE_S = 5.0


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
            return frame(b"", CLOSE) + frame(message)
        case number if number < 20:
            cut = source.randrange(len(message) + 1)
            between = frame(source.randbytes(source.randrange(126)), source.choice((PING, PONG)))
            return frame(message[:cut], is_final=False) + between + frame(message[cut:], 0)
        case number:
            return frame(message, BINARY if number < 110 else TEXT)


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
        tls.sendall(upgrade_request(self._port))
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


def fuzz_sockets(count: int, seed: int) -> bool:
    """False for a leak; AssertionError or TimeoutError for anything else that is wrong."""
    messages, source = mutated_packets(count, seed), random.Random(seed)
    sections = {"http": {"enabled": True, "address": "127.0.0.1", "port": 0}}
    with (
        tempfile.TemporaryDirectory() as directory,
        running_daemon(Path(directory), sections=sections) as daemon,
        Browser(https_port(daemon)) as browser,
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
