// What changes or keeps a call: re-INVITE, UPDATE, INFO, PRACK, session timers.
#include "call_kit.hpp"
#include "dialog/session_timer.hpp"

using namespace sr::dialog;
using sr::dialog::testkit::Ask;
using sr::dialog::testkit::Caller;
using sr::dialog::testkit::kAnswer;
using sr::dialog::testkit::kOffer;
using sr::dialog::testkit::Sent;
using sr::sip::RejectReason;

namespace {

constexpr std::string_view kTimer = "Supported: timer\r\nAllow: INVITE, UPDATE\r\nSession-Expires: 90;refresher=";

bool answer(Caller& caller, CallId id) {
    return caller.command([&](Outbox& out) { return caller.calls.answer(id, kAnswer, caller.now_ms, out); });
}

bool ring(Caller& caller, CallId id) {
    return caller.command([&](Outbox& out) { return caller.calls.ring(id, caller.now_ms, out); });
}

bool answer_update(Caller& caller, CallId id, std::string_view sdp = kAnswer) {
    return caller.command([&](Outbox& out) { return caller.calls.answer_update(id, sdp, caller.now_ms, out); });
}

std::string with(std::string_view lines, std::string_view more) { return std::string(lines).append(more); }

}  // namespace

TEST_CASE("RFC 3261 14.2: a re-INVITE is offered, answered and acknowledged") {
    // caller              we
    //   | INVITE (hold)    |
    //   |----------------->|  CallUpdated
    //   |    100, 200      |  answer_update
    //   |<-----------------|
    //   | ACK              |
    //   |----------------->|
    Caller caller;
    const CallId id = caller.confirmed_call();
    CHECK(caller.ask("INVITE", {.body = kOffer}).taken == Taken::done);
    CHECK(caller.next().status() == 100);
    const CallEvent updated = caller.event();
    CHECK(updated.kind == CallEventKind::updated);
    CHECK(updated.is_reinvite);
    CHECK(updated.body == kOffer);
    CHECK(answer_update(caller, id));
    CHECK_FALSE(answer_update(caller, id));
    const Sent ok = caller.next();
    CHECK(ok.status() == 200);
    CHECK(ok.body() == kAnswer);
    CHECK(ok.field("Contact") == "<sip:192.0.2.1:5060>");
    caller.pass(500);
    CHECK(caller.next().octets == ok.octets);
    caller.acknowledge();
    CHECK_FALSE(caller.calls.has_events());
    caller.pass(40'000);
    CHECK(caller.sent.empty());
    CHECK(caller.calls.count() == 1);
}

TEST_CASE("RFC 3261 14.2: a re-INVITE while one waits is 500 with Retry-After, before its ACK 491") {
    Caller caller;
    const CallId id = caller.confirmed_call();
    CHECK(caller.ask("INVITE", {.body = kOffer}).taken == Taken::done);
    CHECK(caller.ask("INVITE", {.body = kOffer}).reason == RejectReason::update_pending);
    CHECK(caller.ask("UPDATE", {.body = kOffer}).reason == RejectReason::update_pending);
    CHECK(answer_update(caller, id));
    CHECK(caller.ask("INVITE", {.body = kOffer}).reason == RejectReason::request_pending);
}

TEST_CASE("RFC 3261 14.2: a re-INVITE that is refused leaves the call as it was") {
    Caller caller;
    const CallId id = caller.confirmed_call();
    const std::string reinvite = caller.request("INVITE", {.body = kOffer});
    const std::string branch = caller.branch;
    const std::uint32_t cseq = caller.cseq;
    CHECK(caller.give(reinvite).taken == Taken::done);
    CHECK(caller.next().status() == 100);
    CHECK(caller.command(
        [&](Outbox& out) { return caller.calls.reject_update(id, 488, "no such codec", caller.now_ms, out); }));
    const Sent refused = caller.next();
    CHECK(refused.status() == 488);
    CHECK(caller.give(reinvite).taken == Taken::done);
    CHECK(caller.next().octets == refused.octets);
    CHECK(caller.ask("ACK", {.branch = branch, .cseq = cseq}).taken == Taken::done);
    caller.pass(40'000);
    CHECK(caller.sent.empty());
    CHECK(caller.ask("INVITE", {.body = kOffer}).taken == Taken::done);
}

TEST_CASE("RFC 3261 14.2: no ACK to the 2xx of a re-INVITE ends the call") {
    Caller caller;
    const CallId id = caller.confirmed_call();
    CHECK(caller.ask("INVITE", {.body = kOffer}).taken == Taken::done);
    caller.event();
    CHECK(answer_update(caller, id));
    caller.pass(32'000);
    CHECK(caller.sent.back().method() == "BYE");
    CHECK(caller.event().cause == EndCause::not_acknowledged);
}

TEST_CASE("RFC 3261 9.2: a CANCEL of a re-INVITE ends that alone") {
    Caller caller;
    const CallId id = caller.confirmed_call();
    CHECK(caller.ask("INVITE", {.body = kOffer}).taken == Taken::done);
    CHECK(caller.ask("CANCEL", {.branch = caller.branch, .cseq = caller.cseq}).taken == Taken::done);
    CHECK(caller.next().status() == 100);
    CHECK(caller.next().status() == 200);
    CHECK(caller.next().status() == 487);
    CHECK_FALSE(answer_update(caller, id));
    CHECK(caller.calls.count() == 1);
}

TEST_CASE("a re-INVITE without an offer is answered with ours, and its ACK brings the answer") {
    Caller caller;
    const CallId id = caller.confirmed_call();
    CHECK(caller.ask("INVITE").taken == Taken::done);
    CHECK(caller.event().body.empty());
    CHECK(answer_update(caller, id));
    CHECK(caller.ask("UPDATE", {.body = kOffer}).reason == RejectReason::request_pending);
    --caller.cseq;
    caller.acknowledge(kOffer);
    CHECK(caller.event().body == kOffer);
}

TEST_CASE("RFC 3311 5.2: an UPDATE is answered like a re-INVITE, without an ACK; without an offer at once") {
    Caller caller;
    const CallId id = caller.confirmed_call();
    const std::string update = caller.request("UPDATE", {.body = kOffer});
    CHECK(caller.give(update).taken == Taken::done);
    CHECK(caller.give(update).taken == Taken::done);
    CHECK(caller.sent.empty());
    const CallEvent updated = caller.event();
    CHECK_FALSE(updated.is_reinvite);
    CHECK(answer_update(caller, id));
    const Sent ok = caller.next();
    CHECK(ok.body() == kAnswer);
    CHECK(caller.give(update).taken == Taken::done);
    CHECK(caller.next().octets == ok.octets);
    CHECK(caller.ask("UPDATE").taken == Taken::done);
    CHECK(caller.next().status() == 200);
    CHECK_FALSE(caller.calls.has_events());
}

TEST_CASE("RFC 3311 5.2: an UPDATE with an offer before the first is answered is 500") {
    Caller caller;
    const CallId id = caller.call();
    CHECK(ring(caller, id));
    caller.learn_tag(caller.next());
    CHECK(caller.ask("UPDATE", {.body = kOffer}).reason == RejectReason::update_pending);
}

TEST_CASE("an offer that nobody answers within 10 s is refused, and the call goes on") {
    Caller caller;
    caller.confirmed_call();
    CHECK(caller.ask("UPDATE", {.body = kOffer}).taken == Taken::done);
    caller.pass(10'000);
    CHECK(caller.next().status() == 500);
    CHECK(caller.calls.count() == 1);
}

TEST_CASE("RFC 6086: an INFO is answered and told once, however often it is copied") {
    Caller caller;
    caller.confirmed_call();
    const std::string info = caller.request("INFO", {.body = "Signal=5", .content_type = "application/dtmf-relay"});
    CHECK(caller.give(info).taken == Taken::done);
    CHECK(caller.give(info).taken == Taken::done);
    CHECK(caller.next().status() == 200);
    CHECK(caller.next().status() == 200);
    const CallEvent told = caller.event();
    CHECK(told.content_type == "application/dtmf-relay");
    CHECK(told.body == "Signal=5");
}

TEST_CASE("events that nobody drains are bounded: what comes after is refused for a while") {
    Caller caller;
    caller.confirmed_call();
    for (int i = 0; i < kMostWaitingEvents; ++i) CHECK(caller.ask("INFO").taken == Taken::done);
    CHECK(caller.ask("INFO").reason == RejectReason::update_pending);
    CHECK(caller.ask("UPDATE", {.body = kOffer}).reason == RejectReason::update_pending);
    CHECK(caller.calls.drain(1).size() == 1);
    CHECK(caller.ask("INFO").taken == Taken::done);
}

TEST_CASE("RFC 3261 11 and 8.2.1: OPTIONS within a call tells what is there; other methods are refused") {
    Caller caller;
    caller.confirmed_call();
    CHECK(caller.ask("OPTIONS").taken == Taken::done);
    CHECK(caller.next().field("Allow").find("UPDATE") != std::string::npos);
    CHECK(caller.ask("REFER").reason == RejectReason::transfer_declined);
    CHECK(caller.ask("MESSAGE").reason == RejectReason::method_not_allowed);
    CHECK(caller.ask("INFO", {.lines = "Require: gruu\r\n"}).reason == RejectReason::extension_required);
}

TEST_CASE("RFC 3262 3: a required reliable 180 is repeated until its PRACK") {
    // caller                     we
    //   | INVITE Require: 100rel  |
    //   |------------------------>|
    //   |    180 RSeq: n          |
    //   |<------------------------|  repeated after 0.5, 1, 2, ... s
    //   | PRACK RAck: n 1 INVITE  |
    //   |------------------------>|
    //   |    200                  |
    //   |<------------------------|
    Caller caller;
    const CallId id = caller.call({.lines = "Require: 100rel\r\n", .body = kOffer});
    CHECK(ring(caller, id));
    const Sent ringing = caller.next();
    CHECK(ringing.status() == 180);
    CHECK(ringing.field("Require") == "100rel");
    caller.learn_tag(ringing);
    caller.pass(500);
    CHECK(caller.next().octets == ringing.octets);
    const std::string rseq = ringing.field("RSeq");
    SUBCASE("the right PRACK ends it") {
        const std::string rack = "RAck: " + rseq + "  1 INVITE\r\n";
        CHECK(caller.ask("PRACK", {.lines = rack}).taken == Taken::done);
        CHECK(caller.next().status() == 200);
        caller.pass(20'000);
        CHECK(caller.sent.empty());
        CHECK(answer(caller, id));
        CHECK(caller.next().status() == 200);
    }
    SUBCASE("another PRACK is 481") {
        const std::string rack = "RAck: " + rseq + " 2 INVITE\r\n";
        CHECK(caller.ask("PRACK", {.lines = rack}).reason == RejectReason::no_such_dialog);
    }
    SUBCASE("none for 64*T1 refuses the call") {
        caller.pass(32'000);
        CHECK(caller.sent.back().status() == 504);
        CHECK(caller.event().cause == EndCause::not_acknowledged);
    }
    SUBCASE("an answer before it is sent, and the repetition ends") {
        CHECK(answer(caller, id));
        CHECK(caller.next().status() == 200);
        caller.acknowledge();
        caller.pass(20'000);
        CHECK(caller.sent.empty());
    }
}

TEST_CASE("RFC 3262 3: a PRACK of nothing is 481") {
    Caller caller;
    caller.confirmed_call();
    CHECK(caller.ask("PRACK", {.lines = "RAck: 1 1 INVITE\r\n"}).reason == RejectReason::no_such_dialog);
}

TEST_CASE("RFC 4028 9: the caller refreshes where it may choose, and is ended by BYE when it does not") {
    Caller caller;
    const CallId id = caller.call({.lines = "Supported: timer\r\nSession-Expires: 90\r\n", .body = kOffer});
    CHECK(answer(caller, id));
    const Sent ok = caller.next();
    CHECK(ok.field("Session-Expires") == "90;refresher=uac");
    CHECK(ok.field("Require") == "timer");
    caller.learn_tag(ok);
    caller.acknowledge();
    CHECK(caller.calls.drain(10).size() == 1);
    caller.pass(50'000);
    SUBCASE("not refreshed") {
        caller.pass(9'950);
        CHECK(caller.sent.empty());
        caller.pass(50);  // 60 s: 90 less a third
        CHECK(caller.next().method() == "BYE");
        CHECK(caller.event().cause == EndCause::session_expired);
    }
    SUBCASE("refreshed by UPDATE") {
        const std::string lines = with(kTimer, "uac\r\n");
        CHECK(caller.ask("UPDATE", {.lines = lines}).taken == Taken::done);
        CHECK(caller.next().field("Session-Expires") == "90;refresher=uac");
        caller.pass(59'950);
        CHECK(caller.sent.empty());
        caller.pass(50);
        CHECK(caller.next().method() == "BYE");
    }
    SUBCASE("switched off by an UPDATE without it") {
        CHECK(caller.ask("UPDATE").taken == Taken::done);
        caller.next();
        caller.pass(200'000);
        CHECK(caller.sent.empty());
    }
}

TEST_CASE("RFC 4028 10: where the caller wants us to, we refresh by UPDATE at half time") {
    Caller caller;
    const std::string lines = with(kTimer, "uas\r\n");
    caller.confirmed_call({.lines = lines, .body = kOffer});
    caller.pass(44'950);
    CHECK(caller.sent.empty());
    caller.pass(50);
    const Sent update = caller.next();
    CHECK(update.method() == "UPDATE");
    CHECK(update.field("Session-Expires") == "90;refresher=uac");
    SUBCASE("answered: the session goes on") {
        CHECK(caller.answer_bye(update));
        caller.pass(44'950);
        CHECK(caller.sent.empty());
        caller.pass(50);
        CHECK(caller.next().method() == "UPDATE");
    }
    SUBCASE("481: the peer has lost the call, and nothing more is said") {
        CHECK(caller.answer_bye(update, 481));
        CHECK(caller.event().cause == EndCause::peer_lost);
        CHECK(caller.sent.empty());
    }
    SUBCASE("491: tried again") {
        CHECK(caller.answer_bye(update, 491));
        caller.pass(2'100);
        CHECK(caller.next().method() == "UPDATE");
    }
    SUBCASE("no answer: BYE when the session is over") {
        caller.pass(15'000);
        CHECK(caller.sent.back().method() == "BYE");
        CHECK(caller.event().cause == EndCause::session_expired);
    }
}

TEST_CASE("RFC 4028 9: no timer for who does not know it, or wants refreshes that he would not take") {
    for (const std::string_view lines :
         {"Session-Expires: 90\r\n", "Supported: timer\r\nSession-Expires: 90;refresher=uas\r\n"}) {
        Caller caller;
        CHECK(answer(caller, caller.call({.lines = lines, .body = kOffer})));
        CHECK(caller.next().field("Session-Expires").empty());
    }
}

TEST_CASE("a response to no request of ours is nobody's") {
    Caller caller;
    const CallId id = caller.confirmed_call();
    Outbox out;
    CHECK_FALSE(caller.calls.take_response("z9hG4bKother", 200, caller.now_ms, out));
    CHECK_FALSE(caller.calls.take_response("z9hG4bKsrd-" + std::to_string(id) + "-1", 200, caller.now_ms, out));
    CHECK_FALSE(caller.calls.take_response("z9hG4bKsrd-99999999999999999999999", 200, caller.now_ms, out));
}
