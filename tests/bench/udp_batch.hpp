// One UDP socket that speaks for many hosts of 127.0.0.0/8: every datagram names its own source address, so that each
// phone is a flow of its own, and system calls are shared by batches.
#pragma once

#include <arpa/inet.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace bench {

enum class ReceiveBuffer : std::uint8_t { large, kernel_default };

class UdpBatch {
  public:
    static constexpr std::size_t kBatch = 64;
    static constexpr std::size_t kMaxDatagram = 2048;

    explicit UdpBatch(const sockaddr_in& target, ReceiveBuffer buffer = ReceiveBuffer::large)
        : target_(target), socket_(::socket(AF_INET, SOCK_DGRAM, 0)) {
        if (socket_ < 0) throw std::runtime_error(std::string{"socket: "} + std::strerror(errno));
        if (buffer == ReceiveBuffer::large) enlarge();
        sockaddr_in any{};
        any.sin_family = AF_INET;
        if (::bind(socket_, reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0) {
            ::close(socket_);
            throw std::runtime_error(std::string{"bind: "} + std::strerror(errno));
        }
        wire_up();
    }
    UdpBatch(const UdpBatch&) = delete;
    UdpBatch& operator=(const UdpBatch&) = delete;
    ~UdpBatch() { ::close(socket_); }

    [[nodiscard]] std::uint16_t port() const {
        sockaddr_in bound{};
        socklen_t length = sizeof bound;
        ::getsockname(socket_, reinterpret_cast<sockaddr*>(&bound), &length);
        return ntohs(bound.sin_port);
    }

    // Where the next datagram is written; commit() queues it. Flushes first when the batch is full.
    [[nodiscard]] std::span<char> next() {
        if (staged_ == kBatch) flush();
        return out_[staged_];
    }

    void commit(std::size_t octets, std::uint32_t source_ip) {
        out_iov_[staged_].iov_len = octets;
        auto* info = reinterpret_cast<in_pktinfo*>(CMSG_DATA(reinterpret_cast<cmsghdr*>(control_[staged_].data())));
        info->ipi_spec_dst.s_addr = htonl(source_ip);
        ++staged_;
    }

    // Sends what is staged; counts what the kernel refused.
    void flush() {
        std::size_t sent = 0;
        while (sent < staged_) {
            const int count = ::sendmmsg(socket_, &out_headers_[sent], static_cast<unsigned>(staged_ - sent), 0);
            if (count > 0) {
                sent += static_cast<std::size_t>(count);
            } else if (errno != EINTR) {
                ++send_errors_;
                ++sent;
            }
        }
        staged_ = 0;
    }

    // Hands every waiting datagram of one batch to `take`; returns how many there were.
    template <typename Take>
    std::size_t receive(Take&& take) {
        const int count = ::recvmmsg(socket_, in_headers_.data(), kBatch, MSG_DONTWAIT, nullptr);
        if (count <= 0) return 0;
        for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
            take(std::string_view{in_[i].data(), in_headers_[i].msg_len});
        }
        return static_cast<std::size_t>(count);
    }

    void wait(std::uint64_t timeout_ns) const {
        pollfd readable{socket_, POLLIN, 0};
        const timespec limit{static_cast<time_t>(timeout_ns / 1'000'000'000),
                             static_cast<long>(timeout_ns % 1'000'000'000)};
        ::ppoll(&readable, 1, &limit, nullptr);
    }

    [[nodiscard]] std::uint64_t send_errors() const { return send_errors_; }
    [[nodiscard]] int descriptor() const { return socket_; }

    // How many datagrams the kernel has thrown away because nobody had fetched those before them.
    [[nodiscard]] std::uint64_t drops() const {
        std::array<std::uint32_t, SK_MEMINFO_VARS> figures{};
        socklen_t length = sizeof figures;
        ::getsockopt(socket_, SOL_SOCKET, SO_MEMINFO, figures.data(), &length);
        return figures[SK_MEMINFO_DROPS];
    }

  private:
    void enlarge() const {
        const int octets = 4 << 20;
        if (::setsockopt(socket_, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof octets) != 0) {
            ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &octets, sizeof octets);
        }
    }

    void wire_up() {
        for (std::size_t i = 0; i < kBatch; ++i) {
            out_iov_[i].iov_base = out_[i].data();
            auto& out = out_headers_[i].msg_hdr;
            out.msg_name = &target_;
            out.msg_namelen = sizeof target_;
            out.msg_iov = &out_iov_[i];
            out.msg_iovlen = 1;
            out.msg_control = control_[i].data();
            out.msg_controllen = control_[i].size();
            auto* header = reinterpret_cast<cmsghdr*>(control_[i].data());
            header->cmsg_level = IPPROTO_IP;
            header->cmsg_type = IP_PKTINFO;
            header->cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
            in_iov_[i] = {in_[i].data(), kMaxDatagram};
            in_headers_[i].msg_hdr.msg_iov = &in_iov_[i];
            in_headers_[i].msg_hdr.msg_iovlen = 1;
        }
    }

    struct alignas(cmsghdr) Control : std::array<char, CMSG_SPACE(sizeof(in_pktinfo))> {};

    sockaddr_in target_;
    int socket_;
    std::size_t staged_{0};
    std::uint64_t send_errors_{0};
    std::array<std::array<char, kMaxDatagram>, kBatch> out_{};
    std::array<std::array<char, kMaxDatagram>, kBatch> in_{};
    std::array<Control, kBatch> control_{};
    std::array<iovec, kBatch> out_iov_{};
    std::array<iovec, kBatch> in_iov_{};
    std::array<mmsghdr, kBatch> out_headers_{};
    std::array<mmsghdr, kBatch> in_headers_{};
};

}  // namespace bench
