"""Reading and printing session descriptions (RFC 8866)."""

from pathlib import Path

import pytest

from sip_server.sdp_text import MAX_SDP_LINES, MAX_SDP_MEDIA, MAX_SDP_OCTETS
from sip_server.sdp_utils import SdpError, parse_sdp, print_sdp
from sip_server.sdp_values import (
    Attribute,
    Connection,
    Direction,
    Fingerprint,
    FormatParameters,
    Line,
    MediaDescription,
    Origin,
    SessionDescription,
)

DATA = Path(__file__).parents[1] / "data" / "sdp"
CANONICAL = sorted(path.name for path in DATA.glob("*.sdp") if b"\r\n" in path.read_bytes())
HEAD = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"


def read(name: str) -> bytes:
    return (DATA / name).read_bytes()


def the_media(lines: str) -> MediaDescription:
    (media,) = parse_sdp(HEAD + lines).media
    return media


def test_the_example_of_rfc_8866_is_read_whole() -> None:
    """Section 5, end."""
    session = parse_sdp(read("rfc8866_example.sdp"))
    assert session == SessionDescription(
        origin=Origin(3724394400, 3724394405, "198.51.100.1", username="jdoe"),
        name="Call to John Smith",
        connections=(Connection("198.51.100.1"),),
        lines=(
            Line("i", "SDP Offer #1"),
            Line("u", "http://www.jdoe.example.com/home.html"),
            Line("e", "Jane Doe <jane@jdoe.example.com>"),
            Line("p", "+1 617 555-6011"),
            Line("t", "0 0"),
        ),
        media=(
            MediaDescription(kind="audio", port=49170, proto="RTP/AVP", formats=("0",)),
            MediaDescription(kind="audio", port=49180, proto="RTP/AVP", formats=("0",)),
            MediaDescription(
                kind="video",
                port=51372,
                proto="RTP/AVP",
                formats=("99",),
                connections=(Connection("2001:db8::2", "IP6"),),
                attributes=(Attribute("rtpmap", "99 h263-1998/90000"),),
            ),
        ),
    )


def test_a_medium_without_connection_and_direction_takes_those_of_the_session() -> None:
    session = parse_sdp(read("rfc4566_example.sdp"))
    assert [session.direction_of(media) for media in session.media] == [Direction.RECVONLY] * 2
    assert session.connection_of(session.media[0]) == Connection("224.2.17.12/127")
    own = parse_sdp(read("rfc8866_example.sdp"))
    assert own.connection_of(own.media[2]) == Connection("2001:db8::2", "IP6")
    assert own.direction_of(own.media[2]) is Direction.SENDRECV


def test_a_browser_offer_is_read_with_ice_and_dtls() -> None:
    session = parse_sdp(read("chromium_offer.sdp"))
    (media,) = session.media
    assert session.origin == Origin(838987806115810793, 2, "127.0.0.1")
    assert (media.proto, media.port, media.formats) == (
        "UDP/TLS/RTP/SAVPF",
        34779,
        ("111", "63", "9", "0", "8", "13", "110", "126"),
    )
    assert (media.ice_ufrag, media.ice_pwd, media.ice_options) == ("3cFL", "1sotU0lFOe8rldkLZv4tJjEH", ("trickle",))
    assert (media.setup, media.mid, media.has_rtcp_mux) == ("actpass", "0", True)
    assert media.fingerprints == (
        Fingerprint(
            "sha-256",
            "84:11:EA:62:33:4F:97:CF:CD:3A:0C:5A:6A:CA:7D:F8:7F:28:BC:E0:26:C6:01:52:2B:8D:03:29:BD:9F:F2:CB",
        ),
    )
    assert len(media.candidates) == 2
    assert media.candidates[0].startswith("3235121010 1 udp 2122260223 127.0.0.1 34779 typ host")
    assert media.fmtps == (FormatParameters("111", "minptime=10;useinbandfec=1"), FormatParameters("63", "111/111"))
    assert [(fmt.payload_type, fmt.codec, fmt.clock_rate_hz, fmt.channels) for fmt in media.rtpmaps] == [
        (111, "opus", 48000, 2),
        (63, "red", 48000, 2),
        (9, "G722", 8000, 1),
        (0, "PCMU", 8000, 1),
        (8, "PCMA", 8000, 1),
        (13, "CN", 8000, 1),
        (110, "telephone-event", 48000, 1),
        (126, "telephone-event", 8000, 1),
    ]
    assert session.value("group") == "BUNDLE 0"
    assert session.has("extmap-allow-mixed")
    assert len(media.values("extmap")) == 4


def test_a_browser_on_hold_offers_sendonly() -> None:
    assert the_media_of("sipjs_hold_offer.sdp").direction is Direction.SENDONLY


def the_media_of(name: str) -> MediaDescription:
    (media,) = parse_sdp(read(name)).media
    return media


@pytest.mark.parametrize(
    ("name", "proto"),
    [("screamrouter_webrtc_sink_old.sdp", "DTLS/SCTP"), ("screamrouter_webrtc_sink.sdp", "UDP/DTLS/SCTP")],
)
def test_both_forms_of_a_data_channel_are_read(name: str, proto: str) -> None:
    """RFC 8841 section 4.3, and its drafts before version 22."""
    media = the_media_of(name)
    assert (media.kind, media.proto, media.formats) == ("application", proto, ("webrtc-datachannel",))
    assert media.ice_options == ("trickle", "ice2")
    assert media.fingerprints[0].hash_function == "sha-256"
    assert media.setup == "actpass"


@pytest.mark.parametrize("name", CANONICAL)
def test_a_canonical_text_is_printed_as_it_came(name: str) -> None:
    assert print_sdp(parse_sdp(read(name))).encode() == read(name)


def test_bare_line_feeds_and_a_missing_last_one_read_as_crlf() -> None:
    text = read("rfc8866_example.sdp")
    assert parse_sdp(text.replace(b"\r\n", b"\n")) == parse_sdp(text)
    assert parse_sdp(text.removesuffix(b"\r\n")) == parse_sdp(text)
    assert parse_sdp(text.replace(b"\n", b"\r\n")) == parse_sdp(text)  # CR CR LF, from text mode on some systems


def test_only_a_line_feed_ends_a_line() -> None:
    session = parse_sdp(b"v=0\ns=a\x0bb\x0cc\x1ed\xc2\x85e\xe2\x80\xa8f\n")
    assert session.name == "a\x0bb\x0cc\x1ed\x85e\u2028f"


def test_unknown_attributes_and_lines_are_kept_in_order() -> None:
    session = parse_sdp(
        HEAD + "y=why\r\na=zebra:1\r\na=ape\r\nm=audio 4 RTP/AVP 0\r\nX=x\r\na=x-own:a:b\r\na=empty:\r\n"
    )
    assert session.lines == (Line("t", "0 0"), Line("y", "why"))
    assert session.attributes == (Attribute("zebra", "1"), Attribute("ape"))
    assert session.media[0].lines == (Line("X", "x"),)
    assert session.media[0].attributes == (Attribute("x-own", "a:b"), Attribute("empty", ""))


def test_the_smallest_description_is_a_version() -> None:
    assert parse_sdp("v=0") == SessionDescription(origin=None, name=None)


@pytest.mark.parametrize(("line", "name"), [("s=\r\n", ""), ("s= \r\n", " "), ("", None)])
def test_an_empty_session_name_is_not_a_missing_one(line: str, name: str | None) -> None:
    session = parse_sdp("v=0\r\n" + line)
    assert session.name == name
    assert print_sdp(session) == "v=0\r\n" + line


def test_an_origin_fills_64_bits_and_no_more() -> None:
    session = parse_sdp("v=0\r\no=- 18446744073709551615 18446744073709551615 IN IP6 ::1\r\n")
    assert session.origin == Origin(2**64 - 1, 2**64 - 1, "::1", "IP6")
    with pytest.raises(SdpError, match=r"SDP line 2: .* 64 bits"):
        parse_sdp("v=0\r\no=- 18446744073709551616 1 IN IP6 ::1\r\n")


def test_lines_are_printed_in_the_order_of_the_rfc() -> None:
    """RFC 8866 section 5."""
    mixed = "v=0\r\nk=clear:x\r\na=a\r\nt=0 0\r\nb=AS:1\r\nc=IN IP4 h\r\ns=-\r\ni=i\r\no=- 1 1 IN IP4 h\r\n"
    assert print_sdp(parse_sdp(mixed)).split("\r\n") == [
        "v=0",
        "o=- 1 1 IN IP4 h",
        "s=-",
        "i=i",
        "c=IN IP4 h",
        "b=AS:1",
        "t=0 0",
        "k=clear:x",
        "a=a",
        "",
    ]


def test_a_port_count_is_kept() -> None:
    media = the_media("m=audio 49170/2 RTP/AVP 31\r\n")
    assert (media.port, media.port_count, str(media)) == (49170, 2, "m=audio 49170/2 RTP/AVP 31")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("m=audio", "'m=<media> <port> <protocol> <format> ...'"),
        ("m=audio 5004 RTP/AVP", "'m=<media> <port> <protocol> <format> ...'"),
        ("m=audio 5004 RTP/AVP ", "'m=<media> <port> <protocol> <format> ...'"),
        ("m=audio x RTP/AVP 0", "'m=<media> <port> <protocol> <format> ...'"),
        ("m=audio -1 RTP/AVP 0", "'m=<media> <port> <protocol> <format> ...'"),
        ("m=audio \u0665\u0660 RTP/AVP 0", "'m=<media> <port> <protocol> <format> ...'"),
        ("m=audio 65536 RTP/AVP 0", "a port of 0 to 65535"),
        ("m=audio 9999999999 RTP/AVP 0", "a port of 0 to 65535"),
        ("m=audio 5004/0 RTP/AVP 0", "a port of 0 to 65535"),
        ("m=audio 5004/65536 RTP/AVP 0", "a port of 0 to 65535"),
        ("c=IN IP4", "'c=<network> <address type> <address>'"),
        ("o=- 2 2 IN IP4 127.0.0.1", "this line once, at the top"),
        ("s=again", "this line once, at the top"),
        ("v=0", "this line once, at the top"),
        ("no equals sign", "'<letter>=<value>'"),
        (" a=indented", "'<letter>=<value>'"),
        ("7=digit", "'<letter>=<value>'"),
        ("a=nul\0", "a line without NUL and CR"),
        ("a=car\rriage", "a line without NUL and CR"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_with_what_was_expected(line: str, reason: str) -> None:
    with pytest.raises(SdpError) as caught:
        parse_sdp(f"{HEAD}{line}\r\n")
    assert caught.value.line_number == 5
    assert str(caught.value) == f"SDP line 5: {caught.value.reason}"
    assert caught.value.reason.startswith(f"found {line!a}, expected {reason}")


@pytest.mark.parametrize(
    "line", ["o=", "o=- 1 1 IN IP4", "o=- x 1 IN IP4 h", "o=- 1 -1 IN IP4 h", "o=a b 1 1 IN IP4 h"]
)
def test_an_origin_that_cannot_be_read_is_refused(line: str) -> None:
    with pytest.raises(SdpError, match=r"SDP line 2: .*, expected 'o=<user>"):
        parse_sdp(f"v=0\r\n{line}\r\n")


@pytest.mark.parametrize("line", ["o=- 1 1 IN IP4 h", "s=again", "v=0"])
def test_a_line_of_the_session_below_a_medium_is_refused(line: str) -> None:
    with pytest.raises(SdpError, match=r"SDP line 3: .* at the top"):
        parse_sdp(f"v=0\r\nm=audio 1 RTP/AVP 0\r\n{line}\r\n")


@pytest.mark.parametrize(
    "text", ["", "\r\n", b"", " \n", "v=1\r\n", "m=audio 1 RTP/AVP 0\r\nv=0\r\n", "o=- 1 1 IN IP4 h\r\n"]
)
def test_a_text_that_does_not_begin_with_version_0_is_refused(text: str | bytes) -> None:
    with pytest.raises(SdpError, match="expected 'v=0' first"):
        parse_sdp(text)


def test_the_limits_hold_and_what_just_meets_them_is_read() -> None:
    media = "m=audio 0 RTP/AVP 0\n"
    assert len(parse_sdp("v=0\n" + media * MAX_SDP_MEDIA).media) == MAX_SDP_MEDIA
    with pytest.raises(SdpError, match=rf"SDP line {MAX_SDP_MEDIA + 2}: .* at most {MAX_SDP_MEDIA} m= lines"):
        parse_sdp("v=0\n" + media * (MAX_SDP_MEDIA + 1))
    assert len(parse_sdp("v=0\n" + "a=x\n" * (MAX_SDP_LINES - 1)).attributes) == MAX_SDP_LINES - 1
    with pytest.raises(SdpError, match=rf"SDP line {MAX_SDP_LINES + 1}: .* at most {MAX_SDP_LINES}"):
        parse_sdp("v=0\n" + "a=x\n" * MAX_SDP_LINES)
    assert parse_sdp("v=0\na=" + "x" * (MAX_SDP_OCTETS - 6)).attributes[0].name == "x" * (MAX_SDP_OCTETS - 6)
    with pytest.raises(SdpError, match=f"at most {MAX_SDP_OCTETS}"):
        parse_sdp("v=0\na=" + "x" * (MAX_SDP_OCTETS - 5))
    with pytest.raises(SdpError, match=f"at most {MAX_SDP_OCTETS}"):
        parse_sdp("v=0\ns=" + "ü" * (MAX_SDP_OCTETS // 2))


def test_a_refusal_quotes_no_more_than_a_sentence_holds() -> None:
    with pytest.raises(SdpError) as caught:
        parse_sdp("v=0\nm=" + "\x1b[2J" * 10_000)
    assert len(str(caught.value)) < 250
    assert str(caught.value).isprintable()


def test_octets_outside_utf_8_do_not_cost_the_description() -> None:
    assert parse_sdp(b"v=0\ns=B\xfcro\na=x\n") == SessionDescription(name="B\ufffdro", attributes=(Attribute("x"),))
    with pytest.raises(SdpError, match="surrogate at character 6"):
        parse_sdp("v=0\ns=\ud800")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Attribute("x", "1\r\nm=audio 1 RTP/AVP 0"),
        lambda: Attribute("x\n"),
        lambda: Attribute("a:b"),
        lambda: Line("i", "a\nb"),
        lambda: Line("m", "audio"),
        lambda: Line("ii", "x"),
        lambda: Line("=", "x"),
        lambda: Connection("a b"),
        lambda: Connection(""),
        lambda: Origin(-1, 0, "h"),
        lambda: Origin(0, 2**64, "h"),
        lambda: Origin(0, 0, "h", username="two words"),
        lambda: SessionDescription(name="a\rb"),
        lambda: SessionDescription(name="\udcff"),
        lambda: MediaDescription(kind="audio", port=65536, proto="RTP/AVP", formats=("0",)),
        lambda: MediaDescription(kind="audio", port=1, proto="RTP/AVP", formats=()),
        lambda: MediaDescription(kind="audio", port=1, proto="RTP/AVP", formats=("0 8",)),
        lambda: MediaDescription(kind="audio", port=1, port_count=0, proto="RTP/AVP", formats=("0",)),
        lambda: MediaDescription(kind="", port=1, proto="RTP/AVP", formats=("0",)),
    ],
)
def test_a_value_that_cannot_be_written_cannot_be_made(make) -> None:
    with pytest.raises(ValueError, match=r".{10}"):
        make()


def test_unreadable_views_are_left_out_and_their_attributes_kept() -> None:
    lines = "a=fmtp:96\r\na=fingerprint:sha-1\r\na=rtpmap:96\r\na=sendonly:x\r\na=ice-ufrag\r\n"
    media = the_media("m=audio 4 RTP/AVP 96\r\n" + lines)
    assert (media.fmtps, media.fingerprints, media.rtpmaps, media.direction, media.ice_ufrag) == (
        (),
        (),
        (),
        None,
        None,
    )
    assert [str(attribute) for attribute in media.attributes] == lines.split("\r\n")[:-1]


@pytest.mark.parametrize(
    ("ip", "line"),
    [
        ("192.0.2.1", "c=IN IP4 192.0.2.1"),
        ("2001:DB8::0:1", "c=IN IP6 2001:db8::1"),
        ("fe80::1%eth0", "c=IN IP6 fe80::1"),
    ],
)
def test_an_address_of_this_host_is_written_in_its_family(ip: str, line: str) -> None:
    assert str(Connection.to(ip)) == line
    assert str(Origin.at(ip, 7, 8)) == line.replace("c=", "o=- 7 8 ")


def test_a_name_or_a_bracketed_address_is_no_address_of_this_host() -> None:
    for text in ("localhost", "[::1]", ""):
        with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 address"):
            Connection.to(text)
