// The UDP ports of plain RTP legs: an even one for RTP with the next for RTCP (RFC 3550 section 11).
#pragma once

#include <cstdint>
#include <optional>

#include "media/datagram_io.hpp"

namespace sr::media {

struct PortPair {
    UdpSocket rtp;
    UdpSocket rtcp;
};

/// Not for several threads at once.
class PortPool {
  public:
    /// Ports `first` to `last`, both included; the odd one out at either end stays unused.
    PortPool(std::uint16_t first, std::uint16_t last) noexcept;

    /// The pair longest unused that no other program holds, bound at `address`; nothing when none is free.
    [[nodiscard]] std::optional<PortPair> open(sip::SocketAddress address);

  private:
    std::uint16_t first_;  // even
    std::uint16_t pairs_;
    std::uint16_t next_ = 0;
};

}  // namespace sr::media
