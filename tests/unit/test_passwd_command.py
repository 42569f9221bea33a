"""``passwd`` and ``devices approve | reject``, beside a running daemon and without one."""

from __future__ import annotations

import asyncio
import getpass
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.control_socket import ControlSocket
from configuration.config_loader import load_config
from configuration.credential_file import hash_password, read_credentials
from daemon.__main__ import main

UUID = "abcdef00-0000-4000-8000-000000000001"
OTHER_UUID = "abcdef00-0000-4000-8000-000000000002"
REALM = "screamrouter.local"
PASSWORD = "Geheimnis-1"


class Site:
    """A configuration, and what the command line says about it."""

    def __init__(self, directory: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.config = directory / "config.yaml"
        self.state_dir = directory / "state"
        self._capsys, self._monkeypatch = capsys, monkeypatch
        self.config.write_text(
            f"server: {{state_dir: {self.state_dir}}}\n"
            "devices:\n"
            f"  cam@{REALM}:\n    name: Kitchen\n    enabled: false\n    pending: true\n"
            f"  {UUID}:\n    name: Hall\n"
            f"  {OTHER_UUID}:\n    name: Hall\n"
        )

    def run(self, *arguments: str, typed: str = f"{PASSWORD}\n") -> tuple[int, str]:
        """The exit code, and all that was printed."""
        self._monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        code = main([*arguments, "--config", str(self.config)])
        told = self._capsys.readouterr()
        return code, told.out + told.err

    def stored(self):
        return read_credentials(self.state_dir / "credentials.yaml").credentials

    async def run_beside(self, answers: dict[str, Callable[[Any], Any]], *arguments: str) -> tuple[int, str]:
        """The same while a daemon answers."""
        self.state_dir.mkdir()
        control = ControlSocket(self.state_dir, {}, answers)
        await control.start()
        try:
            return await asyncio.to_thread(self.run, *arguments)
        finally:
            await control.stop()


@pytest.fixture
def site(tmp_path, capsys, monkeypatch):
    return Site(tmp_path, capsys, monkeypatch)


@pytest.mark.parametrize(
    ("named", "key"),
    [
        ("cam", "cam"),
        (f"cam@{REALM}", "cam"),
        ("kitchen", "cam"),
        (UUID, UUID),
        (UUID.upper(), UUID),
        ("newcomer", "newcomer"),
    ],
)
def test_device_is_known_by_key_name_uuid_or_new_user(site, named, key):
    code, told = site.run("passwd", named)
    assert code == 0, told
    assert site.stored() == {key: hash_password(key, REALM, PASSWORD)}
    assert ("taken as the SIP user" in told) == (named == "newcomer")
    assert "it takes this when it starts" in told


@pytest.mark.parametrize("named", ["hall", "abcdef00"])
def test_name_that_several_bear_is_refused_with_their_keys(site, named):
    code, told = site.run("passwd", named)
    assert code == 1
    assert UUID in told
    assert OTHER_UUID in told


def test_uuid_may_be_named_by_its_beginning(site):
    text = site.config.read_text()
    site.config.write_text(text.replace(OTHER_UUID, "1" + OTHER_UUID[1:]))
    assert site.run("passwd", "abcd")[0] == 0
    assert list(site.stored()) == [UUID]


@pytest.mark.parametrize("named", ["a b", "a:b", "cam@elsewhere.test", "", "screamrouter"])
def test_what_cannot_be_a_user_is_refused(site, named):
    assert site.run("passwd", named)[0] == 1
    assert not (site.state_dir / "credentials.yaml").exists()


def test_user_name_is_kept_when_the_password_is_set_anew(site):
    assert site.run("passwd", UUID, "--user", "hall")[0] == 0
    assert site.run("passwd", UUID, typed="another\n")[0] == 0
    assert site.stored() == {UUID: hash_password("hall", REALM, "another")}


def test_user_name_of_another_device_is_refused(site):
    assert site.run("passwd", "cam")[0] == 0
    code, told = site.run("passwd", UUID, "--user", "cam")
    assert code == 1
    assert "is that of cam" in told
    assert list(site.stored()) == ["cam"]


def test_password_is_taken_away(site):
    site.run("passwd", "cam")
    site.run("passwd", UUID)
    assert site.run("passwd", "kitchen", "--delete")[0] == 0
    assert list(site.stored()) == [UUID]
    code, told = site.run("passwd", "kitchen", "--delete")
    assert code == 1
    assert "has no password" in told


@pytest.mark.parametrize("typed", ["", "\n", "a\tb\n", "x" * 257 + "\n"])
def test_no_password_or_one_that_cannot_be_typed_is_refused(site, typed):
    assert site.run("passwd", "cam", typed=typed)[0] == 1
    assert not (site.state_dir / "credentials.yaml").exists()


@pytest.mark.parametrize(("again", "code"), [(PASSWORD, 0), ("other", 1)])
def test_at_a_terminal_it_is_asked_for_twice_without_echo(site, monkeypatch, again, code):
    answers = [PASSWORD, again]
    monkeypatch.setattr(getpass, "getpass", lambda _: answers.pop(0))

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    assert main(["passwd", "cam", "--config", str(site.config)]) == code
    assert bool(site.stored()) == (code == 0)
    assert answers == []


async def test_running_daemon_is_told(site):
    found: list[object] = []

    def take(_: object) -> dict[str, None]:
        found.extend(site.stored())
        return {"problem": None}

    code, told = await site.run_beside({"credentials": take}, "passwd", "cam")
    assert (code, found) == (0, ["cam"])
    assert "The running daemon has taken it." in told


async def test_running_daemon_that_cannot_take_it_says_why(site):
    code, told = await site.run_beside({"credentials": lambda _: {"problem": "no rights"}}, "passwd", "cam")
    assert code == 1
    assert "did not take it: no rights" in told


def test_neither_password_nor_hash_is_printed_logged_or_kept_in_clear(site):
    told = "".join(site.run(*arguments)[1] for arguments in (("passwd", "cam"), ("passwd", "a b"), ("devices",)))
    secrets = [PASSWORD, *hash_password("cam", REALM, PASSWORD).ha1.values()]
    assert not any(secret in told for secret in secrets)
    files = [path for path in site.config.parent.rglob("*") if path.is_file()]
    assert [path for path in files if PASSWORD in path.read_text()] == []
    assert [path.name for path in files if secrets[1] in path.read_text()] == ["credentials.yaml"]


@pytest.mark.parametrize(("action", "is_enabled"), [("approve", True), ("reject", False)])
def test_without_a_daemon_the_file_says_who_may_come_in(site, action, is_enabled):
    code, told = site.run("devices", action, "kitchen")
    assert code == 0, told
    entry = load_config(site.config).document.devices[f"cam@{REALM}"]
    assert (entry.enabled, entry.pending) == (is_enabled, False)
    assert "The daemon is not running" in told
    assert UUID in site.config.read_text()


async def test_running_daemon_decides_who_may_come_in(site):
    before = site.config.read_bytes()
    answers = {"approve": lambda asked: {"device": f"<{asked}>", "problem": None}}
    assert await site.run_beside(answers, "devices", "approve", "cam") == (0, "<cam> may come in.\n")
    assert site.config.read_bytes() == before


async def test_running_daemon_says_why_it_cannot(site):
    code, told = await site.run_beside(
        {"approve": lambda _: {"device": None, "problem": "No such."}}, "devices", "approve", "x"
    )
    assert (code, told) == (1, "screamrouter-sip: No such.\n")


def test_device_that_waits_is_shown_as_pending(site):
    assert "(pending)" in site.run("devices")[1]


def test_decision_without_a_device_is_a_usage_error(site):
    code, told = site.run("devices", "approve")
    assert code == 64
    assert "devices approve DEVICE" in told


def test_unknown_device_is_no_traceback(site):
    code, told = site.run("devices", "approve", "nobody")
    assert code == 1
    assert f"Waiting to be let in: cam@{REALM}." in told
