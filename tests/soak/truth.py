"""Long random walks of the truth test, one after another: nothing that happens makes two views disagree.

python -m tests.soak.truth --seeds 20 --steps 200
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.kit.truth_walk import running_walk


def walk(seed: int, steps: int) -> Counter[str]:
    """How often each act was done, once every view has agreed after each; AssertionError with those that did not."""
    with tempfile.TemporaryDirectory() as directory, running_walk(Path(directory), seed) as walking:
        for _ in range(steps):
            walking.take_step()
        return walking.counts


def main() -> int:
    """1 where some views did not agree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--steps", type=int, default=200)
    asked = parser.parse_args()
    is_true = True
    for seed in range(asked.first, asked.first + asked.seeds):
        began = time.monotonic()
        try:
            counts = walk(seed, asked.steps)
        except (AssertionError, OSError) as disagreement:
            print(f"seed {seed}: {disagreement}", file=sys.stderr, flush=True)
            is_true = False
        else:
            done = ", ".join(f"{act} {count}" for act, count in sorted(counts.items()))
            print(
                f"seed {seed}: {asked.steps} steps in {time.monotonic() - began:.1f} s, all agree: {done}", flush=True
            )
    return 0 if is_true else 1


if __name__ == "__main__":
    sys.exit(main())
