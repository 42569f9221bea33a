"""The daemon with a watch on its event loop; takes the daemon's own command line.

On SIGUSR1 it writes, as JSON into the file that LOOP_REPORT names, what has held the loop longest since the last time.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from daemon.__main__ import main

_run = asyncio.Handle._run
_worst: dict[str, Any] = {"stall_ms": 0.0, "callback": ""}


def _timed_run(handle: asyncio.Handle) -> None:
    began = perf_counter()
    _run(handle)
    stall_ms = (perf_counter() - began) * 1000
    if stall_ms > _worst["stall_ms"]:
        _worst.update(stall_ms=stall_ms, callback=repr(handle))


def _report(*_: object) -> None:
    path = Path(os.environ["LOOP_REPORT"])
    text = json.dumps(_worst)
    _worst.update(stall_ms=0.0, callback="")
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.rename(path)


if __name__ == "__main__":
    setattr(asyncio.Handle, "_run", _timed_run)  # noqa: B010  # what the loop calls for every callback; typed final
    signal.signal(signal.SIGUSR1, _report)
    sys.exit(main())
