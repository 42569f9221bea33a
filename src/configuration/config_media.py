"""The section of config.yaml that says where audio is served."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, Strict, StrictInt, StrictStr, model_validator
from pydantic_core import PydanticCustomError

from configuration.config_section import Section, as_list, no_repeats

AUTO = "auto"
_FEWEST_PORTS = 2


def _addresses(texts: tuple[str, ...]) -> tuple[str, ...]:
    if texts == (AUTO,):
        return texts
    for text in texts:
        try:
            ipaddress.ip_address(text)
        except ValueError:
            raise PydanticCustomError("address", "is neither auto nor a list of numeric IP addresses") from None
    return texts


def _ascending(ports: Any) -> Any:
    if isinstance(ports, list | tuple) and len(ports) == 2 and all(isinstance(port, int) for port in ports):
        first, last = ports
        if last - first + 1 < _FEWEST_PORTS:
            raise PydanticCustomError("ports", "is no range: the last port must be above the first")
    return ports


_Port = Annotated[StrictInt, Field(ge=1024, le=65535)]


class MediaSection(Section):
    """Where browsers and telephones send their audio."""

    address: Annotated[
        tuple[StrictStr, ...],
        BeforeValidator(as_list, json_schema_input_type=StrictStr | tuple[StrictStr, ...]),
        AfterValidator(no_repeats),
        AfterValidator(_addresses),
        Field(min_length=1, max_length=64, description="auto, or a list of this host's IP addresses, each once"),
    ] = (AUTO,)
    port: Annotated[StrictInt, Field(ge=0, le=65535, description="a whole number, 0 to 65535; 0 takes a free one")] = (
        42000
    )
    rtp_ports: Annotated[
        tuple[_Port, _Port],
        BeforeValidator(_ascending, json_schema_input_type=tuple[_Port, _Port]),
        Field(description="two ports, the first and the last, 1024 to 65535"),
    ] = (42002, 42999)
    silence_s: Annotated[
        float, Strict(), Field(ge=1, le=86_400, allow_inf_nan=False, description="seconds, 1 to 86400")
    ] = 30.0

    @model_validator(mode="after")
    def _apart(self) -> Self:
        first, last = self.rtp_ports
        if first <= self.port <= last:
            raise PydanticCustomError(
                "order",
                "{message}",
                {"key": "port", "message": f"lies within rtp_ports ({first} to {last})", "others": ("rtp_ports",)},
            )
        return self
