"""What an owner does from the command line, at a running daemon or at a configuration."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.kit.daemon_process import ROOT, SRC, DaemonProcess


def run_command(
    daemon_or_config: DaemonProcess | Path, *arguments: str, typed: str = "", may_fail: bool = False
) -> str:
    """What the command line prints; it must succeed, unless it ``may_fail``, as ``doctor`` does that has findings."""
    config = daemon_or_config if isinstance(daemon_or_config, Path) else daemon_or_config.config_path
    command = [sys.executable, "-m", "daemon", *arguments, "--config", str(config)]
    own_source = {**os.environ, "PYTHONPATH": f"{SRC}:{ROOT}"}
    done = subprocess.run(command, input=typed, env=own_source, capture_output=True, text=True, timeout=30, check=False)
    assert may_fail or done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def give_password(daemon: DaemonProcess, device: str, password: str) -> None:
    """From the next request on ``device`` needs ``password``."""
    told = run_command(daemon, "passwd", device, typed=f"{password}\n")
    assert "The running daemon has taken it." in told
