// One part of the location: the addresses-of-record whose hash falls here, under one mutex.
//
// Theory of operation. A binding is a record of the slab; its index, the shard's number and the record's generation are
// its id. An address-of-record is no object: the table leads from its hash to its oldest binding, `link` from there to
// the younger ones. Every binding stands in the timer wheel once, at or before the time at which it is next due:
//
//     due = min(expires_at, next_ping, reachable ? last_heard + timeout : never)
//
//   woken      -> over?                 removed(expired)
//              -> silent for too long?  unreachable; the flow remembers whom to wake when it is heard again
//              -> ping due?             ping, unless it was heard a moment ago; as many as the budget has
//              -> armed for the new due
//   refreshed, heard, answered -> due moves away, the wheel is not touched (it is when due comes nearer)
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "base/text_hash.hpp"
#include "location/binding_record.hpp"
#include "location/flow_index.hpp"
#include "location/index_table.hpp"
#include "location/journal.hpp"
#include "location/location.hpp"
#include "location/quota.hpp"
#include "location/random.hpp"
#include "location/registration.hpp"
#include "location/removal_notes.hpp"
#include "location/slab.hpp"
#include "location/timer_wheel.hpp"

namespace sr::location {

/// The time, and the rules that hold at it.
struct Moment {
    base::TimeMs now_ms;
    LivenessPolicy liveness;
};

/// Everything but `mutex` is used under it.
class alignas(64) Shard {
  public:
    static constexpr unsigned kNumberBits = 5;
    static constexpr unsigned kIndexBits = 32 - kNumberBits;

    /// What a shard shares with the others.
    struct Shared {
        const base::TextHash& hash;
        FlowIndex& flows;
        Quota& quota;
        ChangeListener& listener;
    };

    Shard(std::uint32_t number, const Shared& shared, std::uint64_t seed) noexcept
        : hash_(shared.hash),
          flows_(shared.flows),
          quota_(shared.quota),
          listener_(shared.listener),
          random_(seed),
          number_(number) {}

    /// The bits of a key's hash by which a shard's table tells its keys apart; those that choose the shard are others.
    [[nodiscard]] static constexpr std::uint32_t tag_of(std::uint64_t hash) noexcept {
        return static_cast<std::uint32_t>(hash);
    }

    /// The shard's number within a binding's id.
    [[nodiscard]] static std::size_t number_of(std::uint64_t binding_id) noexcept {
        return static_cast<std::uint32_t>(binding_id) >> kIndexBits;
    }

    std::mutex mutex;
    RemovalNotes notes;

    /// Writes the indices of the unexpired bindings, oldest first, and returns their number; the expired are removed
    /// and given back to the quota, as in `advance`. What the other calls change is their caller's to count.
    [[nodiscard]] std::size_t find(std::string_view aor_key, std::uint32_t tag, base::TimeMs now_ms,
                                   std::span<std::uint32_t> indices);
    [[nodiscard]] bool has(std::string_view aor_key, std::uint32_t tag) const noexcept {
        return head_of(aor_key, tag) != kNoIndex;
    }
    [[nodiscard]] sip::BindingView view(std::uint32_t index) const noexcept {
        return view_of(records_[index], id_of(index));
    }

    void add(const Registration& wanted, std::uint32_t tag, std::uint64_t number, const Moment& moment);
    /// Puts back a binding that an earlier process had: silent until it is heard, first pinged at `first_ping_ms`.
    /// Tells nobody.
    void restore(const sip::BindingView& stored, std::string_view aor_key, std::uint32_t tag,
                 base::TimeMs first_ping_ms, const Moment& moment);
    void update(std::uint32_t index, const Registration& wanted, const Moment& moment);
    void remove(std::uint32_t index, RemovalReason reason) noexcept;
    void hear(std::uint32_t index, const Moment& moment) noexcept;

    [[nodiscard]] bool answer_ping(std::uint64_t binding_id, std::uint32_t nonce, std::uint32_t rtt_us,
                                   const Moment& moment) noexcept;
    /// The flow was heard by which this binding was silent; it may have gone or moved since.
    void wake(std::uint64_t binding_id, const sip::Flow& flow, const Moment& moment) noexcept;
    /// The connection is gone by which this binding came; false when it has moved since.
    bool end(std::uint64_t binding_id, const sip::Flow& flow) noexcept;
    void advance(const Moment& moment, std::size_t max_pings, std::vector<DuePing>& pings);

    template <class Visit>
    bool visit(std::uint64_t binding_id, const Visit& visit) const {
        const std::uint32_t index = index_of(binding_id);
        if (index != kNoIndex) visit(records_[index].texts.aor_key(), view(index));
        return index != kNoIndex;
    }

    template <class Visit>
    void visit(const Visit& visit) const {
        for (std::uint32_t index = 0; index < records_.capacity(); ++index) {
            if (records_[index].is_taken()) visit(records_[index].texts.aor_key(), view(index));
        }
    }
    [[nodiscard]] Counts counts() const noexcept { return {table_.size(), records_.size()}; }
    /// As the quota counts it.
    [[nodiscard]] Holding held() const noexcept {
        return {static_cast<std::int64_t>(table_.size()), records_.size(), octets_};
    }
    /// The octets of a binding's texts, and of those among them that a REGISTER without a body leaves as they are.
    [[nodiscard]] std::size_t text_octets(std::uint32_t index) const noexcept { return records_[index].texts.size(); }
    [[nodiscard]] std::size_t body_octets(std::uint32_t index) const noexcept;

    /// As Journal::take; `visit(aor_key, binding)`.
    template <class Visit>
    std::size_t take_changes(std::size_t most, std::vector<std::uint64_t>& removed, const Visit& visit) {
        return journal_.take(records_, most, removed,
                             [&](std::uint32_t index) { visit(records_[index].texts.aor_key(), view(index)); });
    }
    void retake() { journal_.note_all(records_); }
    [[nodiscard]] const Journal& journal() const noexcept { return journal_; }

  private:
    [[nodiscard]] static base::TimeMs due_ms(const BindingRecord& record, const LivenessPolicy& liveness) noexcept;
    [[nodiscard]] std::uint32_t head_of(std::string_view aor_key, std::uint32_t tag) const noexcept;
    [[nodiscard]] std::uint64_t id_of(std::uint32_t index) const noexcept;
    /// The binding of this id, or kNoIndex when there is none any more.
    [[nodiscard]] std::uint32_t index_of(std::uint64_t binding_id) const noexcept;

    [[nodiscard]] std::uint32_t place(const Registration& wanted, std::uint32_t tag, std::uint64_t number);
    void append(std::uint32_t index, std::string_view aor_key, std::uint32_t tag);
    void unlink(std::uint32_t index) noexcept;
    bool take_over_flow(std::uint32_t index, const sip::Flow& flow);
    bool take_over_texts(BindingRecord& record, const Registration& wanted);

    void tell(ChangeKind kind, std::uint32_t index, RemovalReason reason = RemovalReason::unregistered) noexcept;
    void set_reachable(std::uint32_t index) noexcept;
    void arm_if_nearer(std::uint32_t index, base::TimeMs old_due_ms, const LivenessPolicy& liveness) noexcept;
    void wake_up(std::uint32_t index, const Moment& moment, std::size_t max_pings, std::vector<DuePing>& pings);
    void check_silence(std::uint32_t index, const Moment& moment);
    void ping(std::uint32_t index, const Moment& moment, std::vector<DuePing>& pings);

    Slab<BindingRecord> records_;
    IndexTable table_;
    TimerWheel timers_;
    Journal journal_;
    const base::TextHash& hash_;
    FlowIndex& flows_;
    Quota& quota_;
    ChangeListener& listener_;
    Random random_;
    std::uint32_t number_;
    std::int64_t octets_ = 0;  // charge() of all its bindings
};

}  // namespace sr::location
