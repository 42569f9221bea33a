"""One truth on every wire: whatever happens, PIDF, dialog-info, reg-info, REST, config.yaml and `devices` agree.

A random walk by seed (``tests.kit.truth_walk``); more of it: ``tests.soak.truth``.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.kit.truth_walk import running_walk

SEEDS = (1, 2, 3)
STEPS = 40


def walk(directory: Path, seed: int) -> set[str]:
    """What was done, once every view has agreed after each step."""
    directory.mkdir()
    with running_walk(directory, seed) as walking:
        for _ in range(STEPS):
            walking.take_step()
        return set(walking.counts)


def test_all_views_agree_with_each_other_and_the_model_after_each_step_of_random_walks(tmp_path):
    """Most of a walk is waiting for the file, so several go at once, each with a daemon of its own."""
    with ThreadPoolExecutor(len(SEEDS)) as pool:
        done = set().union(*pool.map(lambda seed: walk(tmp_path / str(seed), seed), SEEDS))
    assert {"come", "go", "lapse", "fall_silent", "wake", "drop", "dial", "hold", "publish", "disturb"} <= done
