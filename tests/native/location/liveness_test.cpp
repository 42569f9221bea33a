// Who is there: silence, pings, answers.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "location/location.hpp"
#include "location_kit.hpp"

using namespace sr;
using namespace sr::location;
using namespace sr::location::test;

namespace {

const Lines kUnreachable{"unreachable alice sip:a@192.0.2.1"};
const Lines kReachable{"reachable alice sip:a@192.0.2.1"};

/// Alice, registered at 1000 ms and silent until she is unreachable at 31,000 ms.
struct SilentDesk : Desk {
    explicit SilentDesk(const Request& request = {}) {
        add(request, 1000);
        advance(31'000);
        recorder.take();
    }
};

}  // namespace

TEST_CASE("a device is unreachable once after the timeout, and not before") {
    Desk desk;
    desk.add({}, 1000);
    desk.recorder.take();
    desk.advance(30'999);
    CHECK(desk.recorder.take().empty());
    desk.advance(31'000);
    CHECK(desk.recorder.take() == kUnreachable);
    desk.advance(100'000);
    CHECK(desk.recorder.take().empty());
    desk.read("alice", 100'000, [](auto bindings) { CHECK_FALSE(bindings.front().is_reachable); });
}

TEST_CASE("any message of the flow keeps all its bindings reachable, and is told to nobody") {
    Desk desk;
    desk.add({.aor_key = "alice"}, 1000);
    desk.add({.aor_key = "bob"}, 1000);
    desk.add({.aor_key = "carol", .flow = udp(2)}, 1000);
    desk.recorder.take();
    for (base::TimeMs now_ms = 1000; now_ms <= 200'000; now_ms += 500) {
        desk.location.touch(udp(1), now_ms);
        desk.advance(now_ms);
    }
    CHECK(desk.recorder.take() == Lines{"unreachable carol sip:a@192.0.2.1"});
    desk.read("bob", 200'000, [](auto bindings) { CHECK(bindings.front().last_heard_ms == 200'000); });
}

TEST_CASE("a message of the flow brings every silent binding of it back, once") {
    Desk desk;
    desk.add({.aor_key = "alice"}, 1000);
    desk.add({.aor_key = "bob"}, 1000);
    desk.advance(31'000);
    desk.recorder.take();
    desk.location.touch(udp(2), 32'000);
    CHECK(desk.recorder.take().empty());
    desk.location.touch(udp(1), 32'000);
    Lines lines = desk.recorder.take();
    std::sort(lines.begin(), lines.end());
    CHECK(lines == Lines{"reachable alice sip:a@192.0.2.1", "reachable bob sip:a@192.0.2.1"});
    desk.location.touch(udp(1), 33'000);
    CHECK(desk.recorder.take().empty());
    desk.advance(62'999);
    CHECK(desk.recorder.take().empty());
    desk.advance(63'000);
    CHECK(desk.recorder.take().size() == 2);
}

TEST_CASE("a refresh brings a silent device back") {
    SilentDesk desk;
    desk.update({.cseq = 2}, 40'000);
    CHECK(desk.recorder.take() == kReachable);
    desk.advance(69'999);
    CHECK(desk.recorder.take().empty());
    desk.advance(70'000);
    CHECK(desk.recorder.take() == kUnreachable);
}

TEST_CASE("a device that comes back from elsewhere is changed first, then reachable, and its old flow is forgotten") {
    SilentDesk desk;
    desk.update({.cseq = 2, .flow = udp(7)}, 40'000);
    CHECK(desk.recorder.take() == Lines{"changed alice sip:a@192.0.2.1", "reachable alice sip:a@192.0.2.1"});
    desk.advance(70'000);
    CHECK(desk.recorder.take() == kUnreachable);
    desk.location.touch(udp(1), 71'000);
    CHECK(desk.recorder.take().empty());
    desk.location.touch(udp(7), 71'000);
    CHECK(desk.recorder.take() == kReachable);
}

TEST_CASE("a query or a repeat counts as heard for the bindings of its flow only") {
    SilentDesk desk;
    desk.query({.flow = udp(2)}, 40'000);
    CHECK(desk.recorder.take().empty());
    desk.query({}, 40'000);
    CHECK(desk.recorder.take() == kReachable);
    desk.read("alice", 40'000, [](auto bindings) { CHECK(bindings.front().last_heard_ms == 40'000); });
}

TEST_CASE("a silent binding that is removed or expires is not brought back by its flow") {
    SilentDesk desk;
    desk.add({.aor_key = "bob"}, 31'000, 40);
    desk.remove({}, 32'000);
    desk.advance(61'000);
    desk.recorder.take();
    desk.location.touch(udp(1), 75'000);
    CHECK(desk.recorder.take().empty());
    desk.advance(75'000);
    CHECK(desk.recorder.take() == Lines{"removed bob sip:a@192.0.2.1 expired"});
    desk.location.touch(udp(1), 76'000);
    CHECK(desk.recorder.take().empty());
}

TEST_CASE("the first ping goes out within the second half of the interval, and no two devices keep step") {
    Desk desk;
    constexpr int kDevices = 1000;
    for (int i = 0; i < kDevices; ++i) desk.add({.aor_key = "user" + std::to_string(i)}, 1000);
    std::map<base::TimeMs, int> per_second;
    int pings = 0;
    for (base::TimeMs now_ms = 1000; now_ms <= 11'000; now_ms += 50) {
        const int due = static_cast<int>(desk.advance(now_ms).size());
        if (now_ms < 6000) CHECK(due == 0);
        per_second[now_ms / 1000] += due;
        pings += due;
    }
    CHECK(pings == kDevices);
    for (base::TimeMs second = 6; second < 11; ++second) CHECK(per_second[second] > kDevices / 10);
}

TEST_CASE("pings follow one another at the interval, give or take a fifth") {
    Desk desk;
    desk.add({}, 1000);
    base::TimeMs last_ms = 0;
    std::set<base::TimeMs> gaps;
    for (base::TimeMs now_ms = 1000; now_ms <= 3'000'000; now_ms += 10) {
        if (desk.advance(now_ms).empty()) continue;
        if (last_ms != 0) gaps.insert(now_ms - last_ms);
        last_ms = now_ms;
    }
    CHECK(gaps.size() > 50);
    CHECK(*gaps.begin() >= 8000);
    CHECK(*gaps.begin() < 8500);
    CHECK(*gaps.rbegin() <= 12'010);
    CHECK(*gaps.rbegin() > 11'500);
}

TEST_CASE("a ping says where it goes and what it asks for") {
    Desk desk;
    desk.add({.path = "<sip:edge.example;lr>"}, 1000);
    const auto pings = desk.advance(11'000);
    REQUIRE(pings.size() == 1);
    CHECK(pings.front().nonce != 0);
    CHECK(pings.front().flow == udp(1));
    CHECK(pings.front().target == ipv4(1));
    CHECK(pings.front().contact_uri == "sip:a@192.0.2.1");
    CHECK(pings.front().path == "<sip:edge.example;lr>");
    CHECK(pings.front().binding_id == desk.read("alice", 11'000, [](auto bindings) { return bindings.front().id; }));
}

TEST_CASE("an answered ping gives the round-trip time and counts as heard") {
    Desk desk;
    desk.add({}, 1000);
    desk.recorder.take();
    const auto pings = desk.advance(11'000);
    REQUIRE(pings.size() == 1);
    CHECK(desk.location.answer_ping(pings.front().binding_id, pings.front().nonce, 12'000, 777));
    CHECK(desk.recorder.take().empty());
    desk.read("alice", 12'000, [](auto bindings) {
        CHECK(bindings.front().rtt_us == 777);
        CHECK(bindings.front().last_heard_ms == 12'000);
    });
    desk.advance(41'999);
    CHECK(desk.recorder.take().empty());
    desk.advance(42'000);
    CHECK(desk.recorder.take() == kUnreachable);
}

TEST_CASE("an unreachable device is pinged on, and an answer brings it back") {
    SilentDesk desk;
    const auto pings = desk.advance(45'000);
    REQUIRE(pings.size() == 1);
    CHECK(desk.location.answer_ping(pings.front().binding_id, pings.front().nonce, 45'001, 5));
    CHECK(desk.recorder.take() == kReachable);
}

TEST_CASE("an answer counts once, to the latest ping, with its nonce, for the binding that was pinged") {
    Desk desk;
    desk.add({}, 1000);
    const DuePing first = desk.advance(11'000).at(0);
    CHECK_FALSE(desk.location.answer_ping(first.binding_id, first.nonce + 1, 11'001, 5));
    CHECK_FALSE(desk.location.answer_ping(first.binding_id, 0, 11'001, 5));
    CHECK_FALSE(desk.location.answer_ping(first.binding_id + 1, first.nonce, 11'001, 5));
    CHECK_FALSE(desk.location.answer_ping(0, first.nonce, 11'001, 5));
    CHECK_FALSE(desk.location.answer_ping(UINT64_MAX, first.nonce, 11'001, 5));
    CHECK(desk.location.answer_ping(first.binding_id, first.nonce, 11'001, 5));
    CHECK_FALSE(desk.location.answer_ping(first.binding_id, first.nonce, 11'002, 5));
    const DuePing second = desk.advance(25'000).at(0);
    const DuePing third = desk.advance(38'000).at(0);
    CHECK(second.nonce != third.nonce);
    CHECK_FALSE(desk.location.answer_ping(second.binding_id, second.nonce, 38'001, 5));
    desk.remove({}, 38'002);
    desk.add({}, 38'002);
    CHECK_FALSE(desk.location.answer_ping(third.binding_id, third.nonce, 38'003, 5));
}

TEST_CASE("an answer to a ping on the old flow says nothing of the new one") {
    Desk desk;
    desk.add({}, 1000);
    const DuePing ping = desk.advance(11'000).at(0);
    desk.update({.flow = udp(2)}, 11'001);
    CHECK_FALSE(desk.location.answer_ping(ping.binding_id, ping.nonce, 11'002, 5));
}

TEST_CASE("a binding in the place of a former one knows neither its round-trip time nor its pings") {
    Desk desk;
    desk.add({}, 1000);
    const DuePing ping = desk.advance(11'000).at(0);
    CHECK(desk.location.answer_ping(ping.binding_id, ping.nonce, 11'001, 5));
    desk.remove({}, 12'000);
    desk.add({}, 12'000);
    desk.read("alice", 12'000, [](auto bindings) { CHECK(bindings.front().rtt_us == 0); });
}

TEST_CASE("a device that speaks by itself is not pinged once its round-trip time is known") {
    Desk desk;
    desk.add({}, 1000);
    const DuePing first = desk.advance(11'000).at(0);
    CHECK(desk.location.answer_ping(first.binding_id, first.nonce, 11'001, 5));
    std::size_t pings = 0;
    for (base::TimeMs now_ms = 11'100; now_ms < 200'000; now_ms += 100) {
        if (now_ms % 3000 == 0) desk.location.touch(udp(1), now_ms);
        pings += desk.advance(now_ms).size();
    }
    CHECK(pings == 0);
}

TEST_CASE("a device that was heard long enough ago is pinged though it speaks now and then") {
    Desk desk;
    desk.add({}, 1000);
    const DuePing first = desk.advance(11'000).at(0);
    CHECK(desk.location.answer_ping(first.binding_id, first.nonce, 11'001, 5));
    desk.location.touch(udp(1), 12'000);
    std::size_t pings = 0;
    for (base::TimeMs now_ms = 12'000; now_ms <= 24'200; now_ms += 100) pings += desk.advance(now_ms).size();
    CHECK(pings >= 1);
}

TEST_CASE("one advance gives no more pings than it may, the others come with the next ones, each once") {
    Desk desk;
    for (int i = 0; i < 500; ++i) desk.add({.aor_key = "user" + std::to_string(i)}, 1000);
    std::set<std::uint64_t> pinged;
    for (int round = 0; round < 5; ++round) {
        const auto pings = desk.advance(11'000 + round, 100);
        CHECK(pings.size() == 100);
        for (const DuePing& ping : pings) pinged.insert(ping.binding_id);
    }
    CHECK(pinged.size() == 500);
    CHECK(desk.advance(11'010, 100).empty());
}

TEST_CASE("a spent ping budget delays neither expiry nor silence") {
    Desk desk;
    for (int i = 0; i < 200; ++i) desk.add({.aor_key = "user" + std::to_string(i)}, 1000, i % 2 == 0 ? 31 : 3600);
    desk.recorder.take();
    CHECK(desk.advance(32'000, 0).empty());
    const Lines lines = desk.recorder.take();
    CHECK(lines.size() == 200);
    CHECK(std::count_if(lines.begin(), lines.end(),
                        [](const std::string& line) { return line.ends_with("expired"); }) == 100);
}

TEST_CASE("a ping budget that is always spent starves nobody") {
    Desk desk({.ping_interval_ms = 1000, .timeout_ms = 86'400'000});
    constexpr std::size_t kDevices = 64;
    for (std::size_t i = 0; i < kDevices; ++i) desk.add({.aor_key = "user" + std::to_string(i)}, 1000);
    std::set<std::uint64_t> pinged;
    for (base::TimeMs now_ms = 3000; now_ms < 63'000; now_ms += 50) {
        const auto pings = desk.advance(now_ms, 1);
        REQUIRE(pings.size() == 1);
        pinged.insert(pings.front().binding_id);
    }
    CHECK(pinged.size() == kDevices);
}

TEST_CASE("pings are added to those that the caller has not sent yet, and count against the budget") {
    Desk desk;
    for (int i = 0; i < 10; ++i) desk.add({.aor_key = "user" + std::to_string(i)}, 1000);
    std::vector<DuePing> pings;
    desk.location.advance(11'000, 4, pings);
    desk.location.advance(11'001, 7, pings);
    CHECK(pings.size() == 7);
}

TEST_CASE("a new liveness policy holds for the bindings that are there, within half a minute") {
    Desk desk({.ping_interval_ms = 3'600'000, .timeout_ms = 86'400'000});
    desk.add({}, 1000);
    desk.recorder.take();
    for (base::TimeMs now_ms = 1000; now_ms < 100'000; now_ms += 100) CHECK(desk.advance(now_ms).empty());
    desk.location.set_liveness({.ping_interval_ms = 1000, .timeout_ms = 5000});
    std::size_t pings = 0;
    for (base::TimeMs now_ms = 100'000; now_ms < 130'000; now_ms += 100) pings += desk.advance(now_ms).size();
    CHECK(desk.recorder.take() == kUnreachable);
    CHECK(pings > 5);
}

TEST_CASE("a hundred thousand bindings of one flow are heard at the price of one") {
    Desk desk;
    for (int i = 0; i < 2000; ++i) desk.add({.aor_key = "user" + std::to_string(i)}, 1000);
    desk.recorder.take();
    for (base::TimeMs now_ms = 1000; now_ms < 1'001'000; ++now_ms) desk.location.touch(udp(1), now_ms);
    desk.advance(1'001'000);
    CHECK(desk.recorder.take().empty());
}
