"""Answers to offers of plain RTP audio (RFC 3264 section 6)."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.values import AudioFormat
from sip_server.sdp_answer import Codec, accept_codecs, answer_direction, answer_sdp
from sip_server.sdp_utils import parse_sdp, print_sdp
from sip_server.sdp_values import Direction, Origin, SessionDescription

DATA = Path(__file__).parents[1] / "data" / "sdp"
HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
ORIGIN = Origin.at("192.0.2.1", 77, 3)
TELEPHONY = accept_codecs(Codec("pcmu"), Codec("PCMA"), Codec("telephone-event"))


def port_of(index: int) -> int:
    return 42002 + 2 * index


def answer_to(
    text: str, *, origin=ORIGIN, port_for=port_of, accepts=TELEPHONY, direction=Direction.SENDRECV
) -> SessionDescription:
    offer = parse_sdp(text)
    return answer_sdp(offer, origin=origin, port_for=port_for, accepts=accepts, direction=direction)


def test_the_offer_of_rfc_3264_is_answered_line_by_line() -> None:
    """Section 10.1, with both video lines refused.

    alice                        here
      | audio 0, video 31, 32 -->  |
      | <-- audio 0, video refused |
    """
    answer = answer_to((DATA / "rfc3264_offer.sdp").read_text())
    assert print_sdp(answer).split("\r\n") == [
        "v=0",
        "o=- 77 3 IN IP4 192.0.2.1",
        "s=-",
        "c=IN IP4 192.0.2.1",
        "t=0 0",
        "m=audio 42002 RTP/AVP 0",
        "a=rtpmap:0 PCMU/8000",
        "a=sendrecv",
        "m=video 0 RTP/AVP 31",
        "m=video 0 RTP/AVP 32",
        "",
    ]


def test_payload_types_keep_the_numbers_and_the_order_of_the_offer() -> None:
    offer = (
        f"{HEAD}m=audio 5004 RTP/AVP 8 103 97 0 101\r\na=rtpmap:103 opus/48000/2\r\na=fmtp:103 useinbandfec=1\r\n"
        "a=rtpmap:97 L16/44100/2\r\na=fmtp:97 x=1\r\n"
        "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:10\r\n"
    )
    (media,) = answer_to(offer, accepts=accept_codecs(Codec("telephone-event"), Codec("pcmu"), Codec("OPUS"))).media
    assert [str(media), *map(str, media.attributes)] == [
        "m=audio 42002 RTP/AVP 103 0 101",
        "a=rtpmap:103 opus/48000/2",
        "a=fmtp:103 useinbandfec=1",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=ptime:10",
        "a=sendrecv",
    ]


@pytest.mark.parametrize(
    ("offered", "wanted", "answered"),
    [
        ("sendrecv", "sendrecv", "sendrecv"),
        ("sendonly", "sendrecv", "recvonly"),
        ("recvonly", "sendrecv", "sendonly"),
        ("inactive", "sendrecv", "inactive"),
        ("sendrecv", "recvonly", "recvonly"),
        ("sendrecv", "sendonly", "sendonly"),
        ("sendonly", "sendonly", "inactive"),
        ("recvonly", "recvonly", "inactive"),
        ("sendonly", "recvonly", "recvonly"),
        ("sendrecv", "inactive", "inactive"),
    ],
)
def test_the_direction_is_what_the_offer_leaves_of_the_wanted_one(offered: str, wanted: str, answered: str) -> None:
    """RFC 3264 section 6.1; the line stands below the medium alone, since SIP.js reads the first that it finds."""
    for where in (
        f"{HEAD}a={offered}\r\nm=audio 5004 RTP/AVP 0\r\n",
        f"{HEAD}m=audio 5004 RTP/AVP 0\r\na={offered}\r\n",
    ):
        answer = answer_to(where, direction=Direction(wanted))
        assert answer.direction is None
        assert answer.media[0].direction == answered


@given(st.sampled_from(Direction), st.sampled_from(Direction))
def test_nobody_is_sent_what_he_did_not_ask_for(offered: Direction, wanted: Direction) -> None:
    answered = answer_direction(offered, wanted)
    assert not (answered.sends and not (offered.receives and wanted.sends))
    assert not (answered.receives and not (offered.sends and wanted.receives))


@pytest.mark.parametrize("address", ["IP4 0.0.0.0", "IP6 ::"])
def test_a_null_address_is_a_hold(address: str) -> None:
    """RFC 3264 section 8.4: the way of RFC 2543, still to be understood."""
    answer = answer_to(f"{HEAD}m=audio 5004 RTP/AVP 0\r\nc=IN {address}\r\n")
    assert answer.media[0].direction is Direction.RECVONLY


@pytest.mark.parametrize(
    "line",
    [
        "m=audio 0 RTP/AVP 0",
        "m=audio 5004 UDP/TLS/RTP/SAVPF 0",
        "m=audio 5004 RTP/AVP 18",
        "m=audio 5004 RTP/AVP 96",
        "m=video 5004 RTP/AVP 0",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    ],
)
def test_a_line_that_cannot_be_served_is_refused_with_port_0_and_asks_for_none(line: str) -> None:
    def never(index: int) -> int:
        raise AssertionError(f"a port was asked for line {index}")

    answer = answer_to(f"{HEAD}{line}\r\na=mid:7\r\na=sendonly\r\n", port_for=never)
    (media,) = answer.media
    kind, _, proto, *formats = line.removeprefix("m=").split()
    assert (media.kind, media.port, media.proto, media.formats) == (kind, 0, proto, tuple(formats))
    assert [str(attribute) for attribute in media.attributes] == ["a=mid:7"]


def test_telephone_events_without_a_codec_that_carries_speech_are_refused() -> None:
    offer = f"{HEAD}m=audio 5004 RTP/AVP 18 101\r\na=rtpmap:101 telephone-event/8000\r\n"
    assert [media.port for media in answer_to(offer).media] == [0]


def test_each_open_line_gets_the_port_of_its_index_and_0_refuses_it() -> None:
    lines = ("m=audio 5004 RTP/AVP 0", "m=video 5006 RTP/AVP 31", "m=audio 5008 RTP/AVP 8", "m=audio 5010 RTP/AVP 8")
    ports = {0: 42002, 2: 0, 3: 42004}
    answer = answer_to(HEAD + "\r\n".join(lines), port_for=ports.__getitem__)
    assert [(media.kind, media.port) for media in answer.media] == [
        ("audio", 42002),
        ("video", 0),
        ("audio", 0),
        ("audio", 42004),
    ]


def test_an_ipv6_address_is_written_as_one() -> None:
    answer = answer_to((DATA / "phone.sdp").read_text(), origin=Origin.at("2001:db8::1", 1, 1))
    assert print_sdp(answer).split("\r\n")[1:5] == [
        "o=- 1 1 IN IP6 2001:db8::1",
        "s=-",
        "c=IN IP6 2001:db8::1",
        "t=0 0",
    ]
    assert answer.media[0].formats == ("8", "0", "101")


def test_the_time_of_the_offer_is_that_of_the_answer() -> None:
    """RFC 3264 section 6; an offer without one gets the unbounded one."""
    timed = answer_to("v=0\r\nt=100 200\r\nb=AS:1\r\nm=audio 5004 RTP/AVP 0\r\n")
    assert [str(line) for line in timed.lines] == ["t=100 200"]
    untimed = answer_to("v=0\r\nm=audio 5004 RTP/AVP 0\r\n")
    assert [str(line) for line in untimed.lines] == ["t=0 0"]


@pytest.mark.parametrize(
    ("codec", "offered", "matches"),
    [
        (Codec("L16"), AudioFormat(96, "l16", 48000, 2), True),
        (Codec("L16"), AudioFormat(96, "L16", None, None), True),
        (Codec("L16", 48000), AudioFormat(96, "L16", 48000, 1), True),
        (Codec("L16", 48000), AudioFormat(96, "L16", 44100, 1), False),
        (Codec("L16", 48000), AudioFormat(96, "L16", None, 1), False),
        (Codec("L16", 48000, 2), AudioFormat(96, "L16", 48000, 2), True),
        (Codec("L16", 48000, 2), AudioFormat(96, "L16", 48000, 1), False),
        (Codec("L16", None, 2), AudioFormat(96, "L16", 48000, None), False),
        (Codec("L24"), AudioFormat(96, "L16", 48000, 2), False),
    ],
)
def test_a_codec_matches_what_is_at_least_as_precise(codec: Codec, offered: AudioFormat, matches: bool) -> None:
    assert codec.matches(offered) is matches
    assert accept_codecs(Codec("other"), codec)(offered) is matches
    assert not accept_codecs()(offered)


def test_an_answer_reads_back_as_it_was_printed() -> None:
    for path in sorted(DATA.glob("*.sdp")):
        answer = answer_to(path.read_bytes().decode())
        offer = parse_sdp(path.read_bytes())
        assert parse_sdp(print_sdp(answer)) == answer
        assert [media.kind for media in answer.media] == [media.kind for media in offer.media]
