// How long a guesser waits for his next guess, without locking out whose password he guesses.
//
// Theory of operation. Two things are counted: failed guesses of a source, and at a user. After `free_guesses` each
// further one doubles the wait, up to a limit: a minute for a source, a few seconds for a user, which is what many
// sources together cannot go round. A source or user is forgiven when it has failed no more for a while; a success does
// not forgive, else who has one valid account could buy guesses at others with it.
//
// The honest owner of a user who is being guessed at:
//   - from an address at which he has authenticated before: he notices nothing. The pair of source and user is kept for
//   a
//     week, and exempt from both waits until it has itself failed `free_guesses` times in a row;
//   - from an address that never failed: he shares one attempt a second with other such addresses, of which a guesser
//     needs a new one for each guess;
//   - from an address that fails, for he mistyped it: at most a minute.
//
// Only what AuthVerdict::is_failed_guess says may be counted: it has a nonce that was sent to that source, so nobody
// can fail in another's name. A wait refuses before the digest is looked at, equally for users that do not exist.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "auth/rate_limit.hpp"
#include "auth/sharded_sets.hpp"
#include "base/clock.hpp"
#include "base/text_hash.hpp"

namespace sr::auth {

struct BackoffPolicy {
    std::uint32_t free_guesses = 4;
    base::TimeMs first_wait_ms = 1'000;
    base::TimeMs longest_source_wait_ms = 60'000;
    base::TimeMs longest_user_wait_ms = 8'000;
    base::TimeMs forgiven_after_ms = 15 * 60 * 1000;
};

class FailureBackoff {
  public:
    explicit FailureBackoff(std::uint64_t seed, std::size_t entries = kEntries) : hash_(seed), sets_(entries) {}

    /// How long until a guess will be looked at, in ms; 0: now. `user` is what the credentials claim. Any thread.
    [[nodiscard]] base::TimeMs wait(const SourceKey& source, std::string_view user, const BackoffPolicy& policy,
                                    base::TimeMs now_ms) noexcept;

    /// Any thread.
    void fail(const SourceKey& source, std::string_view user, const BackoffPolicy& policy,
              base::TimeMs now_ms) noexcept;

    /// The source authenticated as the user. Any thread.
    void succeed(const SourceKey& source, std::string_view user, base::TimeMs now_ms) noexcept;

  private:
    static constexpr std::size_t kEntries = 16'384;  // 0.6 MiB

    enum class Kind : std::uint8_t { source, user, pair };

    /// Known by its keyed hash alone: two of 64 bits will not meet.
    struct Entry {
        std::uint64_t key = 0;  // 0: free
        base::TimeMs touched_ms = 0;
        base::TimeMs waits_until_ms = 0;
        std::int64_t newcomers_full_at_us = 0;  // of a user: the attempts of sources that never failed
        std::uint32_t failures = 0;
        bool is_pair = false;
    };
    struct Set {
        std::array<Entry, kWays> entries;
    };

    static Entry* find(Set& set, std::uint64_t key) noexcept;
    static Entry& find_or_make(Set& set, std::uint64_t key, Kind kind, base::TimeMs now_ms) noexcept;

    /// A copy of what is there; one without failures where there is nothing or it is forgiven.
    [[nodiscard]] Entry read(std::uint64_t key, base::TimeMs kept_ms, base::TimeMs now_ms) noexcept;
    void count_failure(std::uint64_t key, Kind kind, const BackoffPolicy& policy, base::TimeMs now_ms) noexcept;
    [[nodiscard]] bool take_newcomers_turn(std::uint64_t user_key, base::TimeMs now_ms) noexcept;
    [[nodiscard]] std::uint64_t key_of(Kind kind, const SourceKey& source, std::string_view user) const noexcept;

    base::TextHash hash_;
    ShardedSets<Set> sets_;
};

}  // namespace sr::auth
