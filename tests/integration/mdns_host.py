"""Run by the mDNS tests inside a network namespace: publishes until standard input says `stop`, or browses.

    python mdns_host.py publish '{"instance_name": ..., "router_uuid": ..., "port": ...}'
    python mdns_host.py browse SECONDS
Prints its log and its results as one JSON object per line.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
from typing import Any

import structlog

from discovery.browse import browse
from discovery.mdns_publisher import MdnsPublisher
from domain.errors import UserError
from domain.ports import ServiceAnnouncement


def tell(**fields: object) -> None:
    print(json.dumps(fields), flush=True)


async def publish(parameters: dict[str, Any]) -> int:
    announcement = ServiceAnnouncement(**parameters)
    publisher = MdnsPublisher()
    try:
        tell(event="started", name=await publisher.start(announcement))
    except UserError as error:
        tell(event="refused", reason=str(error))
        return 1
    await asyncio.to_thread(sys.stdin.readline)
    await publisher.stop()
    await publisher.stop()
    tell(event="stopped")
    return 0


async def look(seconds: float) -> int:
    for service in await browse(seconds):
        tell(event="found", **dataclasses.asdict(service))
    tell(event="stopped")
    return 0


def main() -> int:
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    )
    match sys.argv[1:]:
        case ["publish", parameters]:
            return asyncio.run(publish(json.loads(parameters)))
        case ["browse", seconds]:
            return asyncio.run(look(float(seconds)))
    raise SystemExit(__doc__)


if __name__ == "__main__":
    raise SystemExit(main())
