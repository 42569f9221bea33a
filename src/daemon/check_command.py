"""``screamrouter-sip check``: every fault of a configuration file at once."""

from __future__ import annotations

import sys
from pathlib import Path

from configuration.config_loader import find_problems


def check(path: Path) -> int:
    """Print what is wrong, one line each; 0 when nothing is, else 1."""
    problems = find_problems(path)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        count = "1 fault" if len(problems) == 1 else f"{len(problems)} faults"
        print(f"{path}: {count}; the daemon would not start with it.", file=sys.stderr)
        return 1
    print(f"{path} is sound.")
    return 0
