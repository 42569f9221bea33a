#include "sdp/remote_media.hpp"

#include <algorithm>
#include <array>

#include "sip/ascii.hpp"

namespace sr::sdp {
namespace {

using sip::is_equal_ignoring_case;

constexpr unsigned kHighestOneByteId = 14;  // RFC 8285 section 4.2

bool is_one_of(std::string_view text, std::span<const std::string_view> names) noexcept {
    return std::ranges::any_of(names, [text](std::string_view name) { return is_equal_ignoring_case(text, name); });
}

bool is_plain(std::string_view protocol) noexcept {
    constexpr std::array<std::string_view, 2> kNames{"RTP/AVP", "RTP/AVPF"};
    return is_one_of(protocol, kNames);
}

/// RFC 8829 section 5.1.2: whatever of these is written, DTLS-SRTP is meant if there is a fingerprint.
bool is_secure(std::string_view protocol) noexcept {
    constexpr std::array<std::string_view, 6> kNames{"UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP",   "RTP/SAVPF",
                                                     "RTP/SAVP",          "TCP/DTLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVP"};
    return is_one_of(protocol, kNames);
}

/// The section that carries the transport of a bundled one (RFC 9143 section 7.1): the group's first; else itself.
const MediaSection& tagged_section(const SessionDescription& session, const MediaSection& section) noexcept {
    if (!session.is_bundled(section)) return section;
    const auto found = std::ranges::find(session.media, session.bundle.front(), &MediaSection::mid);
    return found == session.media.end() ? section : *found;
}

struct Transport {
    std::string_view ice_ufrag;
    std::string_view ice_pwd;
    Setup setup = Setup::none;
    const std::vector<Fingerprint>* fingerprints = nullptr;
};

/// Each attribute from the section itself, else from the session level, else from the section it is bundled with.
Transport transport_of(const SessionDescription& session, const MediaSection& section) noexcept {
    Transport found{{}, {}, Setup::none, &section.transport.fingerprints};
    for (const TransportAttributes* level :
         {&section.transport, &session.transport, &tagged_section(session, section).transport}) {
        if (found.ice_ufrag.empty() && found.ice_pwd.empty()) {
            found.ice_ufrag = level->ice_ufrag;
            found.ice_pwd = level->ice_pwd;
        }
        if (found.setup == Setup::none) found.setup = level->setup;
        if (found.fingerprints->empty()) found.fingerprints = &level->fingerprints;
    }
    return found;
}

bool is_multicast(const sip::SocketAddress& address) noexcept {
    return address.is_ipv6 ? address.ip[0] == 0xFF : (address.ip[12] & 0xF0U) == 0xE0U;
}

/// Where to send; nullopt for names, null addresses and groups, to which nobody's word makes this side send.
std::optional<sip::SocketAddress> unicast(const Connection* connection, unsigned port) noexcept {
    const bool is_usable = connection != nullptr && connection->numeric && !connection->is_null() && port != 0 &&
                           port <= 65535 && !is_multicast(*connection->numeric);
    if (!is_usable) return std::nullopt;
    sip::SocketAddress address = *connection->numeric;
    address.port = static_cast<std::uint16_t>(port);
    return address;
}

/// RFC 3605 section 2.1: the port after RTP's on the same address where nothing is said.
std::optional<sip::SocketAddress> rtcp_address(const MediaSection& section, const Connection* connection) noexcept {
    if (section.rtcp_port == 0) return unicast(connection, section.port + 1U);
    return unicast(section.rtcp_connection ? &*section.rtcp_connection : connection, section.rtcp_port);
}

/// Extensions narrowed to one direction are passed over: none of the two is ever written so.
std::uint8_t extension_id(const SessionDescription& session, const MediaSection& section,
                          std::string_view uri) noexcept {
    for (const auto* level : {&section.extensions, &session.extensions}) {
        for (const ExtensionMap& extension : *level) {
            if (extension.uri == uri && extension.id <= kHighestOneByteId &&
                extension.direction == Direction::sendrecv) {
                return static_cast<std::uint8_t>(extension.id);
            }
        }
    }
    return 0;
}

const RtpMap* find_rtp_map(const MediaSection& section, std::uint8_t payload_type) noexcept {
    const auto found = std::ranges::find(section.rtp_maps, payload_type, &RtpMap::payload_type);
    return found == section.rtp_maps.end() ? nullptr : &*found;
}

std::optional<Codec> codec_of(const MediaSection& section, std::uint8_t payload_type) noexcept {
    const RtpMap* const map = find_rtp_map(section, payload_type);
    return map == nullptr ? static_codec(payload_type) : find_codec(map->encoding, map->clock_hz, map->channels);
}

OpusParameters opus_of(const MediaSection& section, std::uint8_t payload_type) noexcept {
    const auto found = std::ranges::find(section.format_parameters, payload_type, &FormatParameters::payload_type);
    return found == section.format_parameters.end() ? OpusParameters{} : OpusParameters::parse(found->text);
}

}  // namespace

bool is_open_audio(const SessionDescription& session, const MediaSection& section) noexcept {
    if (!is_equal_ignoring_case(section.kind, "audio")) return false;
    return section.port != 0 || (section.is_bundle_only && session.is_bundled(section));
}

std::variant<LegKind, AnswerFault> kind_of(const SessionDescription& session, const MediaSection& section) noexcept {
    using enum AnswerFaultReason;
    if (is_plain(section.protocol)) return LegKind::rtp;
    if (!is_secure(section.protocol)) return AnswerFault{unknown_protocol};
    const Transport transport = transport_of(session, section);
    if (transport.fingerprints->empty()) return AnswerFault{section.has_crypto ? sdes_keys : no_dtls_fingerprint};
    if (transport.ice_ufrag.empty() || transport.ice_pwd.empty()) return AnswerFault{no_ice_credentials};
    if (transport.setup == Setup::holdconn) return AnswerFault{dtls_on_hold};
    if (session.is_ice_lite) return AnswerFault{remote_is_ice_lite};
    return LegKind::webrtc;
}

std::vector<AgreedFormat> formats_of(const MediaSection& section) {
    std::vector<AgreedFormat> formats;
    for (const std::uint8_t payload_type : section.payload_types) {
        const auto codec = codec_of(section, payload_type);
        if (!codec) continue;
        const bool is_opus = codec->name == CodecName::opus;
        formats.push_back({*codec, payload_type, is_opus ? opus_of(section, payload_type) : OpusParameters{}});
    }
    return formats;
}

std::vector<AgreedEvents> events_of(const MediaSection& section) {
    std::vector<AgreedEvents> events;
    for (const std::uint8_t payload_type : section.payload_types) {
        const RtpMap* const map = find_rtp_map(section, payload_type);
        if (map != nullptr && is_equal_ignoring_case(map->encoding, "telephone-event")) {
            events.push_back({map->clock_hz, payload_type});
        }
    }
    return events;
}

std::vector<AgreedEvents> matching_events(const std::vector<AgreedEvents>& events,
                                          const std::vector<AgreedFormat>& formats) {
    std::vector<AgreedEvents> matching;
    std::ranges::copy_if(events, std::back_inserter(matching), [&formats](const AgreedEvents& event) {
        return std::ranges::any_of(
            formats, [&event](const AgreedFormat& format) { return format.codec.clock_hz == event.clock_hz; });
    });
    return matching.empty() ? events : matching;
}

Setup setup_of(const SessionDescription& session, const MediaSection& section) noexcept {
    return transport_of(session, section).setup;
}

MediaTerms remote_terms(const SessionDescription& session, const MediaSection& section, LegKind kind) {
    MediaTerms terms;
    terms.kind = kind;
    terms.remote_direction = session.direction_of(section);
    terms.mid = section.mid;
    terms.audio_level_extension = extension_id(session, section, kAudioLevelUri);
    terms.mid_extension = section.mid.empty() ? std::uint8_t{0} : extension_id(session, section, kMidUri);
    terms.has_rtcp_mux = section.has_rtcp_mux;
    if (kind == LegKind::webrtc) {
        const Transport transport = transport_of(session, section);
        const MediaSection& tagged = tagged_section(session, section);
        terms.is_bundled = session.is_bundled(section);
        terms.has_rtcp_mux = section.has_rtcp_mux || tagged.has_rtcp_mux;
        terms.remote_ice = {std::string(transport.ice_ufrag), std::string(transport.ice_pwd)};
        terms.remote_candidates = section.candidates.empty() ? tagged.candidates : section.candidates;
        terms.remote_fingerprints = *transport.fingerprints;
        return terms;
    }
    const Connection* const connection = session.connection_of(section);
    if (connection != nullptr && connection->is_null()) {
        terms.remote_direction = direction_of(sends(terms.remote_direction), false);
    }
    terms.remote_rtp = unicast(connection, section.port);
    terms.remote_rtcp = section.has_rtcp_mux ? terms.remote_rtp : rtcp_address(section, connection);
    return terms;
}

void mark_changes(Agreement& agreement, const Connection* connection, const Agreement* previous) noexcept {
    const MediaTerms& terms = agreement.terms;
    const bool listened = previous != nullptr && (previous->is_hold || receives(previous->terms.remote_direction));
    const bool is_null = terms.kind == LegKind::rtp && connection != nullptr && connection->is_null();
    agreement.is_hold = is_null || (listened && !receives(terms.remote_direction));
    if (previous == nullptr) return;
    agreement.is_ice_restart = terms.kind == LegKind::webrtc && terms.remote_ice != previous->terms.remote_ice;
    agreement.is_unchanged = terms == previous->terms && agreement.text == previous->text;
}

}  // namespace sr::sdp
