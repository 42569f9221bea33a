// RFC 3261 section 10.3 step 7: how long a binding is granted.
#include <doctest/doctest.h>

#include "registration_kit.hpp"

using namespace sr::registrar;
using namespace sr::registrar::testkit;
using sr::sip::RejectReason;

namespace {

constexpr std::string_view kDesk = "sip:alice@192.0.2.10:5060";

std::uint32_t granted_s(Register& message, const Policy& policy) {
    Aor alice(policy);
    REQUIRE(alice.perform(message).reason == RejectReason::none);
    return alice.bindings.empty() ? 0 : alice.bindings[0].expires_s;
}

}  // namespace

TEST_CASE("RFC 3261 10.3-7: the expires parameter counts before the Expires header, then the default") {
    const Policy policy = default_policy();
    CHECK(granted_s(Register().contact(kDesk, 300).expires(600), policy) == 300);
    CHECK(granted_s(Register().contact(kDesk).expires(600), policy) == 600);
    CHECK(granted_s(Register().contact(kDesk), policy) == policy.default_expires_s);
    CHECK(granted_s(Register().contact(kDesk, 0).expires(600), policy) == 0);
    CHECK(granted_s(Register().contact(kDesk, 300).expires(0), policy) == 300);
    CHECK(granted_s(Register().contact(kDesk).expires(0), policy) == 0);
}

TEST_CASE("RFC 3261 10.3-7: each contact of a request has its own interval") {
    Aor alice;
    alice.accept(Register()
                     .contact(kDesk, 300)
                     .contact("sip:alice@192.0.2.20", 600)
                     .contact("sip:alice@192.0.2.30")
                     .expires(900));
    CHECK(alice.bindings[0].expires_s == 300);
    CHECK(alice.bindings[1].expires_s == 600);
    CHECK(alice.bindings[2].expires_s == 900);
}

TEST_CASE("RFC 3261 10.3-7: more than the maximum is shortened to it") {
    const Policy policy = default_policy();
    CHECK(granted_s(Register().contact(kDesk, 7200), policy) == 7200);
    CHECK(granted_s(Register().contact(kDesk, 7201), policy) == 7200);
    CHECK(granted_s(Register().contact(kDesk, 0xFFFFFFFF), policy) == 7200);
}

TEST_CASE("registrar.below_min raise: less than the minimum is raised to it, 0 stays 0") {
    const Policy policy = default_policy();
    CHECK(granted_s(Register().contact(kDesk, 1), policy) == 60);
    CHECK(granted_s(Register().contact(kDesk, 59), policy) == 60);
    CHECK(granted_s(Register().contact(kDesk, 60), policy) == 60);
    CHECK(granted_s(Register().contact(kDesk, 0), policy) == 0);
}

TEST_CASE("RFC 3261 10.3-7: below_min reject answers 423 with the minimum, 0 stays a removal") {
    Policy policy = default_policy();
    policy.below_minimum = BelowMinimum::reject;
    Aor alice(policy);
    const auto outcome = alice.perform(Register().contact(kDesk, 59));
    CHECK(outcome.reason == RejectReason::brief_interval);
    CHECK(outcome.min_expires_s == 60);
    CHECK(alice.accept(Register().contact(kDesk, 60)) == 1);
    CHECK(alice.refuse(Register().call("call-1", 2).contact(kDesk).expires(10)) == RejectReason::brief_interval);
    CHECK(alice.accept(Register().call("call-1", 3).contact(kDesk, 0)) == 1);
}

TEST_CASE("RFC 3261 10.3-7: one brief interval refuses the other contacts too") {
    Policy policy = default_policy();
    policy.below_minimum = BelowMinimum::reject;
    Aor alice(policy);
    CHECK(alice.refuse(Register().contact(kDesk, 600).contact("sip:alice@192.0.2.20", 5)) ==
          RejectReason::brief_interval);
}

TEST_CASE("RFC 3261 10.3-7: an hour or more is never refused as too brief") {
    Policy policy = default_policy();
    policy.below_minimum = BelowMinimum::reject;
    policy.min_expires_s = 5000;
    CHECK(granted_s(Register().contact(kDesk, 3600), policy) == 3600);
    Aor alice(policy);
    CHECK(alice.refuse(Register().contact(kDesk, 3599)) == RejectReason::brief_interval);
}
