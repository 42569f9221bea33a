#include "auth/failure_backoff.hpp"

#include <algorithm>

namespace sr::auth {
namespace {

constexpr base::TimeMs kPair_ms = 7 * 24 * 3600 * base::TimeMs{1000};
constexpr RateLimit kNewcomers{.per_second = 1, .burst = 4};

/// Nothing for the free ones, then the first wait, doubled with each failure.
base::TimeMs wait_after(std::uint32_t failures, const BackoffPolicy& policy, base::TimeMs longest_ms) noexcept {
    if (failures <= policy.free_guesses) return 0;
    base::TimeMs wait_ms = std::max<base::TimeMs>(policy.first_wait_ms, 1);  // nothing, doubled, would never grow
    for (std::uint32_t i = policy.free_guesses + 1; i < failures && wait_ms < longest_ms; ++i) wait_ms *= 2;
    return std::min(wait_ms, longest_ms);
}

}  // namespace

std::uint64_t FailureBackoff::key_of(Kind kind, const SourceKey& source, std::string_view user) const noexcept {
    const std::uint64_t parts[] = {static_cast<std::uint64_t>(kind), kind == Kind::user ? 0 : source.hash(hash_),
                                   kind == Kind::source ? 0 : hash_(user)};
    return hash_({reinterpret_cast<const char*>(parts), sizeof parts}) | 1U << 31;  // never 0
}

FailureBackoff::Entry* FailureBackoff::find(Set& set, std::uint64_t key) noexcept {
    const auto found =
        std::find_if(set.entries.begin(), set.entries.end(), [key](const Entry& entry) { return entry.key == key; });
    return found == set.entries.end() ? nullptr : &*found;
}

/// In a full set the one untouched for longest goes, pairs after all others: each failure costs a round trip and a
/// wait, so nobody has as many as it takes to push out his own.
FailureBackoff::Entry& FailureBackoff::find_or_make(Set& set, std::uint64_t key, Kind kind,
                                                    base::TimeMs now_ms) noexcept {
    if (Entry* known = find(set, key); known != nullptr) return *known;
    Entry& oldest = *std::min_element(set.entries.begin(), set.entries.end(), [now_ms](const Entry& a, const Entry& b) {
        const auto is_kept = [now_ms](const Entry& entry) {
            return entry.is_pair && now_ms - entry.touched_ms <= kPair_ms;
        };
        if (is_kept(a) != is_kept(b)) return is_kept(b);
        return (a.key == 0 ? -1 : a.touched_ms) < (b.key == 0 ? -1 : b.touched_ms);
    });
    oldest = {.key = key, .is_pair = kind == Kind::pair};
    return oldest;
}

FailureBackoff::Entry FailureBackoff::read(std::uint64_t key, base::TimeMs kept_ms, base::TimeMs now_ms) noexcept {
    return sets_.with_set(key, [&](Set& set) {
        const Entry* entry = find(set, key);
        return entry != nullptr && now_ms - entry->touched_ms <= kept_ms ? *entry : Entry{};
    });
}

bool FailureBackoff::take_newcomers_turn(std::uint64_t user_key, base::TimeMs now_ms) noexcept {
    return sets_.with_set(user_key, [&](Set& set) {
        Entry* entry = find(set, user_key);
        return entry == nullptr || take_token(entry->newcomers_full_at_us, kNewcomers, now_ms);
    });
}

base::TimeMs FailureBackoff::wait(const SourceKey& source, std::string_view user, const BackoffPolicy& policy,
                                  base::TimeMs now_ms) noexcept {
    const Entry pair = read(key_of(Kind::pair, source, user), kPair_ms, now_ms);
    if (pair.key != 0 && pair.failures < policy.free_guesses) return 0;
    const Entry here = read(key_of(Kind::source, source, {}), policy.forgiven_after_ms, now_ms);
    if (here.waits_until_ms > now_ms) return here.waits_until_ms - now_ms;
    const std::uint64_t user_key = key_of(Kind::user, {}, user);
    const Entry everywhere = read(user_key, policy.forgiven_after_ms, now_ms);
    if (everywhere.waits_until_ms <= now_ms) return 0;
    if (here.failures == 0 && take_newcomers_turn(user_key, now_ms)) return 0;
    return everywhere.waits_until_ms - now_ms;
}

void FailureBackoff::count_failure(std::uint64_t key, Kind kind, const BackoffPolicy& policy,
                                   base::TimeMs now_ms) noexcept {
    const base::TimeMs longest_ms = kind == Kind::source ? policy.longest_source_wait_ms : policy.longest_user_wait_ms;
    sets_.with_set(key, [&](Set& set) {
        Entry& entry = find_or_make(set, key, kind, now_ms);
        if (now_ms - entry.touched_ms > policy.forgiven_after_ms) entry.failures = 0;
        entry.failures = std::min(entry.failures, UINT32_MAX - 1) + 1;
        entry.waits_until_ms = now_ms + wait_after(entry.failures, policy, longest_ms);
        entry.touched_ms = now_ms;
    });
}

void FailureBackoff::fail(const SourceKey& source, std::string_view user, const BackoffPolicy& policy,
                          base::TimeMs now_ms) noexcept {
    count_failure(key_of(Kind::source, source, {}), Kind::source, policy, now_ms);
    count_failure(key_of(Kind::user, {}, user), Kind::user, policy, now_ms);
    const std::uint64_t pair_key = key_of(Kind::pair, source, user);
    sets_.with_set(pair_key, [&](Set& set) {
        Entry* pair = find(set, pair_key);
        if (pair != nullptr && pair->failures < UINT32_MAX) ++pair->failures;
    });
}

void FailureBackoff::succeed(const SourceKey& source, std::string_view user, base::TimeMs now_ms) noexcept {
    const std::uint64_t pair_key = key_of(Kind::pair, source, user);
    sets_.with_set(pair_key, [&](Set& set) {
        Entry& pair = find_or_make(set, pair_key, Kind::pair, now_ms);
        pair.touched_ms = now_ms;
        pair.failures = 0;
    });
}

}  // namespace sr::auth
