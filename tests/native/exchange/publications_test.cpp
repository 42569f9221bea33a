#include "exchange/publications.hpp"

#include "exchange/exchange_kit.hpp"

using namespace sr;
using namespace sr::exchange;
using namespace sr::exchange::testkit;

namespace {

constexpr base::TimeMs kNow = 1'000'000;
constexpr std::string_view kLines = "Event: presence\r\nExpires: 600\r\n";

Publications make_room() {
    return Publications([] { return 7; });
}

struct House {
    House() { room.apply({{{"presence", {"application/pidf+xml"}}, {"dialog", {"application/dialog-info+xml"}}}, 60}); }

    dialog::Outbox publish(const Ask& ask, const sip::Flow& flow = kAlice) {
        const auto asked = received("PUBLISH", ask, flow);
        dialog::Outbox out;
        room.take(asked->request(), asked->message(), {"alice", "bob"}, now_ms, out);
        return out;
    }

    /// One that waits.
    PublishReceived wait(const Ask& ask = {.lines = kLines}) {
        CHECK(publish(ask).transmissions.empty());
        const auto events = room.drain(10);
        REQUIRE(events.size() == 1);
        return events.front();
    }

    std::string refuse(PublishFault fault) {
        const PublishId id = wait().id;
        dialog::Outbox out;
        CHECK(room.answer(id, PublishRefused{fault, "because \"so\""}, out));
        return only(out).octets;
    }

    Publications room = make_room();
    base::TimeMs now_ms = kNow;
};

}  // namespace

TEST_CASE("RFC 3903 6 steps 2 to 5: a PUBLISH is told of with all that decides about it, and waits") {
    House house;
    const PublishReceived event =
        house.wait({.lines = "Event: presence;x=y\r\nExpires: 600\r\nSIP-If-Match: abc\r\n", .body = "<presence/>"});
    CHECK(event.package == "presence");
    CHECK(event.publisher == "alice");
    CHECK(event.address == "bob");
    CHECK(event.expires_s == 600);
    CHECK(event.etag == "abc");
    CHECK(event.content_type == "text/plain");
    CHECK(event.body == "<presence/>");
    CHECK(event.flow == kAlice);
}

TEST_CASE("RFC 3903 6: a PUBLISH without Expires says so, and one for ever is the longest there is") {
    House house;
    CHECK(house.wait({.lines = "Event: presence\r\n"}).expires_s == std::nullopt);
    CHECK(house.wait({.lines = "Event: presence\r\nExpires: 99999999999999\r\n"}).expires_s == UINT32_MAX);
}

TEST_CASE("RFC 3903 6 step 6: an accepted publication is answered 200 with its SIP-ETag and Expires, once") {
    House house;
    const PublishId id = house.wait().id;
    dialog::Outbox out;
    CHECK(house.room.answer(id, PublishAccepted{"tag-1", 300}, out));
    const dialog::Transmission answer = only(out);
    CHECK(status_of(answer.octets) == 200);
    CHECK(field(answer.octets, "SIP-ETag") == "tag-1");
    CHECK(field(answer.octets, "Expires") == "300");
    CHECK(field(answer.octets, "CSeq") == "7 PUBLISH");
    CHECK(answer.to == kAlice.remote);
    CHECK_FALSE(answer.answers.empty());
    CHECK_FALSE(house.room.answer(id, PublishAccepted{"tag-2", 300}, out));
}

TEST_CASE("RFC 3903 6: each refusal has its status and the headers that say what would do") {
    House house;
    const struct {
        PublishFault fault;
        int status;
        std::string_view name;
        std::string_view value;
    } rows[] = {
        {PublishFault::bad_event, 489, "Allow-Events", "presence, dialog"},
        {PublishFault::condition_failed, 412, "Content-Length", "0"},
        {PublishFault::too_brief, 423, "Min-Expires", "60"},
        {PublishFault::bad_body, 400, "Content-Length", "0"},
        {PublishFault::unsupported_type, 415, "Accept", "application/pidf+xml"},
        {PublishFault::forbidden, 403, "Content-Length", "0"},
        {PublishFault::not_found, 404, "Content-Length", "0"},
        {PublishFault::too_many, 503, "Retry-After", "30"},
    };
    for (const auto& row : rows) {
        const std::string answer = house.refuse(row.fault);
        CHECK(status_of(answer) == row.status);
        CHECK(field(answer, row.name) == row.value);
        CHECK(field(answer, "Warning") == "399 screamrouter-sip \"because \\\"so\\\"\"");
    }
}

TEST_CASE("RFC 3903 6 step 2: without Event, or with one that is not served, it is 489 and nobody is asked") {
    House house;
    for (const std::string_view lines : {"Expires: 60\r\n", "Event: weather\r\n", "Event: Presence\r\n"}) {
        const std::string answer = only(house.publish({.lines = lines})).octets;
        CHECK(status_of(answer) == 489);
        CHECK(field(answer, "Allow-Events") == "presence, dialog");
    }
    CHECK_FALSE(house.room.has_events());
}

TEST_CASE("RFC 3261 8.2.2.3: an extension that is required is named as unsupported") {
    House house;
    const std::string answer = only(house.publish({.lines = "Event: presence\r\nRequire: magic, more\r\n"})).octets;
    CHECK(status_of(answer) == 420);
    CHECK(field(answer, "Unsupported") == "magic, more");
}

TEST_CASE("a body beyond 32 KB is 413, one of just so much is taken") {
    House house;
    const sip::Flow stream = flow_at("192.0.2.7", 5070, sip::Transport::tcp);
    const std::string most(kMostPublishedOctets, 'x');
    CHECK(house.publish({.lines = kLines, .body = most}, stream).transmissions.empty());
    CHECK(status_of(only(house.publish({.lines = kLines, .body = most + "x"}, stream)).octets) == 413);
}

TEST_CASE("RFC 3261 8.2.3: an encoded body is 415 with the encoding that would do") {
    House house;
    const std::string answer = only(house.publish({.lines = "Event: presence\r\nContent-Encoding: gzip\r\n"})).octets;
    CHECK(status_of(answer) == 415);
    CHECK(field(answer, "Accept-Encoding") == "identity");
}

TEST_CASE("without a word for 5 s it is 500, and an answer after that is for nobody") {
    House house;
    CHECK(house.publish({.lines = kLines}).transmissions.empty());
    dialog::Outbox out;
    house.room.advance(kNow + 4'999, out);
    CHECK(out.transmissions.empty());
    house.room.advance(kNow + 5'000, out);
    CHECK(status_of(only(out).octets) == 500);
    CHECK(house.room.drain(10).empty());  // what nobody has taken yet is not to be answered either
    CHECK_FALSE(house.room.answer(1, PublishAccepted{"t", 1}, out));
}

TEST_CASE("what waits is bounded: the next is told to come again") {
    House house;
    for (std::size_t i = 0; i < kMostWaitingPublications; ++i)
        CHECK(house.publish({.lines = kLines}).transmissions.empty());
    const std::string answer = only(house.publish({.lines = kLines})).octets;
    CHECK(status_of(answer) == 503);
    CHECK(field(answer, "Retry-After") == "30");
}

TEST_CASE("at the end whoever waits is answered, and so is whoever comes until it is open again") {
    House house;
    CHECK(house.publish({.lines = kLines}).transmissions.empty());
    dialog::Outbox out;
    house.room.shut_down(out);
    CHECK(status_of(only(out).octets) == 503);
    CHECK(status_of(only(house.publish({.lines = kLines})).octets) == 503);
    house.room.reopen();
    CHECK(house.publish({.lines = kLines}).transmissions.empty());
}
