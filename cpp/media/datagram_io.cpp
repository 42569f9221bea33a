#include "media/datagram_io.hpp"

#include <netinet/in.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace sr::media {
namespace {

/// A seventh of a second of a thousand legs with fifty packets each, for which the kernel counts a kilobyte and twice
/// of what is asked for is given: as long as a busy machine may keep the thread from running.
constexpr int kWantedReceiveBuffer = 4 * 1024 * 1024;

bool set(int descriptor, int level, int option, int value) noexcept {
    return setsockopt(descriptor, level, option, &value, sizeof value) == 0;
}

bool configure(int descriptor, bool is_ipv6) noexcept {
    if (!set(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, kWantedReceiveBuffer)) {
        set(descriptor, SOL_SOCKET, SO_RCVBUF, kWantedReceiveBuffer);
    }
    if (!is_ipv6) return set(descriptor, IPPROTO_IP, IP_PKTINFO, 1);
    return set(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 1) && set(descriptor, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
}

/// The address of ours that a packet was sent to.
sip::SocketAddress local_of(const msghdr& header) noexcept {
    sip::SocketAddress local;
    for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
         control = CMSG_NXTHDR(const_cast<msghdr*>(&header), control)) {
        if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
            in_pktinfo info{};
            std::memcpy(&info, CMSG_DATA(control), sizeof info);
            local.ip[10] = local.ip[11] = 0xFF;
            std::memcpy(local.ip.data() + 12, &info.ipi_spec_dst, 4);
        } else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
            in6_pktinfo info{};
            std::memcpy(&info, CMSG_DATA(control), sizeof info);
            local.is_ipv6 = true;
            local.scope_id = IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr) ? info.ipi6_ifindex : 0;
            std::memcpy(local.ip.data(), &info.ipi6_addr, 16);
        }
    }
    return local;
}

bool is_chosen(const sip::SocketAddress& local) noexcept {
    const std::size_t first = local.is_ipv6 ? 0 : 12;
    return std::any_of(local.ip.begin() + static_cast<std::ptrdiff_t>(first), local.ip.end(),
                       [](auto octet) { return octet != 0; });
}

template <class Info>
void write_control(msghdr& header, int level, int type, const Info& info) noexcept {
    cmsghdr* control = CMSG_FIRSTHDR(&header);
    control->cmsg_level = level;
    control->cmsg_type = type;
    control->cmsg_len = CMSG_LEN(sizeof info);
    std::memcpy(CMSG_DATA(control), &info, sizeof info);
    header.msg_controllen = CMSG_SPACE(sizeof info);
}

void choose_local(msghdr& header, const sip::SocketAddress& local) noexcept {
    if (!is_chosen(local)) {
        header.msg_controllen = 0;
    } else if (local.is_ipv6) {
        in6_pktinfo info{};
        std::memcpy(&info.ipi6_addr, local.ip.data(), 16);
        info.ipi6_ifindex = local.scope_id;
        write_control(header, IPPROTO_IPV6, IPV6_PKTINFO, info);
    } else {
        in_pktinfo info{};
        std::memcpy(&info.ipi_spec_dst, local.ip.data() + 12, 4);
        write_control(header, IPPROTO_IP, IP_PKTINFO, info);
    }
}

std::string reason_of(const char* what, const sip::SocketAddress& address) {
    return std::string(what) + " " + address.ip_text() + " port " + std::to_string(address.port) + ": " +
           std::generic_category().message(errno);
}

}  // namespace

std::variant<UdpSocket, std::string> UdpSocket::open(const sip::SocketAddress& address) {
    const int family = address.is_ipv6 ? AF_INET6 : AF_INET;
    UdpSocket opened(socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), address);
    if (opened.descriptor_ < 0) return reason_of("no UDP socket for", address);
    if (!configure(opened.descriptor_, address.is_ipv6)) return reason_of("no packet information on", address);
    sip::NativeAddress name = sip::to_native(address);
    if (bind(opened.descriptor_, name.get(), name.size) != 0) return reason_of("cannot bind", address);
    name.size = sizeof name.storage;
    if (getsockname(opened.descriptor_, name.get(), &name.size) != 0) return reason_of("no name of", address);
    opened.address_ = sip::from_native(name);
    return opened;
}

UdpSocket::UdpSocket(UdpSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), address_(other.address_) {}

UdpSocket& UdpSocket::operator=(UdpSocket&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    address_ = other.address_;
    return *this;
}

UdpSocket::~UdpSocket() {
    if (descriptor_ >= 0) close(descriptor_);
}

ReceiveBatch::ReceiveBatch() noexcept {
    for (std::size_t i = 0; i < kBatch; ++i) vectors_[i] = {rooms_[i].data(), rooms_[i].size()};
    prepare(kBatch);
}

/// The kernel writes into the headers of what it gives us.
void ReceiveBatch::prepare(std::size_t count) noexcept {
    for (std::size_t i = 0; i < count; ++i) {
        msghdr& header = headers_[i].msg_hdr;
        header = {};
        header.msg_name = names_[i].get();
        header.msg_namelen = sizeof names_[i].storage;
        header.msg_iov = &vectors_[i];
        header.msg_iovlen = 1;
        header.msg_control = controls_[i].data();
        header.msg_controllen = controls_[i].size();
    }
}

std::span<const Arrival> ReceiveBatch::receive(int descriptor) noexcept {
    const int count = recvmmsg(descriptor, headers_.data(), kBatch, MSG_DONTWAIT, nullptr);
    const std::size_t received = count > 0 ? static_cast<std::size_t>(count) : 0;
    for (std::size_t i = 0; i < received; ++i) {
        names_[i].size = headers_[i].msg_hdr.msg_namelen;
        arrivals_[i] = {{rooms_[i].data(), headers_[i].msg_len},
                        {sip::from_native(names_[i]), local_of(headers_[i].msg_hdr)}};
    }
    prepare(received);
    return {arrivals_.data(), received};
}

SendBatch::SendBatch() noexcept = default;

void SendBatch::commit(int descriptor, const Path& path, std::size_t octets) noexcept {
    if (descriptor_ != descriptor && count_ > 0) {
        // The packet in hand stays in its place; those before it leave by the other socket first.
        const std::size_t own = count_;
        flush();
        std::memcpy(rooms_[0].data(), rooms_[own].data(), octets);
    }
    descriptor_ = descriptor;
    names_[count_] = sip::to_native(path.remote);
    vectors_[count_] = {rooms_[count_].data(), octets};
    msghdr& header = headers_[count_].msg_hdr;
    header = {};
    header.msg_name = names_[count_].get();
    header.msg_namelen = names_[count_].size;
    header.msg_iov = &vectors_[count_];
    header.msg_iovlen = 1;
    header.msg_control = controls_[count_].data();
    header.msg_controllen = controls_[count_].size();
    choose_local(header, path.local);
    if (++count_ == kBatch) flush();
}

void SendBatch::flush() noexcept {
    std::size_t sent = 0;
    while (sent < count_) {
        const int count = sendmmsg(descriptor_, headers_.data() + sent, static_cast<unsigned>(count_ - sent), 0);
        // One packet that cannot go (its network has just left us) does not hold up the rest.
        sent += count > 0 ? static_cast<std::size_t>(count) : 1;
    }
    count_ = 0;
}

}  // namespace sr::media
