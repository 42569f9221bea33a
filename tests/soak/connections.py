"""Connections by the thousand: all register, all lose their connection at once and come back, all go; nothing is lost
and nothing is left.

python -m tests.soak.connections --devices 1000 --storms 5
"""

from __future__ import annotations

import argparse
import asyncio
import os
import ssl
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.kit.daemon_process import DaemonProcess, https_port, running_daemon, wait_until
from tests.kit.tls_daemon import COMMAND, write_certificate
from tests.kit.websocket_frames import frame, read_message, upgrade_request

AT_ONCE = 200
"""Connections being made at the same time, fewer than a listener's backlog."""
STORM_S = 10.0
"""Until all are back, on a machine that has nothing else to do; `main` holds the daemon to it."""
ANSWER_S = 30.0
GONE_S = 10.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass
class Device:
    """One device and its connection over TCP, TLS or WSS; ``context`` is TLS's, None for TCP."""

    number: int
    transport: str
    address: tuple[str, int]
    context: ssl.SSLContext | None
    cseq: int = 0
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = field(default=None, repr=False)

    async def connect(self) -> None:
        name = "localhost" if self.context else None
        self.streams = await asyncio.open_connection(*self.address, ssl=self.context, server_hostname=name)
        if self.transport == "WSS":
            reader, writer = self.streams
            writer.write(upgrade_request(self.address[1]))
            async with asyncio.timeout(ANSWER_S):
                answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 101 "), answer

    async def register(self, expires_s: int = 3600) -> None:
        """AssertionError unless the answer is 200 with this device's one contact."""
        assert self.streams is not None
        reader, writer = self.streams
        ip, port = writer.get_extra_info("sockname")[:2]
        self.cseq += 1
        user = f"{self.transport.lower()}{self.number}"
        contact = f"sip:{user}@{ip}:{port};transport={'ws' if self.transport == 'WSS' else self.transport.lower()}"
        instance = f'+sip.instance="<urn:uuid:00000000-0000-4000-8000-{self.number:012x}>";reg-id=1'
        lines = [
            "REGISTER sip:screamrouter.local SIP/2.0",
            f"Via: SIP/2.0/{self.transport} {ip}:{port};branch=z9hG4bK{self.number}x{self.cseq};rport",
            "Max-Forwards: 70",
            f"From: <sip:{user}@screamrouter.local>;tag=soak",
            f"To: <sip:{user}@screamrouter.local>",
            f"Call-ID: soak-{self.transport}-{self.number}",
            f"CSeq: {self.cseq} REGISTER",
            f"Contact: <{contact}>;{instance}",
            f"Expires: {expires_s}",
            "Supported: path, outbound",
            "Content-Length: 0",
        ]
        request = "\r\n".join(lines).encode() + b"\r\n\r\n"
        writer.write(frame(request) if self.transport == "WSS" else request)
        async with asyncio.timeout(ANSWER_S):
            answer = await (read_message(reader) if self.transport == "WSS" else reader.readuntil(b"\r\n\r\n"))
        assert answer.startswith(b"SIP/2.0 200 "), answer
        assert answer.count(b"\r\nContact: ") == (1 if expires_s else 0), answer

    def drop(self) -> None:
        """End the connection without a word."""
        assert self.streams is not None
        self.streams[1].transport.abort()
        self.streams = None


@dataclass(frozen=True, slots=True)
class Report:
    """Seconds and resources of the daemon; ``idle`` and ``after`` are (descriptors, KB) before and after it all."""

    devices: int
    register_s: float
    storms_s: Sequence[float]
    refresh_tcp_us: float
    idle: tuple[int, int]
    full: tuple[int, int]
    after: tuple[int, int]

    def __str__(self) -> str:
        storms = ", ".join(f"{seconds:.1f}" for seconds in self.storms_s)
        return (
            f"{self.devices} devices registered in {self.register_s:.1f} s, came back in {storms} s; "
            f"{self.refresh_tcp_us:.0f} us of the daemon's CPU per refresh over TCP; descriptors and KB: "
            f"idle {self.idle}, full {self.full}, after {self.after}"
        )


def resources(daemon: DaemonProcess) -> tuple[int, int]:
    """Open descriptors, resident KB."""
    place = Path(f"/proc/{daemon.process.pid}")
    pages = int((place / "statm").read_text(encoding="ascii").split()[1])
    return len(list((place / "fd").iterdir())), pages * os.sysconf("SC_PAGE_SIZE") // 1024


def cpu_s(daemon: DaemonProcess) -> float:
    """Seconds of CPU that the daemon has used, all threads."""
    fields = Path(f"/proc/{daemon.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


async def for_all(devices: Sequence[Device], *steps: str) -> float:
    """Let every device take ``steps`` in order; how many seconds all took."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def play(device: Device) -> None:
        async with turns:
            for step in steps:
                await getattr(device, step)()

    started_s = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for device in devices:
            group.create_task(play(device))
    return time.monotonic() - started_s


async def refresh_cost_us(daemon: DaemonProcess, devices: Sequence[Device], rounds: int = 30) -> float:
    """The daemon's CPU per REGISTER over a connection that stands."""
    before_s = cpu_s(daemon)
    for _ in range(rounds):
        await for_all(devices, "register")
    return (cpu_s(daemon) - before_s) / (rounds * len(devices)) * 1e6


def has_bindings(daemon: DaemonProcess, count: int) -> bool:
    return daemon.statistics()["bindings"] == count


async def play(daemon: DaemonProcess, devices: Sequence[Device], storms: int) -> Report:
    idle = resources(daemon)
    register_s = await for_all(devices, "connect", "register")
    assert has_bindings(daemon, len(devices)), daemon.statistics()
    full = resources(daemon)
    refresh_us = await refresh_cost_us(daemon, [one for one in devices if one.context is None])
    storms_s = []
    for _ in range(storms):
        for device in devices:
            device.drop()
        storms_s.append(await for_all(devices, "connect", "register"))
        # The old connections' ends are seen by now, or soon: none takes a binding along that has moved.
        await for_all(devices, "register")
        assert has_bindings(daemon, len(devices)), daemon.statistics()
    for device in devices:
        device.drop()
    # On another thread: the sockets are closed on the loop's next turns.
    await asyncio.to_thread(wait_until, lambda: has_bindings(daemon, 0), "no binding without its connection", GONE_S)
    await asyncio.to_thread(wait_until, lambda: resources(daemon)[0] <= idle[0], "no descriptor more", GONE_S)
    return Report(len(devices), register_s, storms_s, refresh_us, idle, full, resources(daemon))


def soak(directory: Path, devices: int, storms: int) -> Report:
    """``devices`` over WSS, as many over TLS, a tenth over TCP. AssertionError when anything was lost or left."""
    context = write_certificate(directory / "server.pem")
    environment = {"TLS_CERTIFICATE": str(directory / "server.pem")}
    # Old connections may be found dead after the new ones stand: for a moment there are twice as many.
    sections = {
        "limits": {"max_connections": 5 * devices},
        "liveness": {"ping_interval_s": 60, "timeout_s": 300},
        "http": {"enabled": True, "address": "127.0.0.1", "port": 0},
    }
    with running_daemon(directory, sections=sections, command=COMMAND, environment=environment) as daemon:
        (tls,) = [one for one in daemon.wait_for_log("sip.streams_started")["listening"] if one.endswith("TLS")]
        tls_address = (daemon.ip, int(tls.split()[2]))
        wss_address = (daemon.ip, https_port(daemon))
        all_devices = [Device(number, "WSS", wss_address, context) for number in range(devices)]
        all_devices += [Device(devices + number, "TLS", tls_address, context) for number in range(devices)]
        all_devices += [Device(2 * devices + number, "TCP", daemon.address, None) for number in range(devices // 10)]
        report = asyncio.run(play(daemon, all_devices, storms))
        assert daemon.stop() == 0
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--storms", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        report = soak(Path(directory), options.devices, options.storms)
    print(report)
    return 0 if max(report.storms_s) < STORM_S else 1


if __name__ == "__main__":
    sys.exit(main())
