"""The daemon as these tests call it: with rooms to meet in, and quick to notice an edit."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from tests.kit.daemon_process import DaemonProcess, running_daemon
from tests.kit.rtp_phone import RtpPhone
from tests.kit.sip_peer import SipPeer

RADIO = "2c1f6a52-93b4-4c0e-8f5e-0c5ad2a6c9e1"
"""A source that tells who it is (RFC 5626 section 4.1)."""
DEVICES = {
    **{f"{room}@screamrouter.local": {"name": room.title(), "role": "sink"} for room in ("hall", "attic", "cellar")},
    RADIO: {"name": "Radio", "role": "source"},
}


def running_audio_daemon(
    directory: Path, *, ip: str = "127.0.0.1", certificate: Path | None = None, **media: Any
) -> AbstractContextManager[DaemonProcess]:
    """On any media port; ``media`` are more keys of that section. ``certificate`` is the owner's, with its key."""
    own = {} if certificate is None else {"http": {"certificate": str(certificate), "key": str(certificate)}}
    sections = {
        **own,
        "devices": DEVICES,
        "media": {"port": 0, "rtp_ports": [43000, 43999], **media},
        "liveness": {"ping_interval_s": 300.0, "timeout_s": 1200.0},
    }
    return running_daemon(directory, ip=ip, sections=sections)


def phone_at(daemon: DaemonProcess, tone_hz: int = 0, *, user: str = "phone") -> RtpPhone:
    """A telephone that has not called yet."""
    return RtpPhone(SipPeer(daemon.address, user), tone_hz)
