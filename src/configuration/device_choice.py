"""Which entry of config.yaml the owner means when he names a device on the command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from configuration.access_policy import access_key
from configuration.config_document import DeviceEntry, fold_device_id, is_uuid
from domain.errors import UserError

_UUID_BEGINNING = re.compile(r"[0-9a-f]{4}[0-9a-f-]*")
_MOST_NAMED = 10


def choose_device(asked: str, devices: Mapping[str, DeviceEntry], domain: str) -> str | None:
    """The key of the device called ``asked``: by key, with or without the domain, else by name, else by the beginning
    of its UUID; None if there is none. Raise ``UserError`` where several are meant.
    """
    text = asked.strip()
    wanted, folded = access_key(text, domain), text.lower()
    ways: Sequence[Callable[[str, DeviceEntry], bool]] = (
        lambda key, _: key == fold_device_id(text),
        lambda key, _: access_key(key, domain) == wanted,
        lambda _, entry: (entry.name or "").lower() == folded,
        lambda key, _: _UUID_BEGINNING.fullmatch(folded) is not None and is_uuid(key) and key.startswith(folded),
    )
    for is_meant in ways:
        found = [key for key, entry in devices.items() if is_meant(key, entry)]
        if len(found) > 1:
            raise UserError(f"{asked} may be each of {', '.join(found[:_MOST_NAMED])}: name one of them by its key.")
        if found:
            return found[0]
    return None
