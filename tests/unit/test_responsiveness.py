"""Collections stay short: what has survived one is not looked at again."""

from __future__ import annotations

import gc
import sys
import weakref

import pytest

from daemon.responsiveness import keep_responsive


class Held:
    """Something that the collector watches."""

    other: Held


@pytest.fixture(autouse=True)
def _settings_of_the_process_put_back():
    thresholds, interval_s, callbacks = gc.get_threshold(), sys.getswitchinterval(), list(gc.callbacks)
    yield
    gc.set_threshold(*thresholds)
    sys.setswitchinterval(interval_s)
    gc.callbacks[:] = callbacks
    gc.unfreeze()


def test_many_survivors_of_a_full_collection_are_set_aside_and_still_freed():
    keep_responsive()
    keep_responsive()
    before = gc.get_freeze_count()
    held = [Held() for _ in range(60_000)]
    gc.collect()
    assert gc.get_freeze_count() >= before + 40_000
    assert len(gc.get_objects(generation=2)) <= 20_000
    set_aside = gc.get_freeze_count()
    held.clear()
    assert gc.get_freeze_count() <= set_aside - 40_000


def test_few_survivors_stay_with_the_collector_which_frees_their_cycles():
    keep_responsive()
    pair = Held(), Held()
    pair[0].other, pair[1].other = pair[1], pair[0]
    survivor = weakref.ref(pair[0])
    gc.collect()
    del pair
    assert survivor() is not None
    gc.collect()
    assert survivor() is None


def test_cycle_that_becomes_garbage_before_a_full_collection_is_freed():
    keep_responsive()
    before = gc.get_freeze_count()
    for _ in range(1000):
        one, other = Held(), Held()
        one.other, other.other = other, one
    del one, other
    gc.collect()
    assert gc.get_freeze_count() < before + 1000
