"""A Unix socket in the state directory through which the command line asks the running daemon.

One request a connection: a line with the question's name, answered by one JSON document; then the connection closes.
A question may have an argument: a blank behind its name, then JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

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
        self, state_dir: Path, answers: Mapping[str, Answer], to_arguments: Mapping[str, ArgumentAnswer] | None = None
    ) -> None:
        self._path = state_dir / SOCKET_NAME
        self._answers = answers
        self._to_arguments = to_arguments or {}
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
        await self._server.wait_closed()
        self._server = None
        with contextlib.suppress(OSError):  # the next daemon takes it over
            self._path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.LimitOverrunError, ValueError, TimeoutError):
            line = (await asyncio.wait_for(reader.readline(), _ASK_TIMEOUT_S)).decode("utf-8", "replace").strip()
            document = self._answer(line)
            writer.write(json.dumps(document).encode())
            await asyncio.wait_for(writer.drain(), _ASK_TIMEOUT_S)
        writer.close()

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
    path = state_dir / SOCKET_NAME
    line = question if argument is None else f"{question} {json.dumps(argument)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_ANSWER_TIMEOUT_S)
        try:
            connection.connect(str(path))
            connection.sendall(line.encode() + b"\n")
            raw = b"".join(iter(lambda: connection.recv(65536), b""))
        except PermissionError as error:
            raise UserError(f"{path} may be read by the daemon's user only: run this command with sudo.") from error
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            return None
        except OSError as error:
            raise UserError(f"The daemon at {path} does not answer ({error}): is it hanging?") from error
    document = json.loads(raw)
    if "error" in document:
        raise UserError(f"The running daemon is of another version: {document['error']}. Restart it.")
    return document["answer"]


def _is_answered(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(str(path))
        except OSError:
            return False
        return True
