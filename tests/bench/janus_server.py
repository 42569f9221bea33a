"""Janus from Debian as a server of the bench: its own folder, its UNIX socket, only the plugins that are compared.

Its settings are those that cost it least: ICE lite, no video plugin, no event handler, logging at warnings only.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.bench.load import BenchError

_PLUGINS = ("libjanus_echotest.so", "libjanus_audiobridge.so")
_TRANSPORT = "libjanus_pfunix.so"
_ANSWER_TIMEOUT_S = 20.0

_CONFIG = """\
general: {{
    configs_folder = "{directory}"
    plugins_folder = "{plugins}"
    transports_folder = "{transports}"
    debug_level = 3
    session_timeout = 0
    {loops}
}}
media: {{
    ipv6 = false
    rtp_port_range = "20000-30000"
}}
nat: {{
    nice_debug = false
    ice_lite = true
}}
plugins: {{ disable = "{other_plugins}" }}
transports: {{ disable = "{other_transports}" }}
events: {{ broadcast = false }}
"""
_UNIX_CONFIG = 'general: {{ enabled = true, json = "compact", path = "{path}", type = "SOCK_SEQPACKET" }}\n'


def find_janus() -> Path | None:
    """The program, if it is installed."""
    program = shutil.which("janus")
    return Path(program) if program else None


def command(program: Path, directory: Path, event_loops: int = 0) -> list[str]:
    """Write the configuration into ``directory``; the command that starts Janus with it."""
    libraries = next(iter(sorted(Path("/usr/lib").glob("*/janus"))), None)
    if libraries is None:
        raise BenchError("Janus has no plugins: install the package janus anew")
    plugins, transports = libraries / "plugins", libraries / "transports"
    text = _CONFIG.format(
        directory=directory,
        plugins=plugins,
        transports=transports,
        loops=f"event_loops = {event_loops}" if event_loops else "",
        other_plugins=_all_but(plugins, *_PLUGINS),
        other_transports=_all_but(transports, _TRANSPORT),
    )
    (directory / "janus.jcfg").write_text(text)
    (directory / "janus.transport.pfunix.jcfg").write_text(_UNIX_CONFIG.format(path=_socket_path(directory)))
    return [str(program), "--configs-folder", str(directory), "--config", str(directory / "janus.jcfg")]


def _all_but(directory: Path, *wanted: str) -> str:
    return ",".join(sorted(entry.name for entry in directory.glob("*.so") if entry.name not in wanted))


def _socket_path(directory: Path) -> Path:
    return directory / "janus.sock"


class JanusSignalling:
    """JSON over Janus's UNIX socket; a Janus session for each call, as each browser has its own."""

    def __init__(self, directory: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(_ANSWER_TIMEOUT_S)
        self._path = _socket_path(directory)
        self._transactions = 0
        self._sessions: list[int] = []
        self._room = 1
        self._is_room_open = False

    def connect(self, janus: subprocess.Popen[str]) -> bool:
        """Wait for its socket; False when it has ended by itself before."""
        deadline = time.monotonic() + _ANSWER_TIMEOUT_S
        while janus.poll() is None:
            try:
                self._socket.connect(str(self._path))
            except OSError as error:
                if time.monotonic() > deadline:
                    raise BenchError(f"Janus does not open its UNIX socket: {error}") from error
                time.sleep(0.05)
            else:
                return True
        return False

    def call(self, offer: str, mix: str | None) -> str:
        """The answer of echotest, or of AudioBridge's room where there is a mix."""
        session = self._ask({"janus": "create"})["data"]["id"]
        self._sessions.append(session)
        plugin = "janus.plugin.audiobridge" if mix else "janus.plugin.echotest"
        handle = self._ask({"janus": "attach", "session_id": session, "plugin": plugin})["data"]["id"]
        place = {"session_id": session, "handle_id": handle}
        if mix:
            self._open_room(place)
            self._tell(place, {"request": "join", "room": self._room})
        body = {"request": "configure", "muted": False} if mix else {"audio": True, "video": False}
        told = self._tell(place, body, {"jsep": {"type": "offer", "sdp": offer, "trickle": False}})
        return str(told["jsep"]["sdp"])

    def hang_up_all(self) -> None:
        """End every session."""
        for session in self._sessions:
            self._ask({"janus": "destroy", "session_id": session})
        self._sessions.clear()
        self._room += 1
        self._is_room_open = False

    def _open_room(self, place: Mapping[str, int]) -> None:
        if self._is_room_open:
            return
        self._tell(place, {"request": "create", "room": self._room, "sampling_rate": 48000, "is_private": True})
        self._is_room_open = True

    def _tell(self, place: Mapping[str, int], body: object, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return self._ask({"janus": "message", **place, "body": body, **(more or {})})

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """What answers the request itself; acknowledgements and events of others are passed over."""
        self._transactions += 1
        transaction = str(self._transactions)
        self._socket.send(json.dumps({**request, "transaction": transaction}).encode())
        while True:
            told: dict[str, Any] = json.loads(self._socket.recv(1 << 20))
            if told.get("transaction") != transaction or told["janus"] == "ack":
                continue
            if told["janus"] == "error" or "error" in told.get("plugindata", {}).get("data", {}):
                raise BenchError(f"Janus refuses {request.get('body', request['janus'])}: {told}")
            return told
