#include "location/shard.hpp"

#include <algorithm>
#include <utility>

namespace sr::location {
namespace {

/// Asked for together, the lines of a record cost one memory latency.
void prefetch(const BindingRecord& record) noexcept {
    const char* line = reinterpret_cast<const char*>(&record);
    for (std::size_t offset = 0; offset < sizeof record; offset += 64) __builtin_prefetch(line + offset);
}

}  // namespace

base::TimeMs Shard::due_ms(const BindingRecord& record, const LivenessPolicy& liveness) noexcept {
    const base::TimeMs due_ms = std::min(record.expires_at_ms, record.next_ping_ms);
    return record.is_reachable ? std::min(due_ms, record.last_heard_ms + liveness.timeout_ms) : due_ms;
}

std::uint32_t Shard::head_of(std::string_view aor_key, std::uint32_t tag) const noexcept {
    return table_.find(tag, [&](std::uint32_t index) {
        const BindingRecord& record = records_[index];
        prefetch(record);
        return record.texts.aor_key() == aor_key;
    });
}

std::uint64_t Shard::id_of(std::uint32_t index) const noexcept {
    return std::uint64_t{records_[index].generation} << 32 | std::uint64_t{number_} << kIndexBits | index;
}

std::uint32_t Shard::index_of(std::uint64_t binding_id) const noexcept {
    const std::uint32_t index = static_cast<std::uint32_t>(binding_id) & ((1U << kIndexBits) - 1);
    if (index >= records_.capacity() || !records_[index].is_taken() || id_of(index) != binding_id) return kNoIndex;
    return index;
}

std::size_t Shard::find(std::string_view aor_key, std::uint32_t tag, base::TimeMs now_ms,
                        std::span<std::uint32_t> indices) {
    std::size_t count = 0;
    const Holding before = held();
    for (std::uint32_t index = head_of(aor_key, tag); index != kNoIndex && count < indices.size();) {
        const std::uint32_t younger = records_[index].link;
        if (records_[index].expires_at_ms <= now_ms) {
            remove(index, RemovalReason::expired);
        } else {
            indices[count++] = index;
        }
        index = younger;
    }
    quota_.give_back(before - held());
    return count;
}

std::size_t Shard::body_octets(std::uint32_t index) const noexcept {
    const Texts texts = records_[index].texts.texts();
    return texts[Field::content_type].size() + texts[Field::body].size();
}

void Shard::append(std::uint32_t index, std::string_view aor_key, std::uint32_t tag) {
    records_[index].link = kNoIndex;
    std::uint32_t youngest = head_of(aor_key, tag);
    if (youngest == kNoIndex) {
        table_.insert(tag, index);
        return;
    }
    while (records_[youngest].link != kNoIndex) youngest = records_[youngest].link;
    records_[youngest].link = index;
}

void Shard::unlink(std::uint32_t index) noexcept {
    const BindingRecord& record = records_[index];
    const std::uint32_t tag = tag_of(hash_(record.texts.aor_key()));
    std::uint32_t older = head_of(record.texts.aor_key(), tag);
    if (older != index) {
        while (records_[older].link != index) older = records_[older].link;
        records_[older].link = record.link;
    } else if (record.link != kNoIndex) {
        table_.replace(tag, index, record.link);
    } else {
        table_.erase(tag, index);
    }
}

std::uint32_t Shard::place(const Registration& wanted, std::uint32_t tag, std::uint64_t number) {
    const std::uint32_t index = records_.take();
    append(index, wanted.texts[Field::aor_key], tag);
    BindingRecord& record = records_[index];
    record.texts.assign(wanted.texts);
    octets_ += charge(record.texts.size());
    record.expires_at_ms = wanted.expires_at_ms;
    record.flow = &flows_.acquire(wanted.flow, id_of(index));
    record.set_number(number);
    record.device = wanted.device;
    record.cseq = wanted.cseq;
    record.reg_id = wanted.reg_id;
    record.rtt_us = 0;
    record.nonce = 0;
    record.q_thousandths = wanted.q_thousandths;
    return index;
}

void Shard::add(const Registration& wanted, std::uint32_t tag, std::uint64_t number, const Moment& moment) {
    const std::uint32_t index = place(wanted, tag, number);
    BindingRecord& record = records_[index];
    record.last_heard_ms = moment.now_ms;
    const std::int64_t interval_ms = moment.liveness.ping_interval_ms;
    record.next_ping_ms = moment.now_ms + random_.between(interval_ms / 2, interval_ms);
    record.is_reachable = true;
    timers_.arm(records_, index, due_ms(record, moment.liveness));
    journal_.note(index);
    tell(ChangeKind::added, index);
}

void Shard::restore(const sip::BindingView& stored, std::string_view aor_key, std::uint32_t tag,
                    base::TimeMs first_ping_ms, const Moment& moment) {
    const std::uint32_t index = place(Registration(aor_key, stored), tag, stored.number);
    BindingRecord& record = records_[index];
    record.last_heard_ms = std::min(stored.last_heard_ms, moment.now_ms);
    record.next_ping_ms = first_ping_ms;
    record.is_reachable = false;
    static_cast<void>(flows_.mark_silent(*record.flow, id_of(index), moment.now_ms));  // who hears it wakes the binding
    timers_.arm(records_, index, due_ms(record, moment.liveness));
}

void Shard::update(std::uint32_t index, const Registration& wanted, const Moment& moment) {
    BindingRecord& record = records_[index];
    const base::TimeMs old_due_ms = due_ms(record, moment.liveness);
    const bool is_elsewhere = take_over_flow(index, wanted.flow);
    const bool is_described_otherwise = take_over_texts(record, wanted);
    // A request that says nothing of the device behind it, such as a refresh without the body that did, changes
    // nothing.
    const sip::Uuid device = wanted.device.is_nil() ? record.device : wanted.device;
    const bool is_another =
        record.device != device || record.reg_id != wanted.reg_id || record.q_thousandths != wanted.q_thousandths;
    record.device = device;
    record.reg_id = wanted.reg_id;
    record.q_thousandths = wanted.q_thousandths;
    record.cseq = wanted.cseq;
    record.expires_at_ms = wanted.expires_at_ms;
    record.last_heard_ms = std::max(record.last_heard_ms, moment.now_ms);
    journal_.note(index);
    if (is_elsewhere || is_described_otherwise || is_another) tell(ChangeKind::changed, index);
    if (!record.is_reachable) set_reachable(index);
    arm_if_nearer(index, old_due_ms, moment.liveness);
}

bool Shard::take_over_flow(std::uint32_t index, const sip::Flow& flow) {
    BindingRecord& record = records_[index];
    if (record.flow->flow == flow) return false;
    FlowRecord& old = *std::exchange(record.flow, &flows_.acquire(flow, id_of(index)));
    flows_.release(old, id_of(index));
    record.nonce = 0;  // an answer to a ping on the old flow says nothing of the new one
    return true;
}

bool Shard::take_over_texts(BindingRecord& record, const Registration& wanted) {
    const Texts present = record.texts.texts();
    Texts texts = wanted.texts;
    if (texts[Field::body].empty()) {
        texts[Field::content_type] = present[Field::content_type];
        texts[Field::body] = present[Field::body];
    }
    const bool is_same_call = present[Field::call_id] == texts[Field::call_id];
    bool is_same = true;
    for (std::size_t i = 0; i < kFields; ++i) {
        is_same = is_same && (i == static_cast<std::size_t>(Field::call_id) || present.fields[i] == texts.fields[i]);
    }
    if (is_same && is_same_call) return false;
    octets_ -= charge(record.texts.size());
    record.texts.assign(texts);
    octets_ += charge(record.texts.size());
    return !is_same;
}

void Shard::remove(std::uint32_t index, RemovalReason reason) noexcept {
    tell(ChangeKind::removed, index, reason);
    BindingRecord& record = records_[index];
    const std::uint64_t id = id_of(index);
    journal_.note_removal(record.number());
    unlink(index);
    timers_.disarm(records_, index);
    flows_.release(*std::exchange(record.flow, nullptr), id);
    octets_ -= charge(record.texts.size());
    record.texts.clear();
    if (++record.generation == 0) record.generation = 1;
    records_.give_back(index);
}

void Shard::hear(std::uint32_t index, const Moment& moment) noexcept {
    BindingRecord& record = records_[index];
    const base::TimeMs old_due_ms = due_ms(record, moment.liveness);
    record.last_heard_ms = std::max(record.last_heard_ms, moment.now_ms);
    if (record.is_reachable) return;
    set_reachable(index);
    arm_if_nearer(index, old_due_ms, moment.liveness);
}

bool Shard::answer_ping(std::uint64_t binding_id, std::uint32_t nonce, std::uint32_t rtt_us,
                        const Moment& moment) noexcept {
    const std::uint32_t index = index_of(binding_id);
    if (index == kNoIndex) return false;
    BindingRecord& record = records_[index];
    if (nonce == 0 || record.nonce != nonce || record.expires_at_ms <= moment.now_ms) return false;
    record.nonce = 0;
    record.rtt_us = std::max<std::uint32_t>(rtt_us, 1);
    hear(index, moment);
    return true;
}

void Shard::wake(std::uint64_t binding_id, const sip::Flow& flow, const Moment& moment) noexcept {
    const std::uint32_t index = index_of(binding_id);
    if (index == kNoIndex || records_[index].flow->flow != flow) return;
    if (records_[index].expires_at_ms > moment.now_ms) hear(index, moment);
}

bool Shard::end(std::uint64_t binding_id, const sip::Flow& flow) noexcept {
    const std::uint32_t index = index_of(binding_id);
    if (index == kNoIndex || records_[index].flow->flow != flow) return false;
    remove(index, RemovalReason::flow_closed);
    return true;
}

void Shard::tell(ChangeKind kind, std::uint32_t index, RemovalReason reason) noexcept {
    const sip::BindingView binding = view(index);
    listener_.on_change({kind, reason, records_[index].texts.aor_key(), binding});
}

void Shard::set_reachable(std::uint32_t index) noexcept {
    records_[index].is_reachable = true;
    tell(ChangeKind::reachable, index);
}

void Shard::arm_if_nearer(std::uint32_t index, base::TimeMs old_due_ms, const LivenessPolicy& liveness) noexcept {
    const base::TimeMs new_due_ms = due_ms(records_[index], liveness);
    if (new_due_ms < old_due_ms) timers_.arm(records_, index, new_due_ms);
}

void Shard::advance(const Moment& moment, std::size_t max_pings, std::vector<DuePing>& pings) {
    notes.advance(moment.now_ms);
    const Holding before = held();
    timers_.advance(records_, moment.now_ms, [&](std::uint32_t index) { wake_up(index, moment, max_pings, pings); });
    quota_.give_back(before - held());
}

void Shard::wake_up(std::uint32_t index, const Moment& moment, std::size_t max_pings, std::vector<DuePing>& pings) {
    BindingRecord& record = records_[index];
    if (record.expires_at_ms <= moment.now_ms) return remove(index, RemovalReason::expired);
    record.last_heard_ms = record.heard_ms();
    if (record.is_reachable) check_silence(index, moment);
    // A longer interval than the one in force is a former configuration's.
    record.next_ping_ms = std::min(record.next_ping_ms, moment.now_ms + moment.liveness.ping_interval_ms * 6 / 5);
    if (record.next_ping_ms <= moment.now_ms && pings.size() < max_pings) ping(index, moment, pings);
    timers_.arm(records_, index, due_ms(record, moment.liveness));
}

void Shard::check_silence(std::uint32_t index, const Moment& moment) {
    BindingRecord& record = records_[index];
    const base::TimeMs limit_ms = moment.now_ms - moment.liveness.timeout_ms;
    if (record.last_heard_ms > limit_ms || !flows_.mark_silent(*record.flow, id_of(index), limit_ms)) return;
    record.is_reachable = false;
    tell(ChangeKind::unreachable, index);
}

void Shard::ping(std::uint32_t index, const Moment& moment, std::vector<DuePing>& pings) {
    BindingRecord& record = records_[index];
    const std::int64_t interval_ms = moment.liveness.ping_interval_ms;
    const std::int64_t pause_ms = random_.between(interval_ms * 4 / 5, interval_ms * 6 / 5);
    // Whoever speaks by itself is left alone, once its round-trip time is known.
    if (record.rtt_us != 0 && moment.now_ms - record.last_heard_ms < interval_ms / 2) {
        record.next_ping_ms = record.last_heard_ms + pause_ms;
        return;
    }
    record.next_ping_ms = moment.now_ms + pause_ms;
    record.nonce = random_.nonce();
    const sip::BindingView binding = view(index);
    pings.push_back({binding.id, record.nonce, binding.flow, binding.target, std::string(binding.contact_uri),
                     std::string(binding.path)});
}

}  // namespace sr::location
