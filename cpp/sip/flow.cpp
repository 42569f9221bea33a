#include "sip/flow.hpp"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>
#include <system_error>

namespace sr::sip {
namespace {

/// One round of multiply and fold: the two halves of the 128-bit product.
std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Digits of pi, so that the zeros of an IPv4 address annul no factor.
constexpr std::uint64_t kPi0 = 0x243F6A8885A308D3;
constexpr std::uint64_t kPi1 = 0x13198A2E03707345;
constexpr std::uint64_t kPi2 = 0xA4093822299F31D1;

}  // namespace

std::string_view via_transport(Transport transport) noexcept {
    switch (transport) {
        case Transport::udp: return "UDP";
        case Transport::tcp: return "TCP";
        case Transport::tls: return "TLS";
        case Transport::ws: return "WS";
        case Transport::wss: return "WSS";
    }
    return "UDP";
}

std::string_view transport_parameter(Transport transport) noexcept {
    switch (transport) {
        case Transport::udp: return "";
        case Transport::tcp: return ";transport=tcp";
        case Transport::tls: return ";transport=tls";
        case Transport::ws:
        case Transport::wss: return ";transport=ws";
    }
    return "";
}

std::string SocketAddress::ip_text() const {
    char room[INET6_ADDRSTRLEN];
    const void* address = is_ipv6 ? ip.data() : ip.data() + 12;
    if (inet_ntop(is_ipv6 ? AF_INET6 : AF_INET, address, room, sizeof room) == nullptr) return {};
    std::string text = room;
    if (is_ipv6 && scope_id != 0) {
        text += '%';
        text += std::to_string(scope_id);
    }
    return text;
}

std::optional<SocketAddress> SocketAddress::parse(const std::string& ip, std::uint16_t port) {
    if (ip.find('\0') != std::string::npos) return std::nullopt;  // which would end the text before its end
    SocketAddress address;
    address.port = port;
    if (inet_pton(AF_INET, ip.c_str(), address.ip.data() + 12) == 1) {
        address.ip[10] = address.ip[11] = 0xFF;
        return address;
    }
    const std::size_t scope = ip.find('%');
    if (inet_pton(AF_INET6, ip.substr(0, scope).c_str(), address.ip.data()) != 1) return std::nullopt;
    address.is_ipv6 = true;
    if (scope == std::string::npos) return address;
    const char* end = ip.data() + ip.size();
    const auto read = std::from_chars(ip.data() + scope + 1, end, address.scope_id);
    return read.ec == std::errc() && read.ptr == end ? std::optional(address) : std::nullopt;
}

std::size_t Flow::hash() const noexcept {
    std::uint64_t high;
    std::uint64_t low;
    std::memcpy(&high, remote.ip.data(), sizeof high);
    std::memcpy(&low, remote.ip.data() + sizeof high, sizeof low);
    const std::uint64_t tail = static_cast<std::uint64_t>(remote.scope_id) << 32 |
                               static_cast<std::uint64_t>(remote.port) << 16 |
                               static_cast<std::uint64_t>(remote.is_ipv6) << 8 | static_cast<std::uint64_t>(transport);
    return mix(mix(high ^ kPi0, low ^ kPi1) ^ connection, tail ^ kPi2);
}

}  // namespace sr::sip
