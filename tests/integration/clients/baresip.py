"""baresip without a terminal, without audio devices and bound to one address."""

from __future__ import annotations

import uuid
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.clients.client_process import ClientProcess, needs_program, running_client, uri_host

MODULES = Path("/usr/lib/baresip/modules")

needs_baresip = needs_program("baresip", "baresip-core")


def write_silence(path: Path) -> None:
    """A minute of it at G.711's rate: baresip's own tone knows 48 kHz only."""
    with wave.open(str(path), "wb") as spoken:
        spoken.setnchannels(1)
        spoken.setsampwidth(2)
        spoken.setframerate(8000)
        spoken.writeframes(bytes(2 * 8000 * 60))


@contextmanager
def running_baresip(
    directory: Path, ip: str, account: str, instance: uuid.UUID | None = None, dial: str | None = None
) -> Iterator[ClientProcess]:
    """Runs baresip with ``account``, the one line of its accounts file, on a free port of ``ip``.

    With ``dial`` it calls that URI at once, speaking silence and writing what it hears into a file.

    With ``instance`` it tells who it is (RFC 5626 section 4.1), as it does by default.
    SIGTERM makes it unregister and end.
    """
    home = directory / "baresip"
    home.mkdir()
    settings = [
        f"net_interface {ip}",
        "sip_verify_server no",  # over TLS; which authority signs is not what is tried here
        f"sip_listen {uri_host(ip)}:0",
        f"module_path {MODULES}",
        "module_tmp account.so",
        "module_app menu.so",
    ]
    if instance is not None:
        settings.append("module uuid.so")
        (home / "uuid").write_text(str(instance), encoding="utf-8")
    if dial is not None:
        write_silence(home / "spoken.wav")
        settings += ["module g711.so", "module aufile.so"]
        settings += [f"audio_source aufile,{home / 'spoken.wav'}", f"audio_player aufile,{home / 'heard.wav'}"]
    (home / "config").write_text("\n".join([*settings, ""]), encoding="utf-8")
    (home / "accounts").write_text(f"{account}\n", encoding="utf-8")
    commands = ["-e", f"/dial {dial}"] if dial is not None else []
    with running_client(["baresip", "-f", home, "-s", *commands], directory / "baresip.log") as client:
        yield client
