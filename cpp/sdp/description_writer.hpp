// Our own descriptions as text, lines ended by CRLF.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sdp/agreement.hpp"
#include "sdp/session_description.hpp"

namespace sr::sdp {

/// What stands before the first m= line. No direction: SIP.js takes the first one of a text for the audio's.
struct Head {
    LegKind kind = LegKind::webrtc;
    std::uint64_t session_id = 1;
    std::uint64_t session_version = 1;
    sip::SocketAddress address;
    std::string_view timing = "0 0";  // RFC 3264 section 6: the answer's is the offer's
    std::string_view bundled_mid;     // empty: no group
};

struct AudioText {
    std::string_view protocol;
    std::string_view setup;  // of webrtc
    const MediaTerms& terms;
    const LocalMedia& local;
    sip::SocketAddress address;  // of webrtc, with the port
};

/// "IP4 192.0.2.7"; an IPv6 zone is left out, since SDP has none.
[[nodiscard]] std::string address_text(const sip::SocketAddress& address);

void write_head(std::string& text, const Head& head);

/// Our audio section: the formats and events to receive, and for webrtc the candidates.
void write_audio(std::string& text, const AudioText& audio);

/// The section closed: port 0, its first format because there must be one, and its mid.
void write_refusal(std::string& text, const MediaSection& section, LegKind kind);

}  // namespace sr::sdp
