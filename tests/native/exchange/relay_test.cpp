#include "exchange/relay.hpp"

#include "exchange/exchange_kit.hpp"
#include "sip/reply_text.hpp"

using namespace sr;
using namespace sr::exchange;
using namespace sr::exchange::testkit;
using sip::RejectReason;

namespace {

RelayTarget device(const std::string& ip, sip::Transport transport = sip::Transport::udp) {
    RelayTarget target;
    target.flow = flow_at(ip, 5072, transport);
    target.to = *sip::SocketAddress::parse(ip, 5099);
    target.contact_uri = "sip:bob@" + ip + ":5099;x=1";
    target.local = {"192.0.2.1", "192.0.2.1:5060", std::string(sip::via_transport(transport))};
    return target;
}

const RelayTarget kPhone = device("192.0.2.20");
const RelayTarget kDesk = device("192.0.2.21");

struct Wire {
    explicit Wire(const Relay::Bounds& bounds = {})
        : relay([this] { return ++seed * 0x9e3779b97f4a7c15ULL; }, bounds) {}

    RejectReason send(const std::vector<RelayTarget>& targets, const Ask& ask = {}, const sip::Flow& flow = kAlice) {
        out = {};
        const auto asked = received("MESSAGE", ask, flow);
        return relay.begin(asked->request(), asked->message(), "house.local", targets, now_ms, out);
    }

    /// Sends to these, and returns what each of them got.
    std::vector<std::string> sent(const std::vector<RelayTarget>& targets, const Ask& ask = {}) {
        REQUIRE(send(targets, ask) == RejectReason::none);
        std::vector<std::string> texts;
        for (const auto& one : out.transmissions) texts.push_back(one.octets);
        REQUIRE(texts.size() == targets.size());
        return texts;
    }

    /// A device answers what it got; whether it was ours.
    bool answer(const std::string& request, const std::string& status, const std::string& more = {},
                const std::string& body = {}) {
        out = {};
        std::string text = "SIP/2.0 " + status + "\r\n";
        std::string_view rest = std::string_view(request).substr(request.find("\r\n") + 2);
        while (rest.starts_with("Via: ")) {
            text.append(rest.substr(0, rest.find("\r\n") + 2));
            rest.remove_prefix(rest.find("\r\n") + 2);
        }
        text += "From: " + field(request, "From") + "\r\nTo: " + field(request, "To") + ";tag=his\r\nCall-ID: ";
        text += field(request, "Call-ID") + "\r\nCSeq: " + field(request, "CSeq") + "\r\n" + more;
        text += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body + "beyond";
        const std::string via = field(request, "Via");
        return relay.take_response(sip::parameter_of(via, "branch"), static_cast<std::uint16_t>(status_of(text)), text,
                                   out);
    }

    /// What leaves until then, in steps of the engine's clock.
    std::vector<dialog::Transmission> pass(base::TimeMs duration_ms) {
        out = {};
        for (const base::TimeMs end = now_ms + duration_ms; now_ms < end;) {
            now_ms = std::min(now_ms + 50, end);
            relay.advance(now_ms, out);
        }
        return out.transmissions;
    }

    std::uint64_t seed = 0;
    Relay relay;
    base::TimeMs now_ms = 1'000'000;
    dialog::Outbox out;
};

}  // namespace

TEST_CASE("RFC 3261 16.6: a message goes on with the contact as its Request-URI, our Via on top and a hop less") {
    Wire wire;
    const std::string text = wire.sent({kPhone})[0];
    CHECK(
        text.starts_with("MESSAGE sip:bob@192.0.2.20:5099;x=1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;rport;branch="
                         "z9hG4bKsrm-"));
    CHECK(count_of(text, "Via: ") == 2);
    CHECK(count_of(text, "Via: SIP/2.0/UDP 192.0.2.7:5060;rport=5070;branch=z9hG4bKsender;received=192.0.2.7") == 1);
    CHECK(field(text, "Max-Forwards") == "69");
    CHECK(field(text, "From") == "<sip:alice@house.local>;tag=hers");
    CHECK(field(text, "To") == "<sip:bob@house.local>");
    CHECK(field(text, "Call-ID") == "call-1");
    CHECK(field(text, "CSeq") == "7 MESSAGE");
    CHECK(body_of(text) == "hello");
    CHECK(only(wire.out).to == kPhone.to);
    CHECK(only(wire.out).flow == kPhone.flow);
    CHECK(only(wire.out).answers.empty());
}

TEST_CASE("RFC 3261 16.6 step 3: a message without Max-Forwards gets one") {
    Wire wire;
    CHECK(field(wire.sent({kPhone}, {.lines = {}})[0], "Max-Forwards") == "69");
}

TEST_CASE("RFC 3261 16.3 step 3: a message whose hops are used up goes nowhere") {
    Wire wire;
    CHECK(wire.send({kPhone}, {.lines = "Max-Forwards: 0\r\n"}) == RejectReason::too_many_hops);
    CHECK(wire.out.transmissions.empty());
    CHECK(field(wire.sent({kPhone}, {.lines = "Max-Forwards: 1\r\n"})[0], "Max-Forwards") == "0");
}

TEST_CASE("RFC 3261 16.3 step 4: a message that comes back is a loop, one for another address is not") {
    Wire wire;
    const std::string ours = "Via: " + field(wire.sent({kPhone})[0], "Via") + "\r\n";
    CHECK(wire.send({kPhone}, {.branch = "z9hG4bKother", .vias = ours}) == RejectReason::request_merged);
    CHECK(wire.send({kPhone}, {.uri = "sip:carol@house.local", .vias = ours}) == RejectReason::none);
    Wire stranger;
    stranger.seed = 99;
    CHECK(stranger.send({kPhone}, {.vias = "Via: SIP/2.0/UDP h;branch=z9hG4bKsrm-1-1-0-0\r\n"}) == RejectReason::none);
}

TEST_CASE("RFC 3261 16.3 step 5: what a proxy is required to know and does not is refused by name") {
    Wire wire;
    const Ask ask{.lines = "Proxy-Require: magic\r\nProxy-Require: a, b\r\n"};
    CHECK(wire.send({kPhone}, ask) == RejectReason::extension_required);
    CHECK(proxy_required_tags(write_ask("MESSAGE", ask)) == "magic, a, b");
}

TEST_CASE("RFC 3261 22.3: credentials for this realm stay here, others go on") {
    Wire wire;
    const std::string text = wire.sent(
        {kPhone}, {.lines = "Authorization: Digest username=\"a,realm=x\", realm=\"house.local\", nonce=\"n\"\r\n"
                            "Proxy-Authorization: Digest realm=house.local,username=\"a\"\r\n"
                            "Authorization: Digest username=\"a\", realm=\"elsewhere\"\r\n"})[0];
    CHECK(count_of(text, "uthorization: ") == 1);
    CHECK(field(text, "Authorization") == "Digest username=\"a\", realm=\"elsewhere\"");
}

TEST_CASE("RFC 3327 5.3: the binding's Path is the Route, and the sender's own Route goes no further") {
    Wire wire;
    RelayTarget behind = kPhone;
    behind.path = "<sip:edge.test;lr>";
    const std::string text = wire.sent({behind}, {.lines = "Route: <sip:192.0.2.1;lr>, <sip:victim.test;lr>\r\n"})[0];
    CHECK(count_of(text, "Route: ") == 1);
    CHECK(field(text, "Route") == "<sip:edge.test;lr>");
}

TEST_CASE("RFC 3261 7.3.1: folded and compact lines go on as they are, but for those that are written anew") {
    Wire wire;
    const std::string text = wire.sent(
        {kPhone}, {.lines = "Subject: a\r\n  b\r\nv: SIP/2.0/UDP below;branch=z9hG4bKbelow\r\nX-Any: Via: no\r\n"})[0];
    CHECK(count_of(text, "Subject: a\r\n  b\r\n") == 1);
    CHECK(count_of(text, "\r\nVia: SIP/2.0/UDP below;branch=z9hG4bKbelow\r\n") == 1);
    CHECK(count_of(text, "\r\nX-Any: Via: no\r\n") == 1);
    CHECK(count_of(text, "\r\nv: ") == 0);
}

TEST_CASE("RFC 3261 16.7: the device's 200 goes back without our Via, to where the message came from") {
    Wire wire;
    const std::string text = wire.sent({kPhone})[0];
    CHECK(wire.answer(text, "200 Got It", "X-Device: yes\r\n", "body"));
    const dialog::Transmission answer = only(wire.out);
    CHECK(answer.octets.starts_with("SIP/2.0 200 Got It\r\n"));
    CHECK(count_of(answer.octets, "Via: ") == 1);
    CHECK(count_of(answer.octets, "srm-") == 0);
    CHECK(field(answer.octets, "To") == "<sip:bob@house.local>;tag=his");
    CHECK(field(answer.octets, "X-Device") == "yes");
    CHECK(body_of(answer.octets) == "body");
    CHECK(answer.to == kAlice.remote);
    CHECK_FALSE(answer.answers.empty());
    CHECK(wire.relay.count() == 0);
    CHECK_FALSE(wire.answer(text, "200 OK"));  // RFC 3261 17.1.2.2: what comes again is for nobody
}

TEST_CASE("every binding gets the message; the first 2xx goes back at once and no second one does") {
    Wire wire;
    const auto texts = wire.sent({kPhone, kDesk});
    CHECK(field(texts[0], "Via") != field(texts[1], "Via"));
    CHECK(wire.answer(texts[1], "202 Accepted"));
    CHECK(status_of(only(wire.out).octets) == 202);
    CHECK(wire.answer(texts[0], "200 OK"));
    CHECK(wire.out.transmissions.empty());
    CHECK(wire.relay.count() == 0);
}

TEST_CASE("a 2xx after a failure is what the sender hears") {
    Wire wire;
    const auto texts = wire.sent({kPhone, kDesk});
    CHECK(wire.answer(texts[0], "603 Decline"));
    CHECK(wire.out.transmissions.empty());
    CHECK(wire.answer(texts[1], "200 OK"));
    CHECK(status_of(only(wire.out).octets) == 200);
}

TEST_CASE("RFC 3261 16.7 step 6: without a 2xx the best failure goes back when all have answered") {
    const struct {
        std::string first;
        std::string second;
        int told;
    } rows[] = {
        {"486 Busy Here", "500 Error", 486}, {"500 Error", "404 Not Found", 404}, {"415 Type", "486 Busy Here", 415},
        {"486 Busy Here", "415 Type", 415},  {"404 Gone", "603 Decline", 603},    {"404 A", "486 B", 404},
    };
    for (const auto& row : rows) {
        Wire wire;
        const auto texts = wire.sent({kPhone, kDesk});
        CHECK(wire.answer(texts[0], row.first));
        CHECK(wire.out.transmissions.empty());
        CHECK(wire.answer(texts[1], row.second));
        CHECK(status_of(only(wire.out).octets) == row.told);
    }
}

TEST_CASE("RFC 3261 16.7 step 6: a device's 503 is not said in our name") {
    Wire wire;
    CHECK(wire.answer(wire.sent({kPhone})[0], "503 Busy", "Retry-After: 9\r\n"));
    CHECK(status_of(only(wire.out).octets) == 500);
    CHECK(field(only(wire.out).octets, "Retry-After").empty());
}

TEST_CASE("RFC 4320 4.1: a provisional answer stays here, and slows the repetitions down") {
    Wire wire;
    CHECK(wire.answer(wire.sent({kPhone})[0], "100 Trying"));
    CHECK(wire.out.transmissions.empty());
    CHECK(wire.pass(600).size() == 1);
    CHECK(wire.pass(3'899).empty());
    CHECK(wire.pass(1).size() == 1);
}

TEST_CASE("RFC 3261 17.1.2.2: over UDP a message is repeated until timer F, then the sender is told 408") {
    Wire wire;
    const std::string text = wire.sent({kPhone})[0];
    const auto repeated = wire.pass(31'999);
    CHECK(repeated.size() == 10);  // 0.5, 1.5, 3.5, 7.5, 11.5 ... 31.5 s
    for (const auto& one : repeated) CHECK(one.octets == text);
    const auto last = wire.pass(1);
    REQUIRE(last.size() == 1);
    CHECK(status_of(last[0].octets) == 408);
    CHECK(last[0].to == kAlice.remote);
    CHECK(wire.relay.count() == 0);
    CHECK_FALSE(wire.answer(text, "200 OK"));
}

TEST_CASE("a failure that a device said is told rather than the silence of another") {
    Wire wire;
    const auto texts = wire.sent({kPhone, kDesk});
    CHECK(wire.answer(texts[0], "486 Busy Here"));
    const auto last = wire.pass(32'000);
    CHECK(status_of(last.back().octets) == 486);
}

TEST_CASE("RFC 3261 17.1.2.2: over a connection nothing is repeated") {
    Wire wire;
    wire.sent({device("192.0.2.30", sip::Transport::tcp)});
    CHECK(wire.pass(31'999).empty());
    CHECK(status_of(wire.pass(1).front().octets) == 408);
}

TEST_CASE("RFC 5626 5.3: a device whose connection ends is unavailable") {
    Wire wire;
    const RelayTarget there = device("192.0.2.30", sip::Transport::tcp);
    wire.sent({there});
    wire.out = {};
    wire.relay.lose_flow(there.flow, wire.out);
    CHECK(status_of(only(wire.out).octets) == 480);
    CHECK(wire.relay.count() == 0);
}

TEST_CASE("a message for nobody is unavailable") {
    Wire wire;
    CHECK(wire.send({}) == RejectReason::unavailable);
}

TEST_CASE("what no datagram carries is 513 for whoever is reached by UDP, and goes on over connections") {
    Wire wire;
    const std::string large(65'000, 'x');
    const sip::Flow stream = flow_at("192.0.2.7", 5070, sip::Transport::tcp);
    RelayTarget there = device("192.0.2.30", sip::Transport::tcp);
    there.contact_uri += ";y=" + std::string(500, 'y');
    RelayTarget datagram = kPhone;
    datagram.contact_uri = there.contact_uri;
    CHECK(wire.send({there}, {.body = large}, stream) == RejectReason::none);
    CHECK(body_of(only(wire.out).octets) == large);
    CHECK(wire.send({datagram}, {.body = large}, stream) == RejectReason::none);
    CHECK(status_of(only(wire.out).octets) == 513);
}

TEST_CASE("messages under way are bounded in number and octets, and make room when they are answered") {
    Wire few({.messages = 1, .octets = 1'000'000});
    const std::string text = few.sent({kPhone})[0];
    CHECK(few.send({kPhone}) == RejectReason::too_many_messages);
    CHECK(few.answer(text, "200 OK"));
    CHECK(few.send({kPhone}) == RejectReason::none);
    Wire small({.messages = 10, .octets = 1'500});
    const std::string first = small.sent({kPhone}, {.body = std::string(500, 'x')})[0];
    CHECK(small.send({kPhone}, {.body = std::string(500, 'x')}) == RejectReason::too_many_messages);
    CHECK(small.answer(first, "200 OK"));
    CHECK(small.send({kPhone}, {.body = std::string(500, 'x')}) == RejectReason::none);
}

TEST_CASE("one address has no more messages under way than its part, and others have theirs") {
    Wire wire({.messages_of_one = 1});
    const std::string text = wire.sent({kPhone})[0];
    CHECK(wire.send({kPhone}) == RejectReason::too_many_messages);
    sip::Flow other = kAlice;
    other.remote = *sip::SocketAddress::parse("192.0.2.77", 5060);
    CHECK(wire.send({kPhone}, {}, other) == RejectReason::none);
    CHECK(wire.answer(text, "200 OK"));
    CHECK(wire.send({kPhone}) == RejectReason::none);
}

TEST_CASE("at the end every sender without an answer is told 503, and so is whoever comes until it is open again") {
    Wire wire;
    wire.sent({kPhone});
    wire.out = {};
    wire.relay.shut_down(wire.out);
    CHECK(status_of(only(wire.out).octets) == 503);
    CHECK(wire.send({kPhone}) == RejectReason::shutting_down);
    wire.relay.reopen();
    CHECK(wire.send({kPhone}) == RejectReason::none);
}

TEST_CASE("an answer under a branch that was never ours is not taken") {
    Wire wire;
    const std::string text = wire.sent({kPhone})[0];
    const std::string branch(sip::parameter_of(field(text, "Via"), "branch"));
    for (const std::string& guess : {branch + "0", branch.substr(0, branch.size() - 1), std::string("z9hG4bKsrm-1-1"),
                                     std::string("z9hG4bKsrm-"), std::string("z9hG4bKelse"), std::string()}) {
        CHECK_FALSE(wire.relay.take_response(guess, 200, "SIP/2.0 200 OK\r\n\r\n", wire.out));
    }
    CHECK(wire.relay.count() == 1);
}
