// A caller and the calls it speaks to, on a virtual clock: messages in as octets through the gate, messages out as
// text.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "dialog/calls.hpp"
#include "sip/gate.hpp"
#include "sip/reply_text.hpp"

namespace sr::dialog::testkit {

inline constexpr std::string_view kOffer = "v=0\r\ns=offer\r\n";
inline constexpr std::string_view kAnswer = "v=0\r\ns=answer\r\n";

/// A message of ours, as text.
struct Sent {
    std::string octets;

    [[nodiscard]] std::string_view start_line() const {
        return std::string_view(octets).substr(0, octets.find("\r\n"));
    }
    [[nodiscard]] int status() const {
        return start_line().starts_with("SIP/2.0") ? std::stoi(octets.substr(8, 3)) : 0;
    }
    [[nodiscard]] std::string method() const {
        return status() != 0 ? std::string() : octets.substr(0, octets.find(' '));
    }
    /// The first such header's value, empty where there is none.
    [[nodiscard]] std::string field(std::string_view name) const {
        const std::string wanted = "\r\n" + std::string(name) + ": ";
        const std::size_t at = octets.find(wanted);
        if (at == std::string::npos || at > octets.find("\r\n\r\n")) return {};
        const std::size_t start = at + wanted.size();
        return octets.substr(start, octets.find("\r\n", start) - start);
    }
    [[nodiscard]] std::string body() const { return octets.substr(octets.find("\r\n\r\n") + 4); }
};

/// What a request has otherwise than by default.
struct Ask {
    std::string_view lines{};
    std::string_view body{};
    std::string_view branch{};  // empty: a new one
    std::uint32_t cseq = 0;     // 0: the next
    std::string_view content_type = "application/sdp";
    bool is_outside = false;  // without our To tag
};

class Caller {
  public:
    explicit Caller(sip::Transport transport = sip::Transport::udp, Limits limits = {})
        : calls([this] { return ++seed_ * 0x9e3779b97f4a7c15ULL; }) {
        calls.set_limits(limits);
        flow.transport = transport;
        flow.remote = *sip::SocketAddress::parse("192.0.2.7", 5070);
    }

    std::string request(std::string_view method, const Ask& ask = {}) {
        if (ask.cseq == 0 && method != "ACK" && method != "CANCEL") ++cseq;
        const std::uint32_t number = ask.cseq != 0 ? ask.cseq : cseq;
        branch = ask.branch.empty() ? "z9hG4bKcaller" + std::to_string(++branches_) : std::string(ask.branch);
        std::string text(method);
        text += " sip:echo@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5070;rport;branch=" + branch;
        text += "\r\nMax-Forwards: 70\r\nFrom: \"Alice\" <sip:alice@example.org>;tag=hers\r\nTo: <sip:echo@192.0.2.1>";
        if (!ask.is_outside && !tag.empty()) text += ";tag=" + tag;
        text += "\r\nCall-ID: " + call_id + "\r\nCSeq: " + std::to_string(number) + " " + std::string(method);
        text += "\r\nContact: <sip:alice@192.0.2.7:5070>\r\n" + std::string(ask.lines);
        if (!ask.body.empty()) text += "Content-Type: " + std::string(ask.content_type) + "\r\n";
        text += "Content-Length: " + std::to_string(ask.body.size()) + "\r\n\r\n" + std::string(ask.body);
        return text;
    }

    /// Gives octets to the calls as the engine does; an INVITE that may begin a call does.
    TakenRequest give(const std::string& octets) {
        sip::inspect(octets, seen_);
        REQUIRE(seen_.fault == sip::RejectReason::none);
        CallRequest read;
        const sip::RejectReason fault = read_request(octets, seen_, flow, read);
        if (fault != sip::RejectReason::none) return {Taken::refused, fault};
        Outbox out;
        TakenRequest taken = calls.take(read, now_ms, out);
        if (taken.taken == Taken::new_call) {
            taken.reason = calls.begin(read, {"192.0.2.1", "192.0.2.1:5060"}, now_ms, out);
            taken.taken = taken.reason == sip::RejectReason::none ? Taken::done : Taken::refused;
        }
        keep(out);
        return taken;
    }

    TakenRequest ask(std::string_view method, const Ask& ask = {}) { return give(request(method, ask)); }

    /// INVITE, 100: the event's call.
    CallId call(const Ask& ask = {.body = kOffer}) {
        invite = request("INVITE", ask);
        invite_branch = branch;
        invite_cseq = cseq;
        CHECK(give(invite).taken == Taken::done);
        CHECK(next().status() == 100);
        const auto events = calls.drain(10);
        REQUIRE(events.size() == 1);
        CHECK(events[0].kind == CallEventKind::incoming);
        return events[0].call_id;
    }

    /// A confirmed call.
    CallId confirmed_call(const Ask& ask = {.body = kOffer}) {
        const CallId id = call(ask);
        CHECK(command([&](Outbox& out) { return calls.answer(id, kAnswer, now_ms, out); }));
        learn_tag(next());
        acknowledge();
        REQUIRE(calls.drain(10).size() == 1);
        return id;
    }

    void learn_tag(const Sent& answer) { tag = sip::parameter_of(answer.field("To"), "tag"); }

    /// The ACK to a 2xx.
    void acknowledge(std::string_view body = {}) {
        CHECK(ask("ACK", {.body = body, .cseq = cseq}).taken == Taken::done);
    }

    template <class Step>
    bool command(Step step) {
        Outbox out;
        const bool is_done = step(out);
        keep(out);
        return is_done;
    }

    bool hang_up(CallId id) {
        return command([&](Outbox& out) { return calls.hang_up(id, "enough", now_ms, out); });
    }

    /// Lets time pass in steps of the engine's clock.
    void pass(base::TimeMs duration_ms) {
        const base::TimeMs end = now_ms + duration_ms;
        while (now_ms < end) {
            now_ms = std::min(now_ms + 50, end);
            Outbox out;
            calls.advance(now_ms, out);
            keep(out);
        }
    }

    bool answer_bye(const Sent& bye, std::uint16_t status = 200) {
        Outbox out;
        const bool is_ours = calls.take_response(sip::parameter_of(bye.field("Via"), "branch"), status, now_ms, out);
        keep(out);
        return is_ours;
    }

    /// The oldest message of ours that was not looked at.
    Sent next() {
        REQUIRE_FALSE(sent.empty());
        Sent first = sent.front();
        sent.erase(sent.begin());
        return first;
    }

    /// The one event that waits.
    CallEvent event() {
        auto events = calls.drain(10);
        REQUIRE(events.size() == 1);
        return events[0];
    }

    Calls calls;
    sip::Flow flow;
    base::TimeMs now_ms = 1'000'000;
    std::vector<Sent> sent;
    std::vector<Transmission> transmissions;
    std::string call_id = "call-1";
    std::string tag;
    std::string branch;
    std::string invite;
    std::string invite_branch;
    std::uint32_t invite_cseq = 0;
    std::uint32_t cseq = 0;

  private:
    void keep(const Outbox& out) {
        for (const Transmission& one : out.transmissions) {
            sent.push_back({one.octets});
            transmissions.push_back(one);
        }
    }

    std::uint64_t seed_ = 0;
    int branches_ = 0;
    sip::Inspection seen_;
};

}  // namespace sr::dialog::testkit
