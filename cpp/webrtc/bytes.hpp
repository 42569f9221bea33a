// Views of octets, integers in network order, and the datagrams that a decider wants sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sr::webrtc {

using Octets = std::span<const std::uint8_t>;
using MutableOctets = std::span<std::uint8_t>;

[[nodiscard]] constexpr std::uint16_t read_u16(const std::uint8_t* from) noexcept {
    return static_cast<std::uint16_t>(from[0] << 8 | from[1]);
}

[[nodiscard]] constexpr std::uint32_t read_u32(const std::uint8_t* from) noexcept {
    return static_cast<std::uint32_t>(read_u16(from)) << 16 | read_u16(from + 2);
}

[[nodiscard]] constexpr std::uint64_t read_u64(const std::uint8_t* from) noexcept {
    return static_cast<std::uint64_t>(read_u32(from)) << 32 | read_u32(from + 4);
}

constexpr void write_u16(std::uint8_t* to, std::uint16_t value) noexcept {
    to[0] = static_cast<std::uint8_t>(value >> 8);
    to[1] = static_cast<std::uint8_t>(value);
}

constexpr void write_u32(std::uint8_t* to, std::uint32_t value) noexcept {
    write_u16(to, static_cast<std::uint16_t>(value >> 16));
    write_u16(to + 2, static_cast<std::uint16_t>(value));
}

constexpr void write_u64(std::uint8_t* to, std::uint64_t value) noexcept {
    write_u32(to, static_cast<std::uint32_t>(value >> 32));
    write_u32(to + 4, static_cast<std::uint32_t>(value));
}

/// Datagrams in the order in which they are to be sent, one after the other in one block.
class Outbox {
  public:
    void push(Octets datagram) {
        octets_.insert(octets_.end(), datagram.begin(), datagram.end());
        ends_.push_back(octets_.size());
    }

    /// Calls `send(Octets)` for each, then forgets them and gives their memory back: handshakes are rare and short.
    template <class Send>
    void drain(Send&& send) {
        std::size_t begin = 0;
        for (const std::size_t end : ends_) {
            send(Octets(octets_).subspan(begin, end - begin));
            begin = end;
        }
        octets_ = {};
        ends_ = {};
    }

    [[nodiscard]] std::size_t size() const noexcept { return ends_.size(); }
    [[nodiscard]] bool is_empty() const noexcept { return ends_.empty(); }

  private:
    std::vector<std::uint8_t> octets_;
    std::vector<std::size_t> ends_;
};

}  // namespace sr::webrtc
