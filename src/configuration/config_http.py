"""The section of config.yaml that says where the page, the REST answers and SIP over WebSocket are served."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StrictInt, StrictStr, model_validator
from pydantic_core import PydanticCustomError

from configuration.config_section import IpText, Section, absolute_path, as_list, no_repeats, refuse_key

_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")


def _origin(text: str) -> str:
    if _ORIGIN.fullmatch(text) is None:
        raise PydanticCustomError("origin", "is no origin")
    return text


class HttpSection(Section):
    """One HTTPS port. Only ``allowed_origins`` is in force at once."""

    enabled: Annotated[StrictBool, Field(description="true or false")] = True
    address: Annotated[
        tuple[IpText, ...],
        BeforeValidator(as_list, json_schema_input_type=IpText | tuple[IpText, ...]),
        AfterValidator(no_repeats),
        Field(min_length=1, max_length=64, description="a numeric IP address or a list of them, each once"),
    ] = ("0.0.0.0", "::")
    port: Annotated[StrictInt, Field(ge=0, le=65535, description="a whole number, 0 to 65535; 0 takes a free one")] = (
        8443
    )
    certificate: Annotated[
        StrictStr | None,
        AfterValidator(absolute_path),
        Field(description="an absolute path, or one that begins with ~; empty: the daemon makes a certificate"),
    ] = None
    key: Annotated[
        StrictStr | None,
        AfterValidator(absolute_path),
        Field(description="an absolute path, or one that begins with ~; empty: the daemon makes a key"),
    ] = None
    allowed_origins: Annotated[
        tuple[Annotated[StrictStr, AfterValidator(_origin)], ...],
        AfterValidator(no_repeats),
        Field(max_length=64, description="a list of origins such as https://panel.example:8123, each once"),
    ] = ()

    @model_validator(mode="after")
    def _both_files(self) -> HttpSection:
        if self.certificate is not None and self.key is None:
            refuse_key("key", "is missing beside certificate", "certificate")
        if self.key is not None and self.certificate is None:
            refuse_key("certificate", "is missing beside key", "key")
        return self
