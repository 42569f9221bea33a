// What a datagram on the one media port is, by its first octets (RFC 7983 section 7, RFC 5761 section 4).
#pragma once

#include "webrtc/bytes.hpp"

namespace sr::webrtc {

enum class PacketKind : std::uint8_t { stun, dtls, rtp, rtcp, other };

/// Says where a datagram goes, not that it is well-formed there. It costs two comparisons.
[[nodiscard]] PacketKind classify(Octets datagram) noexcept;

}  // namespace sr::webrtc
