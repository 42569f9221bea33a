"""What the command line may have the running daemon do about access."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from api.control_socket import ArgumentAnswer
from configuration.access_control import AccessControl
from domain.errors import UserError


class AccessAnswers:
    """The questions ``credentials``, ``approve`` and ``reject``. A ``problem`` is for the asker to print."""

    def __init__(self, access: AccessControl) -> None:
        self._access = access

    @property
    def answers(self) -> Mapping[str, ArgumentAnswer]:
        return {
            "credentials": lambda _: {"problem": self._access.reread()},
            "approve": lambda asked: _decided(self._access.approve, asked),
            "reject": lambda asked: _decided(self._access.reject, asked),
        }


def _decided(decide: Callable[[str], str], asked: Any) -> dict[str, str | None]:
    if not isinstance(asked, str):
        return {"device": None, "problem": "Name a device."}
    try:
        return {"device": decide(asked), "problem": None}
    except UserError as error:
        return {"device": None, "problem": str(error)}
