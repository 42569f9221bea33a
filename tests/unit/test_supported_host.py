"""What a machine is told on which the pjsua2 wheel does not exist: one sentence, before anything is installed."""

import os
import runpy
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
find_obstacle = runpy.run_path(str(ROOT / "scripts" / "supported_host.py"))["find_obstacle"]
GOOD = {"system": "Linux", "machine": "x86_64", "pointer_bits": 64, "implementation": "CPython", "version": (3, 11, 2)}


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 9)])
def test_cpython_of_the_wheel_on_64_bit_x86_linux_is_accepted(version: tuple[int, ...]) -> None:
    assert find_obstacle(**GOOD | {"version": version}) is None


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        ({"version": (3, 10, 14)}, "CPython 3.10"),
        ({"version": (3, 13, 0)}, "CPython 3.13"),
        ({"implementation": "PyPy"}, "PyPy 3.11"),
        ({"machine": "aarch64"}, "aarch64"),
        ({"pointer_bits": 32}, "32 bits"),
        ({"system": "Darwin"}, "Darwin"),
    ],
)
def test_anything_else_is_named_in_one_sentence(difference: dict[str, object], words: str) -> None:
    sentence = find_obstacle(**GOOD | difference)
    assert words in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def make_with_host(tmp_path: Path, program: str, body: str) -> subprocess.CompletedProcess[str]:
    """`make build` on a machine where ``program`` is another one. Beyond the check it would make the environment."""
    fake = tmp_path / "bin" / program
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\n{body}\n")
    fake.chmod(0o755)
    outer_make = {"MAKELEVEL", "MAKEFLAGS", "MFLAGS"}
    environment = {name: value for name, value in os.environ.items() if name not in outer_make}
    environment["PATH"] = f"{fake.parent}:{environment['PATH']}"
    command = ["make", "build", "PYTHON=python3", f"VENV={tmp_path / 'venv'}"]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, env=environment, timeout=60)


@pytest.mark.parametrize(
    ("program", "body", "words"),
    [
        ("uname", '[ "$1" = -m ] && echo aarch64 || echo Linux', "this is aarch64"),
        ("uname", "echo FreeBSD", "this is FreeBSD"),
        ("python3", 'echo "this is CPython 3.13" >&2; exit 1', "this is CPython 3.13"),
    ],
)
def test_make_stops_before_it_installs_anything(tmp_path: Path, program: str, body: str, words: str) -> None:
    outcome = make_with_host(tmp_path, program, body)
    assert outcome.returncode != 0
    assert outcome.stdout == ""
    assert words in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert not (tmp_path / "venv").exists()
