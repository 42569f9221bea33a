#include "audio/rtp_packet.hpp"

#include <cstring>

namespace sr::audio {

namespace {

constexpr std::size_t kFixedHeader = 12;
constexpr std::size_t kExtensionHeader = 4;
constexpr std::uint16_t kOneByteProfile = 0xBEDE;  // RFC 8285 section 4.2
constexpr std::uint16_t kTwoByteProfile = 0x1000;  // section 4.3: its lower four bits are the application's
constexpr std::uint8_t kStopId = 15;

std::optional<Octets> find_one_byte(Octets rest, std::uint8_t id) noexcept {
    while (!rest.empty()) {
        const auto found = static_cast<std::uint8_t>(rest[0] >> 4);
        const std::size_t size = (rest[0] & 0x0FU) + 1U;
        if (rest[0] == 0) {  // padding
            rest = rest.subspan(1);
            continue;
        }
        // Identifier 0 with a length is malformed, and one may then trust nothing behind it (section 4.2).
        if (found == kStopId || found == 0 || size + 1 > rest.size()) return std::nullopt;
        if (found == id) return rest.subspan(1, size);
        rest = rest.subspan(1 + size);
    }
    return std::nullopt;
}

std::optional<Octets> find_two_byte(Octets rest, std::uint8_t id) noexcept {
    while (!rest.empty()) {
        if (rest[0] == 0) {
            rest = rest.subspan(1);
            continue;
        }
        if (rest.size() < 2 || rest[1] + 2U > rest.size()) return std::nullopt;
        if (rest[0] == id) return rest.subspan(2, rest[1]);
        rest = rest.subspan(2U + rest[1]);
    }
    return std::nullopt;
}

}  // namespace

std::optional<RtpView> RtpView::parse(Octets packet) noexcept {
    if (packet.size() < kFixedHeader || packet[0] >> 6 != 2) return std::nullopt;
    RtpView view;
    view.packet_ = packet;
    std::size_t at = kFixedHeader + 4U * (packet[0] & 0x0FU);
    if (at > packet.size()) return std::nullopt;
    if ((packet[0] & 0x10) != 0) {
        if (at + kExtensionHeader > packet.size()) return std::nullopt;
        view.extension_profile_ = read_u16(packet, at);
        const std::size_t octets = 4U * read_u16(packet, at + 2);
        at += kExtensionHeader;
        if (octets > packet.size() - at) return std::nullopt;
        view.extensions_ = packet.subspan(at, octets);
        at += octets;
    }
    std::size_t end = packet.size();
    if ((packet[0] & 0x20) != 0) {
        const std::size_t padding = packet.back();
        if (padding == 0 || padding > end - at) return std::nullopt;
        end -= padding;
    }
    view.header_size_ = at;
    view.payload_ = packet.subspan(at, end - at);
    return view;
}

std::optional<Octets> RtpView::extension(std::uint8_t id) const noexcept {
    if (id == 0) return std::nullopt;
    if (extension_profile_ == kOneByteProfile) return find_one_byte(extensions_, id);
    if ((extension_profile_ & 0xFFF0) == kTwoByteProfile) return find_two_byte(extensions_, id);
    return std::nullopt;
}

std::optional<AudioLevel> RtpView::audio_level(std::uint8_t id) const noexcept {
    const auto data = extension(id);
    if (!data || data->empty()) return std::nullopt;
    const std::uint8_t octet = data->front();
    return AudioLevel{static_cast<std::uint8_t>(octet & 0x7F), (octet & 0x80) != 0};
}

bool is_rtcp(Octets packet) noexcept { return packet.size() >= 2 && packet[1] >= 192 && packet[1] <= 223; }

RtpWriter::RtpWriter(OctetRoom room, const RtpHeader& header) noexcept : room_(room) {
    if (room.size() < kFixedHeader) {
        is_spoilt_ = true;
        return;
    }
    room[0] = 0x80;
    room[1] = static_cast<std::uint8_t>((header.payload_type & 0x7F) | (header.is_marked ? 0x80 : 0));
    write_u16(room, 2, header.sequence);
    write_u32(room, 4, header.timestamp);
    write_u32(room, 8, header.ssrc);
    size_ = kFixedHeader;
}

RtpWriter& RtpWriter::extension(std::uint8_t id, Octets data) noexcept {
    const std::size_t before = is_extended_ ? 0 : kExtensionHeader;
    // Three octets more, for the padding to a multiple of four.
    const std::size_t octets = before + 1 + data.size() + 3;
    if (is_ended_ || id == 0 || id >= kStopId || data.empty() || data.size() > 16 || octets > room_.size() - size_) {
        is_spoilt_ = true;
    }
    if (is_spoilt_) return *this;
    is_extended_ = true;
    size_ += before;
    room_[size_++] = static_cast<std::uint8_t>(id << 4 | (data.size() - 1));
    std::memcpy(room_.data() + size_, data.data(), data.size());
    size_ += data.size();
    return *this;
}

RtpWriter& RtpWriter::audio_level(std::uint8_t id, AudioLevel level) noexcept {
    const auto octet = static_cast<std::uint8_t>((level.below_overload_db & 0x7F) | (level.is_voice ? 0x80 : 0));
    return extension(id, Octets(&octet, 1));
}

void RtpWriter::end_extensions() noexcept {
    if (is_ended_ || is_spoilt_) return;
    is_ended_ = true;
    if (!is_extended_) return;
    while (size_ % 4 != 0) room_[size_++] = 0;
    room_[0] |= 0x10;
    write_u16(room_, kFixedHeader, kOneByteProfile);
    write_u16(room_, kFixedHeader + 2, static_cast<std::uint16_t>((size_ - kFixedHeader - kExtensionHeader) / 4));
}

OctetRoom RtpWriter::payload_room() noexcept {
    end_extensions();
    return is_spoilt_ ? OctetRoom() : room_.subspan(size_);
}

std::size_t RtpWriter::finish(std::size_t payload_size) noexcept {
    if (payload_size > payload_room().size()) is_spoilt_ = true;
    return is_spoilt_ ? 0 : size_ + payload_size;
}

std::size_t RtpWriter::finish(Octets payload) noexcept {
    const OctetRoom room = payload_room();
    if (!payload.empty() && payload.size() <= room.size()) std::memcpy(room.data(), payload.data(), payload.size());
    return finish(payload.size());
}

}  // namespace sr::audio
