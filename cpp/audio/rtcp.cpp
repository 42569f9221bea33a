#include "audio/rtcp.hpp"

#include <algorithm>

namespace sr::audio {

namespace {

constexpr std::size_t kHeader = 4;
constexpr std::size_t kSsrc = 4;
constexpr std::size_t kSenderInfo = 20;
constexpr std::size_t kReportBlock = 24;
constexpr std::size_t kMostReports = 31;
constexpr std::uint8_t kCname = 1;

std::size_t packet_size(Octets rest) noexcept { return 4U * (read_u16(rest, 2) + 1U); }

/// RFC 3550 section 6.5: each chunk is an SSRC and items up to a null octet, padded to four octets.
bool are_chunks_sound(Octets chunks, std::size_t count) noexcept {
    std::size_t at = 0;
    for (std::size_t chunk = 0; chunk < count; ++chunk) {
        at += kSsrc;
        for (;;) {
            if (at >= chunks.size()) return false;
            if (chunks[at] == 0) break;
            if (at + 1 >= chunks.size()) return false;
            at += 2U + chunks[at + 1];
        }
        at += 4 - at % 4;
    }
    return at <= chunks.size();
}

bool is_sound(Octets packet) noexcept {
    const std::size_t count = packet[0] & 0x1FU;
    switch (static_cast<RtcpType>(packet[1])) {
        case RtcpType::SenderReport: return packet.size() >= kHeader + kSsrc + kSenderInfo + count * kReportBlock;
        case RtcpType::ReceiverReport: return packet.size() >= kHeader + kSsrc + count * kReportBlock;
        case RtcpType::SourceDescription: return are_chunks_sound(packet.subspan(kHeader), count);
        case RtcpType::Bye: return packet.size() >= kHeader + count * kSsrc;
        case RtcpType::TransportFeedback:
        case RtcpType::PayloadFeedback: return packet.size() >= kHeader + 2 * kSsrc;
        case RtcpType::Application:
        case RtcpType::ExtendedReport: return packet.size() >= kHeader + kSsrc;
    }
    return true;
}

/// Padding is allowed in the last packet only. Without it; empty if the octets of padding are wrong.
Octets without_padding(Octets packet) noexcept {
    if ((packet[0] & 0x20) == 0) return packet;
    const std::size_t padding = packet.back();
    if (padding == 0 || padding % 4 != 0 || padding > packet.size() - kHeader) return {};
    return packet.first(packet.size() - padding);
}

bool is_header(Octets rest) noexcept { return rest.size() >= kHeader && rest[0] >> 6 == 2; }

bool is_report(Octets packet) noexcept {
    const auto type = static_cast<RtcpType>(packet[1]);
    return type == RtcpType::SenderReport || type == RtcpType::ReceiverReport;
}

}  // namespace

SenderInfo RtcpPacket::sender_info() const noexcept {
    return {std::uint64_t{read_u32(packet_, 8)} << 32 | read_u32(packet_, 12), read_u32(packet_, 16),
            read_u32(packet_, 20), read_u32(packet_, 24)};
}

ReportBlock RtcpPacket::report(std::size_t index) const noexcept {
    const std::size_t before = type() == RtcpType::SenderReport ? kHeader + kSsrc + kSenderInfo : kHeader + kSsrc;
    const Octets block = packet_.subspan(before + index * kReportBlock, kReportBlock);
    const std::uint32_t lost = read_u24(block, 5);
    // The highest of the 24 bits is the sign.
    const std::int32_t sign = (lost & 0x800000) != 0 ? 0x1000000 : 0;
    return {read_u32(block, 0),
            block[4],
            static_cast<std::int32_t>(lost) - sign,
            read_u32(block, 8),
            read_u32(block, 12),
            read_u32(block, 16),
            read_u32(block, 20)};
}

std::string_view RtcpPacket::cname() const noexcept {
    if (type() != RtcpType::SourceDescription || count() == 0) return {};
    // Checked in `is_sound`: the items end with a null octet within the packet.
    for (std::size_t at = kHeader + kSsrc; packet_[at] != 0; at += 2U + packet_[at + 1]) {
        if (packet_[at] != kCname) continue;
        return {reinterpret_cast<const char*>(packet_.data()) + at + 2, packet_[at + 1]};
    }
    return {};
}

std::optional<RtcpCompound> RtcpCompound::parse(Octets compound, bool may_be_reduced) noexcept {
    Octets rest = compound;
    if (!is_header(rest) || (!may_be_reduced && !is_report(rest))) return std::nullopt;
    while (!rest.empty()) {
        if (!is_header(rest) || packet_size(rest) > rest.size()) return std::nullopt;
        const Octets padded = rest.first(packet_size(rest));
        rest = rest.subspan(padded.size());
        const Octets packet = without_padding(padded);
        if (packet.empty() || (packet.size() < padded.size() && !rest.empty()) || !is_sound(packet))
            return std::nullopt;
    }
    return RtcpCompound(compound);
}

std::optional<RtcpPacket> RtcpCompound::next() noexcept {
    if (rest_.empty()) return std::nullopt;
    const Octets padded = rest_.first(packet_size(rest_));
    rest_ = rest_.subspan(padded.size());
    return RtcpPacket(without_padding(padded));
}

OctetRoom RtcpWriter::begin(RtcpType type, std::size_t count, std::size_t octets) noexcept {
    if (is_spoilt_ || octets > room_.size() - size_ || count > kMostReports) {
        is_spoilt_ = true;
        return {};
    }
    const OctetRoom packet = room_.subspan(size_, octets);
    packet[0] = static_cast<std::uint8_t>(0x80 | count);
    packet[1] = static_cast<std::uint8_t>(type);
    write_u16(packet, 2, static_cast<std::uint16_t>(octets / 4 - 1));
    size_ += octets;
    return packet;
}

void RtcpWriter::write_blocks(OctetRoom packet, std::size_t at, std::span<const ReportBlock> blocks) noexcept {
    for (const ReportBlock& block : blocks) {
        write_u32(packet, at, block.ssrc);
        write_u32(packet, at + 4, static_cast<std::uint32_t>(block.cumulative_lost) & 0xFFFFFF);
        packet[at + 4] = block.fraction_lost;
        write_u32(packet, at + 8, block.highest_sequence);
        write_u32(packet, at + 12, block.jitter_ticks);
        write_u32(packet, at + 16, block.last_sr);
        write_u32(packet, at + 20, block.delay_since_sr);
        at += kReportBlock;
    }
}

RtcpWriter& RtcpWriter::sender_report(std::uint32_t ssrc, const SenderInfo& info,
                                      std::span<const ReportBlock> blocks) noexcept {
    constexpr std::size_t kBefore = kHeader + kSsrc + kSenderInfo;
    const auto packet = begin(RtcpType::SenderReport, blocks.size(), kBefore + blocks.size() * kReportBlock);
    if (packet.empty()) return *this;
    write_u32(packet, 4, ssrc);
    write_u32(packet, 8, static_cast<std::uint32_t>(info.ntp_time >> 32));
    write_u32(packet, 12, static_cast<std::uint32_t>(info.ntp_time));
    write_u32(packet, 16, info.rtp_timestamp);
    write_u32(packet, 20, info.packets);
    write_u32(packet, 24, info.octets);
    write_blocks(packet, kBefore, blocks);
    return *this;
}

RtcpWriter& RtcpWriter::receiver_report(std::uint32_t ssrc, std::span<const ReportBlock> blocks) noexcept {
    constexpr std::size_t kBefore = kHeader + kSsrc;
    const auto packet = begin(RtcpType::ReceiverReport, blocks.size(), kBefore + blocks.size() * kReportBlock);
    if (packet.empty()) return *this;
    write_u32(packet, 4, ssrc);
    write_blocks(packet, kBefore, blocks);
    return *this;
}

RtcpWriter& RtcpWriter::cname(std::uint32_t ssrc, std::string_view cname) noexcept {
    if (cname.empty() || cname.size() > 255) is_spoilt_ = true;
    // At least one null octet ends the items.
    const std::size_t octets = kHeader + (kSsrc + 2 + cname.size() + 4) / 4 * 4;
    const auto packet = begin(RtcpType::SourceDescription, 1, octets);
    if (packet.empty()) return *this;
    std::ranges::fill(packet.subspan(kHeader), std::uint8_t{0});
    write_u32(packet, 4, ssrc);
    packet[8] = kCname;
    packet[9] = static_cast<std::uint8_t>(cname.size());
    std::ranges::copy(cname, packet.begin() + 10);
    return *this;
}

RtcpWriter& RtcpWriter::bye(std::uint32_t ssrc) noexcept {
    const auto packet = begin(RtcpType::Bye, 1, kHeader + kSsrc);
    if (!packet.empty()) write_u32(packet, 4, ssrc);
    return *this;
}

}  // namespace sr::audio
