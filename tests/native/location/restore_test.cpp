// What outlives the process: which bindings are to be saved, and bindings that come back.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

#include "location/location.hpp"
#include "location_kit.hpp"

using namespace sr;
using namespace sr::location;
using namespace sr::location::test;

namespace {

struct Taken {
    Lines saved;  // contact URIs
    std::vector<std::uint64_t> numbers;
    std::vector<std::uint64_t> removed;
    bool is_last = false;
};

Taken take(Location& location, std::size_t most = 1000) {
    Taken taken;
    taken.is_last = location.take_changes(most, taken.removed, [&](std::string_view, const sip::BindingView& binding) {
        taken.saved.emplace_back(binding.contact_uri);
        taken.numbers.push_back(binding.number);
    });
    return taken;
}

/// Everything that a restart must keep, in one binding.
sip::BindingView stored() {
    sip::BindingView binding;
    binding.number = 7;
    binding.contact_uri = "sip:a@192.0.2.1:5070";
    binding.call_id = "call-1";
    binding.instance = "<urn:uuid:1>";
    binding.path = "<sip:proxy;lr>";
    binding.user_agent = "Phone/1";
    binding.content_type = "application/sdp";
    binding.body = "v=0";
    binding.flow = udp(1);
    binding.target = ipv4(1, 5070);
    binding.expires_at_ms = 60'000;
    binding.last_heard_ms = -5'000;
    binding.cseq = 12;
    binding.reg_id = 3;
    binding.q_thousandths = 500;
    return binding;
}

}  // namespace

TEST_CASE("a binding is taken once, however often it was refreshed, and as it is then") {
    Desk desk;
    desk.add({}, 1000);
    desk.update({.cseq = 2}, 2000);
    desk.update({.contact_uri = "sip:b@192.0.2.1", .cseq = 3}, 3000);
    CHECK(take(desk.location).saved == Lines{"sip:b@192.0.2.1"});
    CHECK(take(desk.location).saved.empty());
    desk.update({.contact_uri = "sip:b@192.0.2.1", .cseq = 4}, 4000);
    CHECK(take(desk.location).saved == Lines{"sip:b@192.0.2.1"});
}

TEST_CASE("silence, pings and queries are nothing to save") {
    Desk desk;
    desk.add({}, 1000);
    static_cast<void>(take(desk.location));
    desk.advance(31'000);
    desk.location.touch(udp(1), 32'000);
    desk.query({}, 33'000);
    const Taken taken = take(desk.location);
    CHECK(taken.saved.empty());
    CHECK(taken.removed.empty());
    CHECK(taken.is_last);
}

TEST_CASE("a binding that ended is taken as removed under its number, and no more as saved") {
    Desk desk;
    desk.add({}, 1000);
    const std::uint64_t number = take(desk.location).numbers.at(0);
    desk.update({.cseq = 2}, 2000);
    desk.remove({.cseq = 3}, 3000);
    Taken taken = take(desk.location);
    CHECK(taken.saved.empty());
    CHECK(taken.removed == std::vector{number});

    desk.add({.cseq = 4}, 4000, 60);
    const std::uint64_t next = take(desk.location).numbers.at(0);
    CHECK(next > number);
    desk.advance(64'001);
    taken = take(desk.location);
    CHECK(taken.removed == std::vector{next});
}

TEST_CASE("a record that is used again is saved as the binding that it has become") {
    Desk desk;
    desk.add({}, 1000);
    desk.remove({.cseq = 2}, 1100);
    desk.add({.contact_uri = "sip:second@192.0.2.1", .cseq = 3}, 1200);
    const Taken taken = take(desk.location);
    CHECK(taken.saved == Lines{"sip:second@192.0.2.1"});
    CHECK(taken.removed.size() == 1);
    CHECK(taken.removed.at(0) != taken.numbers.at(0));
}

TEST_CASE("changes are taken in parts, each once") {
    Desk desk;
    for (int i = 0; i < 100; ++i) desk.add({.aor_key = "user" + std::to_string(i)}, 1000);
    std::multiset<std::uint64_t> numbers;
    int parts = 0;
    for (bool is_last = false; !is_last; ++parts) {
        const Taken taken = take(desk.location, 7);
        CHECK(taken.numbers.size() <= 7);
        numbers.insert(taken.numbers.begin(), taken.numbers.end());
        is_last = taken.is_last;
    }
    CHECK(parts == 15);
    CHECK(numbers.size() == 100);
    CHECK(std::set(numbers.begin(), numbers.end()).size() == 100);
}

TEST_CASE("retaking gives every binding again and forgets removals") {
    Desk desk;
    desk.add({.aor_key = "alice"}, 1000);
    desk.add({.aor_key = "bob"}, 1000);
    static_cast<void>(take(desk.location));
    desk.remove({.aor_key = "bob", .cseq = 2}, 2000);
    desk.location.retake();
    const Taken taken = take(desk.location);
    CHECK(taken.saved.size() == 1);
    CHECK(taken.removed.empty());
}

TEST_CASE("removals that nobody takes are bounded, and their loss is told until everything is taken again") {
    Desk desk;
    for (std::uint32_t cseq = 1; cseq <= 10'000; cseq += 2) {
        desk.add({.cseq = cseq}, 1000);
        desk.remove({.cseq = cseq + 1}, 1000);
    }
    CHECK(desk.location.has_lost_changes());
    CHECK(take(desk.location).removed.size() == 4096);
    CHECK(desk.location.has_lost_changes());
    desk.location.retake();
    CHECK_FALSE(desk.location.has_lost_changes());
}

TEST_CASE("a restored binding has everything that it had, and is silent") {
    Desk desk;
    const sip::BindingView was = stored();
    REQUIRE(desk.location.restore("alice", was, 0, 2000));
    desk.read("alice", 1, [&](auto bindings) {
        REQUIRE(bindings.size() == 1);
        const sip::BindingView& is = bindings.front();
        CHECK(is.number == was.number);
        CHECK(is.contact_uri == was.contact_uri);
        CHECK(is.call_id == was.call_id);
        CHECK(is.instance == was.instance);
        CHECK(is.path == was.path);
        CHECK(is.user_agent == was.user_agent);
        CHECK(is.content_type == was.content_type);
        CHECK(is.body == was.body);
        CHECK(is.flow == was.flow);
        CHECK(is.target == was.target);
        CHECK(is.expires_at_ms == was.expires_at_ms);
        CHECK(is.last_heard_ms == was.last_heard_ms);
        CHECK(is.cseq == was.cseq);
        CHECK(is.reg_id == was.reg_id);
        CHECK(is.q_thousandths == was.q_thousandths);
        CHECK_FALSE(is.is_reachable);
    });
    CHECK(desk.recorder.take().empty());
    CHECK(take(desk.location).saved.empty());
    desk.advance(60'000);
    CHECK(desk.recorder.take() == Lines{"removed alice sip:a@192.0.2.1:5070 expired"});
}

TEST_CASE("what has expired is not restored") {
    Desk desk;
    CHECK_FALSE(desk.location.restore("alice", stored(), 60'000, 2000));
    CHECK(desk.location.counts().bindings == 0);
}

TEST_CASE("a restored binding is reachable from the first message of its flow on") {
    Desk desk;
    REQUIRE(desk.location.restore("alice", stored(), 0, 2000));
    desk.location.touch(udp(1), 100);
    CHECK(desk.recorder.take() == Lines{"reachable alice sip:a@192.0.2.1:5070"});
    desk.update({.contact_uri = "sip:a@192.0.2.1:5070", .cseq = 13}, 200);
    CHECK(take(desk.location).numbers == std::vector<std::uint64_t>{7});
}

TEST_CASE("restored bindings are pinged once each within the given time, spread over it") {
    Desk desk;
    sip::BindingView binding = stored();
    for (std::uint64_t number = 1; number <= 1000; ++number) {
        binding.number = number;
        REQUIRE(desk.location.restore("user" + std::to_string(number), binding, 0, 2000));
    }
    std::size_t first_half = desk.advance(1000).size();
    CHECK(first_half > 400);
    CHECK(first_half < 600);
    const auto rest = desk.advance(2064);
    CHECK(first_half + rest.size() == 1000);
    CHECK(rest.front().target == ipv4(1, 5070));
    REQUIRE(desk.location.answer_ping(rest.front().binding_id, rest.front().nonce, 2100, 500));
    CHECK(desk.recorder.take().size() == 1);
}

TEST_CASE("bindings of one address keep their order, and new ones get higher numbers") {
    Desk desk;
    sip::BindingView binding = stored();
    for (const std::uint64_t number : {3U, 5U}) {
        binding.number = number;
        const std::string uri = "sip:" + std::to_string(number) + "@192.0.2.1";
        binding.contact_uri = uri;
        REQUIRE(desk.location.restore("alice", binding, 0, 2000));
    }
    desk.location.number_from(6);
    desk.add({.contact_uri = "sip:6@192.0.2.1"}, 100);
    CHECK(desk.contacts("alice", 100) == Lines{"sip:3@192.0.2.1", "sip:5@192.0.2.1", "sip:6@192.0.2.1"});
    CHECK(take(desk.location).numbers == std::vector<std::uint64_t>{6});
}
