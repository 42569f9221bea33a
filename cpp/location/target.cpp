#include "location/target.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "sip/uri.hpp"

namespace sr::location {
namespace {

constexpr std::uint16_t kSipPort = 5060;
constexpr std::size_t kIpv4Offset = 12;

/// An address in digits; nullopt for names, for what is no address, and for 0.0.0.0 and ::, which nobody has.
std::optional<sip::SocketAddress> read_address(const sip::Uri& uri) noexcept {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (uri.host.size() >= text.size()) return std::nullopt;
    std::memcpy(text.data(), uri.host.data(), uri.host.size());
    sip::SocketAddress address;
    address.is_ipv6 = uri.is_ipv6;
    std::uint8_t* octets = address.ip.data();
    if (!uri.is_ipv6) {
        octets[10] = octets[11] = 0xFF;
        octets += kIpv4Offset;
    }
    if (inet_pton(uri.is_ipv6 ? AF_INET6 : AF_INET, text.data(), octets) != 1) return std::nullopt;
    if (std::all_of(octets, address.ip.data() + address.ip.size(), [](std::uint8_t octet) { return octet == 0; })) {
        return std::nullopt;
    }
    address.port = uri.port.value_or(kSipPort);
    return address;
}

bool is_link_local(const sip::SocketAddress& address) noexcept {
    return address.is_ipv6 && address.ip[0] == 0xFE && (address.ip[1] & 0xC0) == 0x80;
}

}  // namespace

sip::SocketAddress target_of(const sip::RegisterRequest& request, std::string_view contact_uri) noexcept {
    const sip::SocketAddress& source = request.flow.remote;
    if (request.is_symmetric || request.flow.transport != sip::Transport::udp) return source;
    const auto uri = sip::Uri::parse(contact_uri);
    if (!uri) return source;
    auto address = read_address(*uri);
    if (!address || address->port == 0 || address->is_ipv6 != source.is_ipv6) return source;
    if (is_link_local(*address)) address->scope_id = source.scope_id;  // a URI cannot name our interface
    return *address;
}

}  // namespace sr::location
