"""baresip as a telephone: it says a tone from a file, and keeps what it hears in another."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.clients.baresip import MODULES
from tests.integration.clients.client_process import ClientProcess, running_client
from tests.kit.daemon_process import DaemonProcess, free_udp_port, wait_until
from tests.kit.sound import read_wav, tone, typical_power, write_wav

_SAID_S = 20
_ANSWER_S = 5.0


@dataclass(frozen=True, slots=True)
class Codec:
    """A module of baresip's with the rate and channels that its sound must have, and how SDP names it."""

    module: str
    rate_hz: int
    channels: int
    name: str


G711 = Codec("g711", 8000, 1, "PCMU/8000/1")
G722 = Codec("g722", 16000, 1, "G722/8000/1")
OPUS = Codec("opus", 48000, 2, "opus/48000/2")


@dataclass(frozen=True, slots=True)
class BaresipPhone:
    """A running baresip that takes commands."""

    client: ClientProcess
    home: Path
    server: tuple[str, int]
    control: socket.socket
    transport: str = "udp"

    def command(self, name: str, parameters: str = "") -> None:
        """A command of its menu, done when this returns (module ctrl_tcp: JSON in netstrings)."""
        body = json.dumps({"command": name, "params": parameters, "token": name}).encode()
        self.control.sendall(b"%d:%s," % (len(body), body))
        seen = b""
        # Events come between; the answer repeats our token, and no event has one.
        while b'"token":"%s"' % name.encode() not in seen:
            piece = self.control.recv(65536)
            assert piece, self.client.output
            seen += piece

    def dial(self, user: str, via: tuple[str, int] | None = None) -> None:
        """Call ``user`` at the daemon, or ``via`` what stands before it."""
        ip, port = via or self.server
        self.command("dial", f"sip:{user}@{ip}:{port};transport={self.transport}")

    def heard(self, frequency_hz: float) -> float:
        """How much of the tone is in all that it heard in its calls, which are over."""
        (path,) = wait_until(lambda: list(self.home.glob("dump-*-dec.wav")), "baresip's recording")
        samples, rate_hz = read_wav(path)
        return typical_power(frequency_hz, samples, rate_hz)


@contextmanager
def running_baresip_phone(
    directory: Path, daemon: DaemonProcess, codec: Codec, tone_hz: int, *, transport: str = "udp"
) -> Iterator[BaresipPhone]:
    """Unregistered, on a free port of the daemon's address; it says ``tone_hz``, the codec is its only one.

    Over TLS it takes any certificate: baresip 1.0 verifies none.
    """
    server = daemon.ip, daemon.port_over(transport)
    home = directory / f"baresip-{codec.module}-{tone_hz}"
    home.mkdir()
    write_wav(home / "said.wav", tone(tone_hz, 1.0, codec.rate_hz) * _SAID_S, codec.rate_hz, codec.channels)
    control_port = free_udp_port(daemon.ip)
    settings = [
        f"net_interface {daemon.ip}",
        f"sip_listen {daemon.ip}:0",
        f"module_path {MODULES}",
        *(f"module {name}.so" for name in (codec.module, "aufile", "aubridge", "sndfile", "ctrl_tcp")),
        f"ctrl_tcp_listen {daemon.ip}:{control_port}",
        f"snd_path {home}",
        f"audio_source aufile,{home}/said.wav",
        "audio_player aubridge,nobody",
        "audio_alert aubridge,nobody",
        "module_tmp account.so",
        "module_app menu.so",
    ]
    (home / "config").write_text("\n".join([*settings, ""]), encoding="utf-8")
    account = f"<sip:{codec.module}@{server[0]}:{server[1]};transport={transport}>;regint=0\n"
    (home / "accounts").write_text(account, encoding="utf-8")
    with running_client(["baresip", "-f", home, "-s"], directory / f"{home.name}.log") as client:
        with wait_until(lambda: connected(daemon.ip, control_port), "baresip takes commands", 10.0) as control:
            yield BaresipPhone(client, home, server, control, transport)
        client.terminate()


def connected(ip: str, port: int) -> socket.socket | None:
    """Its control port, once it listens there."""
    try:
        return socket.create_connection((ip, port), _ANSWER_S)
    except ConnectionRefusedError:
        return None
