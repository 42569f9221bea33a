"""What the sections of config.yaml are made of."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict
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
