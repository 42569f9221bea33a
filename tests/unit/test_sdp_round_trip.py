"""What is printed reads back as it was, and no octets do worse than an SdpError (hypothesis)."""

import random
from contextlib import suppress
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.values import Capabilities
from sip_server.sdp_utils import SdpError, find_screamrouter_uuid, parse_sdp, print_sdp, read_capabilities
from sip_server.sdp_values import Attribute, Connection, Line, MediaDescription, Origin, SessionDescription

CORPUS = [path.read_bytes() for path in sorted((Path(__file__).parents[1] / "data" / "sdp").glob("*.sdp"))]
FRAGMENTS = [
    *(b"\r\n", b"\n", b"\r", b"\0", b"=", b":", b"/", b" ", b"\t", b"\xff", b"\xe2\x80\xa8", b"0", b"-1", b"65536"),
    *(b"9" * 30, b"m=audio", b"m=audio 1 RTP/AVP 0\n", b"a=rtpmap:", b"a=fmtp:", b"a=sendonly\n", b"a=:\n", b"a=\n"),
    *(b"a=x-screamrouter-role:", b"a=x-screamrouter-supported-protocols:,,", b"a=fingerprint: \xc2\xa0 \n", b"v=0\n"),
]

texts = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=12)
tokens = st.text(st.characters(exclude_characters=" \t\r\n\0", exclude_categories=["Cs"]), min_size=1, max_size=8)
uint64s = st.integers(0, 2**64 - 1)
known_attributes = st.sampled_from(
    ["rtpmap", "fmtp", "sendrecv", "inactive", "mid", "fingerprint", "ice-options", "x-screamrouter-role", "x-other"]
)
attributes = st.builds(
    Attribute,
    name=st.one_of(known_attributes, texts.map(lambda text: text.replace(":", ""))),
    value=st.none() | texts,
)
lines = st.builds(Line, letter=st.sampled_from("iuepbtrzkxyXY"), value=texts)
connections = st.builds(Connection, address=tokens, address_type=tokens, network_type=tokens)
sections = {
    "connections": st.lists(connections, max_size=2).map(tuple),
    "lines": st.lists(lines, max_size=6).map(tuple),
    "attributes": st.lists(attributes, max_size=6).map(tuple),
}
origins = st.builds(
    Origin,
    session_id=uint64s,
    session_version=uint64s,
    address=tokens,
    address_type=tokens,
    network_type=tokens,
    username=tokens,
)
medias = st.builds(
    MediaDescription,
    kind=tokens,
    port=st.integers(0, 65535),
    port_count=st.integers(1, 65535) | st.just(1),
    proto=tokens,
    formats=st.lists(tokens, min_size=1, max_size=4).map(tuple),
    **sections,
)
sessions = st.builds(
    SessionDescription,
    origin=st.none() | origins,
    name=st.none() | texts,
    media=st.lists(medias, max_size=3).map(tuple),
    **sections,
)


@settings(max_examples=300)
@given(sessions)
def test_every_description_reads_back_as_it_was_printed(session: SessionDescription) -> None:
    text = print_sdp(session)
    assert parse_sdp(text) == session
    assert parse_sdp(text.encode()) == session
    assert print_sdp(parse_sdp(text)) == text


@settings(max_examples=200)
@given(sessions)
def test_every_view_of_a_description_can_be_taken(session: SessionDescription) -> None:
    """What devices may write into an attribute is anything; a view never raises for it."""
    take_views(session)
    assert_tells_or_reads(read_capabilities("application/sdp", print_sdp(session).encode()))


@settings(max_examples=600)
@given(st.binary(max_size=200), st.sampled_from([b"", b"v=0\n", b"v=0\r\nm=audio 1 RTP/AVP 96\r\na=rtpmap:"]))
def test_random_octets_are_read_or_refused_with_an_sdp_error(octets: bytes, head: bytes) -> None:
    read_or_refuse(head + octets)


def test_mutated_descriptions_are_read_or_refused_with_an_sdp_error() -> None:
    rng = random.Random(2)
    outcomes = {read_or_refuse(mutated(rng, rng.choice(CORPUS))) for _ in range(5_000)}
    assert outcomes == {True, False}, "mutations of only one kind prove little"


@given(st.none() | st.text(max_size=40), st.binary(max_size=60), st.none() | st.text(max_size=10))
def test_no_content_type_makes_the_reader_raise(content_type: str | None, body: bytes, agent: str | None) -> None:
    found = read_capabilities(content_type, body, agent)
    assert found.user_agent == agent
    assert_tells_or_reads(found)


def mutated(rng: random.Random, octets: bytes) -> bytes:
    data = bytearray(octets)
    for _ in range(rng.randint(1, 6)):
        start = rng.randrange(len(data) + 1)
        end = min(len(data), start + rng.choice([0, 0, 1, 2, 20]))
        match rng.randrange(4):
            case 0:
                data[start:end] = rng.choice(FRAGMENTS)
            case 1:
                data[start:end] = rng.randbytes(rng.randint(0, 3))
            case 2:
                data[start:start] = data[start:end]
            case _:
                del data[start:end]
    return bytes(data)


def read_or_refuse(octets: bytes) -> bool:
    """Whether the octets are a description. Raises only what the code under test must not raise."""
    found = read_capabilities("application/sdp", octets)
    assert_tells_or_reads(found)
    with suppress(SdpError):
        session = parse_sdp(octets)
        assert parse_sdp(print_sdp(session)) == session
        take_views(session)
        return True
    assert found.problem is not None or not octets.strip()
    return False


def assert_tells_or_reads(found: Capabilities) -> None:
    """What may go into config.yaml and onto a terminal is bounded and printable."""
    assert found.problem is None or (len(found.problem) < 700 and found.problem.isprintable())
    assert len(found.formats) <= 32
    assert len(found.supported_protocols) <= 8
    for fmt in found.formats:
        assert 0 <= fmt.payload_type <= 127
        assert fmt.codec.isascii()
        assert fmt.codec.isprintable()
        assert fmt.clock_rate_hz != 0
        assert fmt.channels != 0


def take_views(session: SessionDescription) -> None:
    find_screamrouter_uuid(session)
    for section in session.sections:
        for name in ("direction", "connection", "ice_ufrag", "ice_pwd", "ice_options", "fingerprints", "setup"):
            getattr(section, name)
    for media in session.media:
        session.direction_of(media)
        session.connection_of(media)
        for name in ("rtpmaps", "fmtps", "audio_formats", "mid", "candidates", "has_rtcp_mux"):
            getattr(media, name)
