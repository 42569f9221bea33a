// Networks by prefix (RFC 4632, RFC 4291 section 2.3): IPv4 and IPv6 in one space of 128 bits.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "sip/flow.hpp"

namespace sr::auth {

/// An address as two numbers; IPv4 is ::ffff:a.b.c.d, which makes it the same as an IPv4 peer on an IPv6 socket.
struct AddressBits {
    std::uint64_t high = 0;
    std::uint64_t low = 0;

    [[nodiscard]] static AddressBits of(const sip::SocketAddress& address) noexcept;
    [[nodiscard]] bool is_ipv4() const noexcept { return high == 0 && low >> 32 == 0xFFFF; }

    /// IPv4 (RFC 3927) or IPv6 (RFC 4291 section 2.5.6): means something on one link only.
    [[nodiscard]] bool is_link_local() const noexcept;

    bool operator==(const AddressBits&) const = default;
};

class Network {
  public:
    /// The first `prefix_length` of 128 bits count; the others are cleared.
    Network(AddressBits address, unsigned prefix_length) noexcept;

    /// "192.168.0.0/16", "fd00::/8", or an address alone. Bits beyond the prefix are cleared, as people write the
    /// address of a host for its network. Nullopt for anything else.
    [[nodiscard]] static std::optional<Network> parse(std::string_view text) noexcept;

    [[nodiscard]] bool contains(const AddressBits& address) const noexcept {
        return (address.high & mask_.high) == address_.high && (address.low & mask_.low) == address_.low;
    }
    [[nodiscard]] unsigned prefix_length() const noexcept { return prefix_length_; }

  private:
    AddressBits address_;
    AddressBits mask_;
    unsigned prefix_length_;
};

/// RFC 1918, RFC 4193, loopback and link-local, of both families.
[[nodiscard]] std::span<const Network> private_networks() noexcept;

/// Networks as the owner names them: a prefix, "private", "loopback", "link-local" or "any"; nullopt for anything else.
[[nodiscard]] std::optional<std::vector<Network>> read_networks(std::string_view name);

/// Whether one of them holds the address: a look at each, which for a few dozen is faster than any tree.
[[nodiscard]] bool is_within(std::span<const Network> networks, const AddressBits& address) noexcept;

}  // namespace sr::auth
