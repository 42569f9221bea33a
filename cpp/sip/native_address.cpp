#include "sip/native_address.hpp"

#include <netinet/in.h>
#include <unistd.h>

#include <cstring>

namespace sr::sip {

NativeAddress to_native(const SocketAddress& address) noexcept {
    NativeAddress native;
    if (address.is_ipv6) {
        auto* in6 = reinterpret_cast<sockaddr_in6*>(&native.storage);
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(address.port);
        in6->sin6_scope_id = address.scope_id;
        std::memcpy(&in6->sin6_addr, address.ip.data(), 16);
        native.size = sizeof *in6;
    } else {
        auto* in4 = reinterpret_cast<sockaddr_in*>(&native.storage);
        in4->sin_family = AF_INET;
        in4->sin_port = htons(address.port);
        std::memcpy(&in4->sin_addr, address.ip.data() + 12, 4);
        native.size = sizeof *in4;
    }
    return native;
}

SocketAddress from_native(const NativeAddress& native) noexcept {
    SocketAddress address;
    if (native.storage.ss_family == AF_INET6) {
        const auto* in6 = reinterpret_cast<const sockaddr_in6*>(&native.storage);
        address.is_ipv6 = true;
        address.port = ntohs(in6->sin6_port);
        address.scope_id = in6->sin6_scope_id;
        std::memcpy(address.ip.data(), &in6->sin6_addr, 16);
    } else if (native.storage.ss_family == AF_INET) {
        const auto* in4 = reinterpret_cast<const sockaddr_in*>(&native.storage);
        address.port = ntohs(in4->sin_port);
        address.ip[10] = address.ip[11] = 0xFF;
        std::memcpy(address.ip.data() + 12, &in4->sin_addr, 4);
    }
    return address;
}

std::optional<SocketAddress> local_address_towards(const SocketAddress& peer) noexcept {
    // Connecting a datagram socket sends nothing; the kernel only chooses the route and with it our address.
    const int probe = socket(peer.is_ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (probe < 0) return std::nullopt;
    const NativeAddress native = to_native(peer);
    NativeAddress name;
    const bool is_routed =
        connect(probe, native.get(), native.size) == 0 && getsockname(probe, name.get(), &name.size) == 0;
    close(probe);
    if (!is_routed) return std::nullopt;
    return from_native(name);
}

}  // namespace sr::sip
