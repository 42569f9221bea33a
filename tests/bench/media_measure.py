"""What is measured of each media server, in CPU milliseconds of all its processes and threads.

* ``setup``: a call, ICE and DTLS, and its end, per session; signalling included as each server has it.
* ``relay``: a second of a call to the echo, 50 packets of Opus each way.
* ``mix``: a second of one participant of a mix at 48 kHz. Silent ones send a quiet room's noise, 50 packets a second:
  the difference that 20 more of them make. Speaking ones: what is left of a mix of 3 speakers and 2 silent ones,
  by three, so that all the mix's own work is theirs.
* ``delay``: from one browser's mouth to another's ear.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.bench.load import BenchError
from tests.bench.media_servers import MIX, MediaServer
from tests.bench.webrtc_load import Browsers, Delay, Talk

SPEAKERS = 3
_FEW_SILENT = 2
_MORE_SILENT = 20
_SETTLE_S = 0.5
_ATTEMPTS = 3
"""A load generator that the machine has kept waiting sends in bursts, which no receive buffer takes."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One figure of one round. ``cpu_ms`` per session, or per session and second; with ``lost`` packets it is void."""

    cpu_ms: float
    talk: Talk | None = None
    memory_kb: float | None = None
    lost: int = 0


def measure_setup(server: MediaServer, browsers: Browsers, sessions: int) -> Cost:
    """From the first call to the quiet after the last goodbye."""
    before = server.read_cpu()
    browsers.call(server, sessions)
    browsers.hang_up(server)
    time.sleep(_SETTLE_S)
    return Cost(server.read_cpu().since(before).total_ns / 1e6 / sessions)


def measure_relay(server: MediaServer, browsers: Browsers, sessions: int, seconds: float) -> Cost:
    """Held calls to the echo. ``memory_kb`` is what one of them takes."""
    memory = server.read_memory_bytes()
    browsers.call(server, sessions)
    browsers.talk(1, sessions)
    for _ in range(_ATTEMPTS):
        cpu_ms, talk = _talk(server, browsers, seconds, sessions)
        lost = 0 if server.name == "aiortc" else talk.sent - talk.received  # which has a jitter buffer, encodes anew
        if lost == 0:
            break
    grown = server.read_memory_bytes() - memory
    browsers.hang_up(server)
    return Cost(cpu_ms / sessions, talk, grown / 1024 / sessions, lost)


def measure_mix(server: MediaServer, browsers: Browsers, seconds: float) -> tuple[Cost, Cost]:
    """A silent participant and a speaking one."""
    few = SPEAKERS + _FEW_SILENT
    browsers.call(server, few, MIX)
    browsers.talk(2, SPEAKERS)
    few_ms, few_talk = _talk(server, browsers, seconds, SPEAKERS)
    browsers.call(server, _MORE_SILENT, MIX)
    browsers.talk(2, SPEAKERS)
    all_ms, all_talk = _talk(server, browsers, seconds, SPEAKERS)
    browsers.hang_up(server)
    lost = sum(talk.missing + talk.unheard for talk in (few_talk, all_talk))
    silent_ms = (all_ms - few_ms) / _MORE_SILENT
    speaking_ms = (few_ms - _FEW_SILENT * silent_ms) / SPEAKERS
    return Cost(silent_ms, all_talk, lost=lost), Cost(speaking_ms, few_talk, lost=lost)


def measure_delay(server: MediaServer, browsers: Browsers, mix: bool, phase_ms: int, seconds: float) -> Delay:
    """Forwarded: one browser hears its own echo. Mixed: the second of three hears the first."""
    browsers.call(server, 3 if mix else 1, MIX if mix else None)
    told = browsers.delay(0, 1 if mix else 0, seconds, phase_ms)
    browsers.hang_up(server)
    if told.played < 0.8 * told.chirps:
        raise BenchError(f"{server.name}: of {told.chirps} chirps {told.played} were heard: {told}")
    return told


def _talk(server: MediaServer, browsers: Browsers, seconds: float, speakers: int) -> tuple[float, Talk]:
    """CPU in milliseconds for each second of talk."""
    before = server.read_cpu()
    talk = browsers.talk(seconds, speakers)
    return server.read_cpu().since(before).total_ns / 1e6 / seconds, talk
