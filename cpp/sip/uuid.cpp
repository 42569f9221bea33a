#include "sip/uuid.hpp"

namespace sr::sip {
namespace {

constexpr std::string_view kUrnPrefix = "urn:uuid:";
constexpr std::int8_t kNoDigit = -1;

constexpr auto kHexValue = [] {
    std::array<std::int8_t, 256> table{};
    table.fill(kNoDigit);
    for (int digit = 0; digit < 10; ++digit)
        table[static_cast<std::size_t>('0' + digit)] = static_cast<std::int8_t>(digit);
    for (int digit = 0; digit < 6; ++digit) {
        table[static_cast<std::size_t>('a' + digit)] = static_cast<std::int8_t>(10 + digit);
        table[static_cast<std::size_t>('A' + digit)] = static_cast<std::int8_t>(10 + digit);
    }
    return table;
}();

/// Where each octet's two digits stand in the 36-character form.
constexpr std::array<std::uint8_t, 16> kDigitOffset{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};

bool starts_with_urn(std::string_view text) noexcept {
    if (text.size() < kUrnPrefix.size()) return false;
    for (std::size_t i = 0; i < kUrnPrefix.size(); ++i) {
        const char c = text[i];
        const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
        if (lower != kUrnPrefix[i]) return false;
    }
    return true;
}

}  // namespace

void Uuid::write(std::span<char, kTextLength> room) const noexcept {
    constexpr std::string_view kDigits = "0123456789abcdef";
    room[8] = room[13] = room[18] = room[23] = '-';
    for (std::size_t i = 0; i < octets.size(); ++i) {
        room[kDigitOffset[i]] = kDigits[octets[i] >> 4];
        room[kDigitOffset[i] + 1U] = kDigits[octets[i] & 0x0F];
    }
}

std::string Uuid::text() const {
    std::array<char, kTextLength> room;
    write(room);
    return {room.data(), room.size()};
}

std::optional<Uuid> Uuid::parse(std::string_view text) noexcept {
    if (text.size() == kUrnPrefix.size() + kTextLength && starts_with_urn(text)) text.remove_prefix(kUrnPrefix.size());
    if (text.size() != kTextLength) return std::nullopt;
    if (text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-') return std::nullopt;
    Uuid uuid;
    int seen = 0;
    for (std::size_t i = 0; i < uuid.octets.size(); ++i) {
        const int high = kHexValue[static_cast<unsigned char>(text[kDigitOffset[i]])];
        const int low = kHexValue[static_cast<unsigned char>(text[kDigitOffset[i] + 1U])];
        if ((high | low) < 0) return std::nullopt;
        uuid.octets[i] = static_cast<std::uint8_t>(high << 4 | low);
        seen |= uuid.octets[i];
    }
    if (seen == 0) return std::nullopt;
    return uuid;
}

}  // namespace sr::sip
