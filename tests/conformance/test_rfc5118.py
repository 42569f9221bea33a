"""The messages of RFC 5118 (IPv6), typed from its text; their Content-Lengths are counted anew, as the RFC's are wrong.

They come over IPv4: the addresses in them are text to whoever parses them. The daemon serves example.com, where
user@example.com is registered; the other addresses are nobody's here, so that a Request-URI that is understood is
answered 404 with its host in the Warning, and one that is not 400.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kit.daemon_process import DaemonProcess, running_daemon
from tests.kit.sip_peer import SipPeer
from tests.kit.torture import answer_to

MESSAGES = Path(__file__).parents[1] / "data" / "sip" / "rfc5118"
DOMAIN = "example.com"


@dataclass(frozen=True, slots=True)
class Row:
    """``says`` is what RFC 5118 says of it; ``host`` is what must be understood as the Request-URI's host."""

    file: str
    section: str
    says: str
    status: int
    host: str = ""


TABLE = [
    Row("ipv6-good", "4.1", "valid, an IPv6 reference in the Request-URI", 404, "2001:db8::10"),
    Row("ipv6-bad", "4.2", "invalid, an IPv6 address without brackets", 400),
    Row("port-ambiguous", "4.3", "the address ends with the bracket; :5070 is its last part", 404,
        "2001:db8::10:5070"),
    Row("port-unambiguous", "4.4", "the port stands behind the bracket", 404, "2001:db8::10"),
    Row("via-received-param-with-delim", "4.5", "received in brackets is to be read; a BYE of no dialog", 481),
    Row("via-received-param-no-delim", "4.5", "received without brackets, as the grammar has it", 404, "2001:db8::10"),
    Row("ipv6-in-sdp", "4.6", "valid, IPv6 in header and description", 404, "2001:db8::10"),
    Row("mult-ip-in-header", "4.7", "valid, IPv4 and IPv6 in three Vias; a BYE of no dialog", 481),
    Row("mult-ip-in-sdp", "4.8", "valid, IPv4 and IPv6 in one description", 404, "2001:db8::10"),
    Row("ipv4-mapped-ipv6", "4.9", "valid, IPv4-mapped addresses", 480),
    Row("ipv6-bug-abnf-3-colons", "4.10", "three colons, from an old grammar, are to be tolerated", 404,
        "2001:db8:::192.0.2.1"),
    Row("ipv6-correct-abnf-2-colons", "4.10", "valid, two colons before an embedded IPv4 address", 404,
        "2001:db8::192.0.2.1"),
]  # fmt: skip


@pytest.fixture(scope="module")
def example_com(tmp_path_factory) -> Iterator[DaemonProcess]:
    """The registrar of example.com, where user@example.com is registered."""
    with running_daemon(tmp_path_factory.mktemp("rfc5118"), sections={"server": {"domain": DOMAIN}}) as daemon:
        with SipPeer(daemon.address, user="user", domain=DOMAIN) as user:
            assert user.register().status == 200
        yield daemon


def test_the_table_has_every_message_that_is_kept() -> None:
    assert sorted(row.file for row in TABLE) == sorted(path.stem for path in MESSAGES.glob("*.sip"))


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.file)
def test_each_message_of_rfc_5118_has_the_outcome_that_the_rfc_asks_for(example_com: DaemonProcess, row: Row) -> None:
    """``row.says`` is the RFC's demand; before and after each the daemon answers an OPTIONS."""
    answer = answer_to((MESSAGES / f"{row.file}.sip").read_bytes(), example_com, DOMAIN)
    assert answer is not None
    assert answer.status == row.status, row.says
    if row.host:
        assert (answer.get("warning") or "").endswith(f': {row.host}"')
    assert answer.all("via")[0].count("received=") == 1
    assert example_com.is_running()
