"""Network namespaces for tests: hosts of their own on a LAN of their own, made and removed by the test (root only)."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import queue
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

CLONE_NEWNET = 0x40000000
RUNTIME_DIR = Path("/run/netns")
LINK = "lan0"

_numbers = itertools.count()


def why_impossible() -> str | None:
    """Why no namespace can be made here, as a reason to skip; None when it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "network namespaces need iproute2's ip"
    name = _fresh_name("probe")
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        return f"no network namespace can be made here: {made.stderr.strip()}"
    subprocess.run(["ip", "netns", "delete", name], check=True)
    return None


class Program:
    """A process whose output is read line by line; killed when the ``with`` block ends."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=None if environment is None else {**os.environ, **environment},
        )
        self.lines: list[str] = []
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def wait_for(self, is_wanted: Callable[[str], object], timeout_s: float = 10) -> str:
        """The next line that ``is_wanted``; AssertionError with all output when it does not come."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                line = self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError("the line did not come; the output was:\n" + "".join(self.lines))
            if is_wanted(line):
                return line

    def say(self, line: str) -> None:
        """Write one line to the program's standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def wait(self, timeout_s: float = 10) -> int:
        """The exit status, once the program ends by itself."""
        return self._process.wait(timeout_s)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line)
            self._queue.put(line)
        self._queue.put(None)


@dataclass(frozen=True)
class Host:
    """One network namespace."""

    name: str

    def ip(self, *arguments: str) -> None:
        """Run iproute2's ip inside."""
        _run("ip", "-n", self.name, *arguments)

    def spawn(self, *command: str, environment: Mapping[str, str] | None = None) -> Program:
        """Start a program inside."""
        return Program(["ip", "netns", "exec", self.name, *command], environment)

    def socket(self, family: socket.AddressFamily, kind: socket.SocketKind) -> socket.socket:
        """A socket of this process that lives inside; a thread enters the namespace and ends with it."""
        made: list[socket.socket] = []

        def make() -> None:
            libc = ctypes.CDLL(None, use_errno=True)
            with (RUNTIME_DIR / self.name).open("rb") as namespace:
                if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            made.append(socket.socket(family, kind))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        return made[0]


@contextlib.contextmanager
def host(label: str) -> Iterator[Host]:
    """A host with nothing but a loopback, which is up."""
    made = Host(_fresh_name(label))
    _run("ip", "netns", "add", made.name)
    try:
        made.ip("link", "set", "lo", "up")
        yield made
    finally:
        _run("ip", "netns", "delete", made.name)


def connect(first: Host, second: Host, link: str = LINK) -> None:
    """Lay a cable between the hosts: an interface called ``link`` in both, up and without addresses of ours."""
    first.ip("link", "add", link, "type", "veth", "peer", "name", link, "netns", second.name)
    for end in (first, second):
        end.ip("link", "set", link, "up")


def give_address(to: Host, address: str, link: str = LINK) -> None:
    """Add ``address`` (with prefix length), usable at once."""
    to.ip("address", "add", address, "dev", link, *(["nodad"] if ":" in address else []))


@contextlib.contextmanager
def lan() -> Iterator[tuple[Host, Host]]:
    """Two hosts on one LAN: 10.77.0.1 and fd77::1, 10.77.0.2 and fd77::2; no route leads anywhere else."""
    with host("a") as first, host("b") as second:
        connect(first, second)
        for number, end in enumerate((first, second), start=1):
            give_address(end, f"10.77.0.{number}/24")
            give_address(end, f"fd77::{number}/64")
        yield first, second


def _fresh_name(label: str) -> str:
    return f"srtest-{os.getpid()}-{next(_numbers)}-{label}"


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"
