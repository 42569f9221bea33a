"""What the sections of config.yaml are made of."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, StrictStr
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """A part of the document: frozen, and without keys that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def as_list(value: Any) -> Any:
    """A text that stands alone as the list of it."""
    return [value] if isinstance(value, str) else value


def no_repeats(values: tuple[str, ...]) -> tuple[str, ...]:
    """``values``; refused where one is there twice."""
    if len(set(values)) < len(values):
        raise PydanticCustomError("repeat", "names one twice")
    return values


def _ip_address(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise PydanticCustomError("address", "is no numeric IP address") from None
    return text


IpText = Annotated[StrictStr, AfterValidator(_ip_address)]


def absolute_path(text: str | None) -> str | None:
    """``text``; refused where it depends on where the daemon was started."""
    if text is not None and not text.startswith(("/", "~")):
        raise PydanticCustomError("path", "is no absolute path")
    return text


def refuse_key(key: str, message: str, *others: str) -> None:
    """Report a rule between ``key``, which is to be changed, and ``others`` of the same section."""
    raise PydanticCustomError("order", "{message}", {"key": key, "message": message, "others": others})
