"""linphone's console telephone: it says a tone from a file, and keeps what it hears in another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.clients.client_process import ClientProcess, needs_program, running_client
from tests.integration.clients.linphone import SETTINGS
from tests.kit.daemon_process import DaemonProcess, free_udp_port, wait_until
from tests.kit.sound import read_wav, tone, typical_power, write_wav

needs_linphonec = needs_program("linphonec", "linphone-cli")

_RATE_HZ = 16000
_SAID_S = 20
_START_S = 15.0


@dataclass(frozen=True, slots=True)
class LinphonePhone:
    """A running linphonec."""

    client: ClientProcess
    heard_path: Path
    server: tuple[str, int]

    def dial(self, user: str) -> None:
        ip, port = self.server
        self.client.say(f"call sip:{user}@{ip}:{port}")

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
def running_linphonec(directory: Path, daemon: DaemonProcess, tone_hz: int) -> Iterator[LinphonePhone]:
    """Unregistered, on free ports of the daemon's address; it says ``tone_hz``."""
    settings_path, said, heard = (directory / name for name in ("linphonerc", "said.wav", "heard.wav"))
    audio = f"[rtp]\naudio_rtp_port={free_udp_port(daemon.ip)}\n"
    settings_path.write_text(SETTINGS.format(ip=daemon.ip, is_ipv6=":" in daemon.ip) + audio, encoding="utf-8")
    write_wav(said, tone(tone_hz, 1.0, _RATE_HZ) * _SAID_S, _RATE_HZ)
    own_places = {"HOME": str(directory), "XDG_DATA_HOME": str(directory), "PULSE_SERVER": "none"}
    with running_client(["linphonec", "-c", settings_path], directory / "linphonec.log", own_places) as client:
        wait_until(lambda: "linphonec>" in client.output, "linphone takes commands", _START_S)
        # By command: the settings' port waits for a network that is up, which a loopback is not.
        for command in (
            f"ports sip {free_udp_port(daemon.ip)}",
            "soundcard use files",
            f"play {said}",
            f"record {heard}",
        ):
            client.say(command)
        yield LinphonePhone(client, heard, daemon.address)
        client.say("quit")
        client.wait()
