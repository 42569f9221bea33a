"""What silent browsers cost: 1,000 WebSockets over TLS to the HTTPS server, in a process of its own.

PYTHONPATH=.:src python -m tests.bench.idle_sockets [CONNECTIONS]
"""

from __future__ import annotations

import asyncio
import os
import resource
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from api.http_surroundings import HttpLimits
from tests.kit.https_server import served_https

IDLE_S = 30.0
PINGED_EVERY_S = 30.0
AT_ONCE = 50
LIMITS = HttpLimits(ping_interval_s=PINGED_EVERY_S, first_message_s=3600)


def resident_kb(pid: int | str = "self") -> int:
    """The process's resident memory."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(text.partition("VmRSS:")[2].split()[0])


def cpu_s(pid: int) -> float:
    """User and system time of the process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def serve() -> None:
    """Serve until standard input ends; the first line tells the port."""
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(file=sys.stderr))
    with tempfile.TemporaryDirectory() as folder:
        async with served_https(Path(folder), limits=LIMITS) as served:
            print(served.port, flush=True)
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def measure(server: subprocess.Popen[str], count: int) -> None:
    """Connect, wait, and tell."""
    assert server.stdout is not None
    port = int(await asyncio.to_thread(server.stdout.readline))
    trust = ssl_without_checks()
    before_kb, before_s, began = resident_kb(server.pid), cpu_s(server.pid), time.monotonic()
    room = asyncio.Semaphore(AT_ONCE)

    async def one() -> ClientConnection:
        async with room:
            return await connect(
                f"wss://127.0.0.1:{port}/sip",
                subprotocols=[Subprotocol("sip")],
                ssl=trust,
                proxy=None,
                compression=None,
                ping_interval=None,
                open_timeout=60,
            )

    sockets = await asyncio.gather(*(one() for _ in range(count)))
    connected_s, set_up_s = time.monotonic() - began, cpu_s(server.pid) - before_s
    after_kb, idle_from_s = resident_kb(server.pid), cpu_s(server.pid)
    await asyncio.sleep(IDLE_S)
    idle_s, idle_kb = cpu_s(server.pid) - idle_from_s, resident_kb(server.pid)
    print(f"{count} connections in {connected_s:.1f} s, {set_up_s / count * 1000:.2f} ms of the server's CPU each")
    print(f"memory {before_kb} -> {after_kb} KB, {(after_kb - before_kb) / count:.1f} KB each; idle {idle_kb} KB")
    print(f"idle for {IDLE_S:g} s, each pinged once: {idle_s / IDLE_S * 100:.2f} % of a core")
    await asyncio.gather(*(socket.close() for socket in sockets))


def ssl_without_checks() -> ssl.SSLContext:
    """A client's context that takes any certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def main() -> int:
    """Start the server as a child, and measure it."""
    if sys.argv[1:] == ["serve"]:
        asyncio.run(serve())
        return 0
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.idle_sockets", "serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        asyncio.run(measure(server, count))
        server.communicate()
    return 0


if __name__ == "__main__":
    sys.exit(main())
