// NOTIFY (RFC 6665 section 4.2.2): repeated until it is answered, one at a time, the last state always.
#include <initializer_list>
#include <vector>

#include "watcher_kit.hpp"

using namespace sr::events;
using sr::events::testkit::Ask;
using sr::events::testkit::Out;
using sr::events::testkit::Scene;
using sr::sip::RejectReason;

namespace {

Document versioned(const std::string& full, const std::string& partial = {}) {
    Document document = Scene::document("<v=''/>" + full, partial.empty() ? "" : "<v=''/>" + partial);
    document.full.version_at = 4;
    document.partial.version_at = 4;
    return document;
}

}  // namespace

TEST_CASE("RFC 3261 17.1.2.2: over UDP a NOTIFY is repeated after 0.5, 1, 2, 4, 4 s and given up after 32 s") {
    Scene scene;
    scene.watch({.expires = "60"});
    scene.provide(Scene::document("<busy/>"));
    scene.pass(1'000);
    const auto start_ms = scene.sent.front().at_ms;
    const std::string octets = scene.sent.front().octets;
    scene.pass(31'999);
    std::vector<sr::base::TimeMs> at;
    for (const Out& one : scene.sent) {
        CHECK(one.octets == octets);
        at.push_back(one.at_ms - start_ms);
    }
    const std::vector<sr::base::TimeMs> wanted{0,      500,    1'500,  3'500,  7'500, 11'500,
                                               15'500, 19'500, 23'500, 27'500, 31'500};
    CHECK(at == wanted);
    CHECK(scene.notifier.count() == 1);
    scene.pass(1);
    CHECK(scene.notifier.count() == 0);  // section 4.2.2: a timeout ends the subscription
    scene.pass(100'000);
    CHECK(scene.sent.size() == wanted.size());
}

TEST_CASE("RFC 3261 17.1.2.2: over a stream a NOTIFY is sent once") {
    Scene scene;
    scene.flow.transport = sr::sip::Transport::tcp;
    scene.flow.connection = 7;
    scene.watch();
    scene.provide(Scene::document("<busy/>"));
    scene.pass(32'000);
    CHECK(scene.only().body() == "<busy/>");
    CHECK(scene.notifier.count() == 1);
    scene.pass(1'000);
    CHECK(scene.notifier.count() == 0);
}

TEST_CASE("RFC 3261 17.1.2.2: after a provisional answer repetitions come every 4 s") {
    Scene scene;
    scene.watch();
    scene.provide(Scene::document("<busy/>"));
    scene.pass(1'000);
    CHECK(scene.answer_to(scene.next(), 100));
    scene.pass(500);
    CHECK(scene.sent.size() == 1);
    scene.pass(3'999);
    CHECK(scene.sent.size() == 1);
    scene.pass(1);
    CHECK(scene.sent.size() == 2);
}

TEST_CASE("RFC 6665 4.2.2: while a NOTIFY is unanswered the next waits, and then tells the newest state only") {
    Scene scene;
    scene.watch();
    scene.provide(versioned("one"));
    scene.pass(1'000);
    const Out first = scene.only();
    CHECK(first.body() == "<v='1'/>one");
    scene.provide(versioned("two"));
    scene.provide(versioned("three"));
    scene.pass(400);
    CHECK(scene.sent.empty());
    CHECK(scene.answer_to(first));
    scene.pass(600);
    const Out second = scene.only();
    CHECK(second.body() == "<v='2'/>three");
    CHECK(second.field("CSeq") == "3 NOTIFY");
    CHECK(scene.answer_to(second));
    scene.pass(5'000);
    CHECK(scene.sent.empty());
}

TEST_CASE("RFC 6665 4.2.2: an answer that says so ends the subscription, silently") {
    for (const std::uint16_t status :
         std::initializer_list<std::uint16_t>{404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604}) {
        CAPTURE(status);
        Scene scene;
        scene.watch();
        scene.provide(Scene::document("<busy/>"));
        scene.pass(1'000);
        CHECK(scene.answer_to(scene.next(), status));
        CHECK(scene.notifier.count() == 0);
        scene.pass(70'000);
        CHECK(scene.sent.empty());
    }
}

TEST_CASE("RFC 5057 5.1: other failures keep the subscription, whose next NOTIFY tells all") {
    for (const std::uint16_t status :
         std::initializer_list<std::uint16_t>{302, 400, 401, 403, 420, 486, 500, 503, 603}) {
        CAPTURE(status);
        Scene scene;
        scene.watch();
        scene.provide(Scene::document("<busy/>", "<part/>"));
        scene.pass(1'000);
        CHECK(scene.answer_to(scene.next(), status));
        CHECK(scene.notifier.count() == 1);
        scene.pass(5'000);
        CHECK(scene.sent.empty());
        scene.provide(Scene::document("<calm/>", "<less/>"));
        CHECK(scene.only().body() == "<calm/>");
    }
}

TEST_CASE("RFC 6665 4.2.2: with Retry-After the same state is told again then, and the subscription stays") {
    for (const std::uint16_t status : std::initializer_list<std::uint16_t>{500, 503, 480, 404}) {
        CAPTURE(status);
        Scene scene;
        scene.watch();
        scene.provide(Scene::document("<busy/>", "<part/>"));
        scene.pass(1'000);
        CHECK(scene.answer_to(scene.next(), status, 7));
        scene.pass(6'999);
        CHECK(scene.sent.empty());
        scene.pass(1);
        const Out again = scene.only();
        CHECK(again.body() == "<busy/>");
        CHECK(scene.answer_to(again));
    }
    Scene scene;
    scene.watch();
    scene.provide(Scene::document("<busy/>"));
    CHECK(scene.sent.empty());
    scene.pass(1'000);
    CHECK(scene.answer_to(scene.next(), 481, 7));
    CHECK(scene.notifier.count() == 0);
}

TEST_CASE("an answer with another branch than the NOTIFY's is none of ours") {
    Scene scene;
    scene.watch();
    scene.provide(Scene::document("<busy/>"));
    scene.pass(1'000);
    const std::string branch = scene.only().branch();
    for (const std::string& forged :
         {std::string("z9hG4bKsrn-"), std::string("z9hG4bKsrn-1"), std::string("z9hG4bKsrn-1-"), branch + "0",
          branch.substr(0, branch.size() - 1), std::string("z9hG4bKsrn-99999999999999999999-1"), std::string(),
          "z9hG4bKsrd-" + branch.substr(11)}) {
        CAPTURE(forged);
        CHECK_FALSE(scene.answer_branch(forged, 481));
    }
    CHECK(scene.notifier.count() == 1);
    CHECK(scene.answer_branch(branch, 200));
    CHECK_FALSE(scene.answer_branch(branch, 481));
    CHECK(scene.notifier.count() == 1);
}

TEST_CASE("RFC 4235 4.1.1: versions begin at 0 and rise by one, for each watcher by itself") {
    Scene scene;
    scene.provide(versioned("calm"));
    for (int i = 0; i < 2; ++i) {
        CHECK(scene.ask() == RejectReason::none);
        CHECK(scene.next().status() == 200);
        const Out first = scene.only();
        CHECK(first.body() == "<v='0'/>calm");
        CHECK(scene.answer_to(first));
        CHECK(scene.ask(Scene::within(first)) == RejectReason::none);
        CHECK(scene.next().status() == 200);
        const Out second = scene.only();
        CHECK(second.body() == "<v='1'/>calm");
        CHECK(scene.answer_to(second));
    }
    Document behind = versioned("x");
    behind.full.version_at = 1'000;
    scene.provide(behind);
    scene.pass(1'000);
    CHECK(scene.next().body() == "<v=''/>x2");
}

TEST_CASE("RFC 4235 4.1.2: a part is told to who has the document before it, all of it to anybody else") {
    Scene scene;
    const Out first = scene.watch();
    scene.pass(1'000);
    scene.provide(versioned("one", "part one"));
    const Out part = scene.only();
    CHECK(part.body() == "<v='1'/>part one");
    CHECK(scene.answer_to(part));
    scene.pass(1'000);
    scene.provide(versioned("two", "part two"));
    CHECK(scene.answer_to(scene.only()));
    scene.sent.clear();
    scene.provide(versioned("three", "part three"));  // two within an interval: the part does not do
    scene.provide(versioned("four", "part four"));
    scene.pass(1'000);
    const Out all = scene.only();
    CHECK(all.body() == "<v='3'/>four");
    CHECK(scene.answer_to(all));
    CHECK(scene.ask(Scene::within(first)) == RejectReason::none);
    CHECK(scene.next().status() == 200);
    CHECK(scene.only().body() == "<v='4'/>four");
}

TEST_CASE("RFC 3856 6.10: changes are told once in an interval, the last one always; a refresh is not held up") {
    Scene scene;
    const Out first = scene.watch();
    scene.pass(600);
    scene.provide(Scene::document("<a/>"));
    scene.pass(200);
    scene.provide(Scene::document("<b/>"));
    CHECK(scene.sent.empty());
    scene.pass(199);
    CHECK(scene.sent.empty());
    scene.pass(1);
    const Out second = scene.only();
    CHECK(second.body() == "<b/>");
    CHECK(scene.answer_to(second));
    CHECK(scene.ask(Scene::within(first)) == RejectReason::none);
    CHECK(scene.sent.size() == 2);
}

TEST_CASE("a document that is the same as before is told to nobody") {
    Scene scene;
    scene.watch();
    scene.provide(Scene::document("<calm/>"));
    scene.pass(5'000);
    CHECK(scene.sent.empty());
}

TEST_CASE("Subscription-State says how long the subscription still is") {
    Scene scene;
    scene.watch({.expires = "60"});
    scene.pass(12'300);
    scene.provide(Scene::document("<busy/>"));
    CHECK(scene.only().state() == "active;expires=47");
}

TEST_CASE("RFC 6665 4.2.2: what ends while a NOTIFY is unanswered is told behind it") {
    Scene scene;
    const Out first = scene.watch();
    scene.provide(Scene::document("<busy/>"));
    scene.pass(1'000);
    const Out second = scene.only();
    Ask end = Scene::within(first);
    end.expires = "0";
    CHECK(scene.ask(end) == RejectReason::none);
    CHECK(scene.only().status() == 200);
    CHECK(scene.answer_to(second));
    const Out last = scene.only();
    CHECK(last.state() == "terminated;reason=timeout");
    CHECK(last.body() == "<busy/>");
}

TEST_CASE("a watcher that comes back from elsewhere is told there at once, and what he missed does not end it") {
    Scene scene;
    const Out first = scene.watch();
    scene.provide(Scene::document("<busy/>", "<part/>"));
    scene.pass(1'000);
    const Out lost = scene.only();
    scene.flow.remote.port = 5999;
    Ask moved = Scene::within(first);
    moved.contact = "<sip:alice@192.0.2.7:5999>";
    CHECK(scene.ask(moved) == RejectReason::none);
    CHECK(scene.next().status() == 200);
    const Out again = scene.only();
    CHECK(again.to.port == 5999);
    CHECK(again.body() == "<busy/>");
    CHECK_FALSE(scene.answer_to(lost, 481));
    CHECK(scene.answer_to(again));
    scene.pass(40'000);
    CHECK(scene.notifier.count() == 1);
}
