"""Where TCP and TLS listen, as sip.tcp and sip.tls have it."""

from __future__ import annotations

from configuration.config_document import SipSection
from daemon.stream_service import stream_listeners
from domain.ports import ListenAddress

UDP = (ListenAddress("0.0.0.0", 5070), ListenAddress("::", 5071))


def places(**sections: object) -> list[tuple[str, str, int]]:
    wanted = SipSection.model_validate(sections)
    return [(str(one.transport), one.address.ip, one.address.port) for one in stream_listeners(wanted, UDP)]


def test_by_default_tcp_shares_the_places_of_udp_and_tls_has_its_own_port_there() -> None:
    assert places() == [
        ("tcp", "0.0.0.0", 5070),
        ("tcp", "::", 5071),
        ("tls", "0.0.0.0", 5061),
        ("tls", "::", 5061),
    ]


def test_each_can_be_turned_off() -> None:
    assert places(tcp={"enabled": False}, tls={"enabled": False}) == []


def test_own_addresses_and_ports_win() -> None:
    sections = {"tcp": {"address": ["192.0.2.1"], "port": 5065}, "tls": {"address": ["192.0.2.2"], "port": 0}}
    assert places(**sections) == [("tcp", "192.0.2.1", 5065), ("tls", "192.0.2.2", 0)]


def test_an_address_that_udp_does_not_have_takes_the_port_of_the_first_that_it_has() -> None:
    assert places(tcp={"address": ["192.0.2.1"]}, tls={"enabled": False}) == [("tcp", "192.0.2.1", 5070)]
