"""The unit file: what systemd itself says of it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from domain.errors import ConfigError

UNIT = Path(__file__).parents[2] / "systemd" / "screamrouter-sip.service"
PROGRAM = "/opt/screamrouter-sip/.venv/bin/screamrouter-sip"


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    assert program is not None, "systemd-analyze is missing; `make test` installs it"
    return subprocess.run([program, *arguments], check=False, capture_output=True, text=True, timeout=60)


@pytest.fixture
def unit_of_an_installed_program(tmp_path: Path) -> Path:
    """The unit as shipped, its program replaced by one that exists on every machine."""
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace(PROGRAM, "/bin/true"))
    return copy


def directives(name: str) -> list[str]:
    lines = UNIT.read_text().splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(name + "=")]


def test_systemd_accepts_every_line_of_the_unit(unit_of_an_installed_program: Path) -> None:
    verdict = analyze("verify", "--man=no", str(unit_of_an_installed_program))
    assert (verdict.returncode, verdict.stderr) == (0, "")


def test_exposure_of_the_service_is_at_most_2_of_10(unit_of_an_installed_program: Path) -> None:
    verdict = analyze("security", "--offline=true", "--threshold=20", "--no-pager", str(unit_of_an_installed_program))
    overall = verdict.stdout.strip().splitlines()[-1]
    print(overall)
    assert verdict.returncode == 0, overall


def test_a_wrong_config_file_is_not_retried_for_ever() -> None:
    assert directives("RestartPreventExitStatus") == [str(ConfigError.exit_code)]


def test_the_daemon_may_rewrite_its_config_file() -> None:
    configuration = directives("ExecStart")[0].rpartition(" ")[2]
    assert directives("ProtectSystem") == ["strict"]
    assert str(Path(configuration).parent) in directives("ReadWritePaths")


def test_reload_is_the_signal_that_the_daemon_takes() -> None:
    assert directives("ExecReload") == ["/bin/kill -HUP $MAINPID"]


def test_the_program_stands_where_make_install_puts_it() -> None:
    script = (UNIT.parents[1] / "scripts" / "install.sh").read_text()
    assert directives("ExecStart")[0].split()[0] == PROGRAM
    assert "NAME=screamrouter-sip" in script
    assert "PREFIX=/opt/$NAME" in script
    assert "VENV=$PREFIX/.venv" in script
