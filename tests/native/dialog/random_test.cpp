// Whatever comes in whatever order: a call begins once, ends once, and nothing is told of it afterwards.
#include <map>
#include <random>

#include "call_kit.hpp"

using namespace sr::dialog;
using sr::dialog::testkit::Ask;
using sr::dialog::testkit::Caller;
using sr::dialog::testkit::kAnswer;
using sr::dialog::testkit::kOffer;
using sr::dialog::testkit::Sent;

namespace {

constexpr std::string_view kMethods[] = {"INVITE", "ACK",  "BYE",   "CANCEL", "UPDATE",
                                         "PRACK",  "INFO", "REFER", "OPTIONS"};
constexpr std::string_view kLines[] = {"",
                                       "Require: 100rel\r\n",
                                       "Supported: timer\r\nSession-Expires: 90;refresher=uas\r\nAllow: UPDATE\r\n",
                                       "Supported: timer\r\nSession-Expires: 100\r\n",
                                       "RAck: 1 1 INVITE\r\n",
                                       "Record-Route: <sip:192.0.2.9;lr>\r\n"};

/// One caller who does anything, against an owner who does anything.
class Chaos {
  public:
    explicit Chaos(unsigned seed)
        : random_(seed), caller_(seed % 2 == 0 ? sr::sip::Transport::udp : sr::sip::Transport::tls, {.calls = 3}) {}

    void run() {
        for (int step = 0; step < 150; ++step) {
            switch (pick(4)) {
                case 0: pass(); break;
                case 1: command(); break;
                default: ask(); break;
            }
            look();
        }
        Outbox out;
        caller_.calls.shut_down(caller_.now_ms, out);
        look();
        for (const auto& [id, ends] : ends_) CHECK(ends == 1);
        CHECK(caller_.calls.count() == 0);
        caller_.pass(100'000);
        look();
        CHECK(caller_.calls.is_quiet());
        CHECK_FALSE(caller_.hang_up(last_));
    }

  private:
    unsigned pick(std::size_t count) { return static_cast<unsigned>(random_() % count); }

    void pass() {
        constexpr sr::base::TimeMs kTimes[] = {50, 600, 5'000, 33'000, 70'000};
        caller_.pass(kTimes[pick(std::size(kTimes))]);
    }

    void command() {
        const CallId id = pick(5) == 0 ? pick(20) : last_;
        Outbox out;
        auto& calls = caller_.calls;
        bool is_done = false;
        switch (pick(6)) {
            case 0: is_done = calls.ring(id, caller_.now_ms, out); break;
            case 1: is_done = calls.answer(id, kAnswer, caller_.now_ms, out); break;
            case 2: is_done = calls.reject(id, 486, "busy", caller_.now_ms, out); break;
            case 3: is_done = calls.answer_update(id, kAnswer, caller_.now_ms, out); break;
            case 4: is_done = calls.reject_update(id, 488, "no", caller_.now_ms, out); break;
            default: is_done = calls.hang_up(id, "enough", caller_.now_ms, out); break;
        }
        if (is_done) CHECK(ends_.contains(id));
        for (const Transmission& one : out.transmissions) caller_.sent.push_back({one.octets});
    }

    void ask() {
        Ask ask;
        ask.lines = kLines[pick(std::size(kLines))];
        if (pick(2) == 0) ask.body = kOffer;
        if (pick(3) == 0) ask.branch = caller_.branch;
        if (pick(4) == 0) ask.cseq = 1 + pick(6);
        if (pick(3) == 0) ask.is_outside = true;
        if (pick(10) == 0) caller_.call_id = "call-" + std::to_string(pick(4));
        const std::string_view method = kMethods[pick(std::size(kMethods))];
        if (method == "ACK" && ask.cseq == 0) ask.cseq = std::max(caller_.cseq, 1U);
        if (method == "CANCEL" && ask.cseq == 0) ask.cseq = std::max(caller_.cseq, 1U);
        (void)caller_.ask(method, ask);
    }

    /// Events in order, and half of our requests answered.
    void look() {
        for (const CallEvent& event : caller_.calls.drain(100)) {
            if (event.kind == CallEventKind::incoming) {
                CHECK(ends_.emplace(event.call_id, 0).second);
                last_ = event.call_id;
                continue;
            }
            REQUIRE(ends_.contains(event.call_id));
            CHECK(ends_[event.call_id] == 0);
            if (event.kind == CallEventKind::ended) ++ends_[event.call_id];
        }
        auto sent = std::move(caller_.sent);
        caller_.sent.clear();
        for (const Sent& one : sent) {
            if (one.status() > 100 && pick(2) == 0) caller_.learn_tag(one);
            constexpr std::uint16_t kStatuses[] = {100, 200, 408, 481, 491};
            if (one.status() == 0 && pick(2) == 0) (void)caller_.answer_bye(one, kStatuses[pick(5)]);
        }
    }

    std::mt19937 random_;
    Caller caller_;
    CallId last_ = 0;
    std::map<CallId, int> ends_;
};

}  // namespace

TEST_CASE("whatever comes in whatever order, a call begins once and ends once") {
    for (unsigned seed = 1; seed <= 1'000; ++seed) {
        CAPTURE(seed);
        Chaos(seed).run();
    }
}
