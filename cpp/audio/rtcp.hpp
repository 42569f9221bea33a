// RTCP (RFC 3550 section 6): compound packets, read packet by packet and written the same way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "audio/octets.hpp"

namespace sr::audio {

enum class RtcpType : std::uint8_t {
    SenderReport = 200,
    ReceiverReport = 201,
    SourceDescription = 202,
    Bye = 203,
    Application = 204,
    TransportFeedback = 205,  // RFC 4585: NACK and others
    PayloadFeedback = 206,    // RFC 4585: PLI and others
    ExtendedReport = 207,     // RFC 3611
};

struct ReportBlock {
    std::uint32_t ssrc = 0;            // whose reception is reported
    std::uint8_t fraction_lost = 0;    // of 256, since the report before
    std::int32_t cumulative_lost = 0;  // 24 bits with sign: duplicates make it negative
    std::uint32_t highest_sequence = 0;
    std::uint32_t jitter_ticks = 0;    // of the RTP clock
    std::uint32_t last_sr = 0;         // the middle 32 bits of its NTP time; 0 without one
    std::uint32_t delay_since_sr = 0;  // 1/65536 s
    bool operator==(const ReportBlock&) const = default;
};

struct SenderInfo {
    std::uint64_t ntp_time = 0;  // seconds since 1900 in the upper half, 1/2^32 s in the lower
    std::uint32_t rtp_timestamp = 0;
    std::uint32_t packets = 0;
    std::uint32_t octets = 0;
    bool operator==(const SenderInfo&) const = default;
};

/// One packet of a compound, checked: its reports and its SSRCs lie within it. It owns no octet.
class RtcpPacket {
  public:
    explicit RtcpPacket(Octets packet) noexcept : packet_(packet) {}

    /// May be none of the enumeration's: unknown types are to be passed over.
    [[nodiscard]] RtcpType type() const noexcept { return static_cast<RtcpType>(packet_[1]); }
    /// Reports, chunks or sources; for feedback its message type.
    [[nodiscard]] std::uint8_t count() const noexcept { return packet_[0] & 0x1F; }
    /// The sender's, or 0 in a packet of no source (an empty BYE or source description).
    [[nodiscard]] std::uint32_t ssrc() const noexcept { return packet_.size() < 8 ? 0 : read_u32(packet_, 4); }
    /// What stands behind the four octets of the header, without padding.
    [[nodiscard]] Octets body() const noexcept { return packet_.subspan(4); }

    /// Of a sender report only.
    [[nodiscard]] SenderInfo sender_info() const noexcept;
    /// Of sender and receiver reports; `index` is below `count()`.
    [[nodiscard]] ReportBlock report(std::size_t index) const noexcept;
    /// Of a BYE; `index` is below `count()`.
    [[nodiscard]] std::uint32_t leaving_ssrc(std::size_t index) const noexcept {
        return read_u32(packet_, 4 + 4 * index);
    }
    /// The canonical name of the first chunk of a source description; empty without one.
    [[nodiscard]] std::string_view cname() const noexcept;

  private:
    Octets packet_;
};

class RtcpCompound {
  public:
    /// Checked as RFC 3550 appendix A.2 has it; the rule that a report comes first falls with `may_be_reduced`
    /// (RFC 5506, `a=rtcp-rsize`). Nothing for a compound of which any part is malformed.
    [[nodiscard]] static std::optional<RtcpCompound> parse(Octets compound, bool may_be_reduced) noexcept;

    /// The packets in their order, then nothing.
    [[nodiscard]] std::optional<RtcpPacket> next() noexcept;

  private:
    explicit RtcpCompound(Octets rest) noexcept : rest_(rest) {}

    Octets rest_;
};

/// Appends packets; what does not fit, and more than 31 reports, makes the whole compound empty.
class RtcpWriter {
  public:
    explicit RtcpWriter(OctetRoom room) noexcept : room_(room) {}

    RtcpWriter& sender_report(std::uint32_t ssrc, const SenderInfo& info, std::span<const ReportBlock> blocks) noexcept;
    RtcpWriter& receiver_report(std::uint32_t ssrc, std::span<const ReportBlock> blocks) noexcept;
    /// `cname` of 1-255 octets (RFC 7022 says which).
    RtcpWriter& cname(std::uint32_t ssrc, std::string_view cname) noexcept;
    RtcpWriter& bye(std::uint32_t ssrc) noexcept;

    /// 0 if anything did not fit.
    [[nodiscard]] std::size_t size() const noexcept { return is_spoilt_ ? 0 : size_; }

  private:
    /// Room for a packet whose header is written; empty if there is none.
    [[nodiscard]] OctetRoom begin(RtcpType type, std::size_t count, std::size_t octets) noexcept;
    void write_blocks(OctetRoom packet, std::size_t at, std::span<const ReportBlock> blocks) noexcept;

    OctetRoom room_;
    std::size_t size_ = 0;
    bool is_spoilt_ = false;
};

}  // namespace sr::audio
