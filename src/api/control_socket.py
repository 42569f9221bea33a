"""A Unix socket in the state directory through which the command line asks the running daemon.

One request a connection: a line with the question's name, answered by one JSON document; then the connection closes.
A question may have an argument: a blank behind its name, then JSON. ``events`` is answered until somebody goes
(``api.event_lines``).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import structlog

from api.event_history import EventHistory
from api.event_lines import EVENTS, EventLines
from domain.errors import UserError

log = structlog.get_logger()

SOCKET_NAME = "control.sock"
_MOST_QUESTION_OCTETS = 4096
_ASK_TIMEOUT_S = 5.0
_ANSWER_TIMEOUT_S = 20.0
"""How long to wait for a daemon that is busy: in a flood its processors have other things to do."""

Answer = Callable[[], Any]
"""Returns what ``json.dumps`` can write; called on the daemon's loop."""

ArgumentAnswer = Callable[[Any], Any]
"""The same for a question that may have an argument: any JSON value, None where there is none."""


class ControlSocket:
    """Answers questions while started. Only the daemon's user and group, and root, can reach it."""

    def __init__(
        self,
        state_dir: Path,
        answers: Mapping[str, Answer],
        to_arguments: Mapping[str, ArgumentAnswer] | None = None,
        history: EventHistory | None = None,
    ) -> None:
        """``history``: what ``events`` tells; without it, that is no question."""
        self._path = state_dir / SOCKET_NAME
        self._answers = answers
        self._to_arguments = to_arguments or {}
        self._event_lines = None if history is None else EventLines(history)
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen, or tell that nobody can ask; raise UserError when another daemon answers there already."""
        if _is_answered(self._path):
            raise UserError(
                f"Another screamrouter-sip runs with the state directory {self._path.parent}: "
                "stop it, or give this one another server.state_dir in config.yaml."
            )
        try:
            self._path.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(self._serve, self._path, limit=_MOST_QUESTION_OCTETS)
            self._path.chmod(0o660)
        except OSError as error:
            log.warning(
                "control.not_listening",
                path=str(self._path),
                reason=error.strerror or str(error),
                effect="the commands devices and doctor cannot ask this daemon; it serves all the same",
                remedy=f"make {self._path.parent} writable for the daemon's user, with room on its disk, "
                f"and remove what stands at {self._path}; then restart",
            )

    async def stop(self) -> None:
        """Close and remove the socket; idempotent."""
        if self._server is None:
            return
        self._server.close()
        if self._event_lines is not None:
            self._event_lines.close()
        await self._server.wait_closed()
        self._server = None
        with contextlib.suppress(OSError):  # the next daemon takes it over
            self._path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.LimitOverrunError, ValueError, TimeoutError):
                line = (await asyncio.wait_for(reader.readline(), _ASK_TIMEOUT_S)).decode("utf-8", "replace").strip()
                await self._serve_line(line, reader, writer)
        finally:
            writer.close()

    async def _serve_line(self, line: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        question, _, argument = line.partition(" ")
        if question == EVENTS and self._event_lines is not None:
            await self._event_lines.serve(argument, reader, writer)
            return
        writer.write(json.dumps(self._answer(line)).encode())
        await asyncio.wait_for(writer.drain(), _ASK_TIMEOUT_S)

    def _answer(self, line: str) -> dict[str, Any]:
        question, _, argument = line.partition(" ")
        if not argument and (answer := self._answers.get(question)) is not None:
            return {"answer": answer()}
        if (to_argument := self._to_arguments.get(question)) is not None:
            try:
                value = json.loads(argument) if argument else None
            except ValueError:
                return {"error": f"the argument of {question!r} is no JSON"}
            return {"answer": to_argument(value)}
        return {"error": f"unknown question {question!r}"}


def ask(state_dir: Path, question: str, argument: Any = None) -> Any:
    """What the running daemon answers, or None when none runs there. Raise UserError when it may not be asked."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_ANSWER_TIMEOUT_S)
        if not _send_question(connection, state_dir, question, argument):
            return None
        try:
            raw = b"".join(iter(lambda: connection.recv(65536), b""))
        except OSError as error:
            raise _silent(state_dir, error) from error
    return _answer_in(json.loads(raw))["answer"]


def follow_events(state_dir: Path, kinds: Collection[str] = (), last_id: str = "") -> Iterator[dict[str, Any]] | None:
    """The running daemon's events as they come, from behind ``last_id`` on, until it goes; None when none runs.

    The first says only from where on: ``{"last_id": ...}``. Raise UserError when it may not be asked.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(_ANSWER_TIMEOUT_S)
    if not _send_question(connection, state_dir, EVENTS, {"kinds": sorted(kinds), "last_event_id": last_id}):
        connection.close()
        return None
    return _lines(connection, state_dir)


def _lines(connection: socket.socket, state_dir: Path) -> Iterator[dict[str, Any]]:
    with connection, connection.makefile("rb") as lines:
        try:
            first = lines.readline()
            connection.settimeout(None)
            if first:
                yield _answer_in(json.loads(first))
            for line in lines:
                if line.endswith(b"\n"):  # else the daemon died in the midst of it
                    yield json.loads(line)
        except ConnectionError:
            return
        except OSError as error:
            raise _silent(state_dir, error) from error


def _send_question(connection: socket.socket, state_dir: Path, question: str, argument: Any) -> bool:
    path = state_dir / SOCKET_NAME
    line = question if argument is None else f"{question} {json.dumps(argument)}"
    try:
        connection.connect(str(path))
        connection.sendall(line.encode() + b"\n")
    except PermissionError as error:
        raise UserError(f"{path} may be read by the daemon's user only: run this command with sudo.") from error
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        return False
    except OSError as error:
        raise _silent(state_dir, error) from error
    return True


def _silent(state_dir: Path, error: OSError) -> UserError:
    return UserError(f"The daemon at {state_dir / SOCKET_NAME} does not answer ({error}): is it hanging?")


def _answer_in(document: dict[str, Any]) -> dict[str, Any]:
    if "error" in document:
        raise UserError(f"The running daemon is of another version: {document['error']}. Restart it.")
    if "problem" in document:
        raise UserError(str(document["problem"]))
    return document


def _is_answered(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(str(path))
        except OSError:
            return False
        return True
