#include "webrtc/stun.hpp"

#include <algorithm>

#include "webrtc/hmac_sha1.hpp"

namespace sr::webrtc {
namespace {

constexpr std::uint32_t kCookie = 0x2112A442;
constexpr std::uint32_t kFingerprintMask = 0x5354554E;
constexpr std::size_t kAttributeHeader = 4;
constexpr std::size_t kIntegritySize = 20;
constexpr std::size_t kFingerprintSize = 4;
constexpr std::uint8_t kIpv4 = 1;
constexpr std::uint8_t kIpv6 = 2;

constexpr std::size_t padded(std::size_t size) noexcept { return (size + 3) & ~std::size_t{3}; }

constexpr std::array<std::uint32_t, 256> kCrcTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xEDB88320 : 0);
        table[i] = value;
    }
    return table;
}();

/// CRC-32 of ITU V.42, as FINGERPRINT wants it (RFC 8489 section 14.7).
std::uint32_t crc32(Octets octets) noexcept {
    std::uint32_t crc = 0xFFFFFFFF;
    for (const std::uint8_t octet : octets) crc = (crc >> 8) ^ kCrcTable[(crc ^ octet) & 0xFF];
    return ~crc;
}

bool is_understood(std::uint16_t type) noexcept {
    switch (static_cast<StunAttribute>(type)) {
        case StunAttribute::username:
        case StunAttribute::message_integrity:
        case StunAttribute::error_code:
        case StunAttribute::unknown_attributes:
        case StunAttribute::realm:
        case StunAttribute::nonce:
        case StunAttribute::message_integrity_sha256:
        case StunAttribute::xor_mapped_address:
        case StunAttribute::priority:
        case StunAttribute::use_candidate: return true;
        default: return type >= 0x8000;  // comprehension-optional
    }
}

/// The type field interleaves the class into the method (RFC 8489 section 5, figure 3).
constexpr std::uint16_t type_field(StunClass message_class, std::uint16_t method) noexcept {
    const auto bits = static_cast<unsigned>(message_class);
    return static_cast<std::uint16_t>((method & 0x0F80U) << 2 | (method & 0x0070U) << 1 | (method & 0x000FU) |
                                      (bits & 2) << 7 | (bits & 1) << 4);
}

constexpr std::uint16_t method_of(std::uint16_t type) noexcept {
    return static_cast<std::uint16_t>((type & 0x3E00U) >> 2 | (type & 0x00E0U) >> 1 | (type & 0x000FU));
}

constexpr StunClass class_of(std::uint16_t type) noexcept {
    return static_cast<StunClass>((type >> 7 & 2U) | (type >> 4 & 1U));
}

/// The mask of XOR-MAPPED-ADDRESS: the cookie and the transaction, which stand side by side in the header.
const std::uint8_t* mask_of(Octets message) noexcept { return message.data() + 4; }

}  // namespace

std::optional<StunMessage> StunMessage::parse(Octets datagram) noexcept {
    if (datagram.size() < kStunHeader || (datagram[0] & 0xC0) != 0) return std::nullopt;
    if (read_u16(&datagram[2]) != datagram.size() - kStunHeader || datagram.size() % 4 != 0) return std::nullopt;
    if (read_u32(&datagram[4]) != kCookie) return std::nullopt;
    StunMessage message(datagram);
    const std::uint16_t type = read_u16(datagram.data());
    message.method_ = method_of(type);
    message.class_ = class_of(type);
    if (!message.read_attributes()) return std::nullopt;
    return message;
}

bool StunMessage::read_attributes() noexcept {
    for (std::size_t at = kStunHeader; at < datagram_.size();) {
        // The datagram's size is a multiple of four, and so is `at`: four octets are there.
        const std::uint16_t type = read_u16(&datagram_[at]);
        const std::size_t size = read_u16(&datagram_[at + 2]);
        const std::size_t next = at + kAttributeHeader + padded(size);
        if (next > datagram_.size() || has_fingerprint_) return false;  // FINGERPRINT is the last
        if (type == static_cast<std::uint16_t>(StunAttribute::fingerprint)) {
            if (size != kFingerprintSize) return false;
            if (read_u32(&datagram_[at + kAttributeHeader]) != (crc32(datagram_.first(at)) ^ kFingerprintMask)) {
                return false;
            }
            has_fingerprint_ = true;
        } else if (integrity_at_ == 0) {
            if (type == static_cast<std::uint16_t>(StunAttribute::message_integrity)) {
                if (size != kIntegritySize) return false;
                integrity_at_ = at;
            }
            attributes_end_ = next;
        }
        at = next;
    }
    return true;
}

StunTransaction StunMessage::transaction() const noexcept {
    StunTransaction transaction;
    std::copy_n(datagram_.begin() + 8, transaction.size(), transaction.begin());
    return transaction;
}

std::optional<Octets> StunMessage::find(StunAttribute type) const noexcept {
    for (std::size_t at = kStunHeader; at < attributes_end_;) {
        const std::size_t size = read_u16(&datagram_[at + 2]);
        if (read_u16(&datagram_[at]) == static_cast<std::uint16_t>(type)) {
            return datagram_.subspan(at + kAttributeHeader, size);
        }
        at += kAttributeHeader + padded(size);
    }
    return std::nullopt;
}

std::optional<std::string_view> StunMessage::text(StunAttribute type) const noexcept {
    const auto value = find(type);
    if (!value) return std::nullopt;
    return std::string_view(reinterpret_cast<const char*>(value->data()), value->size());
}

std::optional<std::uint32_t> StunMessage::priority() const noexcept {
    const auto value = find(StunAttribute::priority);
    if (!value || value->size() != 4) return std::nullopt;
    return read_u32(value->data());
}

std::optional<std::uint64_t> StunMessage::tie_breaker(StunAttribute role) const noexcept {
    const auto value = find(role);
    if (!value || value->size() != 8) return std::nullopt;
    return read_u64(value->data());
}

std::optional<sip::SocketAddress> StunMessage::xor_mapped_address() const noexcept {
    const auto value = find(StunAttribute::xor_mapped_address);
    if (!value || value->size() < 4) return std::nullopt;
    const std::uint8_t family = (*value)[1];
    const std::size_t ip_size = family == kIpv4 ? 4 : 16;
    if ((family != kIpv4 && family != kIpv6) || value->size() != 4 + ip_size) return std::nullopt;
    sip::SocketAddress address;
    address.is_ipv6 = family == kIpv6;
    address.port = static_cast<std::uint16_t>(read_u16(&(*value)[2]) ^ kCookie >> 16);
    if (!address.is_ipv6) address.ip[10] = address.ip[11] = 0xFF;
    const std::uint8_t* mask = mask_of(datagram_);
    for (std::size_t i = 0; i < ip_size; ++i) {
        address.ip[16 - ip_size + i] = static_cast<std::uint8_t>((*value)[4 + i] ^ mask[i]);
    }
    return address;
}

std::optional<std::uint16_t> StunMessage::error_code() const noexcept {
    const auto value = find(StunAttribute::error_code);
    if (!value || value->size() < 4) return std::nullopt;
    const unsigned hundreds = (*value)[2] & 0x07U;
    const unsigned rest = (*value)[3];
    if (hundreds < 3 || hundreds > 6 || rest > 99) return std::nullopt;
    return static_cast<std::uint16_t>(hundreds * 100 + rest);
}

StunMessage::Unknown StunMessage::unknown_attributes() const noexcept {
    Unknown unknown;
    for (std::size_t at = kStunHeader; at < attributes_end_ && unknown.count < unknown.types.size();) {
        const std::uint16_t type = read_u16(&datagram_[at]);
        if (!is_understood(type)) unknown.types[unknown.count++] = type;
        at += kAttributeHeader + padded(read_u16(&datagram_[at + 2]));
    }
    return unknown;
}

bool StunMessage::is_authentic(Octets key) const noexcept {
    if (integrity_at_ == 0) return false;
    // Made when the message ended with MESSAGE-INTEGRITY, so the header's length counts to there (section 14.5).
    std::array<std::uint8_t, kStunHeader> header;
    std::copy_n(datagram_.begin(), header.size(), header.begin());
    const std::size_t end = integrity_at_ + kAttributeHeader + kIntegritySize;
    write_u16(&header[2], static_cast<std::uint16_t>(end - kStunHeader));
    const Sha1Digest expected =
        HmacSha1(key).digest(header, datagram_.subspan(kStunHeader, integrity_at_ - kStunHeader));
    return is_equal_in_constant_time(expected, datagram_.subspan(integrity_at_ + kAttributeHeader, kIntegritySize));
}

std::string_view find_local_ufrag(Octets datagram) noexcept {
    const auto message = StunMessage::parse(datagram);
    if (!message) return {};
    const auto username = message->text(StunAttribute::username);
    if (!username) return {};
    const std::size_t colon = username->find(':');
    return colon == std::string_view::npos ? std::string_view() : username->substr(0, colon);
}

StunWriter::StunWriter(MutableOctets room, StunClass message_class, const StunTransaction& transaction) noexcept
    : room_(room), is_overflown_(room.size() < kStunHeader) {
    if (is_overflown_) return;
    write_u16(room.data(), type_field(message_class, kStunBinding));
    write_u16(&room[2], 0);
    write_u32(&room[4], kCookie);
    std::copy(transaction.begin(), transaction.end(), room.begin() + 8);
    size_ = kStunHeader;
}

std::uint8_t* StunWriter::append(StunAttribute type, std::size_t size) noexcept {
    const std::size_t needed = kAttributeHeader + padded(size);
    if (is_overflown_ || size > 0xFFFF - kStunHeader || needed > room_.size() - size_) {
        is_overflown_ = true;
        return nullptr;
    }
    std::uint8_t* at = &room_[size_];
    write_u16(at, static_cast<std::uint16_t>(type));
    write_u16(at + 2, static_cast<std::uint16_t>(size));
    std::fill(at + kAttributeHeader + size, at + needed, std::uint8_t{0});
    size_ += needed;
    write_length(size_ - kStunHeader);
    return at + kAttributeHeader;
}

void StunWriter::write_length(std::size_t attributes_size) noexcept {
    if (attributes_size > 0xFFFF) is_overflown_ = true;
    write_u16(&room_[2], static_cast<std::uint16_t>(attributes_size));
}

StunWriter& StunWriter::add(StunAttribute type, Octets value) noexcept {
    if (std::uint8_t* at = append(type, value.size())) std::copy(value.begin(), value.end(), at);
    return *this;
}

StunWriter& StunWriter::add_text(StunAttribute type, std::string_view text) noexcept {
    return add(type, Octets(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

StunWriter& StunWriter::add_u32(StunAttribute type, std::uint32_t value) noexcept {
    if (std::uint8_t* at = append(type, 4)) write_u32(at, value);
    return *this;
}

StunWriter& StunWriter::add_u64(StunAttribute type, std::uint64_t value) noexcept {
    if (std::uint8_t* at = append(type, 8)) write_u64(at, value);
    return *this;
}

StunWriter& StunWriter::add_xor_mapped_address(const sip::SocketAddress& address) noexcept {
    const std::size_t ip_size = address.is_ipv6 ? 16 : 4;
    std::uint8_t* at = append(StunAttribute::xor_mapped_address, 4 + ip_size);
    if (at == nullptr) return *this;
    at[0] = 0;
    at[1] = address.is_ipv6 ? kIpv6 : kIpv4;
    write_u16(at + 2, static_cast<std::uint16_t>(address.port ^ kCookie >> 16));
    const std::uint8_t* mask = mask_of(room_);
    for (std::size_t i = 0; i < ip_size; ++i) {
        at[4 + i] = static_cast<std::uint8_t>(address.ip[16 - ip_size + i] ^ mask[i]);
    }
    return *this;
}

StunWriter& StunWriter::add_error(StunError error, std::string_view phrase) noexcept {
    std::uint8_t* at = append(StunAttribute::error_code, 4 + phrase.size());
    if (at == nullptr) return *this;
    const auto code = static_cast<std::uint16_t>(error);
    write_u16(at, 0);
    at[2] = static_cast<std::uint8_t>(code / 100);
    at[3] = static_cast<std::uint8_t>(code % 100);
    std::copy(phrase.begin(), phrase.end(), at + 4);
    return *this;
}

StunWriter& StunWriter::add_unknown_attributes(const StunMessage::Unknown& unknown) noexcept {
    std::uint8_t* at = append(StunAttribute::unknown_attributes, 2 * unknown.count);
    if (at == nullptr) return *this;
    for (std::size_t i = 0; i < unknown.count; ++i) write_u16(at + 2 * i, unknown.types[i]);
    return *this;
}

StunWriter& StunWriter::add_integrity(Octets key) noexcept {
    const std::size_t before = size_;
    std::uint8_t* at = append(StunAttribute::message_integrity, kIntegritySize);
    if (at == nullptr) return *this;
    const Sha1Digest digest = HmacSha1(key).digest(room_.first(before));
    std::copy(digest.begin(), digest.end(), at);
    return *this;
}

StunWriter& StunWriter::add_fingerprint() noexcept {
    const std::size_t before = size_;
    if (std::uint8_t* at = append(StunAttribute::fingerprint, kFingerprintSize)) {
        write_u32(at, crc32(room_.first(before)) ^ kFingerprintMask);
    }
    return *this;
}

Octets StunWriter::finish() noexcept { return is_overflown_ ? Octets() : Octets(room_.first(size_)); }

}  // namespace sr::webrtc
