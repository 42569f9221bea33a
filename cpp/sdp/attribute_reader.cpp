#include "sdp/attribute_reader.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "sdp/token.hpp"
#include "sip/ascii.hpp"

namespace sr::sdp {
namespace {

constexpr std::size_t kLongestMid = 64;

template <typename Value>
void keep(std::vector<Value>& values, const std::optional<Value>& value, std::size_t limit) {
    if (value && values.size() < limit) values.push_back(*value);
}

constexpr bool is_ice_char(char c) noexcept {
    const char lower = sip::to_lower(c);
    return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z') || c == '+' || c == '/' || c == '-' || c == '_' ||
           c == '=' || c == '#';
}

/// RFC 8839 section 5.4; '-', '_', '=' and '#' stand in what some browsers wrote, and do no harm in STUN's USERNAME.
bool is_ice_credential(std::string_view text, std::size_t shortest) noexcept {
    return text.size() >= shortest && text.size() <= 256 && std::ranges::all_of(text, is_ice_char);
}

std::optional<Direction> read_direction(std::string_view name) noexcept {
    for (const Direction direction :
         {Direction::sendrecv, Direction::sendonly, Direction::recvonly, Direction::inactive}) {
        if (name == name_of(direction)) return direction;
    }
    return std::nullopt;
}

Setup read_setup(std::string_view value) noexcept {
    constexpr std::array<std::pair<std::string_view, Setup>, 4> kNames{{{"active", Setup::active},
                                                                        {"passive", Setup::passive},
                                                                        {"actpass", Setup::actpass},
                                                                        {"holdconn", Setup::holdconn}}};
    for (const auto& [name, setup] : kNames) {
        if (sip::is_equal_ignoring_case(value, name)) return setup;
    }
    return Setup::none;
}

bool read_transport_attribute(std::string_view name, std::string_view value, TransportAttributes& transport) {
    if (name == "ice-ufrag") {
        if (is_ice_credential(value, 4)) transport.ice_ufrag = value;
    } else if (name == "ice-pwd") {
        if (is_ice_credential(value, 22)) transport.ice_pwd = value;
    } else if (name == "setup") {
        transport.setup = read_setup(value);
    } else if (name == "fingerprint") {
        keep(transport.fingerprints, Fingerprint::parse(value), kMaxKept);
    } else {
        return false;
    }
    return true;
}

/// "1", "2/recvonly", then the URI; what follows belongs to the extension.
std::optional<ExtensionMap> read_extension(std::string_view value) noexcept {
    std::string_view direction = take_token(value);
    const auto id = read_number<std::uint16_t>(take_until(direction, '/'), 65535);
    const std::string_view uri = take_token(value);
    const auto read = direction.empty() ? Direction::sendrecv : read_direction(direction);
    if (!id || *id == 0 || uri.empty() || !read) return std::nullopt;
    return ExtensionMap{*id, *read, uri};
}

std::optional<std::uint8_t> read_payload_type(std::string_view text) noexcept {
    return read_number<std::uint8_t>(text, 127);
}

/// "111 opus/48000/2"; channels left out are 1.
std::optional<RtpMap> read_rtp_map(std::string_view value) noexcept {
    const auto payload_type = read_payload_type(take_token(value));
    const std::string_view encoding = take_until(value, '/');
    const auto clock_hz = read_number<std::uint32_t>(trim_blanks(take_until(value, '/')), 1000000);
    const auto channels = value.empty() ? 1 : read_number<std::uint8_t>(trim_blanks(value), 255);
    if (!payload_type || encoding.empty() || !clock_hz || *clock_hz == 0 || !channels || *channels == 0) {
        return std::nullopt;
    }
    return RtpMap{*payload_type, *channels, *clock_hz, encoding};
}

std::optional<FormatParameters> read_format_parameters(std::string_view value) noexcept {
    const auto payload_type = read_payload_type(take_token(value));
    return payload_type ? std::optional(FormatParameters{*payload_type, value}) : std::nullopt;
}

/// "20", or "2.5" of which the whole milliseconds count; 0 for what cannot be meant.
std::uint16_t read_packet_time(std::string_view value) noexcept {
    return read_number<std::uint16_t>(take_until(value, '.'), 1000).value_or(0);
}

/// "53020" or "53020 IN IP4 192.0.2.1" (RFC 3605).
void read_rtcp(std::string_view value, MediaSection& media) noexcept {
    const auto port = read_number<std::uint16_t>(take_token(value), 65535);
    if (!port) return;
    media.rtcp_port = *port;
    if (!value.empty()) media.rtcp_connection = read_connection(value);
}

void read_mid(std::string_view value, MediaSection& media) noexcept {
    const bool is_token = !value.empty() && value.size() <= kLongestMid && std::ranges::none_of(value, is_blank);
    if (is_token) media.mid = value;
}

void read_media_value(std::string_view name, std::string_view value, MediaSection& media) {
    if (name == "rtpmap") {
        keep(media.rtp_maps, read_rtp_map(value), kMaxFormats);
    } else if (name == "fmtp") {
        keep(media.format_parameters, read_format_parameters(value), kMaxFormats);
    } else if (name == "candidate") {
        const CandidateLine line = parse_candidate(value);
        const auto* const candidate = std::get_if<Candidate>(&line);
        if (candidate != nullptr && media.candidates.size() < kMaxKept) media.candidates.push_back(*candidate);
    } else if (name == "extmap") {
        keep(media.extensions, read_extension(value), kMaxKept);
    } else if (name == "mid") {
        read_mid(value, media);
    } else if (name == "rtcp") {
        read_rtcp(value, media);
    } else if (name == "ptime") {
        media.ptime_ms = read_packet_time(value);
    } else if (name == "maxptime") {
        media.maxptime_ms = read_packet_time(value);
    } else if (name == "crypto") {
        media.has_crypto = true;
    }
}

void read_media_flag(std::string_view name, MediaSection& media) noexcept {
    if (name == "rtcp-mux") {
        media.has_rtcp_mux = true;
    } else if (name == "bundle-only") {
        media.is_bundle_only = true;
    } else if (name == "end-of-candidates") {
        media.has_end_of_candidates = true;
    } else if (!media.direction) {
        media.direction = read_direction(name);
    }
}

void read_group(std::string_view value, SessionDescription& session) {
    if (take_token(value) != "BUNDLE" || !session.bundle.empty()) return;
    while (!value.empty() && session.bundle.size() < kMaxMediaSections) session.bundle.push_back(take_token(value));
}

}  // namespace

void read_session_attribute(std::string_view attribute, SessionDescription& session) {
    const bool has_value = attribute.find(':') != std::string_view::npos;
    const std::string_view name = take_until(attribute, ':');
    const std::string_view value = trim_blanks(attribute);
    if (read_transport_attribute(name, value, session.transport)) return;
    if (name == "group") {
        read_group(value, session);
    } else if (name == "extmap") {
        keep(session.extensions, read_extension(value), kMaxKept);
    } else if (name == "ice-lite" && !has_value) {
        session.is_ice_lite = true;
    } else if (!has_value && !session.direction) {
        session.direction = read_direction(name);
    }
}

void read_media_attribute(std::string_view attribute, MediaSection& media) {
    if (attribute.find(':') == std::string_view::npos) return read_media_flag(trim_blanks(attribute), media);
    const std::string_view name = take_until(attribute, ':');
    const std::string_view value = trim_blanks(attribute);
    if (!read_transport_attribute(name, value, media.transport)) read_media_value(name, value, media);
}

std::optional<Connection> read_connection(std::string_view value) noexcept {
    const std::string_view network = take_token(value);
    const std::string_view type = take_token(value);
    std::string_view address = take_token(value);
    address = take_until(address, '/');  // a TTL or a number of addresses, of multicast
    if (network.empty() || address.empty() || !value.empty()) return std::nullopt;
    const bool is_ipv6 = sip::is_equal_ignoring_case(type, "IP6");
    if (!is_ipv6 && !sip::is_equal_ignoring_case(type, "IP4")) return std::nullopt;
    const auto numeric = parse_address(address, 0);
    if (numeric && numeric->is_ipv6 != is_ipv6) return std::nullopt;
    return Connection{address, numeric, is_ipv6};
}

}  // namespace sr::sdp
