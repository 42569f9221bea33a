// Who may watch what: audiences, lists, packages that go.
#include <array>

#include "watcher_kit.hpp"

using namespace sr::events;
using sr::events::testkit::Out;
using sr::events::testkit::Scene;
using sr::sip::RejectReason;

TEST_CASE("RFC 6665 4.2.1.3: who is not of the audience is refused with 403") {
    struct Row {
        Audience audience;
        Watcher watcher;
        bool is_in;
    };
    const std::array rows{
        Row{{WatcherRule::anyone, {}}, {"alice", false}, true},
        Row{{WatcherRule::registered, {}}, {"alice", true}, true},
        Row{{WatcherRule::registered, {}}, {"alice", false}, false},
        Row{{WatcherRule::listed, {"carol", "alice", "bob"}}, {"alice", true}, true},
        Row{{WatcherRule::listed, {"carol", "alice"}}, {"alice", false}, false},
        Row{{WatcherRule::listed, {"carol"}}, {"alice", true}, false},
    };
    for (const Row& row : rows) {
        CAPTURE(&row - rows.data());
        Scene scene;
        scene.watcher = row.watcher;
        CHECK(scene.ask() == RejectReason::none);  // waits
        scene.provide(Scene::document("<calm/>"), row.audience);
        CHECK(scene.next().status() == (row.is_in ? 200 : 403));
        CHECK(scene.ask() == (row.is_in ? RejectReason::none : RejectReason::watcher_not_admitted));  // held
    }
}

TEST_CASE("RFC 6665 4.2.2: who falls out of the audience is told that it ends, and nothing of the state") {
    Scene scene;
    scene.watch();
    scene.provide(Scene::document("<secret/>"), {WatcherRule::listed, {"bob"}});
    const Out notify = scene.only();
    CHECK(notify.state() == "terminated;reason=rejected");
    CHECK(notify.octets.find("secret") == std::string::npos);
}

TEST_CASE("RFC 6665 4.2.1.3: who is registered no more when he refreshes is refused, and told that it ends") {
    Scene scene;
    scene.provide(Scene::document("<calm/>"), {WatcherRule::registered, {}});
    CHECK(scene.ask() == RejectReason::none);
    CHECK(scene.next().status() == 200);
    const Out first = scene.next();
    CHECK(scene.answer_to(first));
    scene.watcher.is_registered = false;
    CHECK(scene.ask(Scene::within(first)) == RejectReason::watcher_not_admitted);
    CHECK(scene.only().state() == "terminated;reason=rejected");
}

TEST_CASE("RFC 4662 4.1: a list is for watchers that know lists, others get 421 with Require") {
    Scene scene;
    scene.provide(Scene::document("<list/>"), {WatcherRule::anyone, {}}, true);
    CHECK(scene.ask() == RejectReason::lists_unsupported);
    CHECK(scene.ask({.lines = "Supported: path\r\n"}) == RejectReason::lists_unsupported);
    CHECK(scene.notifier.refusal_lines(RejectReason::lists_unsupported) == "Require: eventlist\r\n");
    for (const char* lines : {"Supported: path, EventList\r\n", "k: eventlist\r\n", "Require: eventlist\r\n"}) {
        CAPTURE(lines);
        CHECK(scene.ask({.lines = lines}) == RejectReason::none);
        CHECK(scene.next().field("Require") == "eventlist");
        CHECK(scene.only().field("Require") == "eventlist");
        scene.sent.clear();
    }
}

TEST_CASE("RFC 4662 4.1: who waits for what turns out to be a list gets 421, who watches is sent away to come back") {
    Scene scene;
    CHECK(scene.ask() == RejectReason::none);
    scene.provide(Scene::document("<list/>"), {WatcherRule::anyone, {}}, true);
    const Out answer = scene.only();
    CHECK(answer.status() == 421);
    CHECK(answer.field("Require") == "eventlist");
    scene.sent.clear();
    scene.provide(Scene::document("<calm/>"));
    scene.watch();
    scene.provide(Scene::document("<list/>"), {WatcherRule::anyone, {}}, true);
    CHECK(scene.only().state() == "terminated;reason=deactivated");
}

TEST_CASE("RFC 6665 4.2.2: a package that is gone takes its subscriptions along") {
    Scene scene;
    scene.watch();
    CHECK(scene.ask({.user = "other"}) == RejectReason::none);
    auto config = Scene::usual();
    config.packages.erase(config.packages.begin());
    scene.apply(config);
    REQUIRE(scene.sent.size() == 2);
    const bool is_answer_first = scene.sent[0].status() != 0;
    CHECK(scene.sent[is_answer_first ? 0 : 1].status() == 489);
    CHECK(scene.sent[is_answer_first ? 1 : 0].state() == "terminated;reason=noresource");
    CHECK(scene.ask() == RejectReason::bad_event);
}
