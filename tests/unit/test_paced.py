"""Costly work leaves the loop to others; cheap work is done in the next turn."""

from __future__ import annotations

import asyncio
import time

from daemon.paced import Paced

WORK_S = 0.02


async def test_after_costly_work_comes_a_pause_of_four_times_that_and_cheap_work_needs_none() -> None:
    paced, moments, done = Paced(), [], asyncio.Event()

    def work() -> None:
        moments.append(time.perf_counter())
        time.sleep(WORK_S)  # the loop is held, as by a list of hundreds

    def last() -> None:
        moments.append(time.perf_counter())
        done.set()

    paced(work)
    await asyncio.sleep(0)
    assert len(moments) == 1
    paced(last)
    await asyncio.wait_for(done.wait(), 5)
    assert moments[1] - moments[0] >= 4 * WORK_S
    paced(last)
    await asyncio.sleep(0)
    assert len(moments) == 3


async def test_what_waits_at_the_end_is_not_done() -> None:
    paced, done = Paced(), []
    paced(lambda: done.append(1))
    paced.stop()
    await asyncio.sleep(0)
    assert done == []
