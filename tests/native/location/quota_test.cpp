// limits: what would be too much is refused whole, what is there already is never kept from going on, and what leaves
// frees exactly its room.
#include "location/quota.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "location/location.hpp"
#include "location_kit.hpp"

using namespace sr;
using namespace sr::location;
using namespace sr::location::test;
using sip::RejectReason;

namespace {

constexpr std::uint64_t kPlenty = 1'000'000'000;

Request phone(int number) {
    const std::string name = "phone" + std::to_string(number);
    return {.aor_key = name, .contact_uri = "sip:" + name + "@192.0.2.1", .call_id = "call-" + name};
}

Request second_contact(int number) {
    Request request = phone(number);
    request.contact_uri += ":5070";
    return request;
}

/// What the quota says must always be what is there.
void require_exact(const Desk& desk) {
    const Counts counts = desk.location.counts();
    const Holding held = desk.location.held();
    REQUIRE(held.aors == static_cast<std::int64_t>(counts.aors));
    REQUIRE(held.bindings == static_cast<std::int64_t>(counts.bindings));
    std::int64_t octets = 0;
    desk.location.visit([&](std::string_view key, const sip::BindingView& binding) {
        octets +=
            charge(key.size() + binding.contact_uri.size() + binding.call_id.size() + binding.instance.size() +
                   binding.path.size() + binding.user_agent.size() + binding.content_type.size() + binding.body.size());
    });
    REQUIRE(held.octets == octets);
}

}  // namespace

TEST_CASE("limits.max_aors: one address more is refused, a second contact of a known one is not") {
    Desk desk;
    desk.location.set_limits({2, kPlenty, kPlenty});
    CHECK(desk.add(phone(1), 0) == RejectReason::none);
    CHECK(desk.add(phone(2), 0) == RejectReason::none);
    CHECK(desk.add(phone(3), 0) == RejectReason::too_many_aors);
    CHECK(desk.contacts("phone3", 0).empty());
    CHECK(desk.add(second_contact(2), 0) == RejectReason::none);
    require_exact(desk);
}

TEST_CASE("limits.max_bindings: one contact more is refused, under a new address as under a known one") {
    Desk desk;
    desk.location.set_limits({kPlenty, 2, kPlenty});
    CHECK(desk.add(phone(1), 0) == RejectReason::none);
    CHECK(desk.add(phone(2), 0) == RejectReason::none);
    CHECK(desk.add(phone(3), 0) == RejectReason::too_many_bindings);
    CHECK(desk.add(second_contact(1), 0) == RejectReason::too_many_bindings);
    require_exact(desk);
}

TEST_CASE("limits.max_memory_mb: what would hold too many octets is refused, and nothing of it stays counted") {
    Desk desk;
    desk.location.set_limits({kPlenty, kPlenty, 4000});
    Request large = phone(1);
    large.body = std::string(3000, 'b');
    CHECK(desk.add(large, 0) == RejectReason::none);
    CHECK(desk.add(phone(2), 0) == RejectReason::memory_full);
    require_exact(desk);
    large.body = std::string(100, 'b');
    CHECK(desk.update(large, 0) == RejectReason::none);
    CHECK(desk.add(phone(2), 0) == RejectReason::none);
    require_exact(desk);
    large.body = std::string(4000, 'b');
    CHECK(desk.update(large, 0) == RejectReason::memory_full);
    require_exact(desk);
}

TEST_CASE("when all is full, refreshes, queries, removals and replacements go through") {
    Desk desk;
    const std::vector<int> both{1, 2};
    for (const int number : both) CHECK(desk.add(phone(number), 0) == RejectReason::none);
    desk.location.set_limits({2, 2, static_cast<std::uint64_t>(desk.location.held().octets)});
    for (const int number : both) CHECK(desk.update(phone(number), 1000) == RejectReason::none);
    Request restarted = phone(1);
    restarted.call_id = "another-call";
    CHECK(desk.update(restarted, 1500) == RejectReason::none);
    CHECK(desk.apply(second_contact(1), 2000,
                     {{.action = sip::BindingAction::remove, .is_replacement = true},
                      {.action = sip::BindingAction::add, .expires_s = 60}}) == RejectReason::none);
    CHECK(desk.apply(phone(2), 2000, {}) == RejectReason::none);
    require_exact(desk);
    CHECK(desk.apply(phone(1), 3000, {{.action = sip::BindingAction::remove}}) == RejectReason::none);
    CHECK(desk.add(phone(3), 3000) == RejectReason::none);
    require_exact(desk);
}

TEST_CASE("a limit that is lowered drops nothing and keeps nothing from being refreshed") {
    Desk desk;
    for (int number = 0; number < 10; ++number) CHECK(desk.add(phone(number), 0) == RejectReason::none);
    desk.location.set_limits({3, 3, 1});
    for (int number = 0; number < 10; ++number) CHECK(desk.update(phone(number), 0) == RejectReason::none);
    CHECK(desk.location.counts().bindings == 10);
    for (int number = 0; number < 7; ++number) {
        desk.remove(phone(number), 0);
        CHECK(desk.add(phone(10), 0) != RejectReason::none);
    }
    require_exact(desk);
}

TEST_CASE("what expires makes room, whether the clock or a request finds it") {
    Desk desk;
    desk.location.set_limits({2, 2, kPlenty});
    CHECK(desk.add(phone(1), 0, 60) == RejectReason::none);
    CHECK(desk.add(phone(2), 0, 120) == RejectReason::none);
    CHECK(desk.contacts("phone1", 60'000).empty());  // found by a request before the clock came by
    require_exact(desk);
    CHECK(desk.add(phone(3), 60'000, 3600) == RejectReason::none);
    CHECK(desk.add(phone(4), 60'000, 3600) == RejectReason::too_many_aors);
    desk.advance(120'000);
    require_exact(desk);
    CHECK(desk.add(phone(4), 120'000, 3600) == RejectReason::none);
}

TEST_CASE("what is restored counts, also above the limits") {
    Desk desk;
    desk.location.set_limits({1, 1, kPlenty});
    for (const char* key : {"alice", "bob"}) {
        sip::BindingView stored;
        stored.number = 1;
        stored.contact_uri = "sip:a@192.0.2.1";
        stored.expires_at_ms = 60'000;
        CHECK(desk.location.restore(key, stored, 0, 1000));
    }
    require_exact(desk);
    CHECK(desk.add(phone(1), 0) == RejectReason::too_many_aors);
    desk.advance(60'000);
    CHECK(desk.add(phone(1), 60'000) == RejectReason::none);
    require_exact(desk);
}

TEST_CASE("no interleaving of workers gets above a limit, and the count is exact afterwards") {
    constexpr std::int64_t kMost = 50;
    class Silent final : public ChangeListener {
        void on_change(const Change&) noexcept override {}
    } silent;
    Location location(silent, 7);
    location.set_limits({kMost, kMost, kPlenty});
    std::atomic<bool> was_above{false};
    std::atomic<int> refused{0};
    const auto work = [&](int first) {
        for (int step = 0; step < 20'000; ++step) {
            const Request wanted = phone(first + step * 7 % 40);
            const sip::RequestedContact contact{
                .uri = wanted.contact_uri, .expires_s = {}, .q_thousandths = {}, .instance = {}};
            sip::RegisterRequest request;
            request.call_id = wanted.call_id;
            request.contacts = {&contact, 1};
            sip::Identity identity;
            identity.user_key = wanted.aor_key;
            sip::ChangeSet changes;
            auto guard = location.lock(wanted.aor_key, 0);
            changes.push({.action = guard.bindings().empty() ? sip::BindingAction::add : sip::BindingAction::remove,
                          .expires_s = 60});
            if (guard.apply(request, identity, changes, 1) != RejectReason::none) ++refused;
            const Holding held = location.held();
            if (held.aors > kMost || held.bindings > kMost) was_above = true;
        }
    };
    std::vector<std::thread> workers;
    for (int worker = 0; worker < 4; ++worker) workers.emplace_back(work, worker * 40);
    for (std::thread& worker : workers) worker.join();
    CHECK_FALSE(was_above);
    CHECK(refused > 0);
    CHECK(location.held().bindings == static_cast<std::int64_t>(location.counts().bindings));
    CHECK(location.held().aors == static_cast<std::int64_t>(location.counts().aors));
    CHECK(location.counts().bindings <= static_cast<std::uint64_t>(kMost));
}

TEST_CASE("a flood of removals is remembered for as many as there is room for, the latest") {
    Desk desk;
    constexpr int kFlood = 200'000;  // more than all shards together remember
    for (int number = 0; number < kFlood; ++number) {
        CHECK(desk.add(phone(number), 1000) == RejectReason::none);
        desk.remove(phone(number), 1000);
    }
    CHECK(desk.removals("phone0", 1000).empty());
    CHECK(desk.removals("phone" + std::to_string(kFlood - 1), 1000).size() == 1);
}
