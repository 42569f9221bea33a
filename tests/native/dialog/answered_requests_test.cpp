// RFC 3261 section 17.2.2: the server transaction of what is no INVITE.
#include "dialog/answered_requests.hpp"

#include <doctest/doctest.h>

#include <string>

#include "dialog/timers.hpp"

using namespace sr;
using namespace sr::dialog;

namespace {

constexpr base::TimeMs kNow = 1'000'000;

CallRequest request(const std::string& key, sip::Transport transport = sip::Transport::udp) {
    CallRequest asked;
    asked.transaction_key = key;
    asked.flow.transport = transport;
    return asked;
}

Transmission answer(const std::string& key, const std::string& octets = "SIP/2.0 200 OK\r\n\r\n") {
    Transmission sent;
    sent.octets = octets;
    sent.answers = key;
    sent.to.port = 5070;
    return sent;
}

}  // namespace

TEST_CASE("RFC 3261 17.2.2: while a request is in progress its copies are swallowed") {
    AnsweredRequests requests;
    Outbox out;
    CHECK(requests.begin(request("a"), kNow, out));
    CHECK_FALSE(requests.begin(request("a"), kNow + 500, out));
    CHECK(out.transmissions.empty());
    CHECK(requests.begin(request("b"), kNow, out));
}

TEST_CASE("RFC 3261 17.2.2: a copy of an answered request gets the same octets for 64*T1, and then is new") {
    AnsweredRequests requests;
    Outbox out;
    CHECK(requests.begin(request("a"), kNow, out));
    requests.keep(answer("a"), kNow + 1'000);
    requests.advance(kNow + 1'000 + kTransactionLife - 1);
    CHECK_FALSE(requests.begin(request("a"), kNow + 32'000, out));
    REQUIRE(out.transmissions.size() == 1);
    CHECK(out.transmissions[0].octets == answer("a").octets);
    CHECK(out.transmissions[0].to.port == 5070);
    CHECK(out.transmissions[0].answers.empty());  // it begins no second life
    requests.advance(kNow + 1'000 + kTransactionLife);
    CHECK(requests.begin(request("a"), kNow + 33'000, out));
}

TEST_CASE("RFC 3261 17.2.2: over a connection nothing is kept") {
    AnsweredRequests requests;
    Outbox out;
    CHECK(requests.begin(request("a", sip::Transport::tcp), kNow, out));
    requests.keep(answer("a"), kNow);
    CHECK(requests.begin(request("a", sip::Transport::tcp), kNow, out));
    CHECK(requests.count() == 0);
}

TEST_CASE("only the first final answer counts") {
    AnsweredRequests requests;
    Outbox out;
    CHECK(requests.begin(request("a"), kNow, out));
    requests.keep(answer("a"), kNow);
    requests.keep(answer("a", "SIP/2.0 500 Later\r\n\r\n"), kNow);
    CHECK_FALSE(requests.begin(request("a"), kNow, out));
    CHECK(out.transmissions[0].octets == answer("a").octets);
}

TEST_CASE("a request that somebody else answers is new each time") {
    AnsweredRequests requests;
    Outbox out;
    CHECK(requests.begin(request("a"), kNow, out));
    requests.forget("a");
    CHECK(requests.begin(request("a"), kNow, out));
    CHECK(out.transmissions.empty());
}

TEST_CASE("a request that is never answered is forgotten at last") {
    AnsweredRequests requests;
    Outbox out;
    CHECK(requests.begin(request("a"), kNow, out));
    requests.advance(kNow + 2 * kTransactionLife);
    CHECK(requests.count() == 0);
}

TEST_CASE("what is kept is bounded in number and octets: the oldest answer goes first, then the oldest request") {
    AnsweredRequests few({.entries = 3, .octets = 1'000});
    Outbox out;
    for (const char* key : {"a", "b", "c"}) CHECK(few.begin(request(key), kNow, out));
    few.keep(answer("b"), kNow);
    few.keep(answer("a"), kNow + 1);
    CHECK(few.begin(request("d"), kNow, out));  // b goes
    CHECK(few.count() == 3);
    CHECK_FALSE(few.begin(request("a"), kNow, out));
    CHECK(out.transmissions.size() == 1);
    CHECK(few.begin(request("b"), kNow, out));  // a goes
    CHECK(few.begin(request("a"), kNow, out));  // c goes, the oldest in progress
    CHECK(few.begin(request("c"), kNow, out));
    few.keep(answer("c", std::string(2'000, 'x')), kNow);
    CHECK(few.begin(request("c"), kNow, out));
}
