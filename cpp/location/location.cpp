#include "location/location.hpp"

#include <algorithm>
#include <memory>
#include <mutex>
#include <new>
#include <type_traits>

#include "location/flow_index.hpp"
#include "location/random.hpp"
#include "location/registration.hpp"
#include "location/shard.hpp"

namespace sr::location {
namespace {

constexpr std::size_t kShards = std::size_t{1} << Shard::kNumberBits;
constexpr base::TimeMs kMsPerSecond = 1000;

/// What Quota::take counts of a growth.
Holding positive_parts(const Holding& growth) noexcept {
    return {std::max<std::int64_t>(growth.aors, 0), std::max<std::int64_t>(growth.bindings, 0),
            std::max<std::int64_t>(growth.octets, 0)};
}

}  // namespace

Location::Location(ChangeListener& listener, std::uint64_t random_seed)
    : hash_(Random(random_seed).next()), flows_(std::make_unique<FlowIndex>()) {
    set_liveness({});
    set_limits({});
    const Shard::Shared shared{hash_, *flows_, quota_, listener};
    Random seeds(~random_seed);
    for (std::uint32_t number = 0; number < kShards; ++number) {
        shards_.push_back(std::make_unique<Shard>(number, shared, seeds.next()));
    }
}

Location::~Location() = default;

void Location::set_liveness(const LivenessPolicy& policy) noexcept {
    ping_interval_ms_.store(policy.ping_interval_ms, std::memory_order_relaxed);
    timeout_ms_.store(policy.timeout_ms, std::memory_order_relaxed);
}

Moment Location::at(base::TimeMs now_ms) const noexcept {
    return {now_ms, {ping_interval_ms_.load(std::memory_order_relaxed), timeout_ms_.load(std::memory_order_relaxed)}};
}

Shard& Location::shard_of(std::uint64_t hash) const noexcept { return *shards_[hash >> (64 - Shard::kNumberBits)]; }

Location::Guard Location::lock(std::string_view aor_key, base::TimeMs now_ms) noexcept {
    return {*this, aor_key, now_ms};
}

void Location::touch(const sip::Flow& flow, base::TimeMs now_ms) noexcept {
    const auto silent = flows_->touch(flow, now_ms);
    if (!silent) return;
    for (const std::uint64_t id : *silent) {
        Shard& shard = *shards_[Shard::number_of(id)];
        const std::lock_guard lock(shard.mutex);
        shard.wake(id, flow, at(now_ms));
    }
}

std::size_t Location::end_flow(const sip::Flow& flow) noexcept {
    std::size_t ended = 0;
    for (const std::uint64_t id : flows_->bindings_of(flow)) {
        Shard& shard = *shards_[Shard::number_of(id)];
        const std::lock_guard lock(shard.mutex);
        ended += shard.end(id, flow) ? 1 : 0;
    }
    return ended;
}

bool Location::is_bound(const sip::Flow& flow) const noexcept { return !flows_->bindings_of(flow).empty(); }

bool Location::answer_ping(std::uint64_t binding_id, std::uint32_t nonce, base::TimeMs now_ms,
                           std::uint32_t rtt_us) noexcept {
    Shard& shard = *shards_[Shard::number_of(binding_id)];
    const std::lock_guard lock(shard.mutex);
    return shard.answer_ping(binding_id, nonce, rtt_us, at(now_ms));
}

void Location::advance(base::TimeMs now_ms, std::size_t max_pings, std::vector<DuePing>& pings) {
    const Moment moment = at(now_ms);
    const std::size_t first = first_shard_;
    for (std::size_t i = 0; i < kShards; ++i) {
        const std::size_t number = (first + i) % kShards;
        const bool has_budget = pings.size() < max_pings;
        {
            const std::lock_guard lock(shards_[number]->mutex);
            shards_[number]->advance(moment, max_pings, pings);
        }
        if (has_budget && pings.size() >= max_pings) first_shard_ = (number + 1) % kShards;
    }
}

void Location::visit(const std::function<void(std::string_view, const sip::BindingView&)>& visit) const {
    for (const auto& shard : shards_) {
        const std::lock_guard lock(shard->mutex);
        shard->visit(visit);
    }
}

bool Location::visit(std::uint64_t binding_id,
                     const std::function<void(std::string_view, const sip::BindingView&)>& visit) const {
    Shard& shard = *shards_[Shard::number_of(binding_id)];
    const std::lock_guard lock(shard.mutex);
    return shard.visit(binding_id, visit);
}

bool Location::restore(std::string_view aor_key, const sip::BindingView& stored, base::TimeMs now_ms,
                       std::int64_t ping_within_ms) {
    if (stored.expires_at_ms <= now_ms || aor_key.size() > PackedTexts::kLongest) return false;
    const std::uint64_t hash = hash_(aor_key);
    Shard& shard = shard_of(hash);
    // Hashed anew under the secret key, a number is as good as random: pings spread evenly.
    const std::uint64_t lot = hash_({reinterpret_cast<const char*>(&stored.number), sizeof stored.number});
    const auto wait_ms = static_cast<std::int64_t>(lot % static_cast<std::uint64_t>(ping_within_ms + 1));
    const std::lock_guard lock(shard.mutex);
    const Holding before = shard.held();
    shard.restore(stored, aor_key, Shard::tag_of(hash), now_ms + wait_ms, at(now_ms));
    quota_.add(shard.held() - before);
    return true;
}

bool Location::take_changes(std::size_t most, std::vector<std::uint64_t>& removed,
                            const std::function<void(std::string_view, const sip::BindingView&)>& visit) {
    bool is_last = true;
    for (const auto& shard : shards_) {
        const std::lock_guard lock(shard->mutex);
        most -= shard->take_changes(most, removed, visit);
        is_last = is_last && shard->journal().is_empty();
    }
    return is_last;
}

void Location::retake() {
    for (const auto& shard : shards_) {
        const std::lock_guard lock(shard->mutex);
        shard->retake();
    }
}

bool Location::has_lost_changes() const noexcept {
    return std::any_of(shards_.begin(), shards_.end(), [](const auto& shard) {
        const std::lock_guard lock(shard->mutex);
        return shard->journal().has_lost();
    });
}

bool Location::has(std::string_view aor_key) const noexcept {
    const std::uint64_t hash = hash_(aor_key);
    Shard& shard = shard_of(hash);
    const std::lock_guard lock(shard.mutex);
    return shard.has(aor_key, Shard::tag_of(hash));
}

Counts Location::counts() const noexcept {
    Counts sum;
    for (const auto& shard : shards_) {
        const std::lock_guard lock(shard->mutex);
        const Counts counts = shard->counts();
        sum.aors += counts.aors;
        sum.bindings += counts.bindings;
    }
    return sum;
}

Location::Guard::Guard(Location& location, std::string_view aor_key, base::TimeMs now_ms) noexcept
    : location_(location),
      aor_key_(aor_key),
      hash_(location.hash_(aor_key)),
      shard_(location.shard_of(hash_)),
      now_ms_(now_ms) {
    shard_.mutex.lock();
}

Location::Guard::~Guard() { shard_.mutex.unlock(); }

std::span<const sip::BindingView> Location::Guard::bindings() noexcept {
    static_assert(std::is_trivially_destructible_v<sip::BindingView>);
    count_ = shard_.find(aor_key_, Shard::tag_of(hash_), now_ms_, indices_);
    is_shown_ = true;
    auto* views = reinterpret_cast<sip::BindingView*>(room_.data());
    for (std::size_t i = 0; i < count_; ++i) new (views + i) sip::BindingView(shard_.view(indices_[i]));
    return {std::launder(views), count_};
}

std::span<const sip::RemovalNote> Location::Guard::removals() const noexcept {
    return shard_.notes.find(aor_key_, Shard::tag_of(hash_), now_ms_);
}

Holding Location::Guard::growth(const sip::RegisterRequest& request, const sip::ChangeSet& changes) const noexcept {
    Holding growth;
    for (const sip::BindingChange& change : changes.all()) {
        if (change.action == sip::BindingAction::remove) {
            --growth.bindings;
            growth.octets -= charge(shard_.text_octets(indices_[change.binding]));
            continue;
        }
        std::size_t octets = Registration::text_octets(aor_key_, request, request.contacts[change.contact]);
        if (change.action == sip::BindingAction::add) {
            ++growth.bindings;
            growth.octets += charge(octets);
            continue;
        }
        const std::uint32_t index = indices_[change.binding];
        if (!Registration::has_body(request)) octets += shard_.body_octets(index);
        growth.octets += charge(octets) - charge(shard_.text_octets(index));
    }
    const std::int64_t bound = static_cast<std::int64_t>(count_) + growth.bindings;
    growth.aors = (bound > 0 ? 1 : 0) - (count_ > 0 ? 1 : 0);
    return growth;
}

sip::RejectReason Location::Guard::apply(const sip::RegisterRequest& request, const sip::Identity& identity,
                                         const sip::ChangeSet& changes, std::uint64_t call_id_hash) noexcept {
    if (!is_shown_) count_ = shard_.find(aor_key_, Shard::tag_of(hash_), now_ms_, indices_);
    const Moment moment = location_.at(now_ms_);
    const Holding wanted = growth(request, changes);
    if (const auto reason = location_.quota_.take(wanted); reason != sip::RejectReason::none) return reason;
    const Holding before = shard_.held();
    for (const sip::BindingChange& change : changes.all()) perform(change, request, identity, call_id_hash, moment);
    for (std::size_t i = 0; changes.is_empty() && i < count_; ++i) {
        if (shard_.view(indices_[i]).flow == request.flow) shard_.hear(indices_[i], moment);
    }
    location_.quota_.give_back(positive_parts(wanted) - (shard_.held() - before));
    return sip::RejectReason::none;
}

void Location::Guard::perform(const sip::BindingChange& change, const sip::RegisterRequest& request,
                              const sip::Identity& identity, std::uint64_t call_id_hash, const Moment& moment) {
    if (change.action == sip::BindingAction::remove) {
        shard_.notes.add(aor_key_, Shard::tag_of(hash_), {call_id_hash, request.cseq, now_ms_});
        return shard_.remove(indices_[change.binding],
                             change.is_replacement ? RemovalReason::replaced : RemovalReason::unregistered);
    }
    const base::TimeMs expires_at_ms = now_ms_ + change.expires_s * kMsPerSecond;
    const Registration wanted(aor_key_, request, request.contacts[change.contact], identity.device, expires_at_ms);
    if (change.action == sip::BindingAction::add) {
        shard_.add(wanted, Shard::tag_of(hash_), location_.next_number_.fetch_add(1, std::memory_order_relaxed),
                   moment);
    } else {
        shard_.update(indices_[change.binding], wanted, moment);
    }
}

}  // namespace sr::location
