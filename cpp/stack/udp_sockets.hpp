// The daemon's UDP sockets as plain descriptors. PJSIP owns them and reads them; answers and pings are written to them
// directly, since a PJSIP transmit buffer per answer costs more than the answer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "sip/flow.hpp"

namespace sr::stack {

inline constexpr std::size_t kMostListeners = 16;
inline constexpr int kWantedReceiveBuffer = 4 * 1024 * 1024;  // bursts of 128 packets overrun the default 208 KB

struct Listener {
    int descriptor = -1;
    sip::SocketAddress address;
};

class UdpSockets {
  public:
    /// Finds the process's UDP socket bound to this address and raises its receive buffer; a sentence when there is
    /// none.
    [[nodiscard]] std::optional<std::string> adopt(const std::string& ip, std::uint16_t port);

    void clear() noexcept { count_ = 0; }

    [[nodiscard]] std::span<const Listener> all() const noexcept { return {listeners_.data(), count_}; }

    /// The index of a descriptor; 0 when it is unknown.
    [[nodiscard]] std::uint8_t index_of(int descriptor) const noexcept;

    /// One datagram; a full buffer or an unreachable peer loses it, as the network may. Returns whether it left.
    bool send(std::size_t listener, const sip::SocketAddress& to, std::string_view datagram) const noexcept;

    /// Our address as `peer` sees it; the listener's own unless that is a wildcard.
    [[nodiscard]] std::string local_ip_towards(std::size_t listener, const sip::SocketAddress& peer) const noexcept;

    /// The smallest receive buffer in force, in octets.
    [[nodiscard]] int receive_buffer() const noexcept;

    /// How much of the fullest receive buffer waits to be read, 0 to 1.
    [[nodiscard]] double fullness() const noexcept;

    /// Lets in `known` and, of the others, `share` in 2^32 (make_source_filter), until it is called again. False where
    /// the kernel does not take the filter of a socket, which then stays as it is.
    bool limit_strangers(std::span<const sip::SocketAddress> known, std::uint32_t share) const;
    void admit_all() const noexcept;

  private:
    std::array<Listener, kMostListeners> listeners_;
    std::size_t count_ = 0;
};

}  // namespace sr::stack
