"""What keeps the event loop responsive however many devices there are: short pauses of the collector, quick turns.

Theory of operation: Python's collector looks at all objects again and again as their number grows, and nothing else
runs meanwhile: a tenth of a second with 10,000 devices. Nearly all of them live as long as the daemon. So when many
have survived a full collection they are set aside (``gc.freeze``): reference counts still free them, only a cycle among
them that becomes garbage later stays. Few survivors are left to the collector, which frees their cycles too: what comes
and goes, such as connections, never piles up.

A thread that computes, such as the writer of config.yaml, gives way when another has waited for the switch interval;
the loop waits that long at each of its system calls, of which one answer takes a dozen.
"""

from __future__ import annotations

import gc
import sys

_THRESHOLDS = (500, 6, 5)
"""A full collection after 15,000 new objects, which takes a few milliseconds."""
_MANY_SURVIVORS = 20_000
_OLDEST = 2
_SWITCH_INTERVAL_S = 0.0005


def keep_responsive() -> None:
    """Set this process up; to be called when the configuration has been loaded. Idempotent."""
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    gc.set_threshold(*_THRESHOLDS)
    if _set_many_aside not in gc.callbacks:
        gc.callbacks.append(_set_many_aside)
    gc.freeze()


def _set_many_aside(phase: str, info: dict[str, int]) -> None:
    if phase == "stop" and info["generation"] == _OLDEST and len(gc.get_objects(_OLDEST)) > _MANY_SURVIVORS:
        gc.freeze()
