// What changed in one shard since it was last taken, for whoever keeps bindings beyond the life of the process: each
// binding once, however often it was refreshed. Bounded by the bindings there are, whether anybody takes or not.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "location/binding_record.hpp"
#include "location/slab.hpp"

namespace sr::location {

class Journal {
  public:
    void note(std::uint32_t index) {
        const std::size_t word = index / kBits;
        if (word >= changed_.size()) changed_.resize(word + 1);
        changed_[word] |= std::uint64_t{1} << index % kBits;
    }

    void note_removal(std::uint64_t number) {
        if (removed_.size() < kMostRemovals) {
            removed_.push_back(number);
        } else {
            has_lost_ = true;
        }
    }

    /// Calls `visit(index)` for at most `most` changed bindings and appends the numbers of all that were removed.
    /// Returns how many were visited.
    template <class Visit>
    std::size_t take(const Slab<BindingRecord>& records, std::size_t most, std::vector<std::uint64_t>& removed,
                     const Visit& visit) {
        removed.insert(removed.end(), removed_.begin(), removed_.end());
        removed_.clear();
        std::size_t taken = 0;
        for (std::size_t word = 0; word < changed_.size(); ++word) {
            while (changed_[word] != 0) {
                if (taken == most) return taken;
                const auto bit = static_cast<std::uint32_t>(std::countr_zero(changed_[word]));
                changed_[word] &= changed_[word] - 1;
                const std::uint32_t index = static_cast<std::uint32_t>(word) * kBits + bit;
                if (!records[index].is_taken()) continue;  // it ended meanwhile
                visit(index);
                ++taken;
            }
        }
        changed_.clear();
        return taken;
    }

    /// Forgets removals and notes every binding.
    void note_all(const Slab<BindingRecord>& records) {
        removed_.clear();
        has_lost_ = false;
        for (std::uint32_t index = 0; index < records.capacity(); ++index) {
            if (records[index].is_taken()) note(index);
        }
    }

    [[nodiscard]] bool is_empty() const noexcept { return changed_.empty() && removed_.empty(); }
    /// Removals were forgotten: only noting all tells the whole truth again.
    [[nodiscard]] bool has_lost() const noexcept { return has_lost_; }

  private:
    static constexpr std::uint32_t kBits = 64;
    static constexpr std::size_t kMostRemovals = 4096;

    std::vector<std::uint64_t> changed_;  // a bit per record; empty after all were taken
    std::vector<std::uint64_t> removed_;
    bool has_lost_ = false;
};

}  // namespace sr::location
