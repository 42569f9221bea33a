// Bindings: what is kept, what counts as a change, when they end.
#include "location/location.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "location_kit.hpp"

using namespace sr;
using namespace sr::location;
using namespace sr::location::test;

namespace {

constexpr base::TimeMs kSecond = 1000;

Request full_request() {
    Request request;
    request.instance = "urn:uuid:0f3a9c52-7b1e-4d68-9a04-c5e1d2b38f67";
    request.reg_id = 2;
    request.q_thousandths = 700;
    request.path = "<sip:edge.example;lr>";
    request.user_agent = "Phone 1.0";
    request.content_type = "application/sdp";
    request.body = "v=0\r\n";
    request.device = *sip::Uuid::parse(request.instance);
    return request;
}

/// The changes told when `request` becomes `other` by a refresh.
Lines changes_between(const Request& request, Request other) {
    Desk desk;
    desk.add(request, 1000);
    desk.recorder.take();
    ++other.cseq;
    desk.update(other, 2000);
    return desk.recorder.take();
}

}  // namespace

TEST_CASE("a binding gives back everything that the REGISTER said") {
    Desk desk;
    const Request request = full_request();
    desk.add(request, 5000, 60);
    CHECK(desk.recorder.take() == Lines{"added alice sip:a@192.0.2.1"});
    desk.read("alice", 5000, [&](std::span<const sip::BindingView> bindings) {
        REQUIRE(bindings.size() == 1);
        const sip::BindingView& binding = bindings.front();
        CHECK(binding.id != 0);
        CHECK(binding.contact_uri == request.contact_uri);
        CHECK(binding.call_id == request.call_id);
        CHECK(binding.instance == request.instance);
        CHECK(binding.path == request.path);
        CHECK(binding.user_agent == request.user_agent);
        CHECK(binding.content_type == request.content_type);
        CHECK(binding.body == request.body);
        CHECK(binding.device == request.device);
        CHECK(binding.flow == request.flow);
        CHECK(binding.target == request.flow.remote);
        CHECK(binding.expires_at_ms == 65'000);
        CHECK(binding.last_heard_ms == 5000);
        CHECK(binding.cseq == 1);
        CHECK(binding.reg_id == 2);
        CHECK(binding.rtt_us == 0);
        CHECK(binding.q_thousandths == 700);
        CHECK(binding.is_reachable);
    });
}

TEST_CASE("bodies up to 65,535 octets survive whole, longer ones are left out") {
    for (const std::size_t size : {100U, 4000U, 65'535U}) {
        Desk desk;
        Request request = full_request();
        request.body.assign(size, 'b');
        desk.add(request, 1000);
        desk.read("alice", 1000, [&](auto bindings) { CHECK(bindings.front().body == request.body); });
    }
    Desk desk;
    Request request = full_request();
    request.body.assign(65'536, 'b');
    desk.add(request, 1000);
    desk.read("alice", 1000, [](auto bindings) {
        CHECK(bindings.front().body.empty());
        CHECK(bindings.front().contact_uri == "sip:a@192.0.2.1");
    });
}

TEST_CASE("long keys, contacts and paths are kept whole") {
    Desk desk;
    Request request = full_request();
    request.aor_key.assign(256, 'k');
    request.contact_uri = "sip:" + std::string(500, 'c') + "@192.0.2.1";
    request.path.assign(1024, 'p');
    desk.add(request, 1000);
    CHECK(desk.contacts(request.aor_key, 1000) == Lines{request.contact_uri});
    desk.read(request.aor_key, 1000, [&](auto bindings) { CHECK(bindings.front().path == request.path); });
}

TEST_CASE("a refresh extends the binding and tells nobody") {
    Desk desk;
    Request request = full_request();
    desk.add(request, 1000, 60);
    desk.recorder.take();
    for (int i = 0; i < 10'000; ++i) {
        ++request.cseq;
        desk.update(request, 1000 + i, 60);
    }
    CHECK(desk.recorder.take().empty());
    desk.read("alice", 20'000, [](auto bindings) {
        CHECK(bindings.front().expires_at_ms == 70'999);
        CHECK(bindings.front().last_heard_ms == 10'999);
        CHECK(bindings.front().cseq == 10'001);
    });
}

TEST_CASE("a refresh from a restarted device with a new Call-ID is no change, and the Call-ID is kept") {
    Request other = full_request();
    other.call_id = "another call, and a longer one";
    CHECK(changes_between(full_request(), other).empty());
    Desk desk;
    desk.add(full_request(), 1000);
    desk.update(other, 2000);
    desk.read("alice", 2000, [&](auto bindings) {
        CHECK(bindings.front().call_id == other.call_id);
        CHECK(bindings.front().contact_uri == other.contact_uri);
        CHECK(bindings.front().body == other.body);
    });
}

TEST_CASE("every part that describes the device makes a refresh a change") {
    const Lines changed{"changed alice sip:a@192.0.2.1"};
    const Request request = full_request();
    const auto with = [&](auto&& edit) {
        Request other = request;
        edit(other);
        return changes_between(request, other);
    };
    CHECK(with([](Request&) {}).empty());
    CHECK(with([](Request& r) { r.contact_uri = "sip:b@192.0.2.1"; }) == Lines{"changed alice sip:b@192.0.2.1"});
    CHECK(with([](Request& r) { r.flow = udp(1, 5062); }) == changed);
    CHECK(with([](Request& r) { r.instance = "urn:uuid:another"; }) == changed);
    CHECK(with([](Request& r) { r.reg_id = 3; }) == changed);
    CHECK(with([](Request& r) { r.q_thousandths = std::nullopt; }) == changed);
    CHECK(with([](Request& r) { r.path.clear(); }) == changed);
    CHECK(with([](Request& r) { r.user_agent = "Phone 1.1"; }) == changed);
    CHECK(with([](Request& r) { r.content_type = "application/other"; }) == changed);
    CHECK(with([](Request& r) { r.body = "v=0\r\ns=-\r\n"; }) == changed);
    CHECK(with([](Request& r) { r.device.octets[15] ^= 1; }) == changed);
    CHECK(with([](Request& r) {
              r.device = {};
              r.reg_id = 3;
          }) == changed);
    CHECK(with([](Request& r) {
              r.is_symmetric = false;
              r.flow = udp(9);
          }) == changed);
}

TEST_CASE("a REGISTER that does not name the device keeps the device that was named before") {
    Request nameless = full_request();
    nameless.device = {};
    CHECK(changes_between(full_request(), nameless).empty());
}

TEST_CASE("a REGISTER without a body keeps the body that the device sent before") {
    Request silent = full_request();
    silent.body.clear();
    silent.content_type.clear();
    CHECK(changes_between(full_request(), silent).empty());
    Desk desk;
    desk.add(full_request(), 1000);
    silent.user_agent = "Phone 1.1, which moves all the texts";
    desk.update(silent, 2000);
    desk.read("alice", 2000, [](auto bindings) {
        CHECK(bindings.front().content_type == "application/sdp");
        CHECK(bindings.front().body == "v=0\r\n");
    });
}

TEST_CASE("an update keeps the binding's id, a binding that returns has another") {
    Desk desk;
    Request request;
    const auto id = [&] { return desk.read("alice", 3000, [](auto bindings) { return bindings.front().id; }); };
    desk.add(request, 1000);
    const std::uint64_t first = id();
    request.contact_uri = "sip:moved@192.0.2.1";
    desk.update(request, 2000);
    CHECK(id() == first);
    desk.remove(request, 3000);
    desk.add(request, 3000);
    CHECK(id() != first);
}

TEST_CASE("bindings are shown oldest first, whichever was removed between") {
    Desk desk;
    for (const char* contact : {"sip:1@h", "sip:2@h", "sip:3@h", "sip:4@h"}) desk.add({.contact_uri = contact}, 1000);
    CHECK(desk.contacts("alice", 1000) == Lines{"sip:1@h", "sip:2@h", "sip:3@h", "sip:4@h"});
    desk.remove({}, 1000, 2);
    CHECK(desk.contacts("alice", 1000) == Lines{"sip:1@h", "sip:2@h", "sip:4@h"});
    desk.remove({}, 1000, 0);
    desk.add({.contact_uri = "sip:5@h"}, 1000);
    CHECK(desk.contacts("alice", 1000) == Lines{"sip:2@h", "sip:4@h", "sip:5@h"});
    desk.remove({}, 1000, 2);
    CHECK(desk.contacts("alice", 1000) == Lines{"sip:2@h", "sip:4@h"});
    CHECK(desk.location.counts().bindings == 2);
    CHECK(desk.location.counts().aors == 1);
}

TEST_CASE("one request's changes are told in their order") {
    Desk desk;
    desk.add({.contact_uri = "sip:1@h"}, 1000);
    desk.add({.contact_uri = "sip:2@h"}, 1000);
    desk.recorder.take();
    desk.apply({.contact_uri = "sip:3@h"}, 2000,
               {{.action = sip::BindingAction::remove, .is_replacement = true, .binding = 1},
                {.action = sip::BindingAction::remove, .binding = 0},
                {.action = sip::BindingAction::add, .expires_s = 60}});
    CHECK(desk.recorder.take() ==
          Lines{"removed alice sip:2@h replaced", "removed alice sip:1@h unregistered", "added alice sip:3@h"});
}

TEST_CASE("an address-of-record is gone with its last binding, its like-named neighbours stay") {
    Desk desk;
    desk.add({.aor_key = "alice"}, 1000);
    desk.add({.aor_key = "alicia"}, 1000);
    CHECK(desk.location.has("alice"));
    CHECK_FALSE(desk.location.has("Alice"));
    CHECK_FALSE(desk.location.has(""));
    desk.remove({.aor_key = "alice"}, 1000);
    CHECK_FALSE(desk.location.has("alice"));
    CHECK(desk.location.has("alicia"));
    CHECK(desk.location.counts().aors == 1);
}

TEST_CASE("a binding expires at its time and not a millisecond before") {
    Desk desk;
    desk.add({}, 1000, 60);
    desk.recorder.take();
    desk.location.touch(udp(1), 60'999);
    desk.advance(60'999);
    CHECK(desk.recorder.take().empty());
    desk.advance(61'000);
    CHECK(desk.recorder.take() == Lines{"removed alice sip:a@192.0.2.1 expired"});
    CHECK(desk.location.counts().bindings == 0);
    CHECK_FALSE(desk.location.has("alice"));
}

TEST_CASE("an expired binding is invisible at once, before the clock has been advanced") {
    Desk desk;
    desk.add({.contact_uri = "sip:1@h"}, 1000, 60);
    desk.add({.contact_uri = "sip:2@h"}, 1000, 61);
    desk.recorder.take();
    CHECK(desk.contacts("alice", 60'999) == Lines{"sip:1@h", "sip:2@h"});
    CHECK(desk.contacts("alice", 61'000) == Lines{"sip:2@h"});
    CHECK(desk.recorder.take() == Lines{"removed alice sip:1@h expired"});
    desk.location.touch(udp(1), 61'500);
    desk.advance(61'500);
    CHECK(desk.recorder.take().empty());
}

TEST_CASE("an interval that a refresh shortens ends earlier") {
    Desk desk;
    desk.add({}, 1000, 3600);
    desk.update({}, 2000, 5);
    desk.recorder.take();
    desk.advance(6999);
    CHECK(desk.recorder.take().empty());
    desk.advance(7000);
    CHECK(desk.recorder.take() == Lines{"removed alice sip:a@192.0.2.1 expired"});
}

TEST_CASE("a binding of a day expires on time though the clock is advanced but rarely") {
    Desk desk({.ping_interval_ms = 3'600'000, .timeout_ms = 1'000'000'000});
    desk.add({}, 1000, 86'400);
    desk.advance(40'000'000);
    desk.advance(86'400'999);
    CHECK(desk.location.has("alice"));
    desk.advance(86'401'000);
    CHECK_FALSE(desk.location.has("alice"));
}

TEST_CASE("RFC 3261 10.3: a removal is remembered for 32 s, so that its repeat can be told") {
    Desk desk;
    const Request request{.call_id = "bye", .cseq = 9};
    desk.add({}, 1000);
    CHECK(desk.removals("alice", 1000).empty());
    desk.remove(request, 5000);
    const auto notes = desk.removals("alice", 36'999);
    REQUIRE(notes.size() == 1);
    CHECK(notes.front().call_id_hash == hash_of("bye"));
    CHECK(notes.front().cseq == 9);
    CHECK(notes.front().at_ms == 5000);
    CHECK(desk.removals("alice", 37'000).empty());
    CHECK(desk.removals("bob", 5000).empty());
}

TEST_CASE("a request that removes several bindings leaves one note; expiry leaves none") {
    Desk desk;
    for (const char* contact : {"sip:1@h", "sip:2@h", "sip:3@h"}) desk.add({.contact_uri = contact}, 1000, 60);
    desk.apply(
        {.cseq = 2}, 2000,
        {{.action = sip::BindingAction::remove, .binding = 0}, {.action = sip::BindingAction::remove, .binding = 1}});
    CHECK(desk.removals("alice", 2000).size() == 1);
    desk.advance(61'000);
    CHECK(desk.location.counts().bindings == 0);
    CHECK(desk.removals("alice", 61'000).empty());
}

TEST_CASE("at most four removals are remembered, the latest") {
    Desk desk;
    for (std::uint32_t cseq = 1; cseq <= 6; ++cseq) {
        desk.add({}, cseq * kSecond);
        desk.remove({.cseq = cseq}, cseq * kSecond);
    }
    const auto notes = desk.removals("alice", 6000);
    REQUIRE(notes.size() == 4);
    CHECK(notes.front().cseq == 3);
    CHECK(notes.back().cseq == 6);
    CHECK(desk.removals("alice", 36'000).size() == 2);
    desk.advance(36'000);
    CHECK(desk.removals("alice", 36'000).size() == 2);
}

TEST_CASE("notes that are stale are freed and their room is used again") {
    Desk desk;
    for (int round = 0; round < 3; ++round) {
        const base::TimeMs now_ms = 1000 + round * 40'000;
        for (int i = 0; i < 500; ++i) {
            const Request request{.aor_key = "user" + std::to_string(round * 1000 + i)};
            desk.add(request, now_ms);
            desk.remove(request, now_ms);
        }
        desk.advance(now_ms + 32'000);
        for (int i = 0; i < 500; ++i) CHECK(desk.removals("user" + std::to_string(round * 1000 + i), now_ms).empty());
    }
}

TEST_CASE("every binding is visited once, with its address-of-record") {
    Desk desk;
    for (int i = 0; i < 300; ++i)
        desk.add({.aor_key = "user" + std::to_string(i % 100), .contact_uri = "sip:" + std::to_string(i) + "@h"}, 1000);
    std::vector<int> seen(300, 0);
    desk.location.visit([&](std::string_view aor_key, const sip::BindingView& binding) {
        const int i = std::stoi(std::string(binding.contact_uri.substr(4)));
        CHECK(aor_key == "user" + std::to_string(i % 100));
        ++seen[static_cast<std::size_t>(i)];
    });
    CHECK(seen == std::vector<int>(300, 1));
    CHECK(desk.location.counts().aors == 100);
    CHECK(desk.location.counts().bindings == 300);
}

TEST_CASE("RFC 5626 5.3: a connection's end ends the bindings that came on it, and no other") {
    Desk desk;
    desk.add({.flow = tcp(1)}, 0);
    desk.add({.aor_key = "bert", .contact_uri = "sip:b@192.0.2.1", .flow = tcp(1)}, 0);
    desk.add({.aor_key = "carl", .contact_uri = "sip:c@192.0.2.1", .flow = tcp(2)}, 0);
    desk.add({.aor_key = "dora", .contact_uri = "sip:d@192.0.2.1", .flow = udp(1, 40'000)}, 0);
    desk.recorder.take();
    CHECK(desk.location.is_bound(tcp(1)));
    CHECK(desk.location.end_flow(tcp(1)) == 2);
    Lines told = desk.recorder.take();
    std::ranges::sort(told);
    CHECK(told == Lines{"removed alice sip:a@192.0.2.1 flow_closed", "removed bert sip:b@192.0.2.1 flow_closed"});
    CHECK_FALSE(desk.location.is_bound(tcp(1)));
    CHECK(desk.location.end_flow(tcp(1)) == 0);
    CHECK(desk.location.end_flow(udp(1, 40'000)) == 0);
    CHECK(desk.location.counts().bindings == 2);
}

TEST_CASE("a binding that has moved to another connection outlives the end of its old one") {
    Desk desk;
    desk.add({.flow = tcp(1)}, 0);
    desk.update({.cseq = 2, .flow = tcp(2, 40'001)}, 1000);
    CHECK(desk.location.end_flow(tcp(1)) == 0);
    CHECK(desk.contacts("alice", 2000).size() == 1);
    CHECK(desk.location.end_flow(tcp(2, 40'001)) == 1);
    CHECK(desk.contacts("alice", 2000).empty());
}

TEST_CASE("after a connection's end its device registers anew, whatever its CSeq was") {
    Desk desk;
    desk.add({.cseq = 7, .flow = tcp(1)}, 0);
    CHECK(desk.location.end_flow(tcp(1)) == 1);
    CHECK(desk.removals("alice", 1000).empty());
    desk.add({.cseq = 1, .flow = tcp(2)}, 1000);
    CHECK(desk.contacts("alice", 1000).size() == 1);
}
