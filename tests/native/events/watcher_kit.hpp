// Watchers and the notifier that they ask, on a virtual clock: SUBSCRIBEs in as octets through the gate, answers and
// NOTIFYs out as text. Policy is the test.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "dialog/call_kit.hpp"
#include "events/notifier.hpp"
#include "events/subscribe_request.hpp"

namespace sr::events::testkit {

using dialog::testkit::Sent;

inline const Resource kDoor{"dialog", "door"};
inline constexpr std::string_view kType = "application/dialog-info+xml";

/// A message of ours and where it went.
struct Out : Sent {
    sip::Flow flow;
    sip::SocketAddress to;
    std::string answers;
    base::TimeMs at_ms = 0;

    [[nodiscard]] std::string branch() const { return std::string(sip::parameter_of(field("Via"), "branch")); }
    [[nodiscard]] std::string state() const { return field("Subscription-State"); }
};

/// What a SUBSCRIBE has otherwise than by default.
struct Ask {
    std::string event = "dialog";  // empty: no such field
    std::string lines{};
    std::string expires{};  // empty: no such field
    std::string call_id{};  // empty: a new dialog's
    std::string to_tag{};
    std::string branch{};  // empty: a new one
    std::string user = "door";
    std::string contact = "<sip:alice@192.0.2.7:5070>";
    std::uint32_t cseq = 0;  // 0: the next
};

class Scene {
  public:
    explicit Scene(NotifierConfig config = usual()) : notifier([this] { return ++seed_ * 0x9e3779b97f4a7c15ULL; }) {
        flow.remote = *sip::SocketAddress::parse("192.0.2.7", 5070);
        apply(std::move(config));
    }

    static NotifierConfig usual() {
        NotifierConfig config;
        config.packages = {{"dialog", {std::string(kType)}, true},
                           {"presence", {"application/pidf+xml", "multipart/related"}, false}};
        return config;
    }

    static Document document(std::string full, std::string partial = {}) {
        return {std::string(kType), {std::move(full), std::nullopt}, {std::move(partial), std::nullopt}};
    }

    void apply(NotifierConfig config) {
        command([&](auto& out) { notifier.apply(std::move(config), now_ms, out); });
    }

    std::string subscribe(const Ask& ask = {}) {
        if (ask.cseq == 0) ++cseq;
        branch = ask.branch.empty() ? "z9hG4bKwatcher" + std::to_string(++branches_) : ask.branch;
        std::string text = "SUBSCRIBE sip:" + ask.user + "@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5070;rport;";
        text += "branch=" + branch +
                "\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.org>;tag=hers\r\nTo: <sip:" + ask.user +
                "@192.0.2.1>";
        if (!ask.to_tag.empty()) text += ";tag=" + ask.to_tag;
        text += "\r\nCall-ID: " + (ask.call_id.empty() ? "watch-" + std::to_string(++dialogs_) : ask.call_id);
        text += "\r\nCSeq: " + std::to_string(ask.cseq != 0 ? ask.cseq : cseq) + " SUBSCRIBE\r\n";
        if (!ask.contact.empty()) text += "Contact: " + ask.contact + "\r\n";
        if (!ask.event.empty()) text += "Event: " + ask.event + "\r\n";
        if (!ask.expires.empty()) text += "Expires: " + ask.expires + "\r\n";
        return text + ask.lines + "Content-Length: 0\r\n\r\n";
    }

    /// As the engine does: what begins a subscription does.
    sip::RejectReason give(const std::string& octets) {
        sip::inspect(octets, seen_);
        REQUIRE(seen_.fault == sip::RejectReason::none);
        dialog::CallRequest read;
        REQUIRE(dialog::read_request(octets, seen_, flow, read) == sip::RejectReason::none);
        sip::RejectReason reason{};
        command([&](auto& out) {
            const TakenRequest taken = notifier.take(read, watcher, now_ms, out);
            reason = taken.reason;
            if (taken.taken == Taken::initial) {
                reason = notifier.begin(read, watcher, {"192.0.2.1", "192.0.2.1:5060"}, now_ms, out);
            }
        });
        return reason;
    }

    sip::RejectReason ask(const Ask& ask = {}) { return give(subscribe(ask)); }

    void provide(Document document, Audience audience = {WatcherRule::anyone, {}}, bool is_list = false) {
        command([&](auto& out) { notifier.provide(kDoor, audience, std::move(document), is_list, now_ms, out); });
    }

    /// An active subscription, its first NOTIFY answered; the NOTIFY.
    Out watch(const Ask& how = {}) {
        if (!is_provided_) provide(document("<calm/>"));
        is_provided_ = true;
        CHECK(ask(how) == sip::RejectReason::none);
        const Out answer = next();
        CHECK(answer.status() == 200);
        Out notify = next();
        CHECK(notify.method() == "NOTIFY");
        CHECK(answer_to(notify));
        return notify;
    }

    /// A SUBSCRIBE within the dialog of a NOTIFY.
    static Ask within(const Out& notify) {
        Ask ask;
        ask.call_id = notify.field("Call-ID");
        ask.to_tag = sip::parameter_of(notify.field("From"), "tag");
        ask.event = notify.field("Event");
        return ask;
    }

    bool answer_to(const Out& notify, std::uint16_t status = 200, std::uint32_t retry_after_s = 0) {
        return answer_branch(notify.branch(), status, retry_after_s);
    }

    bool answer_branch(std::string_view of, std::uint16_t status, std::uint32_t retry_after_s = 0) {
        bool is_ours = false;
        command([&](auto& out) { is_ours = notifier.take_response(of, status, retry_after_s, now_ms, out); });
        return is_ours;
    }

    template <class Step>
    void command(Step step) {
        dialog::Outbox out;
        step(out);
        for (const dialog::Transmission& one : out.transmissions) {
            sent.push_back({{one.octets}, one.flow, one.to, one.answers, now_ms});
        }
    }

    /// Lets time pass as the engine does: from one due time to the next.
    void pass(base::TimeMs duration_ms) {
        const base::TimeMs end = now_ms + duration_ms;
        while (now_ms < end) {
            now_ms = std::clamp(notifier.next_due_ms(now_ms), now_ms + 1, end);
            command([&](auto& out) { (void)notifier.advance(now_ms, out); });
        }
    }

    /// The oldest message of ours that was not looked at.
    Out next() {
        REQUIRE_FALSE(sent.empty());
        Out first = sent.front();
        sent.pop_front();
        return first;
    }

    /// The one message since the last look.
    Out only() {
        REQUIRE(sent.size() == 1);
        return next();
    }

    Notifier notifier;
    sip::Flow flow;
    Watcher watcher{"alice", true};
    base::TimeMs now_ms = 1'000'000;
    std::deque<Out> sent;
    std::string branch;
    std::uint32_t cseq = 0;

  private:
    std::uint64_t seed_ = 0;
    int branches_ = 0;
    int dialogs_ = 0;
    bool is_provided_ = false;
    sip::Inspection seen_;
};

}  // namespace sr::events::testkit
