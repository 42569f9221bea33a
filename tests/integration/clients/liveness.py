"""A client's liveness as the daemon sees it."""

from __future__ import annotations

from typing import Any

from tests.kit.daemon_process import DaemonProcess, wait_until

GRANTED_S = 4
"""Short enough for a test, and long enough that a busy machine is not late for a refresh."""

_REFRESHES = 2
"""A client that refreshes when clearly more than half of its time is over has outlived, with the second refresh, the
time granted at first."""


def wait_for_online(daemon: DaemonProcess, device_id: str, *, is_online: bool) -> dict[str, Any]:
    """The device's entry in config.yaml once that and ``screamrouter-sip devices`` say so."""
    entry = daemon.wait_for_device(device_id, online=is_online, enabled=True)
    wait_until(lambda: _live(daemon, device_id).get("online") is is_online, f"{device_id} live: {is_online}")
    return entry


def wait_for_round_trip(daemon: DaemonProcess, device_id: str) -> None:
    """Return once the device has answered a ping of the daemon's."""
    wait_until(lambda: _live(daemon, device_id).get("rtt_ms"), f"a round-trip time of {device_id}", timeout_s=10.0)


def assert_kept_by_refreshes(daemon: DaemonProcess, device_id: str) -> None:
    """The only client of ``daemon``, which grants ``GRANTED_S``, comes online and stays so, by refreshes alone."""
    wait_for_online(daemon, device_id, is_online=True)
    before = daemon.statistics()["requests"]
    wait_until(
        lambda: daemon.statistics()["requests"] >= before + _REFRESHES,
        f"{_REFRESHES} refreshes of {device_id}",
        timeout_s=_REFRESHES * GRANTED_S + 5.0,
    )
    assert _live(daemon, device_id)["online"] is True
    told = [line["event"] for line in daemon.log_lines() if line.get("device") == device_id]
    assert told == ["device.registered"], "a refresh is no change, and the device was never gone"


def _live(daemon: DaemonProcess, device_id: str) -> dict[str, Any]:
    return daemon.live_devices().get(device_id, {})
