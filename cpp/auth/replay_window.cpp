#include "auth/replay_window.hpp"

#include <algorithm>
#include <limits>

namespace sr::auth {
namespace {

constexpr std::uint32_t kWindow = 64;
constexpr std::uint32_t kUsedUp = std::numeric_limits<std::uint32_t>::max();

}  // namespace

ReplayWindow::ReplayWindow(std::uint64_t seed, std::size_t nonces) : hash_(seed), sets_(nonces) {}

ReplayWindow::Entry* ReplayWindow::find(Set& set, const Nonce& nonce) noexcept {
    for (std::size_t i = 0; i < kNonceWays; ++i) {
        if (set.numbers[i] != nonce.number) continue;
        Entry& entry = set.entries[i];
        if (entry.highest != 0 && entry.issued_ms == nonce.issued_ms) return &entry;
    }
    return nullptr;
}

/// For `nonce`: a free entry, else the one issued longest ago. Nullptr where `nonce` is not younger than that one: a
/// set that has forgotten a nonce is full of younger ones ever after, so that this one may be what it forgot.
ReplayWindow::Entry* ReplayWindow::make_room(Set& set, const Nonce& nonce) noexcept {
    const auto rank = [](const Entry& entry) { return entry.highest == 0 ? -1 : entry.issued_ms; };
    Entry& oldest = *std::min_element(set.entries.begin(), set.entries.end(),
                                      [&rank](const Entry& a, const Entry& b) { return rank(a) < rank(b); });
    if (rank(oldest) >= nonce.issued_ms) return nullptr;
    oldest = {};
    oldest.issued_ms = nonce.issued_ms;
    set.numbers[static_cast<std::size_t>(&oldest - set.entries.data())] = nonce.number;
    return &oldest;
}

/// False where the count was used before or cannot be told.
bool ReplayWindow::mark_used(Entry& entry, std::optional<std::uint32_t> nc) noexcept {
    if (!nc) {
        const bool is_first = entry.highest == 0;
        entry.highest = kUsedUp;
        entry.used = std::numeric_limits<std::uint64_t>::max();
        return is_first;
    }
    if (*nc > entry.highest) {
        const std::uint32_t step = *nc - entry.highest;
        entry.used = step < kWindow ? entry.used << step | 1 : 1;
        entry.highest = *nc;
        return true;
    }
    const std::uint32_t below = entry.highest - *nc;
    const std::uint64_t bit = below < kWindow ? std::uint64_t{1} << below : 0;
    if (bit == 0 || (entry.used & bit) != 0) return false;
    entry.used |= bit;
    return true;
}

std::uint64_t ReplayWindow::fingerprint(std::optional<std::uint32_t> nc, const RequestMark& mark) const noexcept {
    const std::uint64_t parts[] = {hash_(mark.response), hash_(mark.call_id), hash_(mark.content), mark.cseq,
                                   nc.value_or(0)};
    return hash_({reinterpret_cast<const char*>(parts), sizeof parts});
}

NonceUse ReplayWindow::use(const Nonce& nonce, std::optional<std::uint32_t> nc, const RequestMark& mark,
                           base::TimeMs now_ms) noexcept {
    const std::uint64_t print = fingerprint(nc, mark);
    return sets_.with_set(nonce.tag, [&](Set& set) {
        Entry* entry = find(set, nonce);
        if (entry == nullptr) {
            entry = make_room(set, nonce);
            if (entry == nullptr) return NonceUse::forgotten;
        }
        if (mark_used(*entry, nc)) {
            entry->seen[entry->next_seen++ % entry->seen.size()] = {print, now_ms};
            return NonceUse::accepted;
        }
        const bool is_known = std::any_of(entry->seen.begin(), entry->seen.end(), [&](const Seen& seen) {
            return seen.fingerprint == print && now_ms - seen.at_ms <= kRetransmission_ms;
        });
        return is_known ? NonceUse::retransmitted : NonceUse::replayed;
    });
}

}  // namespace sr::auth
