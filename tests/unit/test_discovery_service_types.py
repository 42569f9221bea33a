"""The names and the TXT record that devices look for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from discovery.service_types import (
    SERVICE_TYPES,
    announced_host_name,
    conflict_suffixes,
    instance_label,
    txt_record,
)
from domain.values import Transport

UUID = "5B6A1C9E-13f5-4b8e-9d0e-6a4d5f7c2b10"


def test_udp_is_announced_under_the_routers_own_type_and_the_registered_one() -> None:
    assert SERVICE_TYPES[Transport.UDP] == ("_screamrouter-sip._udp.local.", "_sip._udp.local.")
    assert SERVICE_TYPES[Transport.TCP] == ("_sip._tcp.local.",)


def test_txt_has_the_version_in_both_spellings() -> None:
    assert txt_record(UUID, Transport.UDP) == {
        "version": "2.0",
        "srv_version": "2.0",
        "router_uuid": UUID,
        "transport": "udp",
    }


def test_the_announced_host_is_one_label_below_local_whatever_the_uuid_holds() -> None:
    assert announced_host_name(UUID) == "screamrouter-5b6a1c9e.local."
    assert announced_host_name("ab.c\n-d") == "screamrouter-abcd.local."


def test_an_ordinary_name_stays_as_it_is() -> None:
    assert instance_label("ScreamRouter") == "ScreamRouter"
    assert instance_label("Küche & Bad", " (2)") == "Küche & Bad (2)"


def test_dots_and_control_characters_do_not_reach_the_wire() -> None:
    assert instance_label("1.Stock\x07") == "1-Stock-"


def test_a_long_name_is_cut_between_characters_and_keeps_its_suffix() -> None:
    assert instance_label("ü" * 40, " (2)") == "ü" * 29 + " (2)"


@given(st.text(), st.sampled_from(conflict_suffixes(UUID)))
def test_every_name_becomes_one_label_of_at_most_63_octets(wanted, suffix) -> None:
    label = instance_label(wanted, suffix)
    assert len(label.encode()) <= 63
    assert "." not in label
    assert label.endswith(suffix)


def test_names_after_a_conflict_count_up_and_end_with_one_that_is_unique() -> None:
    suffixes = conflict_suffixes(UUID)
    assert suffixes[:3] == ("", " (2)", " (3)")
    assert suffixes[-1] == " (5B6A1C9E)"
    assert len(set(suffixes)) == len(suffixes)
