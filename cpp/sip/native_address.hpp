// The kernel's form of a SocketAddress.
#pragma once

#include <sys/socket.h>

#include <optional>

#include "sip/flow.hpp"

namespace sr::sip {

struct NativeAddress {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;

    [[nodiscard]] sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
    [[nodiscard]] const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
};

[[nodiscard]] NativeAddress to_native(const SocketAddress& address) noexcept;

/// An address without IP and port where the family is neither IPv4 nor IPv6.
[[nodiscard]] SocketAddress from_native(const NativeAddress& native) noexcept;

/// This host's address from which `peer` would be sent to, as the kernel routes now; nothing where no route leads
/// there.
[[nodiscard]] std::optional<SocketAddress> local_address_towards(const SocketAddress& peer) noexcept;

}  // namespace sr::sip
