// Where a message came from: the source address, or the connection, that a binding remembers (RFC 5626
// section 3.1).
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sr::sip {

enum class Transport : std::uint8_t { udp, tcp, tls, ws, wss };

/// As a Via has it: "UDP", "TCP", "TLS", "WS", "WSS" (RFC 3261 section 20.42, RFC 7118 section 5.2).
[[nodiscard]] std::string_view via_transport(Transport transport) noexcept;

/// As a URI of ours has it: empty for UDP, else such as ";transport=tcp". TLS has its own (RFC 3261 section 26.2.2
/// deprecates it, and devices use nothing else), WSS is ";transport=ws" (RFC 7118 section 5.2).
[[nodiscard]] std::string_view transport_parameter(Transport transport) noexcept;

/// An IPv4 or IPv6 address with port; IPv4 stands in the last four octets as ::ffff:a.b.c.d does.
struct SocketAddress {
    std::array<std::uint8_t, 16> ip{};
    std::uint32_t scope_id = 0;
    std::uint16_t port = 0;
    bool is_ipv6 = false;

    auto operator<=>(const SocketAddress&) const = default;

    /// The address without brackets and port: "192.0.2.7", "2001:db8::7", "fe80::1%2".
    [[nodiscard]] std::string ip_text() const;

    /// The reverse of ip_text; nothing when that is no address.
    [[nodiscard]] static std::optional<SocketAddress> parse(const std::string& ip, std::uint16_t port);
};

struct Flow {
    SocketAddress remote;
    /// Identifies the connection; 0 on datagram transports.
    std::uint64_t connection = 0;
    Transport transport = Transport::udp;
    /// Which of our listening sockets it came in by, and answers leave by.
    std::uint8_t listener = 0;

    auto operator<=>(const Flow&) const = default;

    [[nodiscard]] std::size_t hash() const noexcept;
};

}  // namespace sr::sip
