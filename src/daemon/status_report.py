"""What the running daemon tells the command line about itself and its devices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from api.control_socket import Answer
from configuration.configuration_manager import ConfigurationManager, SipDeviceConfig
from domain.ports import Engine, ListenAddress

_ROW_FIELDS = tuple(field.name for field in fields(SipDeviceConfig))


class StatusReport:
    """The questions of the control socket and their answers, as values that JSON can carry."""

    def __init__(
        self,
        manager: ConfigurationManager,
        engine: Engine,
        config_path: Path,
        begin: tuple[datetime, Sequence[ListenAddress]],
    ) -> None:
        """``begin``: when the daemon started, and where SIP is served once it is.

        ``availability`` may be set later: the word for each device's state, by its key.
        """
        self.availability: Callable[[], Mapping[str, str]] = dict
        self._config_path = config_path
        self._manager = manager
        self._engine = engine
        self._started, self._listening = begin

    @property
    def answers(self) -> Mapping[str, Answer]:
        return {"status": self.status, "devices": self.devices, "statistics": self.statistics, "config": self.config}

    def status(self) -> dict[str, Any]:
        """The daemon itself."""
        server = self._manager.document.server
        return {
            "name": server.name,
            "domain": server.domain,
            "version": _version(),
            "started": self._started.isoformat(timespec="seconds"),
            "sip_port": self._listening[0].port if self._listening else None,
            "statistics": self.statistics(),
        }

    def devices(self) -> list[dict[str, Any]]:
        """Every device of config.yaml and of the core, as it is now."""
        words = self.availability()
        rows = [device_row(device) for device in self._manager.sip_configs()]
        return [{**row, "availability": words.get(row["uuid"])} for row in rows]

    def statistics(self) -> dict[str, int]:
        """The core's counters."""
        return asdict(self._engine.statistics())

    def config(self) -> dict[str, Any]:
        """The configuration in force, without what has its default, and the file it comes from."""
        document = self._manager.document.model_dump(mode="json", exclude_defaults=True)
        return {"path": str(self._config_path.absolute()), "document": document}


def device_row(device: SipDeviceConfig) -> dict[str, Any]:
    """One device as JSON can carry it."""
    row = {name: getattr(device, name) for name in _ROW_FIELDS}  # asdict on all of it takes ten times as long
    row["formats"] = tuple(map(asdict, device.formats))
    row["last_seen"] = device.last_seen.isoformat(timespec="seconds") if device.last_seen else None
    return row


def _version() -> str:
    try:
        return version("screamrouter-sip")
    except PackageNotFoundError:  # run from a copy that was not installed
        return "unknown"
