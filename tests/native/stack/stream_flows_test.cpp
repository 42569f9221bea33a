#include "stack/stream_flows.hpp"

#include <doctest/doctest.h>
#include <poll.h>

#include <string>

using namespace sr;
using stack::StreamFlows;

namespace {

sip::Flow flow(sip::Transport transport = sip::Transport::tcp) {
    return {.remote = *sip::SocketAddress::parse("192.0.2.7", 40'000), .transport = transport};
}

std::uint64_t opened(StreamFlows& flows, sip::Transport transport = sip::Transport::tcp, base::TimeMs now_ms = 0) {
    return flows.open(flow(transport), *sip::SocketAddress::parse("192.0.2.1", 5060), now_ms);
}

bool is_readable(const StreamFlows& flows) {
    pollfd waited{flows.fd(), POLLIN, 0};
    return poll(&waited, 1, 0) == 1;
}

const auto kUnused = [](const sip::Flow&) { return false; };

}  // namespace

TEST_CASE("what is sent waits in order and makes the descriptor readable until it is drained") {
    StreamFlows flows;
    const auto first = opened(flows);
    const auto second = opened(flows);
    CHECK(first != second);
    CHECK_FALSE(is_readable(flows));
    CHECK(flows.send(first, "one"));
    CHECK(flows.send(second, "two"));
    CHECK(flows.send(first, "three"));
    CHECK(is_readable(flows));
    const auto outputs = flows.drain(10);
    REQUIRE(outputs.size() == 2);
    CHECK(outputs[0].connection == first);
    CHECK(outputs[0].octets == std::vector<std::string>{"onethree"});
    CHECK(outputs[1].octets == std::vector<std::string>{"two"});
    CHECK_FALSE(is_readable(flows));
    CHECK(flows.drain(10).empty());
}

TEST_CASE("the descriptor stays readable while more waits than was drained") {
    StreamFlows flows;
    for (int i = 0; i < 3; ++i) CHECK(flows.send(opened(flows), "x"));
    CHECK(flows.drain(2).size() == 2);
    CHECK(is_readable(flows));
    CHECK(flows.drain(2).size() == 1);
    CHECK_FALSE(is_readable(flows));
}

TEST_CASE("RFC 7118 5.1: over WebSocket every message stays one") {
    StreamFlows flows;
    const auto number = opened(flows, sip::Transport::wss);
    CHECK(flows.send(number, "one"));
    CHECK(flows.send(number, "two"));
    CHECK(flows.drain(1)[0].octets == std::vector<std::string>{"one", "two"});
}

TEST_CASE("what is answered while a connection is received on goes back with it, waking nobody") {
    StreamFlows flows;
    const auto number = opened(flows);
    const auto connection = flows.find(number);
    REQUIRE(connection);
    CHECK(flows.send(number, "earlier,"));
    flows.begin_receiving(*connection);
    CHECK(flows.send(number, "answer"));
    const auto output = flows.end_receiving(number, *connection);
    CHECK(output.octets == std::vector<std::string>{"earlier,answer"});
    CHECK(flows.drain(10).empty());
    flows.begin_receiving(*connection);
    CHECK(flows.send(number, "more"));
    CHECK_FALSE(is_readable(flows));
    CHECK(flows.end_receiving(number, *connection).octets == std::vector<std::string>{"more"});
}

TEST_CASE("a connection that takes nothing ends, told once, and no other does") {
    StreamFlows flows;
    const auto deaf = opened(flows);
    const auto other = opened(flows);
    const std::string piece(64 * 1024, 'x');
    while (flows.send(deaf, piece)) {
    }
    CHECK(flows.send(other, "x"));
    CHECK_FALSE(flows.send(deaf, "x"));
    const auto outputs = flows.drain(10);
    REQUIRE(outputs.size() == 2);
    CHECK(outputs[0].is_ended);
    CHECK(outputs[0].octets.empty());
    CHECK_FALSE(outputs[1].is_ended);
    flows.end(deaf);
    CHECK(flows.drain(10).empty());
}

TEST_CASE("a closed connection is sent nothing and known no more") {
    StreamFlows flows;
    const auto number = opened(flows);
    CHECK(flows.send(number, "x"));
    CHECK(flows.close(number)->connection == number);
    CHECK_FALSE(flows.close(number));
    CHECK_FALSE(flows.send(number, "x"));
    CHECK(flows.drain(10).empty());
    CHECK(flows.size() == 0);
}

TEST_CASE("what ends: a half message of ten seconds, thirty seconds without a word, two minutes without a use") {
    StreamFlows flows;
    const auto number = opened(flows, sip::Transport::tcp, 1000);
    const auto connection = flows.find(number);
    CHECK(flows.sweep(1000 + stack::kFirstMessageMs - 1, kUnused) == 0);

    connection->has_spoken = true;
    CHECK(flows.sweep(1000 + stack::kFirstMessageMs, kUnused) == 0);
    CHECK(flows.sweep(1000 + stack::kIdleMs, [](const sip::Flow&) { return true; }) == 0);

    connection->half_since_ms = 5000;
    CHECK(flows.sweep(5000 + stack::kMessageTimeMs - 1, kUnused) == 0);
    CHECK(flows.sweep(5000 + stack::kMessageTimeMs, [](const sip::Flow&) { return true; }) == 1);
    CHECK(flows.sweep(5000 + stack::kMessageTimeMs, kUnused) == 0);
    CHECK(flows.drain(10)[0].is_ended);

    CHECK(opened(flows, sip::Transport::tcp, 1000) != number);
    CHECK(flows.sweep(1000 + stack::kFirstMessageMs, kUnused) == 1);
}
