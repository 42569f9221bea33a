// Many workers, one clock: for the thread sanitizer, and for the order of what the listener is told.
#include <doctest/doctest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "location/location.hpp"

using namespace sr;
using namespace sr::location;

namespace {

/// Keeps for each binding what its events leave of it, and whether one came out of order.
class Ledger final : public ChangeListener {
  public:
    void on_change(const Change& change) noexcept override {
        const std::lock_guard lock(mutex_);
        const auto known = reachable_.find(change.binding.id);
        const bool is_known = known != reachable_.end();
        switch (change.kind) {
            case ChangeKind::added:
                is_ordered_ = is_ordered_ && !is_known && change.binding.is_reachable;
                reachable_[change.binding.id] = true;
                return;
            case ChangeKind::changed: is_ordered_ = is_ordered_ && is_known; return;
            case ChangeKind::removed:
                is_ordered_ = is_ordered_ && is_known;
                reachable_.erase(change.binding.id);
                return;
            case ChangeKind::reachable:
            case ChangeKind::unreachable:
                ++turns_;
                const bool is_reachable = change.kind == ChangeKind::reachable;
                is_ordered_ = is_ordered_ && is_known && known->second != is_reachable;
                reachable_[change.binding.id] = is_reachable;
        }
    }

    bool is_ordered() const { return is_ordered_; }
    int turns() const { return turns_; }
    const std::map<std::uint64_t, bool>& reachable() const { return reachable_; }

  private:
    std::mutex mutex_;
    std::map<std::uint64_t, bool> reachable_;
    bool is_ordered_ = true;
    int turns_ = 0;
};

constexpr std::uint32_t kAors = 60;
constexpr std::uint32_t kFlows = 8;

sip::Flow flow(std::uint32_t number) {
    sip::Flow flow;
    flow.remote.port = static_cast<std::uint16_t>(5000 + number);
    return flow;
}

class Worker {
  public:
    Worker(Location& location, std::atomic<base::TimeMs>& now_ms, std::uint32_t seed)
        : location_(location), now_ms_(now_ms), random_(seed) {}

    void run(int steps) {
        for (int step = 0; step < steps; ++step) {
            now_ms_.fetch_add(below(8), std::memory_order_relaxed);
            switch (below(10)) {
                case 0: location_.touch(flow(below(kFlows)), now()); break;
                case 1: static_cast<void>(location_.has(key())); break;
                case 2: static_cast<void>(location_.counts()); break;
                default: register_one(); break;
            }
        }
    }

  private:
    std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }
    base::TimeMs now() const { return now_ms_.load(std::memory_order_relaxed); }
    std::string key() { return "user" + std::to_string(below(kAors)); }

    void register_one() {
        const std::string aor_key = key();
        const std::string uri = "sip:" + std::to_string(below(2000)) + "@h";
        const sip::RequestedContact contact{.uri = uri, .expires_s = {}, .q_thousandths = {}, .instance = {}};
        sip::RegisterRequest request;
        request.call_id = "call";
        request.contacts = {&contact, 1};
        request.flow = flow(below(kFlows));
        request.is_symmetric = true;
        sip::Identity identity;
        identity.user_key = aor_key;
        sip::ChangeSet changes;
        auto guard = location_.lock(aor_key, now());
        const auto bindings = guard.bindings();
        const std::uint32_t action = below(4);
        if (bindings.size() < 6 && action == 0) {
            changes.push({.action = sip::BindingAction::add, .expires_s = 1 + below(10)});
        } else if (!bindings.empty() && action == 1) {
            changes.push({.action = sip::BindingAction::remove});
        } else if (!bindings.empty() && action == 2) {
            changes.push({.action = sip::BindingAction::update, .expires_s = 1 + below(10)});
        }
        static_cast<void>(guard.removals().size());
        static_cast<void>(guard.apply(request, identity, changes, 1));
    }

    Location& location_;
    std::atomic<base::TimeMs>& now_ms_;
    std::minstd_rand random_;
};

void run_clock(Location& location, const std::atomic<base::TimeMs>& now_ms, const std::atomic<bool>& is_over) {
    while (!is_over.load()) {
        std::vector<DuePing> pings;
        location.advance(now_ms.load(std::memory_order_relaxed), 100, pings);
        for (std::size_t i = 0; i < pings.size(); i += 3) {
            location.answer_ping(pings[i].binding_id, pings[i].nonce, now_ms.load(std::memory_order_relaxed), 1);
        }
        location.visit([](std::string_view, const sip::BindingView&) {});
        std::this_thread::yield();
    }
}

/// Keeps what is to outlive the process, as a database would: number -> when the binding expires.
class Saver {
  public:
    explicit Saver(Location& location) : location_(location) {}

    void run(const std::atomic<bool>& is_over) {
        while (!is_over.load()) {
            static_cast<void>(save(5));
            std::this_thread::yield();
        }
    }

    /// False when more waits.
    bool save(std::size_t most) {
        if (location_.has_lost_changes()) {
            location_.retake();
            saved_.clear();
        }
        std::map<std::uint64_t, base::TimeMs> saved;
        std::vector<std::uint64_t> removed;
        const bool is_last = location_.take_changes(most, removed, [&](std::string_view, const sip::BindingView& one) {
            saved[one.number] = one.expires_at_ms;
        });
        for (const auto& [number, expires_at_ms] : saved) saved_[number] = expires_at_ms;
        for (const std::uint64_t number : removed) saved_.erase(number);
        return is_last;
    }

    const std::map<std::uint64_t, base::TimeMs>& saved() const { return saved_; }

  private:
    Location& location_;
    std::map<std::uint64_t, base::TimeMs> saved_;
};

}  // namespace

TEST_CASE("four workers and the clock leave what the listener was told, told in order, and what was saved") {
    Ledger ledger;
    Location location(ledger, 1);
    location.set_liveness({.ping_interval_ms = 300, .timeout_ms = 700});
    std::atomic<base::TimeMs> now_ms = 1000;
    std::atomic<bool> is_over = false;
    std::thread clock(run_clock, std::ref(location), std::cref(now_ms), std::cref(is_over));
    Saver saver(location);
    std::thread saving([&] { saver.run(is_over); });
    std::vector<std::thread> workers;
    for (std::uint32_t seed = 1; seed <= 4; ++seed) {
        workers.emplace_back([&, seed] { Worker(location, now_ms, seed).run(8000); });
    }
    for (std::thread& worker : workers) worker.join();
    is_over = true;
    clock.join();
    saving.join();

    CHECK(ledger.is_ordered());
    CHECK(ledger.turns() > 0);
    std::map<std::uint64_t, bool> present;
    std::map<std::uint64_t, base::TimeMs> kept;
    location.visit([&](std::string_view, const sip::BindingView& binding) {
        present[binding.id] = binding.is_reachable;
        kept[binding.number] = binding.expires_at_ms;
    });
    CHECK(present == ledger.reachable());
    while (!saver.save(5)) continue;
    CHECK(saver.saved() == kept);
    std::vector<DuePing> pings;
    location.advance(now_ms + 60'000, 0, pings);
    CHECK(ledger.reachable().empty());
    CHECK(location.counts().bindings == 0);
    CHECK(location.counts().aors == 0);
}
