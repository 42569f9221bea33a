#include "location/flow_index.hpp"

#include <utility>

namespace sr::location {
namespace {

constexpr std::size_t kShards = 32;
constexpr unsigned kShardShift = 64 - 5;

constexpr std::uint32_t tag_of(std::uint64_t hash) noexcept { return static_cast<std::uint32_t>(hash); }

}  // namespace

FlowIndex::FlowIndex() : shards_(std::make_unique<Shard[]>(kShards)) {}

FlowIndex::Shard& FlowIndex::shard_of(std::uint64_t hash) const noexcept { return shards_[hash >> kShardShift]; }

std::uint32_t FlowIndex::find(const Shard& shard, const sip::Flow& flow, std::uint64_t hash) noexcept {
    return shard.table.find(tag_of(hash), [&](std::uint32_t index) { return shard.records[index].flow == flow; });
}

FlowRecord& FlowIndex::acquire(const sip::Flow& flow, std::uint64_t binding_id) {
    const std::uint64_t hash = flow.hash();
    Shard& shard = shard_of(hash);
    const std::lock_guard lock(shard.mutex);
    std::uint32_t index = find(shard, flow, hash);
    if (index == kNoIndex) {
        index = shard.records.take();
        shard.table.insert(tag_of(hash), index);
        FlowRecord& made = shard.records[index];
        made.flow = flow;
        made.last_heard_ms.store(FlowRecord::kNeverHeard, std::memory_order_relaxed);
        made.link = index;
    }
    FlowRecord& record = shard.records[index];
    ++record.references;
    if (flow.connection != 0) shard.by_connection[flow.connection].insert(binding_id);
    return record;
}

void FlowIndex::release(FlowRecord& record, std::uint64_t binding_id) noexcept {
    const std::uint64_t hash = record.flow.hash();
    Shard& shard = shard_of(hash);
    const std::lock_guard lock(shard.mutex);
    if (record.silent) record.silent->erase(binding_id);
    if (record.flow.connection != 0) {
        const auto bound = shard.by_connection.find(record.flow.connection);
        bound->second.erase(binding_id);
        if (bound->second.empty()) shard.by_connection.erase(bound);
    }
    if (--record.references != 0) return;
    record.silent.reset();
    const std::uint32_t index = record.link;
    shard.table.erase(tag_of(hash), index);
    shard.records.give_back(index);
}

std::unique_ptr<BindingIds> FlowIndex::touch(const sip::Flow& flow, base::TimeMs now_ms) noexcept {
    const std::uint64_t hash = flow.hash();
    Shard& shard = shard_of(hash);
    const std::lock_guard lock(shard.mutex);
    const std::uint32_t index = find(shard, flow, hash);
    if (index == kNoIndex) return nullptr;
    FlowRecord& record = shard.records[index];
    if (record.last_heard_ms.load(std::memory_order_relaxed) < now_ms) {
        record.last_heard_ms.store(now_ms, std::memory_order_relaxed);
    }
    return std::move(record.silent);
}

bool FlowIndex::mark_silent(FlowRecord& record, std::uint64_t binding_id, base::TimeMs limit_ms) {
    const std::lock_guard lock(shard_of(record.flow.hash()).mutex);
    if (record.last_heard_ms.load(std::memory_order_relaxed) > limit_ms) return false;
    if (!record.silent) record.silent = std::make_unique<BindingIds>();
    record.silent->insert(binding_id);
    return true;
}

BindingIds FlowIndex::bindings_of(const sip::Flow& flow) const {
    Shard& shard = shard_of(flow.hash());
    const std::lock_guard lock(shard.mutex);
    const auto bound = shard.by_connection.find(flow.connection);
    return bound == shard.by_connection.end() ? BindingIds{} : bound->second;
}

std::size_t FlowIndex::size() const noexcept {
    std::size_t flows = 0;
    for (std::size_t i = 0; i < kShards; ++i) {
        const std::lock_guard lock(shards_[i].mutex);
        flows += shards_[i].records.size();
    }
    return flows;
}

}  // namespace sr::location
