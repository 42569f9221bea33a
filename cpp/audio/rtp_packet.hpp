// RTP packets (RFC 3550 section 5.1) with header extensions (RFC 8285): a checked view of received octets, and a
// writer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "audio/octets.hpp"

namespace sr::audio {

/// Of the header extension urn:ietf:params:rtp-hdrext:ssrc-audio-level (RFC 6464).
struct AudioLevel {
    std::uint8_t below_overload_db = 127;  // 0 is the loudest, 127 is silence
    bool is_voice = false;
    bool operator==(const AudioLevel&) const = default;
};

/// A packet that is sound throughout: all that it says of its lengths lies within it. It owns no octet.
class RtpView {
  public:
    /// Nothing for what is not RTP version 2, or whose CSRCs, extension or padding run over its end. Of what RFC 5761
    /// multiplexes with it, RTCP must be told apart before (`is_rtcp`).
    [[nodiscard]] static std::optional<RtpView> parse(Octets packet) noexcept;

    [[nodiscard]] bool is_marked() const noexcept { return (packet_[1] & 0x80) != 0; }
    [[nodiscard]] std::uint8_t payload_type() const noexcept { return packet_[1] & 0x7F; }
    [[nodiscard]] std::uint16_t sequence() const noexcept { return read_u16(packet_, 2); }
    [[nodiscard]] std::uint32_t timestamp() const noexcept { return read_u32(packet_, 4); }
    [[nodiscard]] std::uint32_t ssrc() const noexcept { return read_u32(packet_, 8); }
    [[nodiscard]] std::size_t csrc_count() const noexcept { return packet_[0] & 0x0F; }
    /// `index` is below `csrc_count()`.
    [[nodiscard]] std::uint32_t csrc(std::size_t index) const noexcept { return read_u32(packet_, 12 + 4 * index); }

    /// Without the padding; may be empty.
    [[nodiscard]] Octets payload() const noexcept { return payload_; }
    /// Header, CSRCs and extension together, which SRTP leaves in the clear.
    [[nodiscard]] std::size_t header_size() const noexcept { return header_size_; }

    /// The data of the extension element `id` (1-14 in the one-byte form, 1-255 in the two-byte form).
    [[nodiscard]] std::optional<Octets> extension(std::uint8_t id) const noexcept;
    [[nodiscard]] std::optional<AudioLevel> audio_level(std::uint8_t id) const noexcept;

  private:
    RtpView() = default;

    Octets packet_;
    Octets payload_;
    Octets extensions_;  // without the header of four octets
    std::uint16_t extension_profile_ = 0;
    std::size_t header_size_ = 0;
};

/// Whether a packet on a port shared by both is RTCP (RFC 5761 section 4): packet types 192-223.
[[nodiscard]] bool is_rtcp(Octets packet) noexcept;

struct RtpHeader {
    std::uint8_t payload_type = 0;
    bool is_marked = false;
    std::uint16_t sequence = 0;
    std::uint32_t timestamp = 0;
    std::uint32_t ssrc = 0;
};

/// Writes a packet where it will be sent from, so that an encoder may put its payload there itself. Extensions first,
/// then the payload; what does not fit makes the whole packet empty.
class RtpWriter {
  public:
    RtpWriter(OctetRoom room, const RtpHeader& header) noexcept;

    /// In the one-byte form: `id` 1-14 and 1-16 octets, anything else spoils the packet.
    RtpWriter& extension(std::uint8_t id, Octets data) noexcept;
    RtpWriter& audio_level(std::uint8_t id, AudioLevel level) noexcept;

    /// Ends the extensions; what lies behind is the payload's.
    [[nodiscard]] OctetRoom payload_room() noexcept;
    /// Octets of the packet whose payload of `payload_size` octets stands in `payload_room()`; 0 if it did not fit.
    [[nodiscard]] std::size_t finish(std::size_t payload_size) noexcept;
    /// The same with a payload that stands elsewhere.
    [[nodiscard]] std::size_t finish(Octets payload) noexcept;

  private:
    void end_extensions() noexcept;

    OctetRoom room_;
    std::size_t size_ = 0;
    bool is_extended_ = false;
    bool is_ended_ = false;
    bool is_spoilt_ = false;
};

}  // namespace sr::audio
