// Who is heard when a message comes on a flow. A flow is kept once, however many bindings came on it, and has a clock
// of its own: to hear it costs the same for one binding as for a hundred thousand.
//
// Lock order: a shard of the location before a shard of this index; this index never calls out.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <unordered_map>

#include "base/clock.hpp"
#include "location/index_table.hpp"
#include "location/slab.hpp"
#include "sip/flow.hpp"

namespace sr::location {

using BindingIds = std::set<std::uint64_t>;

/// One cache line. `flow` does not change while the record is referenced and may be read without a lock.
struct alignas(64) FlowRecord {
    static constexpr base::TimeMs kNeverHeard = INT64_MIN;

    sip::Flow flow;
    std::atomic<base::TimeMs> last_heard_ms{kNeverHeard};
    std::unique_ptr<BindingIds> silent;  // its bindings that fell silent since it was last touched; or null
    std::uint32_t references = 0;
    std::uint32_t link = kNoIndex;  // its own index while it is referenced
};

class FlowIndex {
  public:
    FlowIndex();

    /// One more reference to the flow's record, which is made if need be: that of this binding.
    [[nodiscard]] FlowRecord& acquire(const sip::Flow& flow, std::uint64_t binding_id);
    void release(FlowRecord& record, std::uint64_t binding_id) noexcept;

    /// A message came: returns what has fallen silent on this flow since the last one; null where the flow is not kept.
    [[nodiscard]] std::unique_ptr<BindingIds> touch(const sip::Flow& flow, base::TimeMs now_ms) noexcept;

    /// False when the flow was heard after `limit_ms`; else the next touch returns this binding.
    [[nodiscard]] bool mark_silent(FlowRecord& record, std::uint64_t binding_id, base::TimeMs limit_ms);

    /// Which bindings came on this connection; none for a datagram's flow, which nobody closes.
    [[nodiscard]] BindingIds bindings_of(const sip::Flow& flow) const;

    /// Flows that are referenced.
    [[nodiscard]] std::size_t size() const noexcept;

  private:
    struct alignas(64) Shard {
        mutable std::mutex mutex;
        Slab<FlowRecord> records;
        IndexTable table;
        std::unordered_map<std::uint64_t, BindingIds> by_connection;  // apart: a flow's record is full with the rest
    };

    [[nodiscard]] Shard& shard_of(std::uint64_t hash) const noexcept;
    [[nodiscard]] static std::uint32_t find(const Shard& shard, const sip::Flow& flow, std::uint64_t hash) noexcept;

    std::unique_ptr<Shard[]> shards_;
};

}  // namespace sr::location
