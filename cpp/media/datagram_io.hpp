// UDP in batches: one system call for up to 32 packets each way. Used by one media thread.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "sip/flow.hpp"
#include "sip/native_address.hpp"

namespace sr::media {

/// More than any RTP packet on an Ethernet; what is longer is cut by the kernel and then refused by its reader.
inline constexpr std::size_t kMostDatagramOctets = 2048;
inline constexpr std::size_t kBatch = 32;

/// Whom a packet goes to, and by which of this host's addresses: a peer expects answers from where it asked.
struct Path {
    sip::SocketAddress remote;
    sip::SocketAddress local;  // port unused; an address of zeros: the kernel chooses

    auto operator<=>(const Path&) const = default;
};

class UdpSocket {
  public:
    /// Bound and non-blocking, IPv6 without IPv4. A sentence says why not.
    [[nodiscard]] static std::variant<UdpSocket, std::string> open(const sip::SocketAddress& address);

    UdpSocket(UdpSocket&& other) noexcept;
    UdpSocket& operator=(UdpSocket&& other) noexcept;
    UdpSocket(const UdpSocket&) = delete;
    UdpSocket& operator=(const UdpSocket&) = delete;
    ~UdpSocket();

    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
    [[nodiscard]] const sip::SocketAddress& address() const noexcept { return address_; }

  private:
    UdpSocket(int descriptor, const sip::SocketAddress& address) noexcept
        : descriptor_(descriptor), address_(address) {}

    int descriptor_ = -1;
    sip::SocketAddress address_;
};

struct Arrival {
    std::span<std::uint8_t> octets;
    Path path;
};

/// Room for one batch of arrivals.
class ReceiveBatch {
  public:
    ReceiveBatch() noexcept;
    ReceiveBatch(const ReceiveBatch&) = delete;
    ReceiveBatch& operator=(const ReceiveBatch&) = delete;

    /// What waits on a socket, at most kBatch; valid until the next call.
    [[nodiscard]] std::span<const Arrival> receive(int descriptor) noexcept;

  private:
    void prepare(std::size_t count) noexcept;

    // Big enough for IPV6_PKTINFO, the larger of the two.
    using Control = std::array<char, 64>;

    std::array<std::array<std::uint8_t, kMostDatagramOctets>, kBatch> rooms_;
    std::array<sip::NativeAddress, kBatch> names_;
    std::array<Control, kBatch> controls_;
    std::array<iovec, kBatch> vectors_;
    std::array<mmsghdr, kBatch> headers_;
    std::array<Arrival, kBatch> arrivals_;
};

/// Packets are written in place, then leave together.
class SendBatch {
  public:
    SendBatch() noexcept;
    SendBatch(const SendBatch&) = delete;
    SendBatch& operator=(const SendBatch&) = delete;
    ~SendBatch() { flush(); }

    /// Where the next packet may be written; `commit` sends it, another `room` forgets it.
    [[nodiscard]] std::span<std::uint8_t> room() noexcept { return rooms_[count_]; }

    /// The first `octets` of `room()` go down `path` by this socket with the next flush.
    void commit(int descriptor, const Path& path, std::size_t octets) noexcept;

    /// What the kernel has no room for is lost, as on any network.
    void flush() noexcept;

  private:
    using Control = std::array<char, 64>;

    std::size_t count_ = 0;
    int descriptor_ = -1;
    std::array<std::array<std::uint8_t, kMostDatagramOctets>, kBatch> rooms_;
    std::array<sip::NativeAddress, kBatch> names_;
    std::array<Control, kBatch> controls_;
    std::array<iovec, kBatch> vectors_;
    std::array<mmsghdr, kBatch> headers_;
};

}  // namespace sr::media
