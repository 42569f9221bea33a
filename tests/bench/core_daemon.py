"""The core without the daemon around it: registrar and sockets, while Python takes each event and forgets it.

Tells what a binding costs the core from what its device costs Python. Command line: ``PORT DOMAIN``.
"""

from __future__ import annotations

import select
import signal
import sys

from daemon.system_clock import SystemClock
from domain.ports import EngineConfig, ListenAddress
from engine.core_engine import CoreEngine
from sip_server.sip_manager import LIBRARY_PATH, SipManager


def main() -> None:
    """Serve until SIGTERM."""
    port, domain = int(sys.argv[1]), sys.argv[2]
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    engine = CoreEngine(SystemClock(), LIBRARY_PATH)
    hour_ms = 3_600_000
    engine.apply_config(
        EngineConfig(
            domain,
            frozenset({domain}),
            max_aors=1_000_000,
            max_bindings=1_000_000,
            max_binding_octets=4 << 30,
            ping_interval_ms=hour_ms,
            liveness_timeout_ms=2 * hour_ms,
        )
    )
    service = SipManager(engine)
    service.start([ListenAddress("127.0.0.1", port)])
    try:
        while True:
            select.select([engine.event_fd], [], [])
            while engine.drain():
                pass
    finally:
        service.stop()


if __name__ == "__main__":
    main()
