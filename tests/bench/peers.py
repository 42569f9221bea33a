"""The servers under test, each a child process of the bench in a process group of its own, in a temporary directory.

Both serve one domain on a free UDP port of 127.0.0.1 with the same limits (ten contacts, expiry 60 / 3600 / 7200 s), no
pings, nothing logged per request, and one thread or process that serves packets; without authentication, or with a
password for each of the load generator's phones, kept as HA1.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.bench.cpu import CpuReading, Thread, read_cpu
from tests.bench.load import PASSWORD, BenchError

DOMAIN = "bench.local"
_HERE = Path(__file__).resolve().parent
_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 20.0

_DAEMON_CONFIG = """\
server:
  name: Bench
  domain: {domain}
  state_dir: {state_dir}
sip:
  udp:
    address: 127.0.0.1
    port: {port}
registrar:
  min_expires_s: 60
  default_expires_s: 3600
  max_expires_s: 7200
  max_contacts: 10
liveness:
  ping_interval_s: 3600
  timeout_s: 7200
limits:
  max_aors: 1000000
  max_bindings: 1000000
  max_memory_mb: 4096
  max_calls: 2000
discovery:
  enabled: false
log:
  level: warning
"""
_DIGEST_CONFIG = """\
authentication:
  algorithms: [{algorithm}]
  require_qop: true
"""


@dataclass(frozen=True, slots=True)
class Digest:
    """Every phone needs its password: ``algorithm`` is MD5 or SHA-256, the users are those of ``aors`` phones."""

    algorithm: str
    aors: int


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. ``serves_packets`` picks the threads whose CPU is the packet path.

    ``settle_s``: how long it must be quiet before work that follows an answer counts as finished (our daemon gathers
    changes before it writes them).
    """

    name: str
    pid: int
    port: int
    directory: Path
    serves_packets: Callable[[Thread], bool]
    settle_s: float

    def read_cpu(self) -> CpuReading:
        """The CPU time of all its processes and threads so far."""
        return read_cpu(self.pid)

    def check_alive(self) -> None:
        """Raise BenchError, with the end of its log, when the server has ended by itself."""
        if (code := _children[self.pid].poll()) is not None:
            raise BenchError(f"{self.name} ended by itself (exit code {code}); {self.log_end()}")

    def log_end(self) -> str:
        """The last lines that the server wrote."""
        lines = (self.directory / "log").read_text(errors="replace").splitlines()
        return "\n".join(["the end of its log:", *lines[-15:]])


@dataclass(frozen=True, slots=True)
class Peer:
    """Something that can be started afresh for each round."""

    name: str
    start: Callable[[Path], Server]
    missing: Callable[[], str | None]


@contextmanager
def running(peer: Peer, directory: Path) -> Iterator[Server]:
    """Start the peer in ``directory``, hand it over once it answers, and end it, whatever happens."""
    directory.mkdir(parents=True)
    server = peer.start(directory)
    try:
        _await_answer(server)
        yield server
    finally:
        _stop(server)


def kamailio(digest: Digest | None = None) -> Peer:
    """Kamailio from Debian, with the faster of its allocators (its stock one is two to four times slower)."""
    return Peer(
        "kamailio",
        lambda directory: _start_kamailio(directory, "kamailio.cfg", _digest_arguments(digest)),
        lambda: None if _find_kamailio() else "install the package kamailio",
    )


def kamailio_presence(prefix: Sequence[str] = ()) -> Peer:
    """The same with its presence module. ``prefix``: what stands before the command (``env`` with its arguments)."""
    return Peer(
        "kamailio",
        lambda directory: _start_kamailio(directory, "kamailio_presence.cfg", prefix=prefix),
        lambda: None if _find_kamailio() and _has_presence() else "install the package kamailio-presence-modules",
    )


def daemon(
    root: Path,
    *,
    has_busy_thread: bool = False,
    digest: Digest | None = None,
    more_config: str = "",
    prefix: Sequence[str] = (),
) -> Peer:
    """Our daemon out of ``root``'s virtual environment, on request with a Python thread that never rests beside it.

    ``more_config``: further sections of config.yaml; ``prefix`` as for Kamailio.
    """
    name = "daemon with a busy Python thread" if has_busy_thread else "daemon"
    program = root / ".venv" / "bin" / "screamrouter-sip"
    command = [str(program)]
    if has_busy_thread:
        command = [str(program.with_name("python")), str(_HERE / "busy_daemon.py")]

    def start(directory: Path) -> Server:
        port = _free_port()
        config = directory / "config.yaml"
        text = _DAEMON_CONFIG.format(domain=DOMAIN, state_dir=directory / "state", port=port)
        if digest is not None:
            text += _DIGEST_CONFIG.format(algorithm=digest.algorithm)
            _write_credentials(directory / "state", digest)
        config.write_text(text + more_config)
        pid = _spawn([*prefix, *command, "run", "--config", str(config)], directory)
        return Server(name, pid, port, directory, _is_native, settle_s=3.0)

    return Peer(name, start, lambda: None if program.exists() else "run `make build` first")


def core(root: Path) -> Peer:
    """Our core alone, without the directory of devices and without config.yaml."""
    python = root / ".venv" / "bin" / "python"

    def start(directory: Path) -> Server:
        port = _free_port()
        pid = _spawn([str(python), str(_HERE / "core_daemon.py"), str(port), DOMAIN], directory)
        return Server("core", pid, port, directory, _is_native, settle_s=0.0)

    return Peer("core", start, lambda: None if python.exists() else "run `make build` first")


def is_bench_thread(thread: Thread) -> bool:
    """True for the busy thread that busy_daemon.py adds: it is not the daemon's work."""
    return thread.name == "bench-busy"


def read_event_count(server: Server) -> int | None:
    """How many events the daemon's core has queued for Python since its start; None when it cannot be asked."""
    from api.control_socket import ask  # in the project's environment only; Kamailio alone needs none

    answer = ask(server.directory / "state", "statistics")
    return None if answer is None else int(answer["events"])


def _is_native(thread: Thread) -> bool:
    """True for PJSIP's and the core's threads, which have names of their own; Python's inherit the program's name."""
    return not is_bench_thread(thread) and not thread.name.startswith(("screamrouter-si", "python"))


def _write_credentials(state_dir: Path, digest: Digest) -> None:
    from configuration.credential_file import CREDENTIALS_NAME, hash_password, update_credentials  # as above

    stored = {}
    for user in map(user_of, range(digest.aors)):
        whole = hash_password(user, DOMAIN, PASSWORD)
        ha1 = {algorithm: text for algorithm, text in whole.ha1.items() if algorithm == digest.algorithm}
        stored[user] = whole.model_copy(update={"ha1": ha1})
    update_credentials(state_dir / CREDENTIALS_NAME, lambda _nothing: stored)


def user_of(aor: int) -> str:
    """As the load generator calls its phones."""
    return f"user{aor:06}"


def _start_kamailio(directory: Path, script: str, arguments: Sequence[str] = (), prefix: Sequence[str] = ()) -> Server:
    port = _free_port()
    command = [*prefix, str(_find_kamailio()), "-f", str(_HERE / script), "-DD", "-E", "-x", "tlsf", "-X", "tlsf"]
    command += ["-m", "512", "-M", "64", "-l", f"udp:127.0.0.1:{port}", f"--alias={DOMAIN}"]
    command += ["-Y", str(directory), "-w", str(directory), *arguments]
    return Server("kamailio", _spawn(command, directory), port, directory, lambda _thread: True, settle_s=0.0)


def _digest_arguments(digest: Digest | None) -> list[str]:
    if digest is None:
        return []
    arguments = ["-A", "WITH_DIGEST", "-A", f"AORS={digest.aors}"]
    arguments += ["-A", f'REALM="{DOMAIN}"', "-A", f'PASSWORD="{PASSWORD}"']
    return [*arguments, "-A", "WITH_SHA256"] if digest.algorithm == "SHA-256" else arguments


def _find_kamailio() -> str | None:
    return shutil.which("kamailio", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def _has_presence() -> bool:
    """Whether the module is where Debian puts it, or where a build of one's own does."""
    places = (Path("/usr/lib"), Path("/usr/local/lib"), Path("/usr/local/lib64"))
    names = ("*/kamailio/modules/presence.so", "kamailio/modules/presence.so")
    return any(True for place in places for name in names for _ in place.glob(name))


_children: dict[int, subprocess.Popen[bytes]] = {}


def _spawn(command: list[str], directory: Path) -> int:
    """Start a child as leader of its own process group; its output goes to ``directory/log``.

    Not of its own session: Linux shares the cores between sessions first (sched_autogroup), so that a busy thread would
    take from its own server only, and a busy process from everybody else.
    """
    with (directory / "log").open("wb") as log:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, process_group=0
        )
    _children[child.pid] = child
    return child.pid


def _stop(server: Server) -> None:
    child = _children.pop(server.pid)
    child.terminate()
    try:
        child.wait(timeout=_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        print(f"{server.name} did not stop within {_STOP_TIMEOUT_S:.0f} s and is killed", file=sys.stderr)
    with suppress(ProcessLookupError):  # the usual case: nothing of the group is left
        os.killpg(server.pid, signal.SIGKILL)
    child.wait()


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_answer(server: Server) -> None:
    """Ask by OPTIONS until the server answers; raise BenchError with the end of its log when it does not."""
    deadline = time.monotonic() + _START_TIMEOUT_S
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        phone.settimeout(0.1)
        request = _options(phone.getsockname()[1])
        while time.monotonic() < deadline and _children[server.pid].poll() is None:
            phone.sendto(request, ("127.0.0.1", server.port))
            try:
                if phone.recv(4096).startswith(b"SIP/2.0 200 "):
                    return
            except TimeoutError:
                continue
    raise BenchError(f"{server.name} does not answer OPTIONS with 200; {server.log_end()}")


def _options(port: int) -> bytes:
    return (
        f"OPTIONS sip:{DOMAIN} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:{port};rport;branch=z9hG4bKready\r\n"
        "Max-Forwards: 70\r\n"
        f"From: <sip:bench@{DOMAIN}>;tag=ready\r\n"
        f"To: <sip:{DOMAIN}>\r\n"
        "Call-ID: ready@127.0.0.1\r\n"
        "CSeq: 1 OPTIONS\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()
