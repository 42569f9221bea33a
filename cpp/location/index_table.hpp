// A hash table of slab indices: eight octets an entry, the keys stay in the records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "location/slab.hpp"

namespace sr::location {

/// Open addressing with linear probing, deletion by shifting back. Grows by half, so that at most half of it is ever
/// slack.
class IndexTable {
  public:
    /// The first index under `tag` that `match` accepts, or kNoIndex.
    template <class Match>
    [[nodiscard]] std::uint32_t find(std::uint32_t tag, const Match& match) const noexcept {
        if (slots_.empty()) return kNoIndex;
        for (std::size_t i = home(tag); slots_[i].index != kNoIndex; i = after(i)) {
            if (slots_[i].tag == tag && match(slots_[i].index)) return slots_[i].index;
        }
        return kNoIndex;
    }

    void insert(std::uint32_t tag, std::uint32_t index);

    /// The entry must exist.
    void replace(std::uint32_t tag, std::uint32_t index, std::uint32_t by) noexcept;
    void erase(std::uint32_t tag, std::uint32_t index) noexcept;

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

  private:
    struct Slot {
        std::uint32_t tag = 0;
        std::uint32_t index = kNoIndex;
    };

    [[nodiscard]] std::size_t home(std::uint32_t tag) const noexcept {
        return static_cast<std::size_t>(std::uint64_t{tag} * slots_.size() >> 32);
    }
    [[nodiscard]] std::size_t after(std::size_t i) const noexcept { return i + 1 == slots_.size() ? 0 : i + 1; }
    [[nodiscard]] std::size_t distance(std::size_t from, std::size_t to) const noexcept {
        return to >= from ? to - from : to + slots_.size() - from;
    }
    [[nodiscard]] std::size_t position(std::uint32_t tag, std::uint32_t index) const noexcept;
    void place(Slot entry) noexcept;
    void grow();

    std::vector<Slot> slots_;
    std::size_t size_ = 0;
};

}  // namespace sr::location
