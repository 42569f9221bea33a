"""Avahi as an mDNS peer that nobody of this project wrote: its daemon in a test's host, on a message bus of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.integration.netns import Host, Program

BUS_CONFIG = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_destination="*"/><allow eavesdrop="true"/>
  </policy>
</busconfig>
"""
AVAHI_CONFIG = """\
[server]
host-name={host_name}
[publish]
disable-publishing={is_silent}
"""


def why_missing() -> str | None:
    """Which program is not installed, as a reason to skip; None when all are."""
    missing = [
        name for name in ("dbus-daemon", "avahi-daemon", "avahi-browse", "unshare") if shutil.which(name) is None
    ]
    return f"not installed: {', '.join(missing)}" if missing else None


@dataclass(frozen=True)
class Resolved:
    """A line of ``avahi-browse --resolve``."""

    protocol: str
    name: str
    service_type: str
    host: str
    address: str
    port: int
    txt: frozenset[str]


@dataclass(frozen=True)
class Avahi:
    """A running avahi-daemon, asked by its own clients."""

    log: Program
    environment: dict[str, str]

    def resolve(self, service_type: str) -> list[Resolved]:
        """All that is announced under ``service_type`` (as _sip._udp), resolved."""
        lines = self._ask("avahi-browse", "--resolve", "--terminate", "--parsable", "--no-db-lookup", service_type)
        return [_resolved(line) for line in lines.splitlines() if line.startswith("=")]

    def addresses(self, host: str, family: str) -> str:
        """The address of ``host``; ``family`` is 4 or 6."""
        name, _, address = self._ask("avahi-resolve-host-name", f"-{family}", host).strip().partition("\t")
        assert name == host, f"{host} does not resolve over IPv{family}"
        return address

    @contextlib.contextmanager
    def watch(self, service_type: str) -> Iterator[Program]:
        """avahi-browse left running: `+` lines for what comes and `-` lines for what goes."""
        command = ["stdbuf", "-oL", "avahi-browse", "--parsable", "--no-db-lookup", service_type]
        with Program(command, self.environment) as program:
            yield program

    def _ask(self, *command: str) -> str:
        environment = {**os.environ, **self.environment}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=10).stdout


@contextlib.contextmanager
def running(host: Host, directory: Path, *, publishes_as: str | None = None) -> Iterator[Avahi]:
    """Avahi inside ``host``, ready to be asked; it announces the host name ``publishes_as``, or nothing."""
    bus = directory / "bus"
    (directory / "bus.conf").write_text(BUS_CONFIG.format(path=bus))
    config = directory / "avahi.conf"
    is_silent = "yes" if publishes_as is None else "no"
    config.write_text(AVAHI_CONFIG.format(host_name=publishes_as or "looker", is_silent=is_silent))
    environment = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={bus}"}
    start_bus = [
        "dbus-daemon",
        f"--config-file={directory / 'bus.conf'}",
        "--nofork",
        "--nopidfile",
        "--print-address=1",
    ]
    daemon = f"mount -t tmpfs tmpfs /run && exec avahi-daemon -f {config} --no-drop-root --no-chroot --no-rlimits"
    with Program(start_bus) as message_bus:
        message_bus.wait_for(lambda line: "unix:path=" in line)
        with host.spawn("unshare", "--mount", "sh", "-c", daemon, environment=environment) as log:
            log.wait_for(lambda line: "Server startup complete" in line)
            yield Avahi(log, environment)


def _resolved(line: str) -> Resolved:
    _, _, protocol, name, service_type, _, host, address, port, txt = line.split(";", 9)
    name = name.replace("\\032", " ").replace("\\040", "(").replace("\\041", ")")
    entries = frozenset(entry.strip('"') for entry in txt.split(" "))
    return Resolved(protocol, name, service_type, host, address, int(port), entries)
