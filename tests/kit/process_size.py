"""What a process holds, as /proc tells."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_RESIDENT = re.compile(r"^VmRSS:\s+(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ProcessSize:
    """Open descriptors (sockets among them), threads, and resident memory in kB."""

    descriptors: int
    threads: int
    resident_kb: int

    @classmethod
    def of(cls, pid: int) -> Self:
        """Now; ProcessLookupError or FileNotFoundError where there is no such process."""
        proc = Path("/proc") / str(pid)
        found = _RESIDENT.search((proc / "status").read_text(encoding="ascii"))
        resident_kb = int(found[1]) if found else 0
        return cls(len(list((proc / "fd").iterdir())), len(list((proc / "task").iterdir())), resident_kb)

    def __str__(self) -> str:
        return f"{self.descriptors} descriptors, {self.threads} threads, {self.resident_kb / 1000:.1f} MB"
