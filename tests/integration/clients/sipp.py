"""SIPp plays the scenarios of tests/integration/sipp; what it checks stands there."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.integration.clients.client_process import needs_program, uri_host
from tests.kit.daemon_process import DaemonProcess

SCENARIOS = Path(__file__).parents[1] / "sipp"
ANSWER_MS = 5_000
SCENARIO_S = 15
KILL_AFTER_S = 10.0

needs_sipp = needs_program("sipp", "sip-tester")


@dataclass(frozen=True, slots=True)
class Played:
    """How a run ended: 0 if every call went as its scenario says, 1 if one did not."""

    exit_code: int
    report: str


def play(
    scenario: str,
    daemon: DaemonProcess,
    directory: Path,
    users: Sequence[Sequence[str]],
    *,
    answer_ms: int = ANSWER_MS,
    scenario_s: int = SCENARIO_S,
    sockets: str = "u1",
) -> Played:
    """Play ``scenario``.xml once for each row of ``users``, all at the same time.

    ``sockets`` is SIPp's -t: u1 is one UDP socket, t1 one TCP connection, tn one for each row.

    A row's values are the scenario's [field0], [field1] and so on; [domain] is the daemon's. A message that is awaited
    comes within ``answer_ms``, and all is over within ``scenario_s``.
    """
    users_path = directory / f"{scenario}.csv"
    users_path.write_text("\n".join(["SEQUENTIAL", *(";".join(row) for row in users), ""]), encoding="utf-8")
    errors_path, messages_path = directory / f"{scenario}.errors", directory / f"{scenario}.messages"
    calls = str(len(users))
    command: list[str | Path] = ["sipp", f"{uri_host(daemon.ip)}:{daemon.port}", "-sf", SCENARIOS / f"{scenario}.xml"]
    command += ["-t", sockets, "-max_socket", "100"]
    command += ["-i", daemon.ip, "-ci", daemon.ip, "-inf", users_path, "-key", "domain", daemon.domain]
    command += ["-m", calls, "-l", calls, "-r", calls, "-rp", "1", "-default_behaviors", "abortunexp", "-nostdin"]
    command += ["-recv_timeout", str(answer_ms), "-timeout", f"{scenario_s}s", "-timeout_error"]
    command += ["-trace_err", "-error_file", errors_path, "-trace_msg", "-message_file", messages_path]
    finished = subprocess.run(
        command,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=scenario_s + KILL_AFTER_S,
        check=False,
    )
    kept = [
        path.read_text(encoding="utf-8", errors="replace") for path in (errors_path, messages_path) if path.exists()
    ]
    return Played(finished.returncode, "\n".join([*kept, finished.stdout.decode(errors="replace")]))
