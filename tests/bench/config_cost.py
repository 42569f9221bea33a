"""What config.yaml costs: loading, one device's change, one edit of the owner's, a flood of new devices.

Run by hand: ``python tests/bench/config_cost.py``. The real ConfigurationManager, ConfigStore and EventPump, with the
core's twin in place of the core. CPU is the whole process's; a stall is how much later than asked a timer of 1 ms came.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(_ROOT), str(_ROOT / "src")]  # run by path: the siblings are imported as tests.bench

from api.control_socket import ControlSocket, ask  # noqa: E402  # after the path above
from configuration.config_loader import load_config, parse_config  # noqa: E402  # as above
from configuration.config_rewrite import merge_changes  # noqa: E402  # as above
from configuration.config_store import ConfigStore, StoreTiming  # noqa: E402  # as above
from configuration.configuration_manager import ConfigurationManager, Surroundings  # noqa: E402  # as above
from configuration.entry_change import EntryChange, Sighting, registration_change  # noqa: E402  # as above
from daemon.log_setup import set_up_logging  # noqa: E402  # as above
from daemon.responsiveness import keep_responsive  # noqa: E402  # as above
from daemon.status_report import StatusReport  # noqa: E402  # as above
from daemon.system_clock import SystemClock  # noqa: E402  # as above
from domain.ports import ListenAddress  # noqa: E402  # as above
from domain.values import (  # noqa: E402  # as above
    AudioFormat,
    Binding,
    Capabilities,
    Endpoint,
    Flow,
    ProtocolType,
    Role,
    Transport,
)
from engine.event_pump import EventPump  # noqa: E402  # as above
from engine.fake_engine import FakeEngine  # noqa: E402  # as above
from sip_server.sdp_utils import read_capabilities  # noqa: E402  # as above

_NOON = datetime(2025, 1, 31, 12, tzinfo=UTC)
_HEAD = b"# written by config_cost.py\nserver: {name: Attic}\ndevices: {}\nroutes: []\n"
_SDP = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    "m=audio 4010 RTP/AVP 96\r\na=rtpmap:96 L16/48000/2\r\na=recvonly\r\n"
)
_TICK_S = 0.001
_BRIEF = StoreTiming(gather_s=0.01, quiet_s=0.01)
"""Waiting costs nothing but the timer that measures: little of it where a single change is measured."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What something took: until it was done, of CPU, and the longest that the loop did not turn; in milliseconds."""

    wall_ms: float
    cpu_ms: float
    stall_ms: float

    def __str__(self) -> str:
        return f"{self.wall_ms:8.0f} ms, CPU {self.cpu_ms:7.1f} ms, worst stall {self.stall_ms:6.1f} ms"


class _NoSip:
    def start(self, addresses: Sequence[ListenAddress]) -> Sequence[ListenAddress]:
        return addresses

    def stop(self) -> None:
        """Nothing was opened."""


@dataclass(frozen=True, slots=True)
class _House:
    """A daemon without sockets."""

    path: Path
    engine: FakeEngine
    store: ConfigStore
    report: StatusReport


def device_uuid(number: int) -> str:
    """The UUID of device ``number``."""
    return f"{number:08x}-0000-4000-8000-{number:012x}"


def binding(number: int, port: int = 5062) -> Binding:
    """Device ``number`` as it registers, with an SDP body."""
    uuid, ip = device_uuid(number), f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    here = Endpoint(ip, port)
    return Binding(
        binding_id=number + 1,
        aor=f"sip:{uuid}@screamrouter.local",
        device_id=uuid,
        contact_uri=f"sip:{uuid}@{ip}:{port}",
        call_id=f"call-{number}",
        cseq=1,
        flow=Flow(Transport.UDP, here),
        target=here,
        expires_at=_NOON,
        last_heard=_NOON,
        is_reachable=True,
        user_agent=f"ScreamRouter-Sink/1.{number % 7}",
        content_type="application/sdp",
        body=_SDP.encode(),
    )


def daemons_file(devices: int) -> bytes:
    """config.yaml as the daemon writes it."""
    formats = (AudioFormat(96, "L16", 48000, 2),)
    told = Capabilities(Role.SINK, ProtocolType.RTP, formats, 4010, ("rtp",), "ScreamRouter-Sink/1.0")
    changes: dict[str, EntryChange] = {}
    for number in range(devices):
        one = binding(number)
        sighting = Sighting(one.contact_uri, one.target.ip, one.target.port, _NOON)
        changes[one.device_id] = registration_change(one.device_id, sighting, told.role, told)
    return merge_changes(parse_config(_HEAD, Path("config.yaml")), changes).config.octets


async def measure(work: Callable[[], Awaitable[object]]) -> Cost:
    """What ``work`` costs while the loop has little else to do."""
    worst_s = 0.0

    async def tick() -> None:
        nonlocal worst_s
        while True:
            before = time.perf_counter()
            await asyncio.sleep(_TICK_S)
            worst_s = max(worst_s, time.perf_counter() - before - _TICK_S)

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0.02)
    worst_s = 0.0
    cpu_s, start_s = time.process_time(), time.perf_counter()
    await work()
    wall_s, cpu_s = time.perf_counter() - start_s, time.process_time() - cpu_s
    await asyncio.sleep(0.02)
    ticking.cancel()
    return Cost(wall_s * 1e3, cpu_s * 1e3, worst_s * 1e3)


@asynccontextmanager
async def _house(path: Path, timing: StoreTiming) -> AsyncIterator[_House]:
    engine, store = FakeEngine(), ConfigStore(load_config(path), timing)
    manager = ConfigurationManager(store, Surroundings(SystemClock(), engine, _NoSip(), read_capabilities))
    pump = EventPump(engine, manager.observer)
    await manager.start()
    await store.wait_written()
    pump.start()
    keep_responsive()
    yield _House(path, engine, store, StatusReport(manager, engine, path, tuple))
    pump.stop()
    await manager.stop()


def print_load(path: Path, devices: int) -> None:
    """The time and CPU of ``load_config``, of three the best."""
    path.write_bytes(daemons_file(devices))
    times_s: list[float] = []
    cpu_times_s: list[float] = []
    for _ in range(3):
        gc.collect()
        cpu_s, start_s = time.process_time(), time.perf_counter()
        loaded = load_config(path)
        times_s.append(time.perf_counter() - start_s)
        cpu_times_s.append(time.process_time() - cpu_s)
        assert len(loaded.document.devices) == devices
        del loaded
    size = f"{path.stat().st_size / 1e6:5.1f} MB"
    print(
        f"load {devices:6} devices, {size}: {min(times_s) * 1e3:8.0f} ms, CPU {min(cpu_times_s) * 1e3:7.1f} ms",
        flush=True,
    )


def _middle(costs: Sequence[Cost]) -> Cost:
    """The median time and CPU, and the worst stall."""
    return Cost(
        statistics.median(cost.wall_ms for cost in costs),
        statistics.median(cost.cpu_ms for cost in costs),
        max(cost.stall_ms for cost in costs),
    )


async def print_changes(path: Path, devices: int, rounds: int) -> None:
    """One device's change, and one edit of the owner's, in the file at ``path``, which has ``devices``."""
    async with _house(path, _BRIEF) as house:
        house.engine.hear(binding(devices // 2))
        await asyncio.sleep(0.1)
        await house.store.wait_written()
        changes = [await measure(partial(_change, house, devices // 2, turn + 1)) for turn in range(rounds)]
        print(f"one device's change among {devices}:   {_middle(changes)}", flush=True)
        edits = [await measure(partial(_edit, house, devices // 3, turn)) for turn in range(rounds)]
        print(f"one owner's edit among {devices}:      {_middle(edits)}", flush=True)


async def _change(house: _House, number: int, port: int) -> None:
    house.engine.hear(binding(number, port))
    await asyncio.sleep(0.01)
    await house.store.wait_written()


async def _edit(house: _House, number: int, turn: int) -> None:
    await asyncio.to_thread(_rename_device, house.path, number, f"Room{turn}")
    assert await house.store.sync()
    assert house.store.document.devices[device_uuid(number)].name == f"Room{turn}"


def _rename_device(path: Path, number: int, name: str) -> None:
    """The owner's part of an edit: not ours to pay for, but in the figure."""
    octets = path.read_bytes()
    at = octets.index(b"name: ", octets.index(device_uuid(number).encode())) + len(b"name: ")
    path.write_bytes(octets[:at] + name.encode() + octets[octets.index(b"\n", at) :])


async def print_flood(path: Path, devices: int) -> None:
    """New devices at once, until all are in the file; a question is asked again and again meanwhile."""
    async with _house(path, StoreTiming()) as house:
        control = ControlSocket(path.parent, house.report.answers)
        await control.start()
        for number in range(devices):
            house.engine.hear(binding(number))
        answered_ms: list[float] = []
        asking = asyncio.create_task(_ask_again_and_again(path.parent, answered_ms))
        cost = await measure(partial(_flood, house))
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        await control.stop()
        assert len(load_config(path).document.devices) == devices
    slowest = f"slowest of {len(answered_ms)} answers {max(answered_ms):.0f} ms"
    print(f"{devices} devices register at once:    {cost}; {slowest}", flush=True)


async def _ask_again_and_again(state_dir: Path, answered_ms: list[float]) -> None:
    while True:
        start_s = time.perf_counter()
        await asyncio.to_thread(ask, state_dir, "statistics")
        answered_ms.append((time.perf_counter() - start_s) * 1e3)
        await asyncio.sleep(0.01)


async def _flood(house: _House) -> None:
    await asyncio.sleep(0.05)  # the pump has begun, so the store has something on its way
    await house.store.wait_written()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What config.yaml costs.")
    parser.add_argument("--devices", type=int, default=10_000, help="in the file that is changed (default: 10000)")
    parser.add_argument("--rounds", type=int, default=10, help="changes and edits measured (default: 10)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="screamrouter-bench-") as name:
        directory = Path(name)
        with (directory / "log").open("w") as stream:
            set_up_logging("info", stream)
            path = directory / "config.yaml"
            for devices in (1_000, 10_000, 48_000):
                print_load(path, devices)
            path.write_bytes(daemons_file(options.devices))
            asyncio.run(print_changes(path, options.devices, options.rounds))
            path.write_bytes(_HEAD)
            asyncio.run(print_flood(path, options.devices))
    return 0


if __name__ == "__main__":
    sys.exit(main())
