// Many watchers: the pace of NOTIFYs, lost connections, the end of the daemon, what is forgotten.
#include <map>
#include <set>

#include "events/notify_pace.hpp"
#include "watcher_kit.hpp"

using namespace sr::events;
using sr::base::TimeMs;
using sr::events::testkit::Ask;
using sr::events::testkit::kDoor;
using sr::events::testkit::Out;
using sr::events::testkit::Scene;
using sr::sip::RejectReason;

namespace {

constexpr int kWatchers = 1'000;

/// Answers what is out and counts it, one ms of network later.
class Crowd {
  public:
    explicit Crowd(Scene& scene) : scene_(scene) {}

    void gather(int count) {
        for (int i = 0; i < count; ++i) {
            CHECK(scene_.ask() == RejectReason::none);
            run(1);
        }
        run(5);
        notified = 0;
        most_in_a_ms = 0;
    }

    void run(TimeMs duration_ms) {
        for (TimeMs end = scene_.now_ms + duration_ms; scene_.now_ms < end;) {
            scene_.pass(1);
            collect();
        }
    }

    void collect() {
        std::map<TimeMs, std::size_t> in_a_ms;
        std::deque<Out> sent = std::move(scene_.sent);
        scene_.sent.clear();
        std::size_t unanswered = 0;
        for (const Out& one : sent) {
            most_in_a_ms = std::max(most_in_a_ms, ++in_a_ms[one.at_ms]);
            if (one.method() != "NOTIFY") continue;
            ++notified;
            ++unanswered;
            last_ms = one.at_ms;
            dialogs.insert(one.field("Call-ID"));
        }
        most_unanswered = std::max(most_unanswered, unanswered);
        for (const Out& one : sent) {
            if (one.method() == "NOTIFY") CHECK(scene_.answer_to(one));
        }
    }

    std::size_t notified = 0;
    std::size_t most_in_a_ms = 0;
    std::size_t most_unanswered = 0;
    TimeMs last_ms = 0;
    std::set<std::string> dialogs;

  private:
    Scene& scene_;
};

sr::sip::Flow connection(std::uint64_t number) {
    sr::sip::Flow flow;
    flow.remote = *sr::sip::SocketAddress::parse("192.0.2.7", 40'000);
    flow.connection = number;
    flow.transport = sr::sip::Transport::tls;
    return flow;
}

}  // namespace

TEST_CASE("1,000 watchers behind one socket are told within 50 ms, in bursts that receive buffers hold") {
    Scene scene;
    scene.provide(Scene::document("<calm/>"));
    Crowd crowd(scene);
    crowd.gather(kWatchers);
    crowd.run(2'000);
    crowd.notified = 0;
    crowd.dialogs.clear();
    const TimeMs start_ms = scene.now_ms;
    scene.provide(Scene::document("<busy/>"));
    crowd.collect();
    crowd.run(100);
    CHECK(crowd.notified == kWatchers);
    CHECK(crowd.dialogs.size() == kWatchers);
    CHECK(crowd.last_ms - start_ms <= 50);
    CHECK(crowd.most_in_a_ms <= 2 * 64);  // those of the step, and those that answers have set free
    CHECK(crowd.most_unanswered <= 64);
}

TEST_CASE("1,000 who wait for one resource are let in at the same pace") {
    Scene scene;
    for (int i = 0; i < kWatchers; ++i) CHECK(scene.ask() == RejectReason::none);
    Crowd crowd(scene);
    const TimeMs start_ms = scene.now_ms;
    scene.provide(Scene::document("<calm/>"));
    crowd.collect();
    crowd.run(100);
    CHECK(crowd.notified == kWatchers);
    CHECK(crowd.last_ms - start_ms <= 60);
    CHECK(crowd.most_unanswered <= 64);
}

TEST_CASE("at most 64 NOTIFYs are unanswered per destination, and who is silent holds up nobody else") {
    Scene scene;
    scene.provide(Scene::document("<calm/>"));
    Crowd crowd(scene);
    crowd.gather(200);  // the silent ones to be
    const sr::sip::Flow silent = scene.flow;
    scene.flow.remote.port = 7'000;
    for (int i = 0; i < 50; ++i) {
        CHECK(scene.ask({.contact = "<sip:bob@192.0.2.7:7000>"}) == RejectReason::none);
        crowd.run(1);
    }
    crowd.run(1'000);
    scene.provide(Scene::document("<busy/>"));
    scene.pass(20);
    std::size_t to_silent = 0;
    std::size_t to_other = 0;
    for (const Out& one : scene.sent) ++(one.to == silent.remote ? to_silent : to_other);
    CHECK(to_silent == 64);
    CHECK(to_other == 50);
    // An answer makes room for one, and nobody is forgotten.
    scene.sent.erase(
        std::remove_if(scene.sent.begin(), scene.sent.end(), [&](const Out& one) { return one.to != silent.remote; }),
        scene.sent.end());
    const Out first = scene.next();
    scene.sent.clear();
    CHECK(scene.answer_to(first));
    scene.pass(1);
    CHECK(scene.only().body() == "<busy/>");
}

TEST_CASE("a lost connection ends what was subscribed over it, silently, and nothing else") {
    Scene scene;
    scene.flow = connection(7);
    scene.watch();
    scene.watch();
    scene.flow = connection(8);
    const Out kept = scene.watch();
    scene.provide(Scene::document("<busy/>"));
    CHECK(scene.notifier.uses(connection(7)));
    scene.command([&](auto& out) { scene.notifier.lose_flow(connection(7), scene.now_ms, out); });
    CHECK_FALSE(scene.notifier.uses(connection(7)));
    CHECK(scene.notifier.uses(connection(8)));
    CHECK(scene.notifier.count() == 1);
    scene.pass(1'000);
    CHECK(scene.only().flow.connection == 8);
    // One that came back over another connection is of that one.
    scene.flow = connection(9);
    CHECK(scene.ask(Scene::within(kept)) == RejectReason::none);
    scene.command([&](auto& out) { scene.notifier.lose_flow(connection(8), scene.now_ms, out); });
    CHECK(scene.notifier.count() == 1);
    scene.command([&](auto& out) { scene.notifier.lose_flow(connection(9), scene.now_ms, out); });
    CHECK(scene.notifier.count() == 0);
}

TEST_CASE("a connection that is lost before policy speaks leaves nothing") {
    Scene scene;
    scene.flow = connection(7);
    CHECK(scene.ask() == RejectReason::none);
    scene.command([&](auto& out) { scene.notifier.lose_flow(connection(7), scene.now_ms, out); });
    CHECK(scene.notifier.count() == 0);
    scene.provide(Scene::document("<calm/>"));
    CHECK(scene.sent.empty());
}

TEST_CASE("RFC 6665 4.1.3: the end of the daemon is told with probation and when to come back") {
    Scene scene;
    const Out first = scene.watch();
    scene.watch();
    CHECK(scene.ask({.user = "other"}) == RejectReason::none);
    scene.command([&](auto& out) { scene.notifier.shut_down(scene.now_ms, out); });
    REQUIRE(scene.sent.size() == 3);
    int notifies = 0;
    for (const Out& one : std::deque<Out>(scene.sent)) {
        if (one.method() == "NOTIFY") {
            ++notifies;
            CHECK(one.state() == "terminated;reason=probation;retry-after=5");
            CHECK(one.body().empty());
            CHECK_FALSE(scene.notifier.is_quiet());
            CHECK(scene.answer_to(one));
        } else {
            CHECK(one.status() == 503);
            CHECK(one.field("Retry-After") == "5");
        }
    }
    CHECK(notifies == 2);
    CHECK(scene.notifier.is_quiet());
    CHECK(scene.ask() == RejectReason::shutting_down);
    CHECK(scene.ask(Scene::within(first)) == RejectReason::no_such_dialog);
    scene.notifier.reopen();
    scene.sent.clear();
    scene.watch();
}

TEST_CASE("RFC 6665 4.1.3: the end of the daemon is told even to who has not answered the notification before") {
    Scene scene;
    const Out first = scene.watch();
    scene.provide(Scene::document("<busy/>"));
    scene.pass(5'000);
    scene.sent.clear();
    scene.command([&](auto& out) { scene.notifier.shut_down(scene.now_ms, out); });
    const Out last = scene.only();
    CHECK(last.state() == "terminated;reason=probation;retry-after=5");
    CHECK(scene.answer_to(last));
    CHECK(scene.notifier.count() == 0);
}

TEST_CASE("what nobody watches any more is forgotten after 30 s, which is told once") {
    Scene scene;
    const Out notify = scene.watch();
    Ask end = Scene::within(notify);
    end.expires = "0";
    CHECK(scene.ask(end) == RejectReason::none);
    CHECK(scene.next().status() == 200);
    CHECK(scene.answer_to(scene.only()));
    (void)scene.notifier.drain(10);
    scene.pass(29'999);
    CHECK_FALSE(scene.notifier.has_events());
    scene.watch({.expires = "10"});  // back in time
    scene.pass(10'000);
    CHECK(scene.answer_to(scene.only()));
    scene.pass(29'999);
    CHECK_FALSE(scene.notifier.has_events());
    scene.pass(1);
    const auto events = scene.notifier.drain(10);
    REQUIRE(events.size() == 1);
    CHECK(events[0].kind == WatchEventKind::unwanted);
    CHECK(events[0].resource == kDoor);
    CHECK(scene.ask() == RejectReason::none);
    CHECK(scene.notifier.drain(10).at(0).kind == WatchEventKind::wanted);
}

TEST_CASE("what is provided though nobody asked is told at once, and policy is asked whether it still holds") {
    Scene scene;
    scene.provide(Scene::document("<calm/>"));  // on its way while policy was told that nobody watches
    CHECK_FALSE(scene.notifier.has_events());
    CHECK(scene.ask() == RejectReason::none);
    REQUIRE(scene.sent.size() == 2);
    const auto events = scene.notifier.drain(10);
    REQUIRE(events.size() == 1);
    CHECK(events[0].kind == WatchEventKind::wanted);
    scene.provide(Scene::document("<calm/>"));
    CHECK(scene.ask() == RejectReason::none);
    CHECK_FALSE(scene.notifier.has_events());
}

TEST_CASE("what lingers keeps no watcher out: the longest unwatched is forgotten first") {
    auto config = Scene::usual();
    config.max_subscriptions = 2;
    Scene scene(config);
    for (const char* user : {"a", "b", "c", "d"}) {
        scene.command([&](auto& out) {
            scene.notifier.provide({"dialog", user}, {}, Scene::document("<calm/>"), false, scene.now_ms, out);
        });
        scene.pass(1);
    }
    CHECK(scene.ask({.user = "e"}) == RejectReason::none);
    const auto events = scene.notifier.drain(10);
    REQUIRE(events.size() == 2);
    CHECK(events[0].kind == WatchEventKind::unwanted);
    CHECK(events[0].resource.address == "a");
    CHECK(events[1].kind == WatchEventKind::wanted);
    CHECK(events[1].resource.address == "e");
}

TEST_CASE("what is provided though nobody watches it is forgotten, too") {
    Scene scene;
    scene.provide(Scene::document("<calm/>"));
    scene.pass(15'000);
    scene.provide(Scene::document("<busy/>"));
    scene.pass(15'000);
    CHECK(scene.notifier.drain(10).size() == 1);
    CHECK(scene.notifier.next_due_ms(scene.now_ms) == sr::dialog::kNever);
}

TEST_CASE("a dead host with many subscriptions keeps their places for 32 s beyond their ends, no longer") {
    Scene scene;
    scene.provide(Scene::document("<calm/>"));
    for (int i = 0; i < 300; ++i) {
        CHECK(scene.ask({.expires = "10"}) == RejectReason::none);
        scene.pass(1);
    }
    CHECK(scene.notifier.count() == 300);
    scene.pass(sr::dialog::kTransactionLife + 9'000);
    CHECK(scene.notifier.count() > 64);  // those that wait behind the first 64
    scene.pass(1'000);
    CHECK(scene.notifier.count() == 64);
    scene.pass(sr::dialog::kTransactionLife);
    CHECK(scene.notifier.count() == 0);
}

TEST_CASE("nothing is due once everybody is gone, however often timers moved") {
    Scene scene;
    for (int i = 0; i < 20; ++i) {
        const Out notify = scene.watch({.expires = "60"});
        for (int j = 0; j < 40; ++j) {
            CHECK(scene.ask(Scene::within(notify)) == RejectReason::none);
            CHECK(scene.next().status() == 200);
            CHECK(scene.answer_to(scene.next()));
            scene.pass(10);
        }
    }
    scene.pass(61'000);
    std::deque<Out> sent = std::move(scene.sent);
    scene.sent.clear();
    for (const Out& one : sent) (void)scene.answer_to(one);
    scene.pass(31'000);
    CHECK(scene.notifier.count() == 0);
    scene.pass(100'000);
    CHECK(scene.notifier.next_due_ms(scene.now_ms) == sr::dialog::kNever);
}

TEST_CASE("no more answers are on their way than our own receive buffer holds, and a dead host keeps nobody's place") {
    Scene scene;
    scene.provide(Scene::document("<calm/>"));
    Crowd crowd(scene);
    for (int host = 0; host < 10; ++host) {
        scene.flow.remote.port = static_cast<std::uint16_t>(7'000 + host);
        const std::string contact = "<sip:bob@192.0.2.7:" + std::to_string(scene.flow.remote.port) + ">";
        for (int i = 0; i < 10; ++i) {
            CHECK(scene.ask({.contact = contact}) == RejectReason::none);
            crowd.run(1);
        }
    }
    crowd.run(1'000);
    scene.notifier.set_answer_room(30);
    scene.sent.clear();
    scene.provide(Scene::document("<busy/>"));
    scene.pass(kMoment / 2);
    CHECK(scene.sent.size() == 30);
    CHECK(scene.answer_to(scene.sent.front()));
    scene.pass(1);
    CHECK(scene.sent.size() == 31);
    scene.pass(6 * kMoment);
    CHECK(scene.sent.size() == 100);
}
