// SUBSCRIBE (RFC 6665 section 4.2.1): which are taken, what they are granted, which are refused.
//
//   watcher                notifier               policy
//      | SUBSCRIBE             |                     |
//      |---------------------->| wanted              |
//      |                       |-------------------->|
//      |                       |             provide |
//      | 200                   |<--------------------|
//      |<----------------------|                     |
//      | NOTIFY                |                     |
//      |<----------------------|                     |
#include "watcher_kit.hpp"

using namespace sr::events;
using sr::events::testkit::Ask;
using sr::events::testkit::kDoor;
using sr::events::testkit::Out;
using sr::events::testkit::Scene;
using sr::sip::RejectReason;

namespace {

/// The answer to a SUBSCRIBE to what is held.
Out granted(Scene& scene, const Ask& ask) {
    CHECK(scene.ask(ask) == RejectReason::none);
    Out answer = scene.next();
    CHECK(answer.status() == 200);
    CHECK(scene.answer_to(scene.next()));
    return answer;
}

}  // namespace

TEST_CASE("RFC 6665 4.2.1.1: an unknown or absent Event is refused with 489 and Allow-Events") {
    Scene scene;
    for (const char* event : {"", "refer", "Dialog", "dialog.winfo", "dialo", ";id=1"}) {
        CAPTURE(event);
        CHECK(scene.ask({.event = event}) == RejectReason::bad_event);
    }
    CHECK(scene.notifier.refusal_lines(RejectReason::bad_event) == "Allow-Events: dialog, presence\r\n");
    CHECK(sr::sip::status_line(RejectReason::bad_event).status == 489);
    CHECK(scene.sent.empty());
    CHECK(scene.notifier.count() == 0);
}

TEST_CASE("RFC 6665 4.2.1.1: the duration is what was asked for, the package's default without, never more") {
    Scene scene;
    scene.watch();
    CHECK(granted(scene, {}).field("Expires") == "60");
    CHECK(granted(scene, {.expires = "10"}).field("Expires") == "10");
    CHECK(granted(scene, {.expires = "59"}).field("Expires") == "59");
    CHECK(granted(scene, {.expires = "3600"}).field("Expires") == "60");
    CHECK(granted(scene, {.expires = "4294967295"}).field("Expires") == "60");
}

TEST_CASE("RFC 6665 4.2.1.1: too short a duration is refused with 423 and Min-Expires") {
    Scene scene;
    CHECK(scene.ask({.expires = "9"}) == RejectReason::brief_interval);
    CHECK(scene.ask({.expires = "1"}) == RejectReason::brief_interval);
    CHECK(scene.notifier.refusal_lines(RejectReason::brief_interval) == "Min-Expires: 10\r\n");
    const Out notify = scene.watch();
    Ask refresh = Scene::within(notify);
    refresh.expires = "5";
    CHECK(scene.ask(refresh) == RejectReason::brief_interval);
    CHECK(scene.notifier.count() == 1);
}

TEST_CASE("RFC 6665 3.1.3: Accept absent or empty is the default, one that leaves out all types is 406") {
    Scene scene;
    scene.watch();
    for (const char* lines :
         {"", "Accept:\r\n", "Accept: application/dialog-info+xml\r\n", "Accept: APPLICATION/Dialog-Info+XML;q=0.1\r\n",
          "Accept: text/plain, application/*\r\n", "Accept: text/plain\r\nAccept: */*\r\n",
          "Accept: */*;q=0, application/dialog-info+xml\r\n",
          "Accept: application/dialog-info+xml;version=\"1,2\"\r\n"}) {
        CAPTURE(lines);
        CHECK(granted(scene, {.lines = lines}).status() == 200);
    }
    for (const char* lines :
         {"Accept: text/plain\r\n", "Accept: application/pidf+xml\r\n", "Accept: */*, application/*;q=0\r\n",
          "Accept: application/*, application/dialog-info+xml;q=0.000\r\n", "Accept: applicatio/*\r\n",
          "Accept: application/dialog-info\r\n", "Accept: *\r\n"}) {
        CAPTURE(lines);
        CHECK(scene.ask({.lines = lines}) == RejectReason::no_common_type);
    }
    CHECK(scene.notifier.refusal_lines(RejectReason::no_common_type, "presence") ==
          "Accept: application/pidf+xml, multipart/related\r\n");
    CHECK(sr::sip::status_line(RejectReason::no_common_type).status == 406);
}

TEST_CASE("RFC 3261 8.2.2.3: what a SUBSCRIBE requires must be known") {
    Scene scene;
    CHECK(scene.ask({.lines = "Require: gruu, eventlist, x\r\n"}) == RejectReason::extension_required);
    CHECK(scene.notifier.count() == 0);
}

TEST_CASE("a SUBSCRIBE without a Contact is told at its From") {
    Scene scene;
    scene.provide(Scene::document("<calm/>"));
    CHECK(scene.ask({.contact = ""}) == RejectReason::none);
    CHECK(scene.next().status() == 200);
    CHECK(scene.only().start_line() == "NOTIFY sip:alice@example.org SIP/2.0");
}

TEST_CASE("RFC 6665 4.2.1.2: 200 with Expires, Contact and our tag, then at once a NOTIFY with the state") {
    Scene scene;
    scene.provide(Scene::document("<calm/>"), {WatcherRule::anyone, {}});
    CHECK(scene.ask({.lines = "Record-Route: <sip:192.0.2.9;lr>\r\n", .expires = "30"}) == RejectReason::none);
    const Out answer = scene.next();
    CHECK(answer.status() == 200);
    CHECK(answer.field("Expires") == "30");
    CHECK(answer.field("Contact") == "<sip:192.0.2.1:5060>");
    CHECK(answer.field("Record-Route") == "<sip:192.0.2.9;lr>");
    CHECK(answer.field("Content-Length") == "0");
    CHECK(answer.answers.find(scene.branch) != std::string::npos);
    const std::string tag(sr::sip::parameter_of(answer.field("To"), "tag"));
    CHECK(tag.size() >= 8);
    const Out notify = scene.only();
    CHECK(notify.start_line() == "NOTIFY sip:alice@192.0.2.7:5070 SIP/2.0");
    CHECK(notify.field("Route") == "<sip:192.0.2.9;lr>");
    CHECK(notify.field("From") == "<sip:door@192.0.2.1>;tag=" + tag);
    CHECK(notify.field("To") == "<sip:alice@example.org>;tag=hers");
    CHECK(notify.field("CSeq") == "1 NOTIFY");
    CHECK(notify.field("Event") == "dialog");
    CHECK(notify.state() == "active;expires=30");
    CHECK(notify.field("Contact") == "<sip:192.0.2.1:5060>");
    CHECK(notify.field("Allow-Events") == "dialog, presence");
    CHECK(notify.field("Content-Type") == "application/dialog-info+xml");
    CHECK(notify.field("Content-Length") == "7");
    CHECK(notify.field("Require").empty());
    CHECK(notify.body() == "<calm/>");
    CHECK(notify.answers.empty());
    CHECK(notify.to == scene.flow.remote);
}

TEST_CASE("RFC 6665 8.4: the id of an Event is said again in each NOTIFY, and tells subscriptions apart") {
    Scene scene;
    const Out first = scene.watch({.event = "dialog;id=7"});
    const Out second = scene.watch({.event = "dialog ; sla ; id=8"});
    CHECK(first.field("Event") == "dialog;id=7");
    CHECK(second.field("Event") == "dialog;id=8");
    CHECK(scene.notifier.count() == 2);
    CHECK(scene.ask({.event = "dialog;id=\"7\""}) == RejectReason::malformed);
    CHECK(scene.ask({.event = "dialog;id="}) == RejectReason::malformed);
    CHECK(scene.ask({.event = "dialog;id=7@h"}) == RejectReason::malformed);
    CHECK(scene.watch({.event = "dialog;id=a-Z.9!%*_+`'~"}).field("Event") == "dialog;id=a-Z.9!%*_+`'~");
    CHECK(scene.ask({.event = "dialog;id=" + std::string(129, 'a')}) == RejectReason::field_too_long);
    CHECK(scene.watch({.event = "dialog;id=" + std::string(128, 'a')}).field("Event").size() == 10 + 128);
}

TEST_CASE("RFC 6665 4.5.1: another event within a dialog is no subscription here and must begin its own") {
    Scene scene;
    const Out notify = scene.watch({.event = "dialog;id=7"});
    for (const char* event : {"dialog;id=8", "dialog", "presence;id=7"}) {
        CAPTURE(event);
        Ask ask = Scene::within(notify);
        ask.event = event;
        CHECK(scene.ask(ask) == RejectReason::no_such_dialog);
    }
    CHECK(scene.notifier.count() == 1);
}

TEST_CASE("RFC 6665 4.2.1.2: each accepted refresh is answered and followed by a NOTIFY with all of the state") {
    Scene scene;
    const Out first = scene.watch();
    scene.pass(20'000);
    Ask refresh = Scene::within(first);
    refresh.expires = "40";
    CHECK(scene.ask(refresh) == RejectReason::none);
    const Out answer = scene.next();
    CHECK(answer.status() == 200);
    CHECK(answer.field("Expires") == "40");
    CHECK(answer.field("Contact") == "<sip:192.0.2.1:5060>");
    CHECK(answer.answers.find(scene.branch) != std::string::npos);
    const Out notify = scene.only();
    CHECK(notify.state() == "active;expires=40");
    CHECK(notify.body() == "<calm/>");
    CHECK(notify.field("CSeq") == "2 NOTIFY");
    CHECK(scene.answer_to(notify));
    scene.pass(39'999);
    CHECK(scene.notifier.count() == 1);
}

TEST_CASE("RFC 6665 4.4.3: Expires 0 outside of a dialog fetches the state once") {
    Scene scene;
    scene.provide(Scene::document("<calm/>"));
    CHECK(scene.ask({.expires = "0"}) == RejectReason::none);
    const Out answer = scene.next();
    CHECK(answer.status() == 200);
    CHECK(answer.field("Expires") == "0");
    const Out notify = scene.only();
    CHECK(notify.state() == "terminated;reason=timeout");
    CHECK(notify.body() == "<calm/>");
    CHECK(scene.answer_to(notify));
    CHECK(scene.notifier.count() == 0);
}

TEST_CASE("RFC 6665 4.2.1.4: a refresh with Expires 0 ends the subscription with the state") {
    Scene scene;
    const Out first = scene.watch();
    Ask end = Scene::within(first);
    end.expires = "0";
    CHECK(scene.ask(end) == RejectReason::none);
    CHECK(scene.next().field("Expires") == "0");
    const Out notify = scene.only();
    CHECK(notify.state() == "terminated;reason=timeout");
    CHECK(notify.body() == "<calm/>");
    CHECK(scene.ask(Scene::within(first)) == RejectReason::no_such_dialog);
    CHECK(scene.answer_to(notify));
    CHECK(scene.notifier.count() == 0);
}

TEST_CASE("RFC 6665 4.2.1: policy is asked once for a resource, and all who wait are let in by its answer") {
    Scene scene;
    for (int i = 0; i < 3; ++i) CHECK(scene.ask() == RejectReason::none);
    CHECK(scene.sent.empty());
    const auto events = scene.notifier.drain(10);
    REQUIRE(events.size() == 1);
    CHECK(events[0].kind == WatchEventKind::wanted);
    CHECK(events[0].resource == kDoor);
    CHECK(scene.notifier.report(scene.now_ms).at(0).is_pending);
    scene.provide(Scene::document("<calm/>"));
    REQUIRE(scene.sent.size() == 6);
    for (int i = 0; i < 3; ++i) {
        CHECK(scene.next().status() == 200);
        CHECK(scene.next().body() == "<calm/>");
    }
    CHECK_FALSE(scene.notifier.report(scene.now_ms).at(0).is_pending);
    CHECK_FALSE(scene.notifier.has_events());
}

TEST_CASE("RFC 3261 17.2.2: repetitions of a SUBSCRIBE that waits begin nothing") {
    Scene scene;
    const std::string octets = scene.subscribe();
    CHECK(scene.give(octets) == RejectReason::none);
    CHECK(scene.give(octets) == RejectReason::none);
    CHECK(scene.notifier.count() == 1);
    scene.provide(Scene::document("<calm/>"));
    CHECK(scene.sent.size() == 2);
}

TEST_CASE("a SUBSCRIBE that policy leaves without a word for 5 s is answered 500") {
    Scene scene;
    CHECK(scene.ask() == RejectReason::none);
    scene.pass(4'999);
    CHECK(scene.sent.empty());
    scene.pass(1);
    const Out answer = scene.only();
    CHECK(answer.status() == 500);
    CHECK(answer.answers.find(scene.branch) != std::string::npos);
    CHECK(scene.notifier.count() == 0);
    // The word that comes late is kept for the next, and forgotten if there is none.
    scene.provide(Scene::document("<calm/>"));
    CHECK(scene.ask() == RejectReason::none);
    CHECK(scene.sent.size() == 2);
}

TEST_CASE("what policy refuses is 404 with its sentence, and ends who watch with noresource") {
    Scene scene;
    CHECK(scene.ask() == RejectReason::none);
    scene.command([&](auto& out) { scene.notifier.refuse(kDoor, "no such device", scene.now_ms, out); });
    const Out answer = scene.only();
    CHECK(answer.status() == 404);
    CHECK(answer.field("Warning") == "399 screamrouter-sip \"no such device\"");
    CHECK(scene.notifier.count() == 0);
    scene.provide(Scene::document("<calm/>"));
    scene.watch();
    scene.command([&](auto& out) { scene.notifier.refuse(kDoor, "gone", scene.now_ms, out); });
    const Out notify = scene.only();
    CHECK(notify.state() == "terminated;reason=noresource");
    CHECK(notify.body().empty());
    CHECK(notify.field("Content-Type").empty());
}

TEST_CASE("as many subscriptions as allowed: the next is refused with 503 and Retry-After, refreshes are not") {
    auto config = Scene::usual();
    config.max_subscriptions = 2;
    Scene scene(config);
    const Out first = scene.watch();
    scene.watch();
    CHECK(scene.ask() == RejectReason::too_many_subscriptions);
    CHECK(scene.notifier.refusal_lines(RejectReason::too_many_subscriptions) == "Retry-After: 30\r\n");
    CHECK(scene.ask(Scene::within(first)) == RejectReason::none);
}

TEST_CASE("resources that were asked for and never answered stay few, however many names are tried") {
    auto config = Scene::usual();
    config.max_subscriptions = 4;
    Scene scene(config);
    int refused = 0;
    for (int i = 0; i < 100; ++i) {
        if (scene.ask({.user = "nobody" + std::to_string(i)}) != RejectReason::none) ++refused;
        scene.pass(i % 4 == 3 ? 5'001 : 0);
        CHECK(scene.notifier.count() <= 4);
    }
    CHECK(refused > 0);
    CHECK(scene.notifier.drain(1000).size() <= 2 * 4);
}

TEST_CASE("RFC 3261 12.2.2: within the dialog CSeq must rise") {
    Scene scene;
    scene.cseq = 10;
    const Out notify = scene.watch();
    Ask late = Scene::within(notify);
    late.cseq = 10;
    CHECK(scene.ask(late) == RejectReason::out_of_order);
    late.cseq = 11;  // the initial one's
    CHECK(scene.ask(late) == RejectReason::out_of_order);
    late.cseq = 12;
    late.expires = "0";
    CHECK(scene.ask(late) == RejectReason::none);
    CHECK(sr::sip::status_line(RejectReason::out_of_order).status == 500);
}

TEST_CASE("RFC 6665 4.2.1: a SUBSCRIBE within an unknown dialog is 481") {
    Scene scene;
    const Out notify = scene.watch();
    Ask ask = Scene::within(notify);
    ask.call_id = "another";
    CHECK(scene.ask(ask) == RejectReason::no_such_dialog);
    ask = Scene::within(notify);
    ask.to_tag = "another";
    CHECK(scene.ask(ask) == RejectReason::no_such_dialog);
    CHECK(scene.notifier.count() == 1);
}

TEST_CASE("RFC 6665 4.2.1.2: NOTIFYs go where the last SUBSCRIBE came from, to its Contact") {
    Scene scene;
    const Out notify = scene.watch();
    scene.flow.remote = *sr::sip::SocketAddress::parse("192.0.2.8", 6000);
    Ask moved = Scene::within(notify);
    moved.contact = "<sip:alice@192.0.2.8:6000>";
    CHECK(scene.ask(moved) == RejectReason::none);
    CHECK(scene.next().status() == 200);
    const Out after = scene.only();
    CHECK(after.start_line() == "NOTIFY sip:alice@192.0.2.8:6000 SIP/2.0");
    CHECK(after.to == scene.flow.remote);
    CHECK(scene.notifier.report(scene.now_ms).at(0).flow == scene.flow);
}

TEST_CASE("RFC 6665 4.2.2: a subscription that is not refreshed ends with a NOTIFY, reason timeout") {
    Scene scene;
    scene.watch({.expires = "20"});
    scene.pass(19'999);
    CHECK(scene.sent.empty());
    scene.pass(1);
    const Out notify = scene.only();
    CHECK(notify.state() == "terminated;reason=timeout");
    CHECK(notify.body() == "<calm/>");
    CHECK(scene.notifier.report(scene.now_ms).empty());
    CHECK(scene.answer_to(notify));
    CHECK(scene.notifier.count() == 0);
}

TEST_CASE("a SUBSCRIBE that would keep kilobytes of its sender's words is refused") {
    Scene scene;
    std::string lines;
    for (int i = 0; i < 12; ++i) lines += "Record-Route: <sip:192.0.2.9;lr;x=" + std::string(300, 'x') + ">\r\n";
    CHECK(scene.ask({.lines = lines}) == RejectReason::none);
    lines += "Record-Route: <sip:192.0.2.9;lr;x=" + std::string(300, 'x') + ">\r\n";
    CHECK(scene.ask({.lines = lines}) == RejectReason::field_too_long);
}
