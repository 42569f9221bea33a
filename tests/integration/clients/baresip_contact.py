"""baresip as somebody with a list of contacts: it watches them, says how it is itself, and takes messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.integration.clients.baresip import MODULES
from tests.integration.clients.baresip_phone import BaresipPhone, connected
from tests.integration.clients.client_process import running_client
from tests.kit.daemon_process import DaemonProcess, free_udp_port, wait_until

_REGISTERED_S = 60


def account_of(daemon: DaemonProcess, user: str, parameters: str) -> str:
    """A line of its accounts file; everything goes to the daemon first."""
    return f'<sip:{user}@{daemon.domain}>;regint={_REGISTERED_S};outbound="sip:{daemon.ip}:{daemon.port}"{parameters}'


@contextmanager
def running_baresip_contact(
    directory: Path, daemon: DaemonProcess, user: str, contacts: Sequence[str] = (), *, modules: Sequence[str] = ()
) -> Iterator[BaresipPhone]:
    """Publishes and watches ``contacts``, users of the daemon's domain; without ``modules`` it does just that.

    With ``modules`` it has those instead, and no account.
    """
    home = directory / f"baresip-{user}"
    home.mkdir()
    control_port = free_udp_port(daemon.ip)
    settings = [
        f"net_interface {daemon.ip}",
        f"sip_listen {daemon.ip}:0",
        f"module_path {MODULES}",
        *(f"module {name}.so" for name in ("g711", "aubridge", "ctrl_tcp")),
        f"ctrl_tcp_listen {daemon.ip}:{control_port}",
        *(f"{place} aubridge,nobody" for place in ("audio_source", "audio_player", "audio_alert")),
        "module_tmp account.so",
        *(f"module_app {name}.so" for name in modules or ("contact", "menu", "presence")),
    ]
    accounts = [] if modules else [account_of(daemon, user, f";pubint={_REGISTERED_S}")]
    (home / "config").write_text("\n".join([*settings, ""]), encoding="utf-8")
    (home / "accounts").write_text("\n".join([*accounts, ""]), encoding="utf-8")
    watched = [f'"{contact}" <sip:{contact}@{daemon.domain}>;presence=p2p\n' for contact in contacts]
    (home / "contacts").write_text("".join(watched), encoding="utf-8")
    with running_client(["baresip", "-f", home, "-s"], home / "output.log") as client:
        with wait_until(lambda: connected(daemon.ip, control_port), "baresip takes commands", 10.0) as control:
            yield BaresipPhone(client, home, daemon.address, control)
        client.terminate()
