// A device's UUID (RFC 4122), the name by which ScreamRouter knows a device.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sr::sip {

struct Uuid {
    static constexpr std::size_t kTextLength = 36;

    std::array<std::uint8_t, 16> octets{};

    auto operator<=>(const Uuid&) const = default;

    /// The nil UUID (RFC 4122 section 4.1.7) stands for "none".
    [[nodiscard]] bool is_nil() const noexcept { return *this == Uuid{}; }

    /// Lower case, 36 characters.
    [[nodiscard]] std::string text() const;

    /// The same without a heap.
    void write(std::span<char, kTextLength> room) const noexcept;

    /// Reads the 36-character form in either case, with or without the prefix "urn:uuid:"; the nil UUID is no identity
    /// and gives nullopt.
    [[nodiscard]] static std::optional<Uuid> parse(std::string_view text) noexcept;
};

}  // namespace sr::sip
