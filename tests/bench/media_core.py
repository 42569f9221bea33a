"""Our audio without the daemon's signalling: the core's AudioManager behind the lines of ``line_server``."""

from __future__ import annotations

import sys
import threading

from daemon.system_clock import SystemClock
from domain.calls import CallTarget, MediaAnswer, TargetKind
from domain.legs import LegPeer, MediaSettings
from domain.ports import EngineConfig
from engine.core_engine import CoreEngine
from sip_server.sip_manager import LIBRARY_PATH
from tests.bench.line_server import Closing, Opening, read_command, say
from tests.bench.media_network import ADDRESS

_KINDS = {"echo": TargetKind.ECHO, "mix": TargetKind.SINK}


def main() -> None:
    """Serve until standard input ends."""
    engine = CoreEngine(SystemClock(), LIBRARY_PATH)
    engine.apply_config(EngineConfig("bench.local", frozenset({"bench.local"})))
    engine.media.start(MediaSettings((ADDRESS,), 0, (42002, 42999), silence_s=3600))
    threading.Thread(target=_drain, args=(engine,), daemon=True).start()
    say(ready=True)
    for line in sys.stdin:
        match read_command(line):
            case Opening(leg_id, kind, name, offer):
                target = CallTarget(_KINDS[kind], name)
                answer = engine.media.open_leg(leg_id, offer.encode(), target, LegPeer(ADDRESS))
                if isinstance(answer, MediaAnswer):
                    say(answer=answer.sdp.decode())
                else:
                    say(refusal=answer.reason)
            case Closing(leg_id):
                engine.media.close_leg(leg_id)
                say()
    engine.media.stop()


def _drain(engine: CoreEngine) -> None:
    import select

    while True:
        select.select([engine.event_fd], [], [])
        while engine.drain():
            pass


if __name__ == "__main__":
    main()
