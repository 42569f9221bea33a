#include "sdp/description_writer.hpp"

#include <concepts>

#include "sdp/remote_media.hpp"
#include "sdp/token.hpp"

namespace sr::sdp {
namespace {

void append(std::string& text, std::string_view part) { text += part; }
void append(std::string& text, std::unsigned_integral auto number) { text += std::to_string(number); }

/// One line of text and numbers.
void write_line(std::string& text, const auto&... parts) {
    (append(text, parts), ...);
    text += "\r\n";
}

void write_opus_parameters(std::string& text, std::uint8_t payload_type, const OpusParameters& opus) {
    text += "a=fmtp:" + std::to_string(payload_type) + " minptime=10";
    if (opus.use_inband_fec) text += ";useinbandfec=1";
    if (opus.use_dtx) text += ";usedtx=1";
    if (opus.is_stereo) text += ";stereo=1";
    if (opus.is_cbr) text += ";cbr=1";
    if (opus.max_average_bitrate_bps != 0) {
        text += ";maxaveragebitrate=" + std::to_string(opus.max_average_bitrate_bps);
    }
    if (opus.max_playback_rate_hz != OpusParameters{}.max_playback_rate_hz) {
        text += ";maxplaybackrate=" + std::to_string(opus.max_playback_rate_hz);
    }
    text += "\r\n";
}

void write_formats(std::string& text, const MediaTerms& terms) {
    for (const auto& [codec, payload_type, opus] : terms.receive) {
        const std::string_view channels = codec.channels == 2 ? "/2" : "";
        write_line(text, "a=rtpmap:", payload_type, " ", encoding_name(codec.name), "/", codec.clock_hz, channels);
        if (codec.name == CodecName::opus) write_opus_parameters(text, payload_type, opus);
    }
    for (const auto& [clock_hz, payload_type] : terms.receive_events) {
        write_line(text, "a=rtpmap:", payload_type, " telephone-event/", clock_hz);
        write_line(text, "a=fmtp:", payload_type, " 0-15");
    }
    write_line(text, "a=ptime:", terms.ptime_ms);
}

/// RFC 8445 section 5.1.2.1: type preference 126 of host candidates; the local one falls with the place in the list.
constexpr std::uint32_t host_priority(std::size_t index) noexcept {
    constexpr std::uint32_t kComponent = 1;
    return (126U << 24) | ((65535U - static_cast<std::uint32_t>(index)) << 8) | (256U - kComponent);
}

void write_candidates(std::string& text, const LocalMedia& local) {
    for (std::size_t index = 0; index < local.addresses.size(); ++index) {
        sip::SocketAddress address = local.addresses[index];
        address.scope_id = 0;
        write_line(text, "a=candidate:", index + 1, " 1 udp ", host_priority(index), " ", address.ip_text(), " ",
                   address.port, " typ host");
    }
    write_line(text, "a=end-of-candidates");
}

void write_transport(std::string& text, const AudioText& audio) {
    const MediaTerms& terms = audio.terms;
    const LocalMedia& local = audio.local;
    write_line(text, "a=ice-ufrag:", terms.local_ice.ufrag);
    write_line(text, "a=ice-pwd:", terms.local_ice.pwd);
    write_line(text, "a=fingerprint:", local.fingerprint);
    write_line(text, "a=setup:", audio.setup);
    if (terms.audio_level_extension != 0) {
        write_line(text, "a=extmap:", terms.audio_level_extension, " ", kAudioLevelUri);
    }
    if (terms.mid_extension != 0) write_line(text, "a=extmap:", terms.mid_extension, " ", kMidUri);
    write_line(text, "a=msid:", local.cname, " audio");
    write_line(text, "a=ssrc:", local.ssrc, " cname:", local.cname);
    write_candidates(text, local);
}

}  // namespace

std::string address_text(const sip::SocketAddress& address) {
    sip::SocketAddress bare = address;
    bare.scope_id = 0;
    return (bare.is_ipv6 ? "IP6 " : "IP4 ") + bare.ip_text();
}

void write_head(std::string& text, const Head& head) {
    const std::string address = address_text(head.address);
    write_line(text, "v=0");
    write_line(text, "o=- ", head.session_id, " ", head.session_version, " IN ", address);
    write_line(text, "s=-");
    if (head.kind == LegKind::rtp) write_line(text, "c=IN ", address);
    write_line(text, "t=", head.timing);
    if (head.kind == LegKind::rtp) return;
    write_line(text, "a=ice-lite");
    if (!head.bundled_mid.empty()) write_line(text, "a=group:BUNDLE ", head.bundled_mid);
    write_line(text, "a=msid-semantic: WMS *");
}

void write_audio(std::string& text, const AudioText& audio) {
    const MediaTerms& terms = audio.terms;
    const bool is_webrtc = terms.kind == LegKind::webrtc;
    text += "m=audio " + std::to_string(is_webrtc ? audio.address.port : audio.local.rtp_port) + " ";
    text += audio.protocol;
    for (const AgreedFormat& format : terms.receive) text += " " + std::to_string(format.payload_type);
    for (const AgreedEvents& events : terms.receive_events) text += " " + std::to_string(events.payload_type);
    text += "\r\n";
    if (is_webrtc) write_line(text, "c=IN ", address_text(audio.address));
    if (!terms.mid.empty()) write_line(text, "a=mid:", terms.mid);
    write_line(text, "a=", name_of(terms.direction));
    if (terms.has_rtcp_mux) write_line(text, "a=rtcp-mux");
    write_formats(text, terms);
    if (is_webrtc) write_transport(text, audio);
}

void write_refusal(std::string& text, const MediaSection& section, LegKind kind) {
    std::string_view formats = section.formats;
    write_line(text, "m=", section.kind, " 0 ", section.protocol, " ", take_token(formats));
    if (kind == LegKind::webrtc) write_line(text, "c=IN IP4 0.0.0.0");
    if (!section.mid.empty()) write_line(text, "a=mid:", section.mid);
}

}  // namespace sr::sdp
