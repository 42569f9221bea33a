"""CPU and memory of a server, read from outside, alike for one process with threads and for a tree of processes.

A server is started as leader of its own process group, so "the server" is every process of that group: Kamailio's
children, and for our daemon the one process. CPU comes from the kernel's per-process CPU clock (nanoseconds, threads
that have ended included); the split by thread from ``/proc/PID/task/TID/schedstat`` (nanoseconds as well).

Memory is the proportional set size (Pss of ``smaps_rollup``) summed over the group. Kamailio keeps bindings in shared
memory that each of its processes maps: RSS summed over processes would count a page once per process that touched it,
RSS of one process would miss private memory. Pss counts each page exactly once, for both servers alike. It is what the
bindings cost the machine: allocator overhead included, memory that was reserved and never touched not.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Thread:
    """One thread of a server."""

    pid: int
    tid: int
    name: str


@dataclass(frozen=True, slots=True)
class CpuReading:
    """CPU time used since the server's start, in nanoseconds."""

    total_ns: int
    threads_ns: Mapping[Thread, int]

    def since(self, earlier: CpuReading) -> CpuReading:
        """What was used between the two readings."""
        threads = {thread: used - earlier.threads_ns.get(thread, 0) for thread, used in self.threads_ns.items()}
        return CpuReading(self.total_ns - earlier.total_ns, threads)

    def of_threads(self, is_counted: Callable[[Thread], bool]) -> int:
        """The nanoseconds of the threads that ``is_counted`` picks."""
        return sum(used for thread, used in self.threads_ns.items() if is_counted(thread))


def read_cpu(group: int) -> CpuReading:
    """Read the CPU time of every process and thread of a process group."""
    total_ns = 0
    threads: dict[Thread, int] = {}
    for pid in pids_of_group(group):
        total_ns += _process_clock_ns(pid)
        threads.update(_threads_ns(pid))
    return CpuReading(total_ns, threads)


def read_memory_bytes(group: int) -> int:
    """Read the proportional set size of a process group."""
    return sum(_pss_bytes(pid) for pid in pids_of_group(group))


def read_wakes(pid: int) -> int:
    """How often the main thread of a process was switched in."""
    status = (_PROC / str(pid) / "task" / str(pid) / "status").read_text()
    return sum(int(line.split()[1]) for line in status.splitlines() if "_ctxt_switches:" in line)


def pids_of_group(group: int) -> Iterator[int]:
    """The processes of a process group that live now."""
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended between listing and reading
        # The command name stands in parentheses and may hold anything: count fields behind its end.
        if int(stat.rpartition(")")[2].split()[2]) == group:
            yield int(entry.name)


def _process_clock_ns(pid: int) -> int:
    """The CPU clock of another process: clock_getcpuclockid(3) is ``(~pid << 3) | CPUCLOCK_SCHED`` on Linux."""
    try:
        return time.clock_gettime_ns((~pid << 3) | 2)
    except OSError:
        return 0  # ended meanwhile


def _threads_ns(pid: int) -> Iterator[tuple[Thread, int]]:
    for task in os.scandir(_PROC / str(pid) / "task"):
        directory = Path(task.path)
        try:
            name = (directory / "comm").read_text().rstrip("\n")
            used_ns = int((directory / "schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue
        yield Thread(pid, int(task.name), name), used_ns


def _pss_bytes(pid: int) -> int:
    try:
        text = (_PROC / str(pid) / "smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))
