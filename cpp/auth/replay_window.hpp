// Which nonce-counts were used (RFC 7616 section 3.4, nc): what arrives out of order passes once, what is replayed does
// not.
//
// Theory of operation. Per nonce the highest count and the 63 below it, as IPsec does for its sequence numbers (RFC
// 4303 section 3.4.3). Only requests with a valid digest come here, so strangers cannot fill the table. When a set is
// full, the nonce issued longest ago is forgotten for a younger one, never for an older: whatever a full set does not
// hold and is not younger than its oldest may have been used, and counts as forgotten. So an eviction costs its owner
// one more challenge and never opens the door to a replay.
//
// Without qop there is no count: such a nonce serves one request and its retransmissions. The phone is told that it is
// stale and computes the same request over the next one, without asking its user: two round trips for each refresh
// instead of one, and no window in which a copied header is good for anything.
//
// A retransmission over UDP (RFC 3261 section 17.1.2.2) repeats everything, count and digest included, for 64*T1 = 32
// s. It is known by its fingerprint; the two last requests of a nonce are remembered.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "auth/nonce.hpp"
#include "auth/sharded_sets.hpp"
#include "base/clock.hpp"
#include "base/text_hash.hpp"

namespace sr::auth {

inline constexpr base::TimeMs kRetransmission_ms = 32'000;

/// Nonces of a set. With 8, ten of 20,000 nonces in use found no room, and of 10,000 one did in every thirtieth life of
/// the process; with 16, of 20,000 one in every sixtieth.
inline constexpr std::size_t kNonceWays = 16;

/// What a retransmission repeats.
struct RequestMark {
    std::string_view response;
    std::string_view call_id;
    std::uint32_t cseq = 0;
    std::string_view content;  // the message's octets, or what else must not change; may be empty
};

enum class NonceUse : std::uint8_t {
    accepted,
    retransmitted,  // the request that used this count, again
    replayed,       // a count that was used by another request, or is too far below the highest
    forgotten,      // nobody knows any more whether it was used
};

class ReplayWindow {
  public:
    explicit ReplayWindow(std::uint64_t seed, std::size_t nonces = kNonces);

    /// Any thread. `nc` is nullopt without qop, else not 0. The nonce is fresh and the digest valid.
    [[nodiscard]] NonceUse use(const Nonce& nonce, std::optional<std::uint32_t> nc, const RequestMark& mark,
                               base::TimeMs now_ms) noexcept;

    [[nodiscard]] std::size_t capacity() const noexcept { return sets_.capacity(); }

  private:
    static constexpr std::size_t kNonces = 65'536;  // 4.5 MiB

    struct Seen {
        std::uint64_t fingerprint = 0;
        base::TimeMs at_ms = 0;
    };
    struct alignas(64) Entry {
        base::TimeMs issued_ms = 0;
        std::uint64_t used = 0;     // bit i: the count highest - i
        std::uint32_t highest = 0;  // 0: the entry is free
        std::uint32_t next_seen = 0;
        std::array<Seen, 2> seen;
    };
    /// The numbers stand apart, so that one that is found costs three cache lines at most and not those of all before
    /// it.
    struct Set {
        alignas(64) std::array<std::uint64_t, kNonceWays> numbers{};  // of the entry in the same place
        std::array<Entry, kNonceWays> entries;
    };

    static Entry* find(Set& set, const Nonce& nonce) noexcept;
    static Entry* make_room(Set& set, const Nonce& nonce) noexcept;
    static bool mark_used(Entry& entry, std::optional<std::uint32_t> nc) noexcept;
    [[nodiscard]] std::uint64_t fingerprint(std::optional<std::uint32_t> nc, const RequestMark& mark) const noexcept;

    base::TextHash hash_;
    ShardedSets<Set, kNonceWays> sets_;
};

}  // namespace sr::auth
