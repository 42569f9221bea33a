"""linphone's console telephone as somebody with friends: it watches them, publishes its own state and chats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.integration.clients.client_process import ClientProcess, running_client
from tests.kit.daemon_process import DaemonProcess, wait_until

_START_S = 15.0
_SETTINGS = """\
[sip]
sip_port=-1
sip_tcp_port=0
sip_tls_port=0
bind_address={ip}
use_ipv6=0
guess_hostname=0
register_only_when_network_is_up=0
default_proxy=0
subscribe_expires=60
[net]
dns_srv_enabled=0
dns_search_enabled=0
[proxy_0]
reg_proxy=<sip:{ip}:{port};transport=udp>
reg_route=<sip:{ip}:{port};lr>
reg_identity=sip:{user}@{domain}
reg_expires=60
reg_sendregister=1
publish=1
publish_expires=60
"""
_FRIEND = """\
[friend_{number}]
url=<sip:{user}@{domain}>
pol=accept
subscribe=1
"""


@contextmanager
def running_linphone_friend(
    directory: Path, daemon: DaemonProcess, user: str, friends: Sequence[str]
) -> Iterator[ClientProcess]:
    """Registers and publishes itself, and watches ``friends``, users of the daemon's domain; it has no audio."""
    home = directory / f"linphone-{user}"
    (home / ".local/share/linphone").mkdir(parents=True)
    settings = _SETTINGS.format(ip=daemon.ip, port=daemon.port, user=user, domain=daemon.domain)
    watched = [_FRIEND.format(number=number, user=one, domain=daemon.domain) for number, one in enumerate(friends)]
    (home / "linphonerc").write_text("".join([settings, *watched]), encoding="utf-8")
    command: list[str | Path] = ["linphonec", "-d", "6", "-l", home / "trace.log", "-c", home / "linphonerc"]
    own_places = {"HOME": str(home), "PULSE_SERVER": "none"}
    with running_client(command, home / "output.log", own_places) as client:
        wait_until(lambda: "linphonec>" in client.output, "linphone takes commands", _START_S)
        yield client
        client.say("quit")
        client.wait()
