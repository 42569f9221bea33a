"""Published documents: what devices really send is understood, what strangers may send does no harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.presence import Activity, PublishedState
from presence import pidf_reader
from presence.pidf_reader import UnreadablePidf, read_pidf
from tests.kit.presence_room import pidf

PIDF_NS = 'xmlns="urn:ietf:params:xml:ns:pidf"'
DM_NS = 'xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
RPID_NS = 'xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid"'
OPEN = "<tuple id='a'><status><basic>open</basic></status></tuple>"


def presence(inner: str, head: str = f"{PIDF_NS} {DM_NS} {RPID_NS}") -> bytes:
    return f"<?xml version='1.0'?><presence {head} entity='sip:k@h'>{inner}</presence>".encode()


def said_by(document: bytes) -> PublishedState:
    said = read_pidf(document)
    assert isinstance(said, PublishedState), said
    return said


@pytest.mark.parametrize(
    ("document", "said"),
    [
        pytest.param(
            presence(f"{OPEN}<dm:person id='p'><rpid:activities><rpid:on-the-phone/></rpid:activities></dm:person>"),
            PublishedState(is_open=True, activities=(Activity.ON_THE_PHONE,)),
            id="activities in the person, as linphone has it",
        ),
        pytest.param(
            presence("<tuple id='t'><status><basic>closed</basic></status><contact>sip:k@h</contact></tuple>", PIDF_NS),
            PublishedState(is_open=False),
            id="a tuple and nothing else, as baresip has it",
        ),
        pytest.param(
            presence(
                f"<dm:person id='p'><rpid:activities><rpid:busy/></rpid:activities></dm:person>{OPEN[:-8]}"
                "<contact>sip:k@h</contact><note>In a  meeting</note></tuple>"
            ),
            PublishedState(is_open=True, activities=(Activity.BUSY,), note="In a meeting"),
            id="the person before the tuple, the note in the tuple",
        ),
        pytest.param(
            presence(
                "<tuple id='t'><status><basic> Open\n</basic><e:activities><e:away/></e:activities></status></tuple>",
                f"{PIDF_NS} xmlns:e='urn:ietf:params:xml:ns:pidf:status:rpid-status'",
            ),
            PublishedState(is_open=True, activities=(Activity.AWAY,)),
            id="activities in the tuple's status, another namespace",
        ),
        pytest.param(
            presence("<status><activities><activity>Meeting</activity></activities></status>", ""),
            PublishedState(activities=(Activity.MEETING,)),
            id="an early draft: the activity as text, no namespace",
        ),
        pytest.param(presence(""), PublishedState(), id="nothing is said"),
    ],
)
def test_what_devices_send_is_understood(document, said):
    assert read_pidf(document) == said


def test_rfc_3863_section_4_1_4_person_is_open_where_one_tuple_is():
    tuples = "".join(
        f"<tuple id='{word}{at}'><status><basic>{word}</basic></status></tuple>"
        for at, word in enumerate(("closed", "open", "closed"))
    )
    assert read_pidf(presence(tuples)) == PublishedState(is_open=True)


def test_rfc_4480_section_3_2_every_activity_is_one_that_is_told():
    names = ["breakfast", "holiday", "sleeping", "presentation", "worship", "unknown"]
    said = said_by(pidf(activities="".join(f"<rpid:{name}/>" for name in names)))
    wanted = (Activity.AWAY, Activity.MEAL, Activity.MEETING, Activity.VACATION, Activity.OTHER)
    assert said.activities == wanted


def test_note_is_cut_to_what_fits_a_lamp():
    assert said_by(pidf(note="n" * 5000)).note == "n" * pidf_reader.LONGEST_NOTE


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "us-ascii"])
def test_encodings_of_xml_are_read(encoding):
    declared = encoding.removesuffix("-sig")
    text = f"<?xml version='1.0' encoding='{declared}'?><presence><note>caf\xe9</note></presence>"
    if encoding == "us-ascii":
        text = text.replace("\xe9", "e")
    assert said_by(text.encode(encoding)).note == ("cafe" if encoding == "us-ascii" else "caf\xe9")


BILLION_LAUGHS = (
    '<!DOCTYPE presence [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>'
    "<presence><note>&c;</note></presence>"
)
OUTSIDE = '<!DOCTYPE presence [<!ENTITY x SYSTEM "file:///etc/passwd">]><presence><note>&x;</note></presence>'


@pytest.mark.parametrize(
    ("document", "word"),
    [
        (b"", "well-formed"),
        (b"\0" * 100, "well-formed"),
        (b"not XML", "well-formed"),
        (b"<presence>", "well-formed"),
        (b"<presence></presence><presence/>", "well-formed"),
        (b"<presence><note>\xff\xfe</note></presence>", "well-formed"),
        (b"<presence><note>&nbsp;</note></presence>", "well-formed"),
        (b"<presence><a:b/></presence>", "well-formed"),
        (BILLION_LAUGHS.encode(), "DTD"),
        (OUTSIDE.encode(), "DTD"),
        (b"<!DOCTYPE presence SYSTEM 'http://192.0.2.1/x.dtd'><presence/>", "DTD"),
        (b"<?xml version='1.0' encoding='martian'?><presence/>", "encoding"),
        (b"<?xml version='1.0' encoding='shift_jis'?><presence/>", "encoding"),
        (b"<?xml version='1.0' encoding='utf-7'?><presence/>", "encoding"),
        (b"<html/>", "no presence"),
        (b"<p:dialog-info xmlns:p='urn:ietf:params:xml:ns:dialog-info'/>", "no presence"),
        (b"<presence>" + b"<a>" * 20 + b"</a>" * 20 + b"</presence>", "nested"),
        (b"<presence>" + b"<a>" * 4000, "nested"),
        (b"<presence>" + b"<a/>" * 1000 + b"</presence>", "elements"),
        (b"<presence>" + b" " * pidf_reader.MOST_OCTETS + b"</presence>", "longer"),
    ],
)
def test_document_that_cannot_be_read_is_a_reason_and_no_exception(document, word):
    unreadable = read_pidf(document)
    assert isinstance(unreadable, UnreadablePidf)
    assert word in unreadable.reason


@given(st.binary(max_size=300) | st.text(alphabet="<>/&;!?\"'= abcpresence\0\ufffe", max_size=200).map(str.encode))
def test_no_octets_raise(octets):
    assert isinstance(read_pidf(octets), UnreadablePidf | PublishedState)


@given(st.integers(0, 400), st.binary(min_size=1, max_size=4))
def test_no_damage_of_a_good_document_raises(at, damage):
    good = pidf(activities="<rpid:busy/>", note="x")
    assert isinstance(read_pidf(good[:at] + damage + good[at + 1 :]), UnreadablePidf | PublishedState)
