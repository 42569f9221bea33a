// How much may be registered at once, counted over all shards.
//
// Theory of operation. What grows asks first (`take`, all or nothing), what shrinks gives back afterwards; each count
// is one atomic that is only ever raised to its limit by compare and exchange, so that no interleaving of shards gets
// above it. Whoever does not grow - a refresh, a removal, a replacement - touches nothing here. A limit that is lowered
// below what there is drops nothing: it keeps out what would come on top.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "sip/reject_reason.hpp"

namespace sr::location {

/// What the owner allows; as it stands here, everything. `octets` as `charge` counts them.
struct Limits {
    std::uint64_t aors = UINT64_MAX;
    std::uint64_t bindings = UINT64_MAX;
    std::uint64_t octets = UINT64_MAX;
};

/// What is there, or a difference of two such.
struct Holding {
    std::int64_t aors = 0;
    std::int64_t bindings = 0;
    std::int64_t octets = 0;

    friend Holding operator-(const Holding& a, const Holding& b) noexcept {
        return {a.aors - b.aors, a.bindings - b.bindings, a.octets - b.octets};
    }
};

/// The memory that a binding with so many octets of text is counted as: record, flow and table entries, and the texts
/// in steps, so that a telephone whose next Call-ID is a little longer is hardly ever one that grows.
[[nodiscard]] constexpr std::int64_t charge(std::size_t text_octets) noexcept {
    constexpr std::size_t kRecordOctets = 400;
    constexpr std::size_t kStep = 256;
    return static_cast<std::int64_t>(kRecordOctets + (text_octets + kStep - 1) / kStep * kStep);
}

/// Safe from any thread; takes no lock.
class Quota {
  public:
    void set_limits(const Limits& limits) noexcept;

    /// Counts the positive parts of `growth`. When one does not fit nothing is counted, and the reason names it.
    [[nodiscard]] sip::RejectReason take(const Holding& growth) noexcept;

    /// Counts what is there whatever the limits say.
    void add(const Holding& more) noexcept;
    void give_back(const Holding& less) noexcept;

    [[nodiscard]] Holding held() const noexcept;

  private:
    struct Count {
        std::atomic<std::int64_t> held{0};
        std::atomic<std::int64_t> limit{0};

        [[nodiscard]] bool take(std::int64_t growth) noexcept;
        void add(std::int64_t more) noexcept;
    };

    Count aors_;
    Count bindings_;
    Count octets_;
};

}  // namespace sr::location
