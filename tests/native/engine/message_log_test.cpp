#include "engine/message_log.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>

using namespace sr;
using engine::MessageLog;
using engine::MessageRecord;
using stack::Trace;
using stack::TraceKind;

namespace {

sip::Flow flow_from(const std::string& ip, std::uint16_t port = 5060) {
    sip::Flow flow;
    flow.remote = *sip::SocketAddress::parse(ip, port);
    return flow;
}

/// A REGISTER and its answer; views into what the caller keeps.
Trace request(std::string_view to, const std::string& ip, sip::RejectReason reason = sip::RejectReason::none) {
    return {.kind = TraceKind::request,
            .message = "REGISTER sip:home SIP/2.0\r\nAuthorization: Digest response=\"SECRET\"\r\n\r\n",
            .answer = "SIP/2.0 200 OK\r\n\r\n",
            .method = "REGISTER",
            .to = to,
            .status = sip::status_line(reason).status,
            .reason = reason,
            .flow = flow_from(ip)};
}

}  // namespace

TEST_CASE("a request is kept with its answer, its sender and its reason, masked") {
    MessageLog log(1);
    log.record(request("\"A\" <sip:alice:pw@home>;tag=1", "192.0.2.7", sip::RejectReason::unknown_domain), 1000);
    const auto records = log.read({});
    REQUIRE(records.size() == 1);
    const MessageRecord& record = records.front();
    CHECK(record.user == "alice");
    CHECK(record.remote_ip == "192.0.2.7");
    CHECK(record.remote_port == 5060);
    CHECK(record.transport == "udp");
    CHECK(record.status == 404);
    CHECK(record.cause == "unknown_domain");
    CHECK(record.message == "REGISTER sip:home SIP/2.0\r\nAuthorization: Digest response=***\r\n\r\n");
    CHECK(record.answer == "SIP/2.0 200 OK\r\n\r\n");
    CHECK(record.first_ms == 1000);
    CHECK(record.count == 1);
    CHECK_FALSE(record.is_cut);
}

TEST_CASE("a refresh takes the place of the one before and counts on") {
    MessageLog log(1);
    for (int i = 0; i < 5; ++i) log.record(request("sip:alice@home", "192.0.2.7"), 1000 + i);
    const auto records = log.read({});
    REQUIRE(records.size() == 1);
    CHECK(records.front().count == 5);
    CHECK(records.front().first_ms == 1000);
    CHECK(records.front().last_ms == 1004);
}

TEST_CASE("no number of refreshes washes out a refusal") {
    MessageLog log(1);
    log.record(request("sip:alice@home", "192.0.2.7", sip::RejectReason::brief_interval), 1);
    for (int i = 0; i < 20'000; ++i) {
        const std::string to = "sip:user" + std::to_string(i) + "@home";
        log.record(request(to, "192.0.2.7"), 2000 * i);
    }
    CHECK(log.read({.users = {"alice"}, .ips = {}, .texts = {}}).size() == 1);
}

TEST_CASE("one address that is refused without end overwrites only a set of places") {
    MessageLog log(1);
    for (int i = 1; i < 30; ++i) {
        log.record(request("sip:alice@home", "192.0.2." + std::to_string(i), sip::RejectReason::malformed), 1);
    }
    const std::size_t before = log.read({}).size();
    for (int i = 0; i < 20'000; ++i) {
        const std::string to = "sip:user" + std::to_string(i) + "@home";
        log.record(request(to, "198.51.100.9", sip::RejectReason::unknown_domain), 2000 * i);
    }
    const std::size_t honest = log.read({.users = {"alice"}, .ips = {}, .texts = {}}).size();
    CHECK(log.read({.users = {}, .ips = {"198.51.100.9"}, .texts = {}}).size() == 8);
    CHECK(before == 29);
    CHECK(honest >= before - 8);
}

TEST_CASE("a full set gives no place away within a second: a flood costs few copies") {
    MessageLog log(1);
    for (int i = 0; i < 100; ++i) {
        const std::string to = "sip:user" + std::to_string(i) + "@home";
        log.record(request(to, "192.0.2.7", sip::RejectReason::unknown_domain), 5000 + i);
    }
    CHECK(log.read({}).size() == 8);
    CHECK(log.left_out() == 92);
    log.record(request("sip:late@home", "192.0.2.7", sip::RejectReason::unknown_domain), 6000);
    CHECK(log.read({}).back().user == "late");
    log.record(request("sip:late@home", "192.0.2.7", sip::RejectReason::unknown_domain), 1);  // the clock was set back
    CHECK(log.read({}).back().count == 2);
}

TEST_CASE("the same user from two addresses has two places") {
    MessageLog log(1);
    for (int i = 0; i < 6; ++i) log.record(request("sip:alice@home", i % 2 == 0 ? "192.0.2.1" : "192.0.2.2"), i);
    const auto records = log.read({.users = {"alice"}, .ips = {}, .texts = {}});
    REQUIRE(records.size() == 2);
    CHECK(records[0].remote_ip == "192.0.2.1");
    CHECK(records[0].last_ms == 4);
    CHECK(records[1].remote_ip == "192.0.2.2");
    CHECK(records[1].count == 3);
}

TEST_CASE("records are found by user, by address and by text, newest last") {
    MessageLog log(1);
    log.record(request("sip:alice@home", "192.0.2.1"), 1);
    log.record(request("sip:bob@home", "192.0.2.2"), 2);
    log.record(request("sip:alice@home", "192.0.2.1"), 3);
    const auto all = log.read({});
    REQUIRE(all.size() == 2);
    CHECK(all.back().user == "alice");
    CHECK(log.read({.users = {}, .ips = {"192.0.2.2"}, .texts = {}}).front().user == "bob");
    CHECK(log.read({.users = {}, .ips = {}, .texts = {"register SIP:HOME"}}).size() == 2);
    CHECK(log.read({.users = {"carol"}, .ips = {}, .texts = {}}).empty());
}

TEST_CASE("a ping shows the peer's answer, and its lack") {
    MessageLog log(1);
    const sip::Flow device = flow_from("192.0.2.7", 5062);
    Trace ping{.kind = TraceKind::ping, .message = "OPTIONS sip:alice@h SIP/2.0\r\n\r\n", .to = "sip:alice@h"};
    ping.flow = device;
    const Trace answer{.kind = TraceKind::ping_answer, .message = "SIP/2.0 200 OK\r\n\r\n", .flow = device};
    log.record(answer, 1);
    CHECK(log.read({}).empty());
    log.record(ping, 2);
    log.record(answer, 3);
    auto record = log.read({}).front();
    CHECK(record.kind == TraceKind::ping);
    CHECK(record.user == "alice");
    CHECK(record.answer == "SIP/2.0 200 OK\r\n\r\n");
    log.record(ping, 4);
    record = log.read({}).front();
    CHECK(record.answer.empty());
    CHECK(record.count == 2);
}

TEST_CASE("a long message is cut and says so") {
    MessageLog log(1);
    const std::string message(5000, 'x');
    log.record({.kind = TraceKind::request, .message = message, .answer = message, .method = "x"}, 1);
    const auto record = log.read({}).front();
    CHECK(record.is_cut);
    CHECK(record.message.size() == engine::kMostMessageOctets);
    CHECK(record.answer.size() == engine::kMostAnswerOctets);
    const std::string user(300, 'u');
    const std::string to = "sip:" + user + "@home";
    log.record(request(to, "192.0.2.7"), 2);
    CHECK(log.read({}).back().user == user.substr(0, 64));
}

TEST_CASE("writers and readers on several threads lose nothing but what they say") {
    MessageLog log(1);
    constexpr int kMessages = 20'000;
    std::atomic<bool> is_over{false};
    std::thread reader([&] {
        while (!is_over) {
            for (const MessageRecord& record : log.read({})) {
                CHECK(record.message.starts_with("REGISTER"));
            }
        }
    });
    const auto write = [&](const std::string& ip) {
        for (int i = 0; i < kMessages; ++i) log.record(request("sip:alice@home", ip), i);
    };
    std::thread first(write, "192.0.2.1");
    std::thread second(write, "192.0.2.1");
    first.join();
    second.join();
    is_over = true;
    reader.join();
    const auto records = log.read({});
    REQUIRE(records.size() == 1);
    CHECK(records.front().count + log.left_out() == 2 * kMessages);
}
