#include "media/port_pool.hpp"

#include <utility>
#include <variant>

namespace sr::media {
namespace {

std::optional<PortPair> open_pair(sip::SocketAddress address) {
    auto rtp = UdpSocket::open(address);
    ++address.port;
    auto rtcp = UdpSocket::open(address);
    if (!std::holds_alternative<UdpSocket>(rtp) || !std::holds_alternative<UdpSocket>(rtcp)) return std::nullopt;
    return PortPair{std::get<UdpSocket>(std::move(rtp)), std::get<UdpSocket>(std::move(rtcp))};
}

}  // namespace

PortPool::PortPool(std::uint16_t first, std::uint16_t last) noexcept
    : first_(static_cast<std::uint16_t>(first + first % 2)),
      pairs_(last > first_ ? static_cast<std::uint16_t>((last - first_ + 1) / 2) : std::uint16_t{0}) {}

std::optional<PortPair> PortPool::open(sip::SocketAddress address) {
    // Going round, a port rests as long as it can before packets of its last call could meet the next.
    for (std::uint16_t tried = 0; tried < pairs_; ++tried) {
        address.port = static_cast<std::uint16_t>(first_ + 2 * next_);
        next_ = static_cast<std::uint16_t>((next_ + 1) % pairs_);
        if (auto pair = open_pair(address)) return pair;
    }
    return std::nullopt;
}

}  // namespace sr::media
