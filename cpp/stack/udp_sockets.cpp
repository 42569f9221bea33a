#include "stack/udp_sockets.hpp"

#include <dirent.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <memory>
#include <vector>

#include "sip/native_address.hpp"
#include "stack/source_filter.hpp"

namespace sr::stack {
namespace {

// A buffer of Linux' default size (208 KB) is a third full when fifty phones speak at once, and read in a few
// milliseconds: only when it is nearly full does more come than is read.
constexpr std::uint32_t kAmpleRoom = 1 << 20;
constexpr double kWeightOfSmall = 0.4;

std::optional<sip::SocketAddress> bound_udp_address(int descriptor) noexcept {
    int type = 0;
    socklen_t size = sizeof type;
    if (getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_DGRAM) return std::nullopt;
    sip::NativeAddress name;
    if (getsockname(descriptor, name.get(), &name.size) != 0) return std::nullopt;
    if (name.storage.ss_family != AF_INET && name.storage.ss_family != AF_INET6) return std::nullopt;
    return sip::from_native(name);
}

/// PJSIP has no call that lists its transports, but the kernel knows our sockets.
int find_bound_socket(const std::string& ip, std::uint16_t port) {
    struct CloseDirectory {
        void operator()(DIR* directory) const noexcept { closedir(directory); }
    };
    const std::unique_ptr<DIR, CloseDirectory> directory(opendir("/proc/self/fd"));
    if (!directory) return -1;
    while (const dirent* entry = readdir(directory.get())) {
        const int descriptor = std::atoi(entry->d_name);
        const auto address = descriptor > 2 ? bound_udp_address(descriptor) : std::nullopt;
        if (address && address->port == port && address->ip_text() == ip) return descriptor;
    }
    return -1;
}

int receive_buffer_of(int descriptor) noexcept {
    int octets = 0;
    socklen_t size = sizeof octets;
    getsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &octets, &size);
    return octets;
}

void raise_receive_buffer(int descriptor) noexcept {
    const int wanted = kWantedReceiveBuffer;
    if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) == 0) return;
    // Without CAP_NET_ADMIN the kernel gives at most net.core.rmem_max.
    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
}

bool is_wildcard(const sip::SocketAddress& address) noexcept {
    const std::size_t first = address.is_ipv6 ? 0 : 12;
    return std::all_of(address.ip.begin() + static_cast<std::ptrdiff_t>(first), address.ip.end(),
                       [](auto octet) { return octet == 0; });
}

}  // namespace

std::optional<std::string> UdpSockets::adopt(const std::string& ip, std::uint16_t port) {
    if (count_ == kMostListeners) return "more than " + std::to_string(kMostListeners) + " listening addresses";
    const int descriptor = find_bound_socket(ip, port);
    if (descriptor < 0) return "no UDP socket of this process is bound to " + ip + " port " + std::to_string(port);
    raise_receive_buffer(descriptor);
    listeners_[count_++] = {descriptor, *bound_udp_address(descriptor)};
    return std::nullopt;
}

std::uint8_t UdpSockets::index_of(int descriptor) const noexcept {
    for (std::size_t i = 0; i < count_; ++i) {
        if (listeners_[i].descriptor == descriptor) return static_cast<std::uint8_t>(i);
    }
    return 0;
}

bool UdpSockets::send(std::size_t listener, const sip::SocketAddress& to, std::string_view datagram) const noexcept {
    if (listener >= count_) return false;
    const sip::NativeAddress native = sip::to_native(to);
    return sendto(listeners_[listener].descriptor, datagram.data(), datagram.size(), MSG_DONTWAIT, native.get(),
                  native.size) >= 0;
}

std::string UdpSockets::local_ip_towards(std::size_t listener, const sip::SocketAddress& peer) const noexcept {
    sip::SocketAddress local = listener < count_ ? listeners_[listener].address : sip::SocketAddress{};
    if (is_wildcard(local)) local = sip::local_address_towards(peer).value_or(local);
    return local.ip_text();
}

int UdpSockets::receive_buffer() const noexcept {
    int least = std::numeric_limits<int>::max();
    for (const Listener& listener : all()) least = std::min(least, receive_buffer_of(listener.descriptor));
    return count_ == 0 ? 0 : least;
}

double UdpSockets::fullness() const noexcept {
    double most = 0;
    for (const Listener& listener : all()) {
        std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
        socklen_t size = sizeof memory;
        if (getsockopt(listener.descriptor, SOL_SOCKET, SO_MEMINFO, memory.data(), &size) != 0) continue;
        const std::uint32_t room = std::max(memory[SK_MEMINFO_RCVBUF], 1U);
        const double weight = room < kAmpleRoom ? kWeightOfSmall : 1;
        most = std::max(most, weight * memory[SK_MEMINFO_RMEM_ALLOC] / room);
    }
    return most;
}

bool UdpSockets::limit_strangers(std::span<const sip::SocketAddress> known, std::uint32_t share) const {
    bool is_limited = true;
    for (const Listener& listener : all()) {
        std::vector<std::uint32_t> keys;
        for (const sip::SocketAddress& source : known) {
            if (source.is_ipv6 == listener.address.is_ipv6) keys.push_back(source_key(source));
        }
        std::vector<sock_filter> steps = make_source_filter(keys, share, listener.address.is_ipv6);
        const sock_fprog program{static_cast<unsigned short>(steps.size()), steps.data()};
        is_limited &= setsockopt(listener.descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
    }
    return is_limited;
}

void UdpSockets::admit_all() const noexcept {
    for (const Listener& listener : all()) {
        const int unused = 0;
        setsockopt(listener.descriptor, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused);
    }
}

}  // namespace sr::stack
