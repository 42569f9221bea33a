"""The daemon with one more thread, in the same interpreter, that computes without end: the worst Python neighbour.

Takes the daemon's own command line.
"""

from __future__ import annotations

import ctypes
import sys
import threading

from daemon.__main__ import main

_PR_SET_NAME = 15
_THREAD_NAME = b"bench-busy"  # as in peers.py, by which the thread is told from the daemon's own


def _compute() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_NAME, _THREAD_NAME, 0, 0, 0)
    total = 0
    while True:
        total = (total * 31 + 7) % 1_000_003


if __name__ == "__main__":
    threading.Thread(target=_compute, daemon=True).start()
    sys.exit(main())
