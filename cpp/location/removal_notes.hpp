// What was removed a short while ago (sip::RemovalNote), by address-of-record: kept for as long as a retransmission can
// come.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "location/index_table.hpp"
#include "location/slab.hpp"
#include "sip/register_outcome.hpp"

namespace sr::location {

inline constexpr base::TimeMs kRemovalNoteLife_ms = 32'000;  // 64 * T1, RFC 3261 section 17.1.2.2
inline constexpr std::size_t kMostRemovalNotes = 4;          // per address-of-record; the oldest gives way
inline constexpr std::size_t kMostNotesOfShard = 2048;       // likewise: who comes and goes fast fills no memory

class RemovalNotes {
  public:
    void add(std::string_view aor_key, std::uint32_t tag, const sip::RemovalNote& note);

    /// Those that are not yet stale, oldest first; valid until the next call.
    [[nodiscard]] std::span<const sip::RemovalNote> find(std::string_view aor_key, std::uint32_t tag,
                                                         base::TimeMs now_ms) noexcept;

    /// Frees what is stale.
    void advance(base::TimeMs now_ms) noexcept;

    /// Addresses-of-record that have notes.
    [[nodiscard]] std::size_t size() const noexcept { return records_.size(); }

  private:
    struct Record {
        std::string aor_key;
        std::array<sip::RemovalNote, kMostRemovalNotes> notes;
        std::size_t count = 0;
        std::uint32_t tag = 0;
        std::uint32_t link = kNoIndex;
    };

    /// One per note, in the order of time. The record may have newer notes, or be another's, when it comes.
    struct Timer {
        base::TimeMs due_ms;
        std::uint32_t index;
    };

    [[nodiscard]] std::uint32_t index_of(std::string_view aor_key, std::uint32_t tag) const noexcept;
    /// Takes the first timer, and frees its record unless that has newer notes.
    void end_first() noexcept;

    Slab<Record> records_;
    IndexTable table_;
    std::deque<Timer> timers_;
};

}  // namespace sr::location
