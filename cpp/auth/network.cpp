#include "auth/network.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "sip/ascii.hpp"

namespace sr::auth {
namespace {

constexpr unsigned kBits = 128;
constexpr unsigned kIpv4Bits = 32;
constexpr unsigned kIpv4Offset = kBits - kIpv4Bits;
constexpr std::uint64_t kIpv4Mark = 0xFFFF00000000;

std::uint64_t read_number(const std::uint8_t* octets, std::size_t count) noexcept {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < count; ++i) number = number << 8 | octets[i];
    return number;
}

AddressBits ipv4(std::uint64_t address) noexcept { return {0, kIpv4Mark | address}; }

/// The highest `count` of 64 bits.
std::uint64_t high_bits(unsigned count) noexcept { return count == 0 ? 0 : ~std::uint64_t{0} << (64 - count); }

const std::array<Network, 2>& loopback_networks() noexcept {
    static const std::array networks{Network(ipv4(0x7F000000), kIpv4Offset + 8), Network({0, 1}, kBits)};
    return networks;
}

const std::array<Network, 2>& link_local_networks() noexcept {
    static const std::array networks{Network(ipv4(0xA9FE0000), kIpv4Offset + 16), Network({0xFE80000000000000, 0}, 10)};
    return networks;
}

struct ParsedAddress {
    AddressBits bits;
    unsigned offset = 0;  // of its first bit among the 128
};

std::optional<ParsedAddress> parse_address(std::string_view text) noexcept {
    std::array<char, INET6_ADDRSTRLEN> room{};
    std::array<std::uint8_t, 16> octets{};
    // A NUL would end the text before its end.
    if (text.empty() || text.size() >= room.size() || text.find('\0') != std::string_view::npos) return std::nullopt;
    std::memcpy(room.data(), text.data(), text.size());
    if (inet_pton(AF_INET, room.data(), octets.data()) == 1) {
        return ParsedAddress{ipv4(read_number(octets.data(), 4)), kIpv4Offset};
    }
    if (inet_pton(AF_INET6, room.data(), octets.data()) != 1) return std::nullopt;
    return ParsedAddress{{read_number(octets.data(), 8), read_number(octets.data() + 8, 8)}, 0};
}

}  // namespace

AddressBits AddressBits::of(const sip::SocketAddress& address) noexcept {
    const std::uint8_t* octets = address.ip.data();
    if (!address.is_ipv6) return ipv4(read_number(octets + 12, 4));
    return {read_number(octets, 8), read_number(octets + 8, 8)};
}

bool AddressBits::is_link_local() const noexcept { return is_within(link_local_networks(), *this); }

Network::Network(AddressBits address, unsigned prefix_length) noexcept
    : mask_{high_bits(std::min(prefix_length, 64U)), high_bits(std::clamp(prefix_length, 64U, kBits) - 64)},
      prefix_length_(std::min(prefix_length, kBits)) {
    address_ = {address.high & mask_.high, address.low & mask_.low};
}

std::optional<Network> Network::parse(std::string_view text) noexcept {
    const std::size_t slash = text.find('/');
    const auto address = parse_address(text.substr(0, slash));
    if (!address) return std::nullopt;
    if (slash == std::string_view::npos) return Network(address->bits, kBits);
    const std::string_view digits = text.substr(slash + 1);
    unsigned length = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    if (read.ec != std::errc{} || read.ptr != digits.data() + digits.size() || length > kBits - address->offset) {
        return std::nullopt;
    }
    return Network(address->bits, address->offset + length);
}

std::span<const Network> private_networks() noexcept {
    static const std::array networks{
        Network(ipv4(0x0A000000), kIpv4Offset + 8),
        Network(ipv4(0xAC100000), kIpv4Offset + 12),
        Network(ipv4(0xC0A80000), kIpv4Offset + 16),
        Network({0xFC00000000000000, 0}, 7),
        loopback_networks()[0],
        loopback_networks()[1],
        link_local_networks()[0],
        link_local_networks()[1],
    };
    return networks;
}

std::optional<std::vector<Network>> read_networks(std::string_view name) {
    const auto copy = [](std::span<const Network> networks) {
        return std::vector<Network>(networks.begin(), networks.end());
    };
    if (sip::is_equal_ignoring_case(name, "private")) return copy(private_networks());
    if (sip::is_equal_ignoring_case(name, "loopback")) return copy(loopback_networks());
    if (sip::is_equal_ignoring_case(name, "link-local")) return copy(link_local_networks());
    if (sip::is_equal_ignoring_case(name, "any")) return std::vector{Network({}, 0)};
    const auto network = Network::parse(name);
    return network ? std::optional(std::vector{*network}) : std::nullopt;
}

bool is_within(std::span<const Network> networks, const AddressBits& address) noexcept {
    return std::any_of(networks.begin(), networks.end(),
                       [&address](const Network& network) { return network.contains(address); });
}

}  // namespace sr::auth
