"""The 49 messages of RFC 4475, each as it is, each with the outcome that the RFC asks of a registrar or user agent.

Answers go where a message's own Via says (RFC 3261 section 18.2.2), so the test's socket stands at that port. All 49
come over UDP, also those whose Via names another transport: only its transport's name differs then.

The daemon serves example.com, and user@example.com is registered but no sink: a well-formed INVITE is answered
480 for who is registered, 404 for who is not, 481 with a tag in To.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kit.daemon_process import DaemonProcess, running_daemon
from tests.kit.sip_peer import Contact, SipPeer
from tests.kit.torture import answer_to

MESSAGES = Path(__file__).parents[1] / "data" / "sip" / "rfc4475"
DOMAIN = "example.com"
SILENCE = 0


@dataclass(frozen=True, slots=True)
class Row:
    """``says`` is what RFC 4475 says of it, with its own *will*, *should* or *may*; ``status`` what is answered.

    ``bindings`` must be listed in the answer and whenever they are asked for afterwards; ``never`` must not be.
    """

    file: str
    section: str
    says: str
    status: int
    bindings: tuple[str, ...] = ()
    header: str = ""
    never: str = ""


TABLE = [
    # valid messages
    Row("wsinv", "3.1.1.1", "valid, folded and spaced wherever the grammar allows", 481),
    Row("intmeth", "3.1.1.2", "valid, every character that may stand where it stands; the method is unknown", 501),
    Row("esc01", "3.1.1.3", "valid, each escape is the character itself; the Request-URI's domain is example.net", 404),
    Row("escnull", "3.1.1.4", "valid, two different contacts; the address-of-record does not end at its NUL", 200,
        ("sip:%00@host5.example.com", "sip:%00%00@host5.example.com")),
    Row("esc02", "3.1.1.5", "valid, RE%47IST%45R is no escaped REGISTER: an endpoint answers 501", 501),
    Row("lwsdisp", "3.1.1.6", "no white space before the bracket: to be accepted, the grammar is wrong", 200),
    Row("longreq", "3.1.1.7", "valid, long values in every field", 480),
    Row("dblreq", "3.1.1.8", "the REGISTER is handled; the INVITE behind its body is noise that must be ignored", 200,
        ("sip:j.user@host.example.com",)),
    Row("semiuri", "3.1.1.9", "valid, the user is `user;par=u@example.net`, not `user`", 404),
    Row("transports", "3.1.1.10", "valid, as if the second and further Vias named UDP", 200),
    Row("mpart01", "3.1.1.11", "valid, NULs stand in its body; the domain of its addressee is not served", 404,
        header="Warning: "),
    Row("unreason", "3.1.1.12", "a response with a reason phrase in UTF-8; it answers nothing of ours", SILENCE),
    Row("noreason", "3.1.1.13", "a response without reason phrase; it answers nothing of ours", SILENCE),
    # invalid messages
    Row("badinv01", "3.1.2.1", "should be 400: separators with nothing between them in Via and Contact", 400),
    Row("clerr", "3.1.2.2", "should be 400 over UDP: Content-Length is larger than the body", 400),
    Row("ncl", "3.1.2.3", "should be an error: Content-Length is below 0", 400),
    Row("scalar02", "3.1.2.4", "should be 400 for CSeq; Max-Forwards and expiry alone could be taken as absent", 400),
    Row("scalarlg", "3.1.2.5", "a response with such numbers will be discarded", SILENCE),
    Row("quotbal", "3.1.2.6", "should be 400: the display name of To does not end its quotation", 400),
    Row("ltgtruri", "3.1.2.7", "400 is always reasonable: the Request-URI in angle brackets", 400),
    Row("lwsruri", "3.1.2.8", "should be 400: white space within the Request-URI", 400),
    Row("lwsstart", "3.1.2.9", "may be rejected: several spaces between the request line's elements", 400),
    Row("trws", "3.1.2.10", "may be rejected: spaces at the end of the request line", 400),
    Row("escruri", "3.1.2.11", "may be 400, or they are ignored: header fields in the Request-URI", 400),
    Row("baddate", "3.1.2.12", "should be rejected only by who uses Date: it is in EST", 480),
    Row("regbadct", "3.1.2.13", "400 is reasonable: a Contact with an escaped header outside angle brackets", 400),
    Row("badaspec", "3.1.2.14", "400 is reasonable: spaces within the URI of To", 400),
    Row("baddn", "3.1.2.15", "400 is always reasonable: no tokens in a display name without quotation marks", 400),
    Row("badvers", "3.1.2.16", "should be 505: SIP/7.0", 505),
    Row("mismatch01", "3.1.2.17", "will be 400: CSeq names another method", 400),
    Row("mismatch02", "3.1.2.18", "should be 501, may be 400: CSeq names another method than the unknown one", 501),
    Row("bigcode", "3.1.2.19", "should be dropped: a response with a status beyond 699", SILENCE),
    # transaction layer
    Row("badbranch", "3.2.1", "could be 400, or RFC 2543's rules: the branch is the magic cookie alone", 400),
    # application layer
    Row("insuf", "3.3.1", "ideally 400: no Call-ID, From and To", 400),
    Row("unkscm", "3.3.2", "will be 416: a Request-URI of an unknown scheme", 416),
    Row("novelsc", "3.3.3", "416 is appropriate: a known scheme that never means anything here", 416),
    Row("unksm2", "3.3.4", "would be 400 of a registrar: To must be a SIP or SIPS URI", 400),
    Row("bext01", "3.3.5", "will be 420, naming what is in Require; Proxy-Require is for proxies", 420,
        header="Unsupported: nothingSupportsThis, nothingSupportsThisEither"),
    Row("invut", "3.3.6", "would be 415 of an endpoint: a body of an unknown type", 415),
    Row("regaut01", "3.3.7", "as if it had no credentials; 401 where they are asked for (below)", 200),
    Row("multi01", "3.3.8", "would be 400: fields twice that may stand once", 400),
    Row("mcl01", "3.3.9", "an error, as for an impossible length: two Content-Lengths", 400),
    Row("bcast", "3.3.10", "should simply be discarded: a response whose second Via is the broadcast address", SILENCE),
    Row("zeromf", "3.3.11", "an endpoint answers as if Max-Forwards were not 0", 200),
    Row("cparam01", "3.3.12", "unknownparam is the Contact's, and must not appear as the URI's", 200,
        ("sip:+19725552222@gw1.example.net",), never="sip:+19725552222@gw1.example.net;unknownparam"),
    Row("cparam02", "3.3.13", "unknownparam is the URI's, also when the bindings are asked for later", 200,
        ("sip:+19725552222@gw1.example.net;unknownparam",)),
    Row("regescrt", "3.3.14", "the escaped Route stays in the Contact's URI, also when asked for later", 200,
        ("sip:user@example.com?route=%3csip:sip.example.com%3e",)),
    Row("sdp01", "3.3.15", "could be 406, or 400: Accept has not the type that an INVITE must", 406),
    # backward compatibility
    Row("inv2543", "3.4.1", "to be accepted by who speaks RFC 2543: no branch, Max-Forwards, Content-Length", 404),
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
        listed = {binding.uri.lower() for binding in answer.bindings}
        assert listed >= set(row.bindings)
        assert row.never not in listed
        assert row.header in "".join(f"{name.title()}: {value}\n" for name, value in answer.headers)
    if answer and row.bindings:
        assert {binding.uri.lower() for binding in bindings_of(octets, example_com)} == listed
    assert example_com.is_running()


def bindings_of(register: bytes, daemon: DaemonProcess) -> list[Contact]:
    """What is listed for a REGISTER's address-of-record when it is asked for (RFC 3261 section 10.2.3)."""
    to = re.search(rb"(?im)^to[ \t]*:(.*)$", register)
    assert to
    with SipPeer(daemon.address, domain=DOMAIN) as peer:
        return peer.register(contacts=[], expires=None, to=to[1].decode().strip()).bindings


def test_a_registrar_that_asks_for_credentials_answers_401_to_an_unknown_scheme(tmp_path) -> None:
    """RFC 4475 section 3.3.7: with a challenge of a scheme that it understands."""
    sections = {"server": {"domain": DOMAIN}, "admission": {"mode": "closed"}}
    with running_daemon(tmp_path, sections=sections) as daemon:
        answer = answer_to((MESSAGES / "regaut01.dat").read_bytes(), daemon, DOMAIN)
    assert answer is not None
    assert answer.status == 401
    assert (answer.get("www-authenticate") or "").startswith("Digest ")
