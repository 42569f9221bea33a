#include "location/target.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "sip/uri.hpp"

namespace sr::location {
namespace {

constexpr std::uint16_t kSipPort = 5060;
constexpr std::size_t kIpv4Offset = 12;

/// Whether the URI names this very address in digits.
bool names_address(const sip::Uri& uri, const sip::SocketAddress& address) noexcept {
    std::array<char, INET6_ADDRSTRLEN> text{};
    std::array<std::uint8_t, 16> octets{};
    if (uri.host.size() >= text.size() || uri.is_ipv6 != address.is_ipv6) return false;
    std::memcpy(text.data(), uri.host.data(), uri.host.size());
    if (inet_pton(uri.is_ipv6 ? AF_INET6 : AF_INET, text.data(), octets.data()) != 1) return false;
    const std::size_t offset = uri.is_ipv6 ? 0 : kIpv4Offset;
    return std::equal(address.ip.begin() + static_cast<std::ptrdiff_t>(offset), address.ip.end(), octets.begin());
}

}  // namespace

sip::SocketAddress target_of(const sip::RegisterRequest& request, std::string_view contact_uri) noexcept {
    sip::SocketAddress target = request.flow.remote;
    if (request.is_symmetric || request.flow.transport != sip::Transport::udp) return target;
    const auto uri = sip::Uri::parse(contact_uri);
    // Only the port is the Contact's to choose: another address would let anybody aim our pings at a third party.
    if (!uri || !names_address(*uri, target)) return target;
    const std::uint16_t port = uri->port.value_or(kSipPort);
    if (port != 0) target.port = port;
    return target;
}

}  // namespace sr::location
