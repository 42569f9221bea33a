// RFC 3261 section 10.3 steps 6 and 7: Call-ID and CSeq.
//
//     phone                      registrar
//       |  REGISTER 5 (Contact)     |
//       |-------------------------->|  bound at CSeq 5
//       |      200, lost on the way |
//       |<- - - - - - - - - - - - - |
//       |  REGISTER 5 again         |
//       |-------------------------->|  the same answer, no second change
//       |  REGISTER 4, late         |
//       |-------------------------->|  500, nothing changes
#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "registration_kit.hpp"

using namespace sr::registrar;
using namespace sr::registrar::testkit;
using sr::sip::RejectReason;

namespace {

constexpr std::string_view kDesk = "sip:alice@192.0.2.10:5060";
constexpr std::string_view kMobile = "sip:alice@192.0.2.20:5060";
constexpr std::string_view kDoor = "sip:alice@192.0.2.30:5060";

}  // namespace

TEST_CASE("RFC 3261 10.3-7: a lower CSeq of the same Call-ID is refused") {
    Aor alice;
    alice.accept(Register().call("call-1", 5).contact(kDesk, 300));
    CHECK(alice.refuse(Register().call("call-1", 4).contact(kDesk, 600)) == RejectReason::out_of_order);
    CHECK(alice.refuse(Register().call("call-1", 4).contact(kDesk, 0)) == RejectReason::out_of_order);
    CHECK(alice.at(kDesk).expires_s == 300);
}

TEST_CASE("RFC 3261 10.3-7: another Call-ID may have any CSeq") {
    Aor alice;
    alice.accept(Register().call("before-reboot", 500).contact(kDesk, 300));
    CHECK(alice.accept(Register().call("after-reboot", 1).contact(kDesk, 600)) == 1);
    CHECK(alice.at(kDesk).call_id == "after-reboot");
    CHECK(alice.accept(Register().call("third", 1).contact(kDesk, 0)) == 1);
}

TEST_CASE("RFC 3261 10.3-7: the ordering is each binding's own") {
    Aor alice;
    alice.accept(Register().call("call-1", 5).contact(kDesk));
    alice.accept(Register().call("call-1", 7).contact(kMobile));
    CHECK(alice.accept(Register().call("call-1", 6).contact(kDesk)) == 1);
    CHECK(alice.refuse(Register().call("call-1", 6).contact(kMobile)) == RejectReason::out_of_order);
}

TEST_CASE("RFC 3261 10.3-7: a repeat is accepted without a second change") {
    Aor alice;
    Register first = Register().call("call-1", 5).contact(kDesk, 300);
    CHECK(alice.accept(first) == 1);
    CHECK(alice.accept(first) == 0);
}

TEST_CASE("RFC 3261 10.3-7: a repeat of several contacts, of additions beside removals, and of one URI written twice") {
    Aor alice;
    Register added = Register().call("call-1", 5).contact(kDesk).contact(kMobile);
    CHECK(alice.accept(added) == 2);
    CHECK(alice.accept(added) == 0);
    Register mixed = Register().call("call-1", 6).contact(kDesk, 0).contact(kMobile).contact(kDoor);
    CHECK(alice.accept(mixed) == 3);
    CHECK(alice.accept(mixed) == 0);
    Register doubled = Register().call("call-1", 7).contact(kDoor, 0).contact(kDoor, 900);
    CHECK(alice.accept(doubled) == 1);
    CHECK(alice.accept(doubled) == 0);
}

TEST_CASE("RFC 3261 10.3-7: an equal CSeq with other contents is no repeat and is refused") {
    Aor alice;
    alice.accept(Register().call("call-1", 5).contact(kDesk));
    CHECK(alice.refuse(Register().call("call-1", 5).contact(kMobile)) == RejectReason::out_of_order);
    CHECK(alice.refuse(Register().call("call-1", 5).contact(kDesk).contact(kMobile)) == RejectReason::out_of_order);
    CHECK(alice.refuse(Register().call("call-1", 5).contact(kDesk, 0)) == RejectReason::out_of_order);
    CHECK(alice.refuse(Register().call("call-1", 5).star().expires(0)) == RejectReason::out_of_order);
}

TEST_CASE("RFC 3261 10.3-7: a repeat does not take a binding back from who has refreshed it since") {
    Aor alice;
    Register both = Register().call("call-1", 5).contact(kDesk).contact(kMobile);
    alice.accept(both);
    alice.accept(Register().call("call-2", 1).contact(kDesk));
    CHECK(alice.refuse(both) == RejectReason::out_of_order);
    CHECK(alice.at(kDesk).call_id == "call-2");
}

TEST_CASE("RFC 3261 10.3-7: the repeat of a removal is accepted and does not act on what came after") {
    Aor alice;
    alice.accept(Register().call("call-1", 5).contact(kDesk));
    Register removal = Register().call("call-1", 6).contact(kDesk, 0);
    CHECK(alice.accept(removal) == 1);
    CHECK(alice.accept(removal) == 0);
    alice.accept(Register().call("call-2", 1).contact(kDesk));
    CHECK(alice.accept(removal) == 0);
    CHECK(alice.bindings.size() == 1);
}

TEST_CASE("RFC 3261 10.3-7: a late registration does not bring a removed binding back") {
    Aor alice;
    Register registration = Register().call("call-1", 5).contact(kDesk);
    alice.accept(registration);
    alice.accept(Register().call("call-1", 6).contact(kDesk, 0));
    CHECK(alice.refuse(registration) == RejectReason::out_of_order);
    CHECK(alice.refuse(Register().call("call-1", 6).contact(kDesk, 300)) == RejectReason::out_of_order);
    CHECK(alice.accept(Register().call("call-1", 7).contact(kDesk)) == 1);
}

TEST_CASE("RFC 3261 10.3-6: Contact: * obeys the order of each binding of its Call-ID") {
    Aor alice;
    alice.accept(Register().call("desk", 5).contact(kDesk));
    alice.accept(Register().call("mobile", 50).contact(kMobile));
    CHECK(alice.refuse(Register().call("desk", 5).star().expires(0)) == RejectReason::out_of_order);
    CHECK(alice.refuse(Register().call("desk", 4).star().expires(0)) == RejectReason::out_of_order);
    CHECK(alice.accept(Register().call("desk", 6).star().expires(0)) == 2);
}

TEST_CASE("RFC 3261 10.3-6: the repeat of Contact: * leaves alone who registered after it; an older one is refused") {
    Aor alice;
    alice.accept(Register().call("desk", 5).contact(kDesk));
    Register star = Register().call("desk", 6).star().expires(0);
    CHECK(alice.accept(star) == 1);
    CHECK(alice.accept(star) == 0);
    alice.accept(Register().call("mobile", 1).contact(kMobile));
    CHECK(alice.accept(star) == 0);
    CHECK(alice.bindings.size() == 1);
    CHECK(alice.refuse(Register().call("desk", 5).star().expires(0)) == RejectReason::out_of_order);
}

TEST_CASE("any sequence of requests: a repeat changes nothing, a limit holds, contacts stay distinct") {
    std::mt19937 random(7001);
    const std::vector<std::string> uris{"sip:a@h1",      "sip:a@h1;x=1", "sip:A@h1", "sip:%61@H1",
                                        "sip:a@h2:5060", "sip:a@h3;x=2", "sip:a@h4"};
    const std::vector<std::string> calls{"call-1", "call-2", "call-3"};
    const std::vector<std::string> instances{"", "", std::string(kUrn), std::string(kOtherUrn), "urn:x-mac:1"};
    const auto pick = [&random](const auto& from) -> const auto& { return from[random() % from.size()]; };
    int accepted = 0;
    for (int run = 0; run < 300; ++run) {
        Policy policy = default_policy();
        policy.max_contacts = 4;
        Aor alice(policy);
        for (int step = 0; step < 40; ++step) {
            Register message;
            message.call(pick(calls), 1 + static_cast<std::uint32_t>(random() % 60));
            if (random() % 12 == 0)
                message.star().expires(0);
            else {
                for (auto contacts = random() % 4; contacts > 0; --contacts) {
                    message.contact(pick(uris), random() % 4 == 0 ? 0 : 60 + static_cast<std::uint32_t>(random() % 3));
                    message.instance(pick(instances), static_cast<std::uint32_t>(random() % 3));
                }
            }
            const std::size_t before = alice.bindings.size();
            const auto outcome = alice.perform(message);
            if (outcome.reason != RejectReason::none) continue;
            ++accepted;
            REQUIRE(alice.bindings.size() <= std::max<std::size_t>(before, 4));
            auto all = alice.uris();
            std::sort(all.begin(), all.end());
            REQUIRE(std::adjacent_find(all.begin(), all.end()) == all.end());
            const auto again = alice.perform(message);
            REQUIRE(again.reason == RejectReason::none);
            REQUIRE(again.changes.is_empty());
        }
    }
    CHECK(accepted > 1000);
}
