"""Who calls: known by the address it registered under, from where it registered."""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from configuration.call_directory import ConfiguredCallDirectory
from domain.calls import Caller, IncomingCall
from domain.values import Endpoint, Flow, Transport

if TYPE_CHECKING:
    from configuration.config_store import ConfigStore
    from domain.ports import Engine

DOMAIN = "house.local"
RADIO = str(uuid.UUID(int=7))
HERE = Flow(Transport.UDP, Endpoint("192.0.2.1", 5060))
SAME_HOST = Flow(Transport.UDP, Endpoint("192.0.2.1", 5070))
ELSEWHERE = Flow(Transport.UDP, Endpoint("192.0.2.9", 5060))


class Registered:
    """Bindings as (address-of-record, device, flow)."""

    def __init__(self, *bindings: tuple[str, str, Flow]) -> None:
        self._bindings = bindings

    def find_aor(self, aor):
        return [SimpleNamespace(device_id=device, flow=flow) for known, device, flow in self._bindings if known == aor]


def caller_of(engine: Registered, flow: Flow, user: str = "radio") -> str:
    store = SimpleNamespace(document=SimpleNamespace(server=SimpleNamespace(domain=DOMAIN)))
    call = IncomingCall(1, "echo", f"sip:echo@{DOMAIN}", Caller(f"sip:{user}@{DOMAIN}", user), flow, "192.0.2.2")
    # Stand-ins that have what is asked of them.
    directory = ConfiguredCallDirectory(cast("ConfigStore", store), cast("Engine", engine))
    return directory.device_of(call)


AOR = f"radio@{DOMAIN}"


@pytest.mark.parametrize("device", [AOR, RADIO], ids=["by its address", "by its UUID"])
def test_a_caller_is_the_device_that_registered_its_address_from_there(device):
    assert caller_of(Registered((AOR, device, HERE)), HERE) == device
    assert caller_of(Registered((AOR, device, HERE)), SAME_HOST) == device


def test_a_caller_from_elsewhere_or_of_another_name_is_nobody():
    engine = Registered((AOR, RADIO, HERE))
    assert caller_of(engine, ELSEWHERE) == ""
    assert caller_of(engine, HERE, user="tv") == ""


def test_of_two_devices_on_one_host_the_calling_port_decides_or_nothing_does():
    other = str(uuid.UUID(int=8))
    engine = Registered((AOR, RADIO, HERE), (AOR, other, SAME_HOST))
    assert caller_of(engine, HERE) == RADIO
    assert caller_of(engine, SAME_HOST) == other
    assert caller_of(engine, Flow(Transport.UDP, Endpoint("192.0.2.1", 9))) == ""
