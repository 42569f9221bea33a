"""Which links are announced on and with which addresses; what this host is called."""

from __future__ import annotations

import socket

import pytest

from discovery.interfaces import (
    Link,
    announced_addresses,
    announcing_links,
    own_addresses,
    own_host_names,
    read_links,
    zeroconf_interfaces,
)

LOOPBACK = Link("lo", 1, ("127.0.0.1", "::1"), is_loopback=True, is_multicast=False)
LAN = Link("eth0", 2, ("192.168.1.5", "10.0.0.5", "fd00::5", "fe80::5"), is_loopback=False, is_multicast=True)
WIFI = Link("wlan0", 3, ("192.168.2.5", "fe80::6"), is_loopback=False, is_multicast=True)
TUNNEL = Link("wg0", 4, ("10.8.0.5",), is_loopback=False, is_multicast=False)
ALL = (LOOPBACK, LAN, WIFI, TUNNEL)


def test_all_links_means_those_that_carry_multicast_to_others() -> None:
    assert announcing_links(ALL) == (LAN, WIFI)


def test_the_loopback_is_taken_only_when_nothing_else_is_up() -> None:
    assert announcing_links((LOOPBACK, TUNNEL)) == (LOOPBACK,)
    assert announcing_links(()) == ()


def test_a_configured_interface_stands_for_all_its_addresses() -> None:
    assert announcing_links(ALL, ("wlan0",)) == (WIFI,)
    assert announcing_links(ALL, ("lo",)) == (LOOPBACK,)


@pytest.mark.parametrize("spelling", ["fd00::5", "FD00:0::5", "[fd00::5]", "fd00::5%eth0"])
def test_a_configured_address_stands_for_itself_alone_however_it_is_spelt(spelling) -> None:
    (link,) = announcing_links(ALL, (spelling,))
    assert (link.name, link.addresses) == ("eth0", ("fd00::5",))


def test_a_configured_interface_that_is_not_up_is_not_replaced_by_another() -> None:
    assert announcing_links(ALL, ("eth7",)) == ()


def test_a_link_local_address_is_published_only_where_ipv6_has_no_wider_one() -> None:
    assert announced_addresses(LAN) == ("192.168.1.5", "10.0.0.5", "fd00::5")
    assert announced_addresses(WIFI) == ("192.168.2.5", "fe80::6")


def test_mdns_is_spoken_from_one_address_per_family() -> None:
    assert zeroconf_interfaces(LAN) == ["192.168.1.5", 2]
    assert zeroconf_interfaces(LOOPBACK) == ["127.0.0.1"]


def test_this_hosts_loopback_is_read_from_the_system() -> None:
    assert "127.0.0.1" in own_addresses()
    assert own_addresses(("127.0.0.1",)) == ("127.0.0.1",)
    (loopback,) = [link for link in read_links() if link.is_loopback]
    assert loopback.index == socket.if_nametoindex(loopback.name)
    assert "127.0.0.1" in loopback.addresses


def test_the_full_name_comes_from_the_hosts_file(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "MusicBox")
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n127.0.1.1 musicbox.home.lan musicbox # me\n10.0.0.9 other.home.lan other\n")
    assert own_host_names(hosts) == ("musicbox", "musicbox.local", "localhost", "musicbox.home.lan")


def test_a_full_host_name_also_gives_its_short_form(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "musicbox.home.lan.")
    assert own_host_names(tmp_path / "missing") == ("musicbox.home.lan", "musicbox", "musicbox.local", "localhost")
