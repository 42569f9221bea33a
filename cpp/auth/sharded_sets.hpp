// A table of fixed size for what strangers make us remember: many small sets, each entry has its place in one of them.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace sr::auth {

inline constexpr std::size_t kWays = 8;  // entries of a usual set

/// Nothing is allocated after the constructor, whatever comes: a set that is full decides by itself whom it forgets,
/// and a flood into one set touches no other. Which set is whose must depend on a secret (base::TextHash with a random
/// seed), else it could be chosen.
template <class Set, std::size_t Ways = kWays>
class ShardedSets {
  public:
    /// For `entries` at least, in sets of `Ways`.
    explicit ShardedSets(std::size_t entries) : sets_(std::bit_ceil(std::max(entries / Ways, kShards))) {}

    /// What `act(set)` returns, under the set's lock. Any thread.
    template <class Act>
    decltype(auto) with_set(std::uint64_t hash, const Act& act) noexcept {
        const std::size_t index = static_cast<std::size_t>(hash) & (sets_.size() - 1);
        const std::lock_guard guard(mutexes_[index % kShards]);
        return act(sets_[index]);
    }

    /// Calls `act(set)` for each set, under its lock.
    template <class Act>
    void for_each(const Act& act) {
        for (std::size_t index = 0; index < sets_.size(); ++index) {
            const std::lock_guard guard(mutexes_[index % kShards]);
            act(sets_[index]);
        }
    }

    [[nodiscard]] std::size_t capacity() const noexcept { return sets_.size() * Ways; }

  private:
    static constexpr std::size_t kShards = 64;

    std::array<std::mutex, kShards> mutexes_;
    std::vector<Set> sets_;
};

}  // namespace sr::auth
