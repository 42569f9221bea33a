// A session description (RFC 8866) taken apart. All text is a view of what was parsed, which must outlive it.
//
// Strict where a guess would send audio to the wrong place (v= o= c= m= lines, line ends, control characters), lenient
// elsewhere: an attribute that cannot be read counts as not there, and who needs it says that it is missing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "sdp/candidate.hpp"
#include "sdp/direction.hpp"
#include "sdp/fingerprint.hpp"
#include "sip/flow.hpp"

namespace sr::sdp {

inline constexpr std::size_t kMaxOctets = 65535;  // a UDP datagram; a browser's offer with video has some 8,000
inline constexpr std::size_t kMaxLines = 2000;
inline constexpr std::size_t kMaxMediaSections = 64;
inline constexpr std::size_t kMaxFormats = 128;  // of one m= line
/// Candidates, fingerprints and header extensions that are kept of one section; further ones are passed over.
inline constexpr std::size_t kMaxKept = 32;

/// Why a text is no session description.
struct SdpFault {
    std::size_t line_number = 0;  // from 1; 0: the text as a whole
    std::string_view expected;    // a literal: "'o=<user> <id> <version> <network> <address type> <address>'"
};

struct Origin {
    std::uint64_t session_id = 0;
    std::uint64_t session_version = 0;
};

struct Connection {
    std::string_view address;                   // as written, without TTL
    std::optional<sip::SocketAddress> numeric;  // nullopt when the address is a name
    bool is_ipv6 = false;

    /// 0.0.0.0 or ::, which once asked that nothing be sent (RFC 3264 section 8.4).
    [[nodiscard]] bool is_null() const noexcept {
        const std::size_t start = is_ipv6 ? 0 : 12;  // IPv4 stands in the last four octets
        return numeric && std::ranges::all_of(numeric->ip.begin() + start, numeric->ip.end(),
                                              [](std::uint8_t octet) { return octet == 0; });
    }
};

struct RtpMap {
    std::uint8_t payload_type = 0;
    std::uint8_t channels = 1;
    std::uint32_t clock_hz = 0;
    std::string_view encoding;
};

struct FormatParameters {
    std::uint8_t payload_type = 0;
    std::string_view text;
};

/// A header extension (RFC 8285 section 5).
struct ExtensionMap {
    std::uint16_t id = 0;
    Direction direction = Direction::sendrecv;
    std::string_view uri;
};

enum class Setup : std::uint8_t { none, active, passive, actpass, holdconn };

/// What may stand at the session level for all media, or at each of them.
struct TransportAttributes {
    std::string_view ice_ufrag;
    std::string_view ice_pwd;
    Setup setup = Setup::none;
    std::vector<Fingerprint> fingerprints;
};

struct MediaSection {
    std::string_view kind;      // "audio"
    std::string_view protocol;  // "UDP/TLS/RTP/SAVPF"
    std::string_view formats;   // as written
    std::uint16_t port = 0;
    std::vector<std::uint8_t> payload_types;  // of RTP media: each format that is a number to 127, once
    std::vector<RtpMap> rtp_maps;
    std::vector<FormatParameters> format_parameters;
    std::optional<Connection> connection;
    std::optional<Direction> direction;
    std::string_view mid;
    TransportAttributes transport;
    std::vector<Candidate> candidates;  // those that can be checked
    std::vector<ExtensionMap> extensions;
    std::optional<Connection> rtcp_connection;
    std::uint16_t rtcp_port = 0;    // 0: not said
    std::uint16_t ptime_ms = 0;     // 0: not said
    std::uint16_t maxptime_ms = 0;  // 0: not said
    bool has_rtcp_mux = false;
    bool is_bundle_only = false;
    bool has_crypto = false;  // SDES keys (RFC 4568)
    bool has_end_of_candidates = false;
};

struct SessionDescription {
    Origin origin;
    std::string_view timing = "0 0";  // the value of the first t= line
    std::optional<Connection> connection;
    std::optional<Direction> direction;
    TransportAttributes transport;
    std::vector<ExtensionMap> extensions;
    std::vector<std::string_view> bundle;  // the mids of the first BUNDLE group
    std::vector<MediaSection> media;
    bool is_ice_lite = false;

    /// The section's own direction, else the session's, else sendrecv.
    [[nodiscard]] Direction direction_of(const MediaSection& section) const noexcept;
    /// The section's own c= line, else the session's.
    [[nodiscard]] const Connection* connection_of(const MediaSection& section) const noexcept;
    [[nodiscard]] bool is_bundled(const MediaSection& section) const noexcept;
};

/// Reads a description of at most 64 KB, lines ended by CRLF or LF.
[[nodiscard]] std::variant<SessionDescription, SdpFault> parse(std::string_view text);

}  // namespace sr::sdp
