"""Collections stay short: what has survived one is not looked at again."""

from __future__ import annotations

import gc
import sys

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


def test_what_survives_a_full_collection_is_set_aside_and_still_freed():
    keep_responsive()
    keep_responsive()
    held = [Held() for _ in range(1000)]
    before = gc.get_freeze_count()
    gc.collect()
    assert gc.get_freeze_count() >= before + 1000
    assert not any(isinstance(one, Held) for one in gc.get_objects())
    set_aside = gc.get_freeze_count()
    held.clear()
    assert gc.get_freeze_count() <= set_aside - 1000


def test_cycle_that_becomes_garbage_before_a_full_collection_is_freed():
    keep_responsive()
    before = gc.get_freeze_count()
    for _ in range(1000):
        one, other = Held(), Held()
        one.other, other.other = other, one
    del one, other
    gc.collect()
    assert gc.get_freeze_count() < before + 1000
