"""The 49 messages of RFC 4475, each as it is, each with the outcome that the RFC asks of a registrar or user agent.

Answers go where a message's own Via says (RFC 3261 section 18.2.2), so the test's socket stands at that port. All 49
come over UDP, also those whose Via names another transport: only its transport's name differs then.

The daemon serves example.com, and user@example.com is registered but no sink: a well-formed INVITE is answered
480 for who is registered, 404 for who is not, 481 with a tag in To.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kit.daemon_process import DaemonProcess, running_daemon
from tests.kit.sip_peer import SipPeer
from tests.kit.torture import answer_to

MESSAGES = Path(__file__).parents[1] / "data" / "sip" / "rfc4475"
DOMAIN = "example.com"
SILENCE = 0


@dataclass(frozen=True, slots=True)
class Row:
    """``says`` is what RFC 4475 says of it; ``status`` what is answered; ``bindings`` what must be listed after it."""

    file: str
    section: str
    says: str
    status: int
    bindings: tuple[str, ...] = ()
    header: str = ""


TABLE = [
    # valid messages
    Row("wsinv", "3.1.1.1", "valid, folded and spaced wherever the grammar allows", 481),
    Row("intmeth", "3.1.1.2", "valid, every character that may stand where it stands; the method is unknown", 501),
    Row("esc01", "3.1.1.3", "valid, %-escapes in URIs; the Request-URI's domain is example.net", 404),
    Row("escnull", "3.1.1.4", "valid, escaped NULs: two different contacts for an address-of-record with one", 200,
        ("sip:%00@host5.example.com", "sip:%00%00@host5.example.com")),
    Row("esc02", "3.1.1.5", "valid, RE%47IST%45R is no REGISTER but an unknown method", 501),
    Row("lwsdisp", "3.1.1.6", "valid, no white space between display name and bracket", 200),
    Row("longreq", "3.1.1.7", "valid, long values in every field", 480),
    Row("dblreq", "3.1.1.8", "a REGISTER; the INVITE behind its Content-Length is ignored", 200,
        ("sip:j.user@host.example.com",)),
    Row("semiuri", "3.1.1.9", "valid, the user is `user;par=u@example.net`, not `user`", 404),
    Row("transports", "3.1.1.10", "valid, Vias of every transport", 200),
    Row("mpart01", "3.1.1.11", "valid, a multipart body with binary parts; MESSAGE is not served", 405,
        header="Allow: "),
    Row("unreason", "3.1.1.12", "a response with a reason phrase in UTF-8; it answers nothing of ours", SILENCE),
    Row("noreason", "3.1.1.13", "a response without reason phrase; it answers nothing of ours", SILENCE),
    # invalid messages
    Row("badinv01", "3.1.2.1", "400: separators without anything between them", 400),
    Row("clerr", "3.1.2.2", "400: Content-Length larger than the body", 400),
    Row("ncl", "3.1.2.3", "400: Content-Length below 0", 400),
    Row("scalar02", "3.1.2.4", "400: CSeq beyond 2^32; Max-Forwards and Expires out of range", 400),
    Row("scalarlg", "3.1.2.5", "a response with such numbers is discarded", SILENCE),
    Row("quotbal", "3.1.2.6", "400: a quotation mark that does not end", 400),
    Row("ltgtruri", "3.1.2.7", "400: the Request-URI in angle brackets", 400),
    Row("lwsruri", "3.1.2.8", "400: white space within the Request-URI", 400),
    Row("lwsstart", "3.1.2.9", "400: two spaces between the request line's elements", 400),
    Row("trws", "3.1.2.10", "400: white space behind the request line", 400),
    Row("escruri", "3.1.2.11", "400: header fields in the Request-URI", 400),
    Row("baddate", "3.1.2.12", "a Date in EST may be ignored by who does not use Date", 480),
    Row("regbadct", "3.1.2.13", "400: a Contact with a question mark outside angle brackets", 400),
    Row("badaspec", "3.1.2.14", "400: white space within angle brackets", 400),
    Row("baddn", "3.1.2.15", "400: a comma in a display name without quotation marks", 400),
    Row("badvers", "3.1.2.16", "505: SIP/7.0", 505),
    Row("mismatch01", "3.1.2.17", "400: CSeq names another method", 400),
    Row("mismatch02", "3.1.2.18", "501 rather than 400: CSeq names another method than the unknown one", 501),
    Row("bigcode", "3.1.2.19", "a response with status 4294967301 is discarded", SILENCE),
    # transaction layer
    Row("badbranch", "3.2.1", "400: the branch is the magic cookie alone", 400),
    # application layer
    Row("insuf", "3.3.1", "400: no Call-ID, From and To", 400),
    Row("unkscm", "3.3.2", "416: a Request-URI of an unknown scheme", 416),
    Row("novelsc", "3.3.3", "416: a Request-URI of a known scheme that is not SIP's", 416),
    Row("unksm2", "3.3.4", "400 of a registrar: To is no SIP URI", 400),
    Row("bext01", "3.3.5", "420: Require names what nobody supports; Proxy-Require is not a server's", 420,
        header="Unsupported: nothingSupportsThis, nothingSupportsThisEither"),
    Row("invut", "3.3.6", "a body of an unknown type", 415),
    Row("regaut01", "3.3.7", "credentials of an unknown scheme are as none", 200),
    Row("multi01", "3.3.8", "400: fields twice that may stand once", 400),
    Row("mcl01", "3.3.9", "400: two Content-Lengths", 400),
    Row("bcast", "3.3.10", "a response whose second Via is the broadcast address is discarded", SILENCE),
    Row("zeromf", "3.3.11", "who is asked itself answers, however far the request came", 200),
    Row("cparam01", "3.3.12", "without angle brackets a parameter is the Contact's, not the URI's", 200,
        ("sip:+19725552222@gw1.example.net",)),
    Row("cparam02", "3.3.13", "within angle brackets it is the URI's", 200,
        ("sip:+19725552222@gw1.example.net;unknownparam",)),
    Row("regescrt", "3.3.14", "the escaped Route of a Contact is kept", 200,
        ("sip:user@example.com?route=%3csip:sip.example.com%3e",)),
    Row("sdp01", "3.3.15", "Accept has no type that could be given", 406),
    # backward compatibility
    Row("inv2543", "3.4.1", "an INVITE of RFC 2543: no branch, no Max-Forwards, no tag, no Content-Length", 404),
]  # fmt: skip


@pytest.fixture(scope="module")
def example_com(tmp_path_factory) -> Iterator[DaemonProcess]:
    """The registrar of example.com, where user@example.com is registered."""
    with running_daemon(tmp_path_factory.mktemp("rfc4475"), sections={"server": {"domain": DOMAIN}}) as daemon:
        with SipPeer(daemon.address, user="user", domain=DOMAIN) as user:
            assert user.register().status == 200
        yield daemon


def test_the_table_has_all_49_messages() -> None:
    assert sorted(row.file for row in TABLE) == sorted(path.stem for path in MESSAGES.glob("*.dat"))
    assert len(TABLE) == 49


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.file)
def test_each_message_of_rfc_4475_has_the_outcome_that_the_rfc_asks_for(example_com: DaemonProcess, row: Row) -> None:
    """``row.says`` is the RFC's demand; before and after each the daemon answers an OPTIONS."""
    octets = (MESSAGES / f"{row.file}.dat").read_bytes()
    answer = answer_to(octets, example_com, DOMAIN)
    assert (answer.status if answer else SILENCE) == row.status, row.says
    if answer:
        assert {binding.uri.lower() for binding in answer.bindings} >= set(row.bindings)
        assert row.header in "".join(f"{name.title()}: {value}\n" for name, value in answer.headers)
    assert example_com.is_running()
