"""What the running daemon tells the command line about itself and its devices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from api.control_socket import Answer
from configuration.configuration_manager import ConfigurationManager, SipDeviceConfig
from domain.legs import LegReport
from domain.ports import Engine


class StatusReport:
    """The questions of the control socket and their answers, as values that JSON can carry."""

    def __init__(
        self,
        manager: ConfigurationManager,
        engine: Engine,
        config_path: Path,
        legs: Callable[[], Sequence[LegReport]],
    ) -> None:
        self._config_path = config_path
        self._manager = manager
        self._engine = engine
        self._legs = legs

    @property
    def answers(self) -> Mapping[str, Answer]:
        return {
            "devices": self.devices,
            "statistics": self.statistics,
            "config": self.config,
            "legs": self.legs,
        }

    def devices(self) -> list[dict[str, Any]]:
        """Every device of config.yaml and of the core, as it is now."""
        return [device_row(device) for device in self._manager.sip_configs()]

    def statistics(self) -> dict[str, int]:
        """The core's counters."""
        return asdict(self._engine.statistics())

    def legs(self) -> list[dict[str, Any]]:
        """Every leg and its live figures."""
        return [asdict(leg) for leg in self._legs()]

    def config(self) -> dict[str, Any]:
        """The configuration in force, without what has its default, and the file it comes from."""
        document = self._manager.document.model_dump(mode="json", exclude_defaults=True)
        return {"path": str(self._config_path.absolute()), "document": document}


def device_row(device: SipDeviceConfig) -> dict[str, Any]:
    """One device as JSON can carry it."""
    row = asdict(device)
    row["last_seen"] = device.last_seen.isoformat(timespec="seconds") if device.last_seen else None
    return row
