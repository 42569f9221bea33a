"""Who may register: frozen values that the configuration makes and the core obeys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class AdmissionMode(StrEnum):
    """What becomes of a device that the owner has not written down."""

    OPEN = "open"
    APPROVE = "approve"
    CLOSED = "closed"


class NetworkAccess(StrEnum):
    """What holds in one network: the mode, always as in ``open``, always as in ``closed``, or nothing at all."""

    BY_MODE = "by_mode"
    TRUSTED = "trusted"
    CREDENTIALS = "credentials"
    REFUSED = "refused"


class DigestAlgorithm(StrEnum):
    """RFC 7616 section 6.1, RFC 8760; the strongest first."""

    SHA_512_256 = "SHA-512-256"
    SHA_256 = "SHA-256"
    MD5 = "MD5"


@dataclass(frozen=True, slots=True)
class NetworkRule:
    """``network``: a prefix such as 192.168.0.0/16, or private, loopback, link-local, any. The longest one counts."""

    network: str
    access: NetworkAccess = NetworkAccess.BY_MODE


@dataclass(frozen=True, slots=True)
class Credential:
    """What a device proves itself with. ``ha1``: hex of H(user:realm:password) per algorithm.

    ``keys`` are the addresses-of-record that it may register beside ``user`` itself: their users, or a device's UUID.
    """

    user: str
    ha1: Mapping[DigestAlgorithm, str]
    keys: tuple[str, ...] = ()
    is_enabled: bool = True


@dataclass(frozen=True, slots=True)
class AccessConfig:
    """The wanted state of the core's door. ``devices``: those that the owner has listed, by UUID or the user of their
    address-of-record, and whether they are enabled. ``device_networks``: from where alone one of them may come.
    """

    realm: str
    mode: AdmissionMode = AdmissionMode.OPEN
    rules: tuple[NetworkRule, ...] = (NetworkRule("private"),)
    algorithms: tuple[DigestAlgorithm, ...] = tuple(DigestAlgorithm)
    is_qop_required: bool = False
    requests_per_s: int = 100
    burst: int = 400
    unlimited: tuple[str, ...] = ("loopback",)
    neighbours: tuple[str, ...] = ()
    credentials: tuple[Credential, ...] = ()
    devices: Mapping[str, bool] = field(default_factory=dict)
    device_networks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Door(Protocol):
    """The part of the core that lets devices in."""

    def apply_access(self, config: AccessConfig) -> None:
        """Obey ``config`` from the next request on; no binding is dropped. Raise ``ValueError`` for what is no network,
        realm or digest.
        """
        ...
