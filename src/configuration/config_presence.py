"""The section of config.yaml that says who may watch whom, for how long, and which lists there are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Strict, StrictBool, StrictInt, StrictStr, model_validator
from pydantic_core import PydanticCustomError

from configuration.config_section import Section, as_list, no_repeats, refuse_key

ALL = "all"
"""The list of every device; it is always there."""
_LIST_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~+-]{0,63}")
"""What RFC 3261 section 25.1 lets stand as a URI's user without an escape, and people type without a doubt."""
_MOST_LISTS = 1000
_MOST_MEMBERS = 10_000


def _list_names(lists: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    for name in lists:
        if name.lower() == ALL:
            raise PydanticCustomError("name", "names a list all, which is there already: every device")
        if _LIST_NAME.fullmatch(name) is None:
            raise PydanticCustomError("name", "names a list by what is no SIP user")
    return lists


def _empty_is_none(value: Any) -> Any:
    """Nothing for no lists, and for a list without members."""
    if isinstance(value, dict):
        return {name: () if members is None else members for name, members in value.items()}
    return {} if value is None else value


Watched = Annotated[StrictStr, Field(min_length=1, max_length=255)]
"""An address, its user part alone, or a device's key or name."""

Addresses = Annotated[
    tuple[Watched, ...],
    BeforeValidator(as_list, json_schema_input_type=Watched | tuple[Watched, ...]),
    AfterValidator(no_repeats),
]


class PresenceSection(Section):
    """Who may watch devices (RFC 6665, RFC 3856), and how often watchers are told."""

    enabled: Annotated[StrictBool, Field(description="true or false")] = True
    watchers: Annotated[Literal["registered", "anyone"], Field(description="registered or anyone")] = "registered"
    min_expires_s: Annotated[StrictInt, Field(ge=1, le=86_400, description="whole seconds, 1 to 86400")] = 10
    max_expires_s: Annotated[
        StrictInt, Field(ge=1, le=86_400, description="whole seconds, 1 to 86400, at least min_expires_s")
    ] = 60
    interval_s: Annotated[
        float, Strict(), Field(ge=0.05, le=60, allow_inf_nan=False, description="seconds, 0.05 to 60")
    ] = 1.0
    max_subscriptions: Annotated[StrictInt, Field(ge=0, le=1_000_000, description="a whole number, 0 to 1000000")] = (
        10_000
    )
    max_publications: Annotated[StrictInt, Field(ge=0, le=100_000, description="a whole number, 0 to 100000")] = 1000
    lists: Annotated[
        Mapping[StrictStr, Annotated[Addresses, Field(max_length=_MOST_MEMBERS)]],
        BeforeValidator(
            _empty_is_none, json_schema_input_type=Mapping[str, Watched | tuple[Watched, ...] | None] | None
        ),
        AfterValidator(_list_names),
        Field(
            max_length=_MOST_LISTS,
            description="names (letters, digits and - . _ ~ +, not all) and below each a list of addresses or devices, "
            "each once",
        ),
    ] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _in_order(self) -> PresenceSection:
        if self.min_expires_s > self.max_expires_s:
            refuse_key("max_expires_s", f"is less than min_expires_s ({self.min_expires_s})", "min_expires_s")
        return self
