"""The sections of config.yaml that say who may come in, by what proof and at what pace."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StrictInt, StrictStr
from pydantic_core import PydanticCustomError

from configuration.config_section import Section, as_list, no_repeats
from domain.access import AdmissionMode, DigestAlgorithm, NetworkAccess

NETWORK_NAMES = ("private", "loopback", "link-local", "any")
_PREFIX = re.compile(r"[0-9a-fA-F.:]+(/[0-9]{1,3})?")
ALLOWED_NETWORK = "private, loopback, link-local, any, or a prefix such as 192.168.0.0/16 or fd00::/8"


def plain_network(text: str) -> str:
    """A network's name as it is, a prefix or an address as the core reads it. Raise ``ValueError`` for anything else.

    Bits beyond the prefix are cleared: people write the address of a host for its network.
    """
    if text in NETWORK_NAMES:
        return text
    if _PREFIX.fullmatch(text) is None:
        raise ValueError(f"{text} is no network")
    return str(ipaddress.ip_network(text, strict=False))


def _network(text: str) -> str:
    try:
        plain_network(text)
    except ValueError:
        raise PydanticCustomError("network", "is no network") from None
    return text


NetworkText = Annotated[StrictStr, AfterValidator(_network)]
Networks = Annotated[
    tuple[NetworkText, ...],
    BeforeValidator(as_list, json_schema_input_type=NetworkText | tuple[NetworkText, ...]),
    AfterValidator(no_repeats),
]


class NetworkEntry(Section):
    """What holds in one network."""

    network: Annotated[NetworkText, Field(description=ALLOWED_NETWORK)]
    access: Annotated[NetworkAccess, Field(description="by_mode, trusted, credentials or refused")] = (
        NetworkAccess.BY_MODE
    )


class AdmissionSection(Section):
    """Who may register."""

    mode: Annotated[AdmissionMode, Field(description="open, approve or closed")] = AdmissionMode.OPEN
    networks: Annotated[
        Networks, Field(max_length=256, description=f"a list of networks, each once: {ALLOWED_NETWORK}")
    ] = ("private",)
    rules: Annotated[
        tuple[NetworkEntry, ...],
        Field(max_length=256, description="a list of rules such as {network: 192.168.7.0/24, access: credentials}"),
    ] = ()


class AuthenticationSection(Section):
    """How devices that have a password prove that they know it (RFC 7616, RFC 8760)."""

    algorithms: Annotated[
        tuple[DigestAlgorithm, ...],
        AfterValidator(no_repeats),
        Field(min_length=1, description="a list of SHA-512-256, SHA-256 and MD5, each once"),
    ] = tuple(DigestAlgorithm)
    require_qop: Annotated[StrictBool, Field(description="true or false")] = False


class LimitsSection(Section):
    """How much one source may send, and how much all together may register, call and connect."""

    requests_per_s: Annotated[StrictInt, Field(ge=1, le=1_000_000, description="a whole number, 1 to 1000000")] = 100
    burst: Annotated[StrictInt, Field(ge=1, le=1_000_000, description="a whole number, 1 to 1000000")] = 400
    unlimited: Annotated[
        Networks, Field(max_length=256, description=f"a list of networks, each once: {ALLOWED_NETWORK}")
    ] = ("loopback",)
    max_calls: Annotated[StrictInt, Field(ge=0, le=100_000, description="a whole number, 0 to 100000")] = 500
    max_aors: Annotated[StrictInt, Field(ge=1, le=1_000_000, description="a whole number, 1 to 1000000")] = 10_000
    max_bindings: Annotated[StrictInt, Field(ge=1, le=1_000_000, description="a whole number, 1 to 1000000")] = 20_000
    max_memory_mb: Annotated[StrictInt, Field(ge=1, le=4096, description="megabytes, 1 to 4096")] = 32
    max_connections: Annotated[StrictInt, Field(ge=1, le=100_000, description="a whole number, 1 to 100000")] = 4000
    max_connections_per_address: Annotated[
        StrictInt, Field(ge=1, le=100_000, description="a whole number, 1 to 100000")
    ] = 100
