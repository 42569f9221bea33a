"""What a REGISTER body says of its device: role, protocol, formats, and what could not be read."""

from pathlib import Path

import pytest

from domain.values import AudioFormat, Capabilities, ProtocolType, Role
from sip_server.sdp_utils import MAX_FORMATS, MAX_PROTOCOLS, find_screamrouter_uuid, parse_sdp, read_capabilities

DATA = Path(__file__).parents[1] / "data" / "sdp"
HEAD = "v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nt=0 0\n"
AUDIO = "m=audio 5004 RTP/AVP 0\n"
DATA_CHANNEL = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\n"
SAVPF = "m=audio 9 UDP/TLS/RTP/SAVPF 0\n"
UUID = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"


def read_file(name: str) -> Capabilities:
    return read_capabilities("application/sdp", (DATA / name).read_bytes())


def read(lines: str) -> Capabilities:
    return read_capabilities("application/sdp", (HEAD + lines).encode())


def test_a_source_tells_its_role_formats_and_protocols() -> None:
    assert read_file("screamrouter_source.sdp") == Capabilities(
        role=Role.SOURCE,
        protocol_type=ProtocolType.RTP,
        formats=(AudioFormat(96, "L16", 48000, 2), AudioFormat(97, "MP3", None, None)),
        rtp_port=None,
        supported_protocols=("rtp", "webrtc"),
    )


def test_a_sink_with_bare_line_feeds_and_media_level_attributes_is_read() -> None:
    assert read_file("screamrouter_sink_lf.sdp") == Capabilities(
        role=Role.SINK,
        protocol_type=ProtocolType.RTP,
        formats=(AudioFormat(96, "L16", 48000, 2), AudioFormat(10, "L16", 44100, 2)),
        rtp_port=4010,
        supported_protocols=("rtp",),
    )


@pytest.mark.parametrize("name", ["screamrouter_webrtc_sink_old.sdp", "screamrouter_webrtc_sink.sdp"])
def test_a_data_channel_in_either_form_is_a_webrtc_sink(name: str) -> None:
    assert read_file(name) == Capabilities(role=Role.SINK, protocol_type=ProtocolType.WEBRTC)


def test_a_phone_is_a_phone_and_its_static_payload_types_have_names() -> None:
    """RFC 3551 table 4: G722 counts at 8000 Hz."""
    found = read_capabilities("application/sdp", (DATA / "phone.sdp").read_bytes(), "Desk Phone 1.0")
    assert found == Capabilities(
        role=Role.PHONE,
        protocol_type=ProtocolType.SIP,
        formats=(
            AudioFormat(9, "G722", 8000, 1),
            AudioFormat(8, "PCMA", 8000, 1),
            AudioFormat(0, "PCMU", 8000, 1),
            AudioFormat(3, "GSM", 8000, 1),
            AudioFormat(18, "G729", 8000, 1),
            AudioFormat(101, "telephone-event", 8000, 1),
        ),
        rtp_port=11780,
        user_agent="Desk Phone 1.0",
    )


def test_a_browser_is_webrtc_and_has_no_port_for_plain_rtp() -> None:
    found = read_file("chromium_offer.sdp")
    assert (found.protocol_type, found.rtp_port, found.role, found.problem) == (
        ProtocolType.WEBRTC,
        None,
        Role.UNKNOWN,
        None,
    )
    assert found.formats[0] == AudioFormat(111, "opus", 48000, 2)
    assert len(found.formats) == 8


@pytest.mark.parametrize(
    ("lines", "role"),
    [
        (AUDIO + "a=sendonly\n", Role.SOURCE),
        (AUDIO + "a=recvonly\n", Role.SINK),
        (AUDIO + "a=inactive\n", Role.UNKNOWN),
        (AUDIO + "a=sendrecv\n", Role.PHONE),
        (AUDIO, Role.PHONE),
        ("a=recvonly\n" + AUDIO, Role.SINK),
        ("a=recvonly\n" + AUDIO + "a=sendonly\n", Role.SOURCE),
        (AUDIO + "a=x-screamrouter-room:hall\n", Role.UNKNOWN),
        (AUDIO + "a=sendonly\n" + AUDIO + "a=recvonly\n", Role.PHONE),
        (AUDIO + "a=sendonly\n" + AUDIO + "a=inactive\n", Role.SOURCE),
        (SAVPF, Role.UNKNOWN),
        (SAVPF + "a=recvonly\n", Role.SINK),
        (DATA_CHANNEL, Role.UNKNOWN),
        (DATA_CHANNEL + "a=recvonly\n", Role.SINK),
        (AUDIO + "a=sendonly\n" + DATA_CHANNEL, Role.SOURCE),
        ("m=video 5004 RTP/AVP 31\na=recvonly\n", Role.UNKNOWN),
        ("", Role.UNKNOWN),
    ],
)
def test_without_a_role_attribute_the_direction_tells_the_role(lines: str, role: Role) -> None:
    assert read(lines).role is role


@pytest.mark.parametrize(
    ("lines", "role"),
    [
        (AUDIO + "a=sendonly\na=x-screamrouter-role:sink\n", Role.SINK),
        (AUDIO + "a=sendrecv\na=x-screamrouter-role: Source \n", Role.SOURCE),
        ("a=x-screamrouter-role:source\n" + AUDIO + "a=x-screamrouter-role:sink\n", Role.SOURCE),
        ("a=x-screamrouter-role:source\n", Role.SOURCE),
    ],
)
def test_the_role_attribute_wins_over_the_direction_and_the_session_over_the_media(lines: str, role: Role) -> None:
    found = read(lines)
    assert (found.role, found.problem) == (role, None)


@pytest.mark.parametrize("told", ["speaker", "phone", "unknown", ""])
def test_an_unknown_role_is_reported_and_the_direction_taken(told: str) -> None:
    found = read(f"a=x-screamrouter-role:{told}\n{AUDIO}a=sendonly\n")
    assert found.role is Role.SOURCE
    assert found.problem == f"a=x-screamrouter-role is '{told}', expected source or sink"


def protocols(names: str) -> str:
    return f"a=x-screamrouter-supported-protocols:{names}\n"


@pytest.mark.parametrize(
    ("lines", "protocol_type"),
    [
        (AUDIO, ProtocolType.SIP),
        (AUDIO + "a=recvonly\n", ProtocolType.RTP),
        (AUDIO + "a=x-screamrouter-room:hall\n", ProtocolType.RTP),
        (AUDIO + protocols("rtp,webrtc"), ProtocolType.RTP),
        (AUDIO + protocols("webrtc"), ProtocolType.WEBRTC),
        (AUDIO + protocols("scream"), ProtocolType.SCREAM),
        (AUDIO + protocols("scream,webrtc"), ProtocolType.WEBRTC),
        (AUDIO + protocols("scream,rtp"), ProtocolType.RTP),
        (protocols("scream"), ProtocolType.SCREAM),
        (protocols("rtp"), ProtocolType.SIP),
        (SAVPF, ProtocolType.WEBRTC),
        (SAVPF + protocols("rtp"), ProtocolType.WEBRTC),
        (DATA_CHANNEL, ProtocolType.WEBRTC),
        ("m=application 9 DTLS/SCTP 5000\n", ProtocolType.WEBRTC),
        ("m=audio 5004 RTP/SAVP 0\na=sendonly\n", ProtocolType.RTP),
        ("", ProtocolType.SIP),
    ],
)
def test_the_protocol_follows_the_media_and_then_the_list(lines: str, protocol_type: ProtocolType) -> None:
    assert read(lines).protocol_type is protocol_type


def test_the_protocol_list_is_lower_case_in_order_and_without_repetition() -> None:
    found = read(protocols(" WebRTC, rtp ,,RTP, x-new ") + AUDIO + protocols("scream"))
    assert (found.supported_protocols, found.problem) == (("webrtc", "rtp", "x-new"), None)


def test_an_odd_protocol_name_is_left_out_and_reported() -> None:
    found = read(protocols("rtp,\x1b[2J"))
    assert found.supported_protocols == ("rtp",)
    assert found.problem is not None
    assert "lists '\\x1b[2j'" in found.problem


@pytest.mark.parametrize(
    ("rtpmap", "expected"),
    [
        ("96 L16/48000/2", AudioFormat(96, "L16", 48000, 2)),
        ("96 L16/48000", AudioFormat(96, "L16", 48000, 1)),
        ("96 MP3/0/0", AudioFormat(96, "MP3", None, None)),
        ("96 MP3", AudioFormat(96, "MP3", None, 1)),
        ("96  opus/48000/2 ", AudioFormat(96, "opus", 48000, 2)),
        ("96 telephone-event/8000", AudioFormat(96, "telephone-event", 8000, 1)),
    ],
)
def test_an_rtpmap_names_the_format_and_leaves_open_what_is_zero(rtpmap: str, expected: AudioFormat) -> None:
    found = read(f"m=audio 5004 RTP/AVP 96\na=rtpmap:{rtpmap}\n")
    assert (found.formats, found.problem) == ((expected,), None)


def test_an_rtpmap_wins_over_the_static_table_and_one_without_a_payload_type_is_no_format() -> None:
    found = read("m=audio 5004 RTP/AVP 0\na=rtpmap:0 L16/8000\na=rtpmap:98 opus/48000/2\n")
    assert found.formats == (AudioFormat(0, "L16", 8000, 1),)


@pytest.mark.parametrize(
    "value",
    ["96", "", "x L16/8000", "128 L16/8000", "96 L16/x", "96 L16/8000/2/2", "96 \x1b[2J/8000", "96 " + "a" * 65],
)
def test_an_rtpmap_that_cannot_be_read_is_reported_and_costs_only_itself(value: str) -> None:
    found = read(f"m=audio 5004 RTP/AVP 96 0\na=rtpmap:{value}\na=recvonly\n")
    assert (found.role, found.rtp_port, found.formats) == (Role.SINK, 5004, (AudioFormat(0, "PCMU", 8000, 1),))
    assert found.problem is not None
    assert found.problem.startswith("a=rtpmap:")
    assert found.problem.endswith(" cannot be read, expected <payload type> <codec>/<clock rate>"), "told once"
    assert found.problem.isprintable()


@pytest.mark.parametrize("token", ["96", "1", "opus", "00"])
def test_a_format_that_nothing_names_is_reported(token: str) -> None:
    found = read(f"m=audio 5004 RTP/AVP 8 {token}\n")
    assert found.formats == (AudioFormat(8, "PCMA", 8000, 1),)
    assert found.problem == f"m=audio has format '{token}', expected an a=rtpmap line that names it"


def test_a_payload_type_counts_once_and_its_first_rtpmap_holds() -> None:
    found = read("m=audio 5004 RTP/AVP 96 96\na=rtpmap:96 L16/48000/2\na=rtpmap:96 opus/48000/2\n")
    assert found.formats == (AudioFormat(96, "L16", 48000, 2),)
    assert parse_sdp(HEAD + "m=audio 1 RTP/AVP 8 8\n").media[0].audio_formats == (AudioFormat(8, "PCMA", 8000, 1),)


def test_formats_of_several_audio_lines_are_listed_once_and_those_of_video_never() -> None:
    found = read("m=audio 0 RTP/AVP 0 8\nm=video 7000 RTP/AVP 31\nm=audio 6000 RTP/AVP 8 9\n")
    assert [fmt.payload_type for fmt in found.formats] == [0, 8, 9]
    assert found.rtp_port == 6000


def test_what_one_device_brings_is_bounded_and_the_excess_reported() -> None:
    types = range(32, 128)
    maps = "".join(f"a=rtpmap:{number} c{number}/8000\n" for number in types)
    many = ",".join(f"p{number}" for number in range(20))
    found = read(f"{protocols(many)}m=audio 5004 RTP/AVP {' '.join(map(str, types))}\n{maps}")
    assert (len(found.formats), len(found.supported_protocols)) == (MAX_FORMATS, MAX_PROTOCOLS)
    assert found.problem is not None
    assert f"20 names, of which {MAX_PROTOCOLS} are kept" in found.problem
    assert f"{len(types)} formats, of which {MAX_FORMATS} are kept" in found.problem


def test_many_problems_are_told_by_the_first_three_and_a_count() -> None:
    found = read(AUDIO + "".join(f"a=rtpmap:bad{number}\n" for number in range(10)))
    assert found.problem is not None
    assert found.problem.count("cannot be read") == 3
    assert found.problem.endswith("; and 7 more")


@pytest.mark.parametrize("body", [b"", b"\r\n"])
@pytest.mark.parametrize("content_type", [None, "application/sdp", "text/plain"])
def test_no_body_says_nothing_and_is_no_problem(content_type: str | None, body: bytes) -> None:
    assert read_capabilities(content_type, body, "agent") == Capabilities(user_agent="agent")


@pytest.mark.parametrize(
    "content_type", ["application/sdp", " Application/SDP ", "APPLICATION/sdp; charset=utf-8", None]
)
def test_sdp_is_known_in_any_case_with_parameters_and_without_a_type(content_type: str | None) -> None:
    body = (DATA / "screamrouter_source.sdp").read_bytes()
    assert read_capabilities(content_type, body) == read_file("screamrouter_source.sdp")


@pytest.mark.parametrize(
    "content_type", ["application/pidf+xml", "application/sdpx", "sdp", "text/plain;a=application/sdp"]
)
def test_another_content_type_is_reported_and_not_read(content_type: str) -> None:
    named = content_type.partition(";")[0]
    body = (DATA / "screamrouter_source.sdp").read_bytes()
    assert read_capabilities(content_type, body, "agent") == Capabilities(
        user_agent="agent", problem=f"unsupported Content-Type '{named}', expected application/sdp"
    )


def test_a_body_that_cannot_be_read_is_told_with_its_line() -> None:
    assert read("a=sendonly\nm=audio x RTP/AVP 0\n") == Capabilities(
        problem="SDP line 6: found 'm=audio x RTP/AVP 0', expected 'm=<media> <port> <protocol> <format> ...'"
    )


@pytest.mark.parametrize(
    ("lines", "uuid"),
    [
        (f"a=x-screamrouter-uuid:{UUID}\n", UUID),
        (f"a=x-screamrouter-uuid: {UUID.upper()} \n", UUID),
        (f"a=x-screamrouter-uuid:urn:uuid:{UUID}\n", UUID),
        (f"{AUDIO}a=x-screamrouter-uuid:{UUID}\n", UUID),
        (f"a=x-screamrouter-uuid:{UUID}\n{AUDIO}a=x-screamrouter-uuid:{UUID[::-1]}\n", UUID),
        ("a=x-screamrouter-uuid:turntable\n", None),
        (f"a=x-screamrouter-uuid:{UUID}0\n", None),
        (f"a=x-screamrouter-uuid:{UUID.replace('-', '')}\n", None),
        ("a=x-screamrouter-uuid:00000000-0000-0000-0000-000000000000\n", None),
        ("a=x-screamrouter-uuid\n", None),
        ("", None),
    ],
)
def test_the_uuid_is_found_in_lower_case_session_first(lines: str, uuid: str | None) -> None:
    assert find_screamrouter_uuid(parse_sdp(HEAD + lines)) == uuid


def test_a_uuid_that_is_none_is_reported() -> None:
    found = read("a=x-screamrouter-uuid:turntable\n" + AUDIO + "a=recvonly\n")
    assert found.role is Role.SINK
    assert found.problem == "a=x-screamrouter-uuid is 'turntable', expected a UUID that is not nil"
