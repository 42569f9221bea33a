"""Who may come in: what the owner wrote and the passwords he gave -> what the core is to obey."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from configuration.config_access import plain_network
from configuration.config_document import ConfigDocument, DeviceEntry, fold_device_id
from configuration.credential_file import StoredCredential
from domain.access import AccessConfig, AdmissionMode, Credential, NetworkRule


def access_key(device_id: str, domain: str) -> str:
    """By what the core and the credentials know the device: its UUID, or the user of its address in ``domain``."""
    plain = device_id.removeprefix("sip:")
    user, _, host = plain.rpartition("@")
    return user if user and host.lower() == domain.lower() else fold_device_id(plain)


@dataclass(frozen=True, slots=True)
class DeviceStanding:
    """What the owner has said of one device. ``is_enabled``: whether he lets it in; None if the core may treat it as
    one that he has not written down. ``networks``: from where alone it may come; None: from wherever devices may.
    """

    is_enabled: bool | None = None
    networks: tuple[str, ...] | None = None


def standing_of(entry: DeviceEntry | None, mode: AdmissionMode) -> DeviceStanding | None:
    """What the core is to know of the entry; None for nothing.

    Of a pending device he has said nothing yet. That a device is enabled means something in mode ``approve`` only: left
    out elsewhere, devices that come for the first time change nothing of what the core obeys.
    """
    if entry is None:
        return None
    is_enabled: bool | None = entry.enabled
    if (entry.pending and not entry.enabled) or (entry.enabled and mode is not AdmissionMode.APPROVE):
        is_enabled = None
    networks = None if entry.networks is None else tuple(map(plain_network, entry.networks))
    return None if is_enabled is None and networks is None else DeviceStanding(is_enabled, networks)


def other_realms(document: ConfigDocument, credentials: Mapping[str, StoredCredential]) -> list[str]:
    """The keys whose passwords were given for another domain than the one in force."""
    realm = realm_of(document)
    return [key for key, one in credentials.items() if one.realm != realm]


def realm_of(document: ConfigDocument) -> str:
    """The protection space of all passwords: the domain."""
    return document.server.domain.lower()


def network_rules(document: ConfigDocument) -> tuple[NetworkRule, ...]:
    """What holds where; of equal prefixes the first counts."""
    admission = document.admission
    return (
        *(NetworkRule(plain_network(one.network), one.access) for one in admission.rules),
        *(NetworkRule(plain_network(network)) for network in admission.networks),
    )


def access_config(
    document: ConfigDocument,
    standings: Mapping[str, DeviceStanding],
    credentials: Mapping[str, StoredCredential],
    neighbours: tuple[str, ...] = (),
) -> AccessConfig:
    """The core's wanted state. ``standings``: by the devices' ids what ``standing_of`` says, where it says something.

    Of two entries that name one device, the one that refuses it counts; if both name networks, those that both name.

    A credential of another realm stays one that nobody can satisfy: its device must not be open to all of a sudden.
    """
    admission, limits = document.admission, document.limits
    realm = realm_of(document)
    devices: dict[str, bool] = {}
    device_networks: dict[str, tuple[str, ...]] = {}
    for device_id, standing in standings.items():
        key = access_key(device_id, realm)
        if standing.is_enabled is not None:
            devices[key] = standing.is_enabled and devices.get(key, True)
        if standing.networks is not None:
            before = device_networks.get(key, standing.networks)
            device_networks[key] = tuple(network for network in standing.networks if network in before)
    return AccessConfig(
        realm=realm,
        mode=admission.mode,
        rules=network_rules(document),
        algorithms=document.authentication.algorithms,
        is_qop_required=document.authentication.require_qop,
        requests_per_s=limits.requests_per_s,
        burst=limits.burst,
        unlimited=tuple(map(plain_network, limits.unlimited)),
        neighbours=neighbours,
        credentials=tuple(
            Credential(one.user, one.ha1 if one.realm == realm else {}, (key,), devices.get(key, True))
            for key, one in credentials.items()
        ),
        devices=devices,
        device_networks=device_networks,
    )
