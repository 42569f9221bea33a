// The header lines of a SIP message as they stand on the wire: what an answer must copy (RFC 3261 section 8.2.6.2),
// found (by the gate) without understanding the rest, so that even a message nobody can parse gets its 400.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace sr::sip {

inline constexpr std::size_t kMostVias = 70;  // as many hops as Max-Forwards allows (RFC 3261 section 8.1.1.6)

/// Views into the message; folded lines (section 7.3.1) are kept whole, names and the colon are cut off.
struct RawHeaders {
    std::string_view start_line;
    std::array<std::string_view, kMostVias> via_values;
    std::size_t via_count = 0;
    std::string_view from;
    std::string_view to;
    std::string_view call_id;
    std::string_view cseq;

    [[nodiscard]] std::span<const std::string_view> vias() const noexcept { return {via_values.data(), via_count}; }

    /// Whether its sender could tell an answer as its own: by branch and CSeq (section 17.1.3), whatever else is
    /// missing.
    [[nodiscard]] bool is_answerable() const noexcept { return via_count > 0 && !cseq.empty(); }
};

/// The end of the first value of a header line with comma-separated values: quotes and angle brackets are respected.
[[nodiscard]] std::size_t first_value_length(std::string_view values) noexcept;

/// Whether a From or To value has a tag parameter (outside of quotes and brackets).
[[nodiscard]] bool has_tag(std::string_view from_or_to) noexcept;

/// The user of the SIP or SIPS URI in a From, To or Contact value as it is written there, escapes included; empty where
/// there is none.
[[nodiscard]] std::string_view raw_user(std::string_view name_addr) noexcept;

}  // namespace sr::sip
