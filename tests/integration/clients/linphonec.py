"""linphone's console telephone: it says a tone from a file, and keeps what it hears in another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.clients.client_process import ClientProcess, needs_program, running_client
from tests.kit.daemon_process import DaemonProcess, free_udp_port, wait_until
from tests.kit.sound import read_wav, tone, typical_power, write_wav

needs_linphonec = needs_program("linphonec", "linphone-cli")

_SETTINGS = """\
[sip]
sip_port={udp}
sip_tcp_port={tcp}
sip_tls_port={tls}
bind_address={ip}
use_ipv6={is_ipv6:d}
ipv6_migration_done=1
auto_net_state_mon=0
guess_hostname=0
root_ca={authority}
verify_server_certs={is_verifying:d}
verify_server_cn={is_verifying:d}
[net]
dns_srv_enabled=0
dns_search_enabled=0
[rtp]
audio_rtp_port={audio}
"""
_ANY_PORT, _NO_PORT = -1, 0
_RATE_HZ = 16000
_SAID_S = 20
_START_S = 15.0


@dataclass(frozen=True, slots=True)
class LinphonePhone:
    """A running linphonec; ``server`` is a host and a port as a URI has them, with the transport's parameter."""

    client: ClientProcess
    heard_path: Path
    server: str

    def dial(self, user: str) -> None:
        self.client.say(f"call sip:{user}@{self.server}")

    def say_and_see(self, command: str, told: str) -> None:
        """A command that is done when linphone has told something."""
        known = len(self.client.output)
        self.client.say(command)
        wait_until(lambda: told in self.client.output[known:], f"linphone tells {told!r} of {command!r}")

    def use_only(self, codec: str) -> None:
        """Offer ``codec``, such as ``PCMU (8000)``, and no other."""
        self.client.say("codec list")
        pattern = re.compile(rf"^ *(\d+): {re.escape(codec)}", re.MULTILINE)
        found = wait_until(lambda: pattern.search(self.client.output), f"{codec} in linphone's list")
        self.client.say("codec disable all")
        self.client.say(f"codec enable {found[1]}")

    def heard(self, frequency_hz: float) -> float:
        """How much of the tone is in what it heard since its last call began; the call is over."""
        samples, rate_hz = read_wav(self.heard_path)
        return typical_power(frequency_hz, samples, rate_hz)


@contextmanager
def running_linphonec(
    directory: Path, daemon: DaemonProcess, tone_hz: int, *, transport: str = "udp", authority: Path | None = None
) -> Iterator[LinphonePhone]:
    """Unregistered, on free ports of the daemon's address; it says ``tone_hz``.

    Over TLS it verifies that ``authority`` has signed for localhost (mbedTLS 2.28 verifies no IP address); without
    one it takes any certificate.
    """
    said, heard = directory / "said.wav", directory / "heard.wav"
    settings_path = _write_settings(directory, daemon.ip, transport, authority)
    write_wav(said, tone(tone_hz, 1.0, _RATE_HZ) * _SAID_S, _RATE_HZ)
    own_places = {"HOME": str(directory), "PULSE_SERVER": "none"}
    with running_client(["linphonec", "-c", settings_path], directory / "linphonec.log", own_places) as client:
        wait_until(lambda: "linphonec>" in client.output, "linphone takes commands", _START_S)
        for command in ("soundcard use files", f"play {said}", f"record {heard}"):
            client.say(command)
        host = daemon.ip if authority is None else "localhost"
        yield LinphonePhone(client, heard, f"{host}:{daemon.port_over(transport)};transport={transport}")
        client.say("quit")
        client.wait()


def _write_settings(directory: Path, ip: str, transport: str, authority: Path | None) -> Path:
    """Its settings' file; without the folder of its data base it would open no port."""
    (directory / ".local/share/linphone").mkdir(parents=True)
    path = directory / "linphonerc"
    ports = {name: _ANY_PORT if name == transport else _NO_PORT for name in ("udp", "tcp", "tls")}
    settings = {
        "ip": ip,
        "is_ipv6": ":" in ip,
        "authority": authority or "",
        "is_verifying": authority is not None,
        "audio": free_udp_port(ip),
    }
    path.write_text(_SETTINGS.format(**ports, **settings), encoding="utf-8")
    return path
