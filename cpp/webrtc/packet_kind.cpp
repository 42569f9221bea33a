#include "webrtc/packet_kind.hpp"

namespace sr::webrtc {

PacketKind classify(Octets datagram) noexcept {
    if (datagram.size() < 2) return PacketKind::other;
    const std::uint8_t first = datagram[0];
    if (first < 4) return PacketKind::stun;
    if (first >= 20 && first < 64) return PacketKind::dtls;
    if (first < 128 || first >= 192) return PacketKind::other;
    // Payload types 64 to 95 are no RTP's, so that with or without the marker bit they are RTCP's 192 to 223.
    const std::uint8_t type = datagram[1] & 0x7F;
    return type >= 64 && type < 96 ? PacketKind::rtcp : PacketKind::rtp;
}

}  // namespace sr::webrtc
