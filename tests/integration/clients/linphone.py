"""linphone's command-line daemon: commands on its standard input, no files but in a directory of the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.clients.client_process import ClientProcess, needs_program, running_client, uri_host
from tests.kit.daemon_process import free_udp_port

needs_linphone = needs_program("linphone-daemon", "linphone-cli")

SETTINGS = """\
[sip]
sip_port=0
sip_tcp_port=0
sip_tls_port=0
bind_address={ip}
use_ipv6={is_ipv6:d}
guess_hostname=0
register_only_when_network_is_up=0
[net]
dns_srv_enabled=0
dns_search_enabled=0
"""


@dataclass(frozen=True, slots=True)
class LinphoneAccount:
    """What was typed into it."""

    user: str
    password: str


@contextmanager
def running_linphone(
    directory: Path, ip: str, server: tuple[str, int], account: str | LinphoneAccount, transport: str = "udp"
) -> Iterator[ClientProcess]:
    """Runs linphone on a free port of ``ip``, with one account at ``server``, which it is about to register:
    a user, with or without a password.

    ``say("unregister 1")`` takes the account back, ``say("quit")`` ends it.
    """
    settings_path = directory / "linphonerc"
    settings_path.write_text(SETTINGS.format(ip=ip, is_ipv6=":" in ip), encoding="utf-8")
    command: list[str | Path] = [
        "linphone-daemon",
        "--config",
        settings_path,
        "--log",
        directory / "linphone-trace.log",
    ]
    own_places = {"HOME": str(directory), "XDG_DATA_HOME": str(directory), "PULSE_SERVER": "none"}
    with running_client(command, directory / "linphone.log", own_places) as client:
        # By command: without the folder of its data base, and a route, linphone opens no port by its settings.
        client.say(f"port sip {free_udp_port(ip)} {transport}")
        host_port = f"{uri_host(server[0])}:{server[1]}"
        user, proof = (
            (account, "") if isinstance(account, str) else (account.user, f" {account.password} {account.user}")
        )
        client.say(f"register sip:{user}@{host_port} sip:{host_port};transport={transport}{proof}")
        yield client
