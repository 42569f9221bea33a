// Requests outside of dialogs through the whole engine but its sockets: in as the stack gives them, out by connections.
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "engine/engine.hpp"
#include "sip/reply_text.hpp"

using namespace sr;
using namespace sr::engine;

namespace {

const events::Resource kBob{"presence", "bob"};

/// One connection of a device, as the stack speaks for it.
class Device {
  public:
    Device(Engine& core, std::string user, std::uint16_t port) : core_(core), user_(std::move(user)) {
        const std::string ip = "192.0.2.7";
        const auto connection = core.open_flow({"tcp", ip, port, "192.0.2.1", 5060});
        REQUIRE(connection.has_value());
        flow_ = {.remote = *sip::SocketAddress::parse(ip, port), .connection = *connection};
        flow_.transport = sip::Transport::tcp;
    }

    [[nodiscard]] const sip::Flow& flow() const { return flow_; }
    [[nodiscard]] sip::RejectReason refused() const { return reply_.reason; }
    [[nodiscard]] std::string_view refusal_lines() const { return reply_.headers.text(); }

    /// REGISTER, with this connection as the binding's flow.
    void enroll() {
        const std::string contact = "sip:" + user_ + "@192.0.2.7:5070;transport=tcp";
        sip::RequestedContact wanted;
        wanted.uri = contact;
        sip::RegisterRequest request;
        request.request_host = request.to_host = request.from_host = "house.local";
        request.to_user = request.from_user = user_;
        request.call_id = user_;
        request.cseq = 1;
        request.contacts = {&wanted, 1};
        request.request_uri = "sip:house.local";
        request.message = "REGISTER";
        request.flow = flow_;
        reply_.clear();
        handler().on_register(request, reply_);
        REQUIRE(reply_.reason == sip::RejectReason::none);
    }

    stack::CallRuling ask(std::string_view method, std::string_view lines, std::string_view to_tag = {},
                          std::string_view host = "house.local") {
        const std::string number = std::to_string(++cseq_);
        std::string text = std::string(method) + " sip:bob@" + std::string(host) +
                           " SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.7:5070;rport;branch=z9hG4bK" + user_ + number +
                           "\r\nMax-Forwards: 70\r\nFrom: <sip:" + user_ +
                           "@house.local>;tag=t\r\nTo: <sip:bob@house.local>" + std::string(to_tag) + "\r\nCall-ID: c" +
                           user_ + "\r\nCSeq: " + number + " " + std::string(method) + "\r\nContact: <sip:" + user_ +
                           "@192.0.2.7:5070;transport=tcp>\r\n" + std::string(lines) + "Content-Length: 5\r\n\r\nhello";
        sip::Inspection seen;
        sip::inspect(text, seen);
        REQUIRE(seen.fault == sip::RejectReason::none);
        reply_.clear();
        return handler().on_call_request(text, seen, flow_, reply_);
    }

    /// Answers a request that came down the connection.
    void answer(const std::string& request, const std::string& status) {
        std::string text = "SIP/2.0 " + status + request.substr(request.find("\r\n"));
        sip::Inspection seen;
        sip::inspect(text, seen);
        REQUIRE(seen.fault == sip::RejectReason::none);
        handler().on_response(text, seen, flow_);
    }

    /// The messages that were sent down the connection since; what is for others is kept for nobody.
    std::vector<std::string> got() {
        std::string stream;
        for (const stack::FlowOutput& output : core_.drain_flows(64)) {
            if (output.connection != flow_.connection) continue;
            for (const std::string& piece : output.octets) stream.append(piece);
        }
        std::vector<std::string> texts;
        while (!stream.empty()) {
            constexpr std::string_view kLength = "Content-Length: ";
            const std::size_t head = stream.find("\r\n\r\n") + 4;
            const std::size_t octets = std::stoul(stream.substr(stream.rfind(kLength, head) + kLength.size()));
            texts.push_back(stream.substr(0, head + octets));
            stream.erase(0, head + octets);
        }
        return texts;
    }

  private:
    /// As the stack has it; nobody else is to.
    stack::RequestHandler& handler() {
        return (stack::RequestHandler&)core_;  // NOLINT(cppcoreguidelines-pro-type-cstyle-cast): goes past `private`
    }

    Engine& core_;
    std::string user_;
    sip::Flow flow_;
    sip::Reply reply_;
    int cseq_ = 0;
};

void open_house(Engine& core) {
    Config config;
    config.registrar.domain = "house.local";
    config.registrar.served_hosts = {"house.local"};
    core.apply_config(std::move(config));
    events::NotifierConfig notifier;
    notifier.packages = {{"presence", {"application/pidf+xml"}}};
    core.apply_notifier(std::move(notifier));
}

void provide(Engine& core, const std::string& text) {
    events::Document document;
    document.content_type = "application/pidf+xml";
    document.full.octets = text;
    core.provide(kBob, {}, std::move(document), false);
}

bool begins(const std::vector<std::string>& texts, std::size_t at, std::string_view start) {
    return at < texts.size() && texts[at].starts_with(start);
}

constexpr std::string_view kSubscribe = "Event: presence\r\nExpires: 60\r\n";

}  // namespace

TEST_CASE("a SUBSCRIBE reaches the notifier: 200 and the first NOTIFY leave at once, its answer comes back to it") {
    Engine core;
    open_house(core);
    provide(core, "<here/>");
    Device alice(core, "alice", 5070);
    alice.enroll();
    CHECK(alice.ask("SUBSCRIBE", kSubscribe) == stack::CallRuling::done);
    const auto texts = alice.got();
    REQUIRE(texts.size() == 2);
    CHECK(begins(texts, 0, "SIP/2.0 200 OK\r\n"));
    CHECK(begins(texts, 1, "NOTIFY sip:alice@192.0.2.7:5070"));
    CHECK(core.subscriptions().size() == 1);
    alice.answer(texts[1], "481 Gone");  // RFC 6665 section 4.2.2
    CHECK(core.subscriptions().empty());
}

TEST_CASE("a watcher who is not registered from there is told so, and its refusal is the stack's to send") {
    Engine core;
    open_house(core);
    provide(core, "<here/>");
    Device alice(core, "alice", 5070);
    CHECK(alice.ask("SUBSCRIBE", kSubscribe) == stack::CallRuling::reply);
    CHECK(alice.refused() == sip::RejectReason::watcher_not_admitted);
    CHECK(alice.ask("SUBSCRIBE", "Event: weather\r\n") == stack::CallRuling::reply);
    CHECK(alice.refused() == sip::RejectReason::bad_event);
    CHECK(alice.refusal_lines().find("Allow-Events: presence\r\n") != std::string_view::npos);
    CHECK(alice.ask("SUBSCRIBE", kSubscribe, {}, "elsewhere.test") == stack::CallRuling::reply);
    CHECK(alice.refused() == sip::RejectReason::unknown_domain);
    CHECK(core.statistics().refused == 3);
}

TEST_CASE("a PUBLISH waits in what is drained, and its answer leaves by its connection") {
    Engine core;
    open_house(core);
    Device bob(core, "bob", 5070);
    CHECK(bob.ask("PUBLISH", "Event: presence\r\n") == stack::CallRuling::done);
    const Drained drained = core.drain(10);
    REQUIRE(drained.publications.size() == 1);
    CHECK(drained.publications[0].publisher == "bob");
    CHECK(core.answer_publish(drained.publications[0].id, exchange::PublishAccepted{"tag", 60}));
    CHECK(begins(bob.got(), 0, "SIP/2.0 200 OK\r\n"));
}

TEST_CASE("a MESSAGE goes down the addressee's connection, its answer down the sender's") {
    Engine core;
    open_house(core);
    Device alice(core, "alice", 5070);
    Device bob(core, "bob", 5071);
    alice.enroll();
    CHECK(alice.ask("MESSAGE", {}) == stack::CallRuling::reply);
    CHECK(alice.refused() == sip::RejectReason::unknown_user);
    bob.enroll();
    CHECK(alice.ask("MESSAGE", {}) == stack::CallRuling::done);
    const auto relayed = bob.got();
    REQUIRE(
        begins(relayed, 0, "MESSAGE sip:bob@192.0.2.7:5070;transport=tcp SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1:5060"));
    bob.answer(relayed[0], "200 OK");
    CHECK(begins(alice.got(), 0, "SIP/2.0 200 OK\r\n"));
    CHECK(alice.ask("MESSAGE", {}) == stack::CallRuling::done);
    core.close_flow(bob.flow().connection);
    CHECK(begins(alice.got(), 0, "SIP/2.0 480 "));
}

TEST_CASE("what people write to each other is in no log") {
    Engine core;
    open_house(core);
    Device alice(core, "alice", 5070);
    alice.enroll();
    Device bob(core, "bob", 5071);
    bob.enroll();
    CHECK(alice.ask("MESSAGE", {}) == stack::CallRuling::done);
    const auto records = core.messages({.users = {"bob"}, .ips = {}, .texts = {}});
    REQUIRE(records.size() == 1);
    CHECK(records[0].message.starts_with("MESSAGE sip:bob@house.local"));
    CHECK(records[0].message.find("hello") == std::string::npos);
}

TEST_CASE("a MESSAGE of somebody who is registered elsewhere, or nowhere, goes nowhere") {
    Engine core;
    open_house(core);
    Device bob(core, "bob", 5071);
    bob.enroll();
    Device mallory(core, "mallory", 5072);
    CHECK(mallory.ask("MESSAGE", {}) == stack::CallRuling::reply);
    CHECK(mallory.refused() == sip::RejectReason::sender_elsewhere);
    CHECK(bob.got().empty());
}

TEST_CASE("what has a To tag that nobody here gave belongs to nobody") {
    Engine core;
    open_house(core);
    Device alice(core, "alice", 5070);
    alice.enroll();
    CHECK(alice.ask("MESSAGE", {}, ";tag=x") == stack::CallRuling::not_a_call);
    CHECK(alice.ask("PUBLISH", "Event: presence\r\n", ";tag=x") == stack::CallRuling::not_a_call);
    CHECK(alice.ask("NOTIFY", "Event: presence\r\n", ";tag=x") == stack::CallRuling::not_a_call);
    CHECK(alice.ask("SUBSCRIBE", kSubscribe, ";tag=x") == stack::CallRuling::reply);
    CHECK(alice.refused() == sip::RejectReason::no_such_dialog);
}

TEST_CASE("watchers and senders come from several threads while policy speaks, and each gets his answers") {
    Engine core;
    open_house(core);
    constexpr int kDevices = 3;
    constexpr int kRounds = 40;
    std::atomic<int> devices_left{kDevices};
    std::atomic<int> done{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < kDevices; ++i) {
        threads.emplace_back([&, i] {
            Device device(core, i == 0 ? "bob" : "user" + std::to_string(i), static_cast<std::uint16_t>(5070 + i));
            device.enroll();
            for (int round = 0; round < kRounds; ++round) {
                const bool is_subscribed = device.ask("SUBSCRIBE", kSubscribe) == stack::CallRuling::done;
                const bool is_published = device.ask("PUBLISH", "Event: presence\r\n") == stack::CallRuling::done;
                const auto message = device.ask("MESSAGE", {});
                if (is_subscribed && is_published && message != stack::CallRuling::not_a_call) ++done;
            }
            core.close_flow(device.flow().connection);
            --devices_left;
        });
    }
    threads.emplace_back([&] {
        while (devices_left > 0) {
            for (const auto& one : core.drain(64).publications) {
                core.answer_publish(one.id, exchange::PublishAccepted{"tag", 60});
            }
            static_cast<void>(core.drain_flows(64));
            static_cast<void>(core.subscriptions());
        }
    });
    for (int round = 0; devices_left > 0; ++round) provide(core, "<state>" + std::to_string(round) + "</state>");
    for (std::thread& thread : threads) thread.join();
    CHECK(done == kDevices * kRounds);
    CHECK(core.subscriptions().empty());
}
