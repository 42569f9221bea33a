// A call from its INVITE to its end (RFC 3261 sections 9, 12, 13.3 and 15).
#include "call_kit.hpp"

using namespace sr::dialog;
using sr::dialog::testkit::Ask;
using sr::dialog::testkit::Caller;
using sr::dialog::testkit::kAnswer;
using sr::dialog::testkit::kOffer;
using sr::dialog::testkit::Sent;
using sr::sip::RejectReason;

namespace {

bool ring(Caller& caller, CallId id) {
    return caller.command([&](Outbox& out) { return caller.calls.ring(id, caller.now_ms, out); });
}

bool answer(Caller& caller, CallId id) {
    return caller.command([&](Outbox& out) { return caller.calls.answer(id, kAnswer, caller.now_ms, out); });
}

bool reject(Caller& caller, CallId id) {
    return caller.command(
        [&](Outbox& out) { return caller.calls.reject(id, 404, "nobody \"here\"", caller.now_ms, out); });
}

void check_ended(Caller& caller, EndCause cause) {
    const CallEvent event = caller.event();
    CHECK(event.kind == CallEventKind::ended);
    CHECK(event.cause == cause);
}

}  // namespace

TEST_CASE("RFC 3261 13.3.1: a call is tried, rings, is answered, acknowledged and ended by its caller") {
    // caller            we
    //   | INVITE (offer) |
    //   |--------------->|  IncomingCall
    //   |    100         |
    //   |<---------------|
    //   |    180, 200    |  ring, answer
    //   |<---------------|
    //   | ACK            |
    //   |--------------->|  CallConfirmed
    //   | BYE            |
    //   |--------------->|  CallEnded
    //   |    200         |
    //   |<---------------|
    Caller caller;
    caller.invite = caller.request("INVITE", {.body = kOffer});
    CHECK(caller.give(caller.invite).taken == Taken::done);
    CHECK(caller.next().status() == 100);
    const CallEvent incoming = caller.event();
    CHECK(incoming.user == "echo");
    CHECK(incoming.caller_user == "alice");
    CHECK(incoming.caller_name == "Alice");
    CHECK(incoming.body == kOffer);
    CHECK(incoming.local_ip == "192.0.2.1");
    const CallId id = incoming.call_id;

    CHECK(ring(caller, id));
    const Sent ringing = caller.next();
    CHECK(ringing.status() == 180);
    CHECK(ringing.field("Contact") == "<sip:192.0.2.1:5060>");
    CHECK(answer(caller, id));
    const Sent ok = caller.next();
    CHECK(ok.status() == 200);
    CHECK(ok.body() == kAnswer);
    CHECK(ok.field("Content-Type") == "application/sdp");
    CHECK(ok.field("To") == ringing.field("To"));
    caller.learn_tag(ok);
    caller.acknowledge();
    CHECK(caller.event().kind == CallEventKind::confirmed);
    CHECK(caller.ask("BYE").taken == Taken::done);
    CHECK(caller.next().status() == 200);
    check_ended(caller, EndCause::hung_up_by_peer);
    CHECK(caller.calls.count() == 0);
    caller.pass(40'000);
    CHECK(caller.sent.empty());
    CHECK_FALSE(caller.hang_up(id));
}

TEST_CASE("RFC 3261 13.3.1.4: a 2xx is repeated at T1 doubling to T2 until its ACK") {
    Caller caller;
    const CallId id = caller.call();
    const auto began = caller.now_ms;
    CHECK(answer(caller, id));
    std::vector<sr::base::TimeMs> at;
    for (std::size_t seen = 1; caller.now_ms < began + 20'000;) {
        caller.pass(50);
        for (; seen < caller.sent.size(); ++seen) at.push_back(caller.now_ms - began);
    }
    CHECK(at == std::vector<sr::base::TimeMs>{500, 1500, 3500, 7500, 11500, 15500, 19500});
    caller.learn_tag(caller.sent.back());
    caller.sent.clear();
    caller.acknowledge();
    caller.pass(20'000);
    CHECK(caller.sent.empty());
}

TEST_CASE("RFC 3261 13.3.1.4: without an ACK for 64*T1 the call is ended by BYE") {
    Caller caller;
    const CallId id = caller.call();
    CHECK(answer(caller, id));
    caller.pass(32'000);
    const Sent bye = caller.sent.back();
    CHECK(bye.method() == "BYE");
    CHECK(bye.field("From").find(";tag=") != std::string::npos);
    CHECK(bye.field("To") == "\"Alice\" <sip:alice@example.org>;tag=hers");
    CHECK(bye.start_line() == "BYE sip:alice@192.0.2.7:5070 SIP/2.0");
    CHECK(bye.field("Reason").find("no ACK") != std::string::npos);
    check_ended(caller, EndCause::not_acknowledged);
    CHECK(caller.answer_bye(bye));
    CHECK(caller.calls.is_quiet());
}

TEST_CASE("RFC 3261 15: who hangs up before the ACK says BYE once it came") {
    Caller caller;
    const CallId id = caller.call();
    CHECK(answer(caller, id));
    caller.learn_tag(caller.next());
    CHECK(caller.hang_up(id));
    CHECK(caller.sent.empty());
    check_ended(caller, EndCause::hung_up);
    caller.acknowledge();
    CHECK(caller.next().method() == "BYE");
}

TEST_CASE("RFC 5626 4.2.1: the calls over a connection end with it, those over others go on") {
    Caller caller(sr::sip::Transport::wss);
    caller.confirmed_call();
    sr::sip::Flow other = caller.flow;
    other.connection = caller.flow.connection + 1;
    Outbox out;
    caller.calls.lose_flow(other, caller.now_ms, out);
    CHECK(caller.calls.count() == 1);
    caller.calls.lose_flow(caller.flow, caller.now_ms, out);
    CHECK(out.transmissions.empty());
    check_ended(caller, EndCause::peer_lost);
    CHECK(caller.calls.count() == 0);
}

TEST_CASE("RFC 3261 17.1.2.2: a BYE is repeated until it is answered, and given up after 64*T1") {
    Caller caller;
    const CallId id = caller.confirmed_call();
    CHECK(caller.hang_up(id));
    const Sent bye = caller.next();
    CHECK(bye.method() == "BYE");
    check_ended(caller, EndCause::hung_up);
    caller.pass(500);
    CHECK(caller.next().octets == bye.octets);
    SUBCASE("answered") {
        CHECK(caller.answer_bye(bye));
        caller.pass(60'000);
        CHECK(caller.sent.empty());
        CHECK(caller.calls.is_quiet());
    }
    SUBCASE("never answered") {
        caller.pass(60'000);
        CHECK(caller.sent.size() == 9);  // after 1, 2, 4, 4, ... s, until 32 s are over
        CHECK(caller.calls.is_quiet());
    }
}

TEST_CASE("RFC 3261 15.1.2: a BYE that crosses ours is answered") {
    Caller caller;
    const CallId id = caller.confirmed_call();
    CHECK(caller.hang_up(id));
    const Sent bye = caller.next();
    CHECK(caller.ask("BYE").taken == Taken::done);
    CHECK(caller.next().status() == 200);
    CHECK(caller.event().cause == EndCause::hung_up);
    CHECK(caller.answer_bye(bye, 481));
    CHECK(caller.calls.is_quiet());
}

TEST_CASE("RFC 3261 9.2: CANCEL before an answer ends the call with 487") {
    Caller caller;
    const CallId id = caller.call();
    CHECK(ring(caller, id));
    caller.next();
    const std::string cancel =
        caller.request("CANCEL", {.branch = caller.invite_branch, .cseq = caller.invite_cseq, .is_outside = true});
    CHECK(caller.give(cancel).taken == Taken::done);
    CHECK(caller.next().status() == 200);
    const Sent terminated = caller.next();
    CHECK(terminated.status() == 487);
    CHECK(terminated.field("CSeq") == "1 INVITE");
    check_ended(caller, EndCause::cancelled);
    CHECK_FALSE(answer(caller, id));
    caller.learn_tag(terminated);
    caller.pass(500);
    CHECK(caller.next().status() == 487);
    CHECK(caller.ask("ACK", {.branch = caller.invite_branch, .cseq = caller.invite_cseq}).taken == Taken::done);
    caller.pass(40'000);
    CHECK(caller.sent.empty());
}

TEST_CASE("RFC 3261 9.2: a CANCEL that comes too late is answered and changes nothing") {
    Caller caller;
    const CallId id = caller.call();
    CHECK(answer(caller, id));
    caller.learn_tag(caller.next());
    const std::string cancel =
        caller.request("CANCEL", {.branch = caller.invite_branch, .cseq = caller.invite_cseq, .is_outside = true});
    CHECK(caller.give(cancel).taken == Taken::done);
    CHECK(caller.next().status() == 200);
    caller.acknowledge();
    CHECK(caller.event().kind == CallEventKind::confirmed);
    CHECK(caller.calls.count() == 1);
}

TEST_CASE("RFC 3261 9.2: a CANCEL of nothing is unmatched") {
    Caller caller;
    CHECK(caller.ask("CANCEL", {.cseq = 1}).taken == Taken::unmatched);
}

TEST_CASE("RFC 3261 17.2.1: a refusal is repeated until its ACK and no longer than 64*T1") {
    Caller caller;
    const CallId id = caller.call();
    CHECK(reject(caller, id));
    const Sent refused = caller.next();
    CHECK(refused.status() == 404);
    CHECK(refused.field("Warning") == "399 screamrouter-sip \"nobody \\\"here\\\"\"");
    const CallEvent ended = caller.event();
    CHECK(ended.cause == EndCause::rejected);
    CHECK(ended.status == 404);
    caller.pass(100'000);
    CHECK(caller.sent.size() == 10);
    CHECK(caller.ask("BYE").taken == Taken::unmatched);
}

TEST_CASE("RFC 3261 17.2.1: over a stream a refusal is sent once") {
    Caller caller(sr::sip::Transport::tcp);
    CHECK(reject(caller, caller.call()));
    caller.next();
    caller.pass(40'000);
    CHECK(caller.sent.empty());
}

TEST_CASE("RFC 3261 17.2.1: a copy of the INVITE gets the last answer again and makes no second call") {
    Caller caller;
    const CallId id = caller.call();
    CHECK(caller.give(caller.invite).taken == Taken::done);
    CHECK(caller.next().status() == 100);
    CHECK(answer(caller, id));
    const Sent ok = caller.next();
    CHECK(caller.give(caller.invite).taken == Taken::done);
    CHECK(caller.next().octets == ok.octets);
    CHECK_FALSE(caller.calls.has_events());
}

TEST_CASE("RFC 3261 8.2.2.2: the same INVITE by another way is 482") {
    Caller caller;
    caller.call();
    const TakenRequest merged = caller.ask("INVITE", {.body = kOffer, .cseq = caller.invite_cseq});
    CHECK(merged.reason == RejectReason::request_merged);
}

TEST_CASE("an INVITE that nobody decides about is 500 after 10 s, one that only rings 480 after three minutes") {
    Caller caller;
    const CallId id = caller.call();
    SUBCASE("undecided") {
        caller.pass(9'950);
        CHECK(caller.sent.empty());
        caller.pass(50);
        CHECK(caller.next().status() == 500);
        check_ended(caller, EndCause::undecided);
    }
    SUBCASE("ringing") {
        CHECK(ring(caller, id));
        CHECK(ring(caller, id));
        CHECK(caller.sent.size() == 1);
        caller.pass(179'950);
        CHECK(caller.sent.size() == 3);  // RFC 3261 section 13.3.1.1: 180 once a minute
        caller.pass(50);
        CHECK(caller.sent.back().status() == 480);
        check_ended(caller, EndCause::unanswered);
    }
}

TEST_CASE("RFC 3261 15.1.2: a BYE before the answer is answered, and the INVITE is 487") {
    Caller caller;
    const CallId id = caller.call();
    CHECK(ring(caller, id));
    caller.learn_tag(caller.next());
    CHECK(caller.ask("BYE").taken == Taken::done);
    CHECK(caller.next().status() == 200);
    CHECK(caller.next().status() == 487);
    check_ended(caller, EndCause::hung_up_by_peer);
}

TEST_CASE("RFC 3261 15.1.2: a BYE before the ACK ends the call and the repetition of the 2xx") {
    Caller caller;
    const CallId id = caller.call();
    CHECK(answer(caller, id));
    caller.learn_tag(caller.next());
    const std::string bye = caller.request("BYE");
    CHECK(caller.give(bye).taken == Taken::done);
    const Sent ok = caller.next();
    check_ended(caller, EndCause::hung_up_by_peer);
    caller.pass(1'000);
    CHECK(caller.sent.empty());
    CHECK(caller.give(bye).taken == Taken::done);  // RFC 3261 section 17.2.2: a copy gets the same answer
    CHECK(caller.next().octets == ok.octets);
    CHECK(caller.ask("BYE").reason == RejectReason::no_such_dialog);
    caller.pass(40'000);
    CHECK(caller.give(bye).taken == Taken::unmatched);
}

TEST_CASE("RFC 3261 12.2.2: what has other tags or another Call-ID is not of the call") {
    Caller caller;
    caller.confirmed_call();
    const std::string tag = caller.tag;
    caller.tag = "0123456789abcdef";
    CHECK(caller.ask("BYE").taken == Taken::unmatched);
    caller.tag = tag;
    caller.call_id = "call-2";
    CHECK(caller.ask("BYE").taken == Taken::unmatched);
    CHECK(caller.calls.count() == 1);
}

TEST_CASE("RFC 3261 12.2.2: a request with a lower CSeq is out of order") {
    Caller caller;
    caller.confirmed_call();
    CHECK(caller.ask("INFO").taken == Taken::done);
    CHECK(caller.ask("OPTIONS", {.cseq = 1}).reason == RejectReason::out_of_order);
}

TEST_CASE("RFC 3261 12.1.1: routes are copied into the answer and taken by our BYE, in order") {
    Caller caller;
    const CallId id =
        caller.call({.lines = "Record-Route: <sip:192.0.2.9;lr>, <sip:192.0.2.8;lr>\r\n", .body = kOffer});
    CHECK(answer(caller, id));
    const Sent ok = caller.next();
    CHECK(ok.field("Record-Route") == "<sip:192.0.2.9;lr>");
    caller.learn_tag(ok);
    caller.acknowledge();
    CHECK(caller.hang_up(id));
    const Sent bye = caller.next();
    CHECK(bye.octets.find("Route: <sip:192.0.2.9;lr>\r\nRoute: <sip:192.0.2.8;lr>\r\n") != std::string::npos);
    CHECK(bye.start_line() == "BYE sip:alice@192.0.2.7:5070 SIP/2.0");
}

TEST_CASE("RFC 3261 12.2.1.1: a strict router takes the Request-URI's place") {
    Caller caller;
    const CallId id = caller.confirmed_call({.lines = "Record-Route: <sip:192.0.2.9>\r\n", .body = kOffer});
    CHECK(caller.hang_up(id));
    const Sent bye = caller.next();
    CHECK(bye.start_line() == "BYE sip:192.0.2.9 SIP/2.0");
    CHECK(bye.field("Route") == "<sip:alice@192.0.2.7:5070>");
}

TEST_CASE("a BYE goes to where the caller spoke from, whatever its Contact names") {
    Caller caller;
    caller.invite = caller.request("INVITE", {.body = kOffer});
    const std::size_t at = caller.invite.find("alice@192.0.2.7");
    caller.invite.replace(at, 15, "alice@198.51.100.9");
    CHECK(caller.give(caller.invite).taken == Taken::done);
    const CallId id = caller.event().call_id;
    CHECK(answer(caller, id));
    caller.learn_tag(caller.sent.back());
    caller.acknowledge();
    CHECK(caller.hang_up(id));
    CHECK(caller.transmissions.back().to == caller.flow.remote);
}

TEST_CASE("RFC 5626 4.1: a Contact's instance is none of its URI, nor is what a name quotes") {
    Caller caller;
    caller.invite = caller.request("INVITE", {.body = kOffer});
    const std::string_view contact = "<sip:alice@192.0.2.7:5070>";
    caller.invite.replace(caller.invite.find(contact), contact.size(),
                          "\"<Alice>\" <sip:192.0.2.7:5070;transport=tcp>;"
                          "+sip.instance=\"<urn:uuid:35819d76-0193-4039-ab68-13163beef20c>\"");
    CHECK(caller.give(caller.invite).taken == Taken::done);
    const CallId id = caller.event().call_id;
    CHECK(answer(caller, id));
    caller.learn_tag(caller.sent.back());
    caller.acknowledge();
    CHECK(caller.hang_up(id));
    CHECK(caller.sent.back().start_line() == "BYE sip:192.0.2.7:5070;transport=tcp SIP/2.0");
}

TEST_CASE("RFC 2543 compatibility: without a Contact the BYE is for who is in From") {
    Caller caller;
    caller.invite = caller.request("INVITE", {.body = kOffer});
    const std::string_view contact = "Contact: <sip:alice@192.0.2.7:5070>\r\n";
    caller.invite.erase(caller.invite.find(contact), contact.size());
    CHECK(caller.give(caller.invite).taken == Taken::done);
    const CallId id = caller.event().call_id;
    CHECK(answer(caller, id));
    caller.learn_tag(caller.sent.back());
    caller.acknowledge();
    CHECK(caller.hang_up(id));
    CHECK(caller.sent.back().start_line() == "BYE sip:alice@example.org SIP/2.0");
}

TEST_CASE("as many calls as allowed: the next is refused, also while ends wait to be told") {
    Caller caller(sr::sip::Transport::udp, {.calls = 2});
    CHECK(reject(caller, caller.call()));
    caller.call_id = "call-2";
    caller.tag.clear();
    CHECK(caller.ask("INVITE", {.body = kOffer}).taken == Taken::done);
    caller.call_id = "call-3";
    CHECK(caller.ask("INVITE", {.body = kOffer}).reason == RejectReason::too_many_calls);
    CHECK(caller.calls.drain(10).size() == 2);  // the end of the first, the beginning of the second
    CHECK(caller.ask("INVITE", {.body = kOffer}).taken == Taken::done);
}

TEST_CASE("shutting down says BYE to calls, 503 to those that are not answered, and takes no more") {
    Caller caller;
    caller.confirmed_call();
    caller.call_id = "call-2";
    caller.tag.clear();
    CHECK(caller.ask("INVITE", {.body = kOffer}).taken == Taken::done);
    caller.sent.clear();
    Outbox out;
    caller.calls.shut_down(caller.now_ms, out);
    REQUIRE(out.transmissions.size() == 2);
    const bool is_bye_first = out.transmissions[0].octets.starts_with("BYE");
    const Sent bye{out.transmissions[is_bye_first ? 0 : 1].octets};
    CHECK(bye.method() == "BYE");
    CHECK(Sent{out.transmissions[is_bye_first ? 1 : 0].octets}.status() == 503);
    CHECK_FALSE(caller.calls.is_quiet());
    CHECK(caller.answer_bye(bye));
    CHECK(caller.calls.is_quiet());
    CHECK(caller.calls.drain(10).size() == 3);  // the second call's beginning, and two ends
    caller.call_id = "call-3";
    CHECK(caller.ask("INVITE", {.body = kOffer}).reason == RejectReason::shutting_down);
    caller.calls.forget_all();
    caller.calls.reopen();
    CHECK(caller.ask("INVITE", {.body = kOffer}).taken == Taken::done);
}

TEST_CASE("RFC 3264 4: without an offer ours is in the 200, and the ACK brings the answer") {
    Caller caller;
    const CallId id = caller.call(Ask{});
    CHECK(answer(caller, id));
    caller.learn_tag(caller.next());
    caller.acknowledge(kOffer);
    const CallEvent confirmed = caller.event();
    CHECK(confirmed.kind == CallEventKind::confirmed);
    CHECK(confirmed.body == kOffer);
}

TEST_CASE("RFC 3261 8.2.3, 20.1 and 8.1.1.8: what cannot be a call is refused before anybody is asked") {
    const struct {
        Ask ask;
        RejectReason reason;
    } rows[] = {
        {{.body = kOffer, .content_type = "text/plain"}, RejectReason::unsupported_media_type},
        {{.lines = "Content-Encoding: gzip\r\n", .body = kOffer}, RejectReason::unsupported_media_type},
        {{.lines = "Accept: text/plain\r\n", .body = kOffer}, RejectReason::not_acceptable},
        {{.lines = "Require: gruu\r\n", .body = kOffer}, RejectReason::extension_required},
        {{.lines = "Record-Route: <sip:>\r\n", .body = kOffer}, RejectReason::malformed},
        {{.lines = "Supported: timer\r\nSession-Expires: 30\r\n", .body = kOffer}, RejectReason::session_too_brief},
    };
    for (const auto& [ask, reason] : rows) {
        Caller caller;
        CHECK(caller.ask("INVITE", ask).reason == reason);
        CHECK_FALSE(caller.calls.has_events());
    }
}
