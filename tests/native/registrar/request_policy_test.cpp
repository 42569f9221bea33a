// RFC 3261 sections 8.2 and 11.2: requests that are not REGISTER.
#include "registrar/request_policy.hpp"

#include <doctest/doctest.h>

#include <string_view>

#include "registration_kit.hpp"

using namespace sr::registrar;
using sr::registrar::testkit::default_policy;
using sr::sip::RejectReason;

namespace {

enum class User { stranger, registered };

RequestFacts facts(std::string_view method, std::string_view user, User state,
                   std::string_view host = "screamrouter.local") {
    RequestFacts facts;
    facts.method = method;
    facts.request_user = user;
    facts.request_host = host;
    facts.is_registered = state == User::registered;
    return facts;
}

RejectReason reason(const RequestFacts& facts) {
    const auto decision = decide_request(facts, default_policy());
    CHECK(decision.is_answered);
    return decision.reason;
}

constexpr std::string_view kAnswered[] = {"OPTIONS", "INVITE", "BYE",   "CANCEL",    "UPDATE",  "PRACK",
                                          "NOTIFY",  "INFO",   "REFER", "SUBSCRIBE", "PUBLISH", "MESSAGE"};

}  // namespace

TEST_CASE("RFC 3261 17.1.1.3: an ACK is never answered") {
    RequestFacts ack = facts("ACK", "nobody", User::stranger, "example.com");
    CHECK_FALSE(decide_request(ack, default_policy()).is_answered);
    ack.has_to_tag = true;
    CHECK_FALSE(decide_request(ack, default_policy()).is_answered);
}

TEST_CASE("RFC 3261 11.2: OPTIONS is 200 for the server itself and for whoever is registered") {
    CHECK(reason(facts("OPTIONS", "", User::stranger)) == RejectReason::none);
    CHECK(reason(facts("OPTIONS", "", User::stranger, "192.0.2.1")) == RejectReason::none);
    CHECK(reason(facts("OPTIONS", "screamrouter", User::stranger)) == RejectReason::none);
    CHECK(reason(facts("OPTIONS", "ScreamRouter", User::stranger)) == RejectReason::none);
    CHECK(reason(facts("OPTIONS", "alice", User::registered)) == RejectReason::none);
}

TEST_CASE("RFC 3261 11.2: OPTIONS for somebody who is not registered is 404") {
    CHECK(reason(facts("OPTIONS", "nobody", User::stranger)) == RejectReason::unknown_user);
}

TEST_CASE("RFC 3261 8.2.2.1: a domain that is not ours is 404, a scheme that is not SIP 416") {
    for (const std::string_view method : {"OPTIONS", "INVITE", "SUBSCRIBE", "PUBLISH", "MESSAGE"}) {
        CHECK(reason(facts(method, "alice", User::registered, "example.com")) == RejectReason::unknown_domain);
        RequestFacts other_scheme = facts(method, "alice", User::registered);
        other_scheme.has_sip_scheme = false;
        CHECK(reason(other_scheme) == RejectReason::unsupported_scheme);
    }
}

TEST_CASE("RFC 3261 8.2.2.3: an extension that is required and not supported is 420 and named") {
    const std::string_view tags[] = {"path", "gruu"};
    RequestFacts requiring = facts("OPTIONS", "", User::stranger);
    requiring.require = tags;
    const auto decision = decide_request(requiring, default_policy());
    CHECK(decision.reason == RejectReason::extension_required);
    CHECK(decision.detail == "gruu");
}

TEST_CASE("RFC 3261 8.2.2.3: Require is not asked of a CANCEL") {
    const std::string_view tags[] = {"100rel"};
    RequestFacts cancel = facts("CANCEL", "alice", User::registered);
    cancel.require = tags;
    CHECK(reason(cancel) == RejectReason::no_such_dialog);
}

TEST_CASE("RFC 3261 12.2.2: whatever carries a To tag belongs to a dialog that is not here") {
    for (const std::string_view method : kAnswered) {
        CAPTURE(method);
        RequestFacts within = facts(method, "alice", User::registered);
        within.has_to_tag = true;
        CHECK(reason(within) == RejectReason::no_such_dialog);
    }
}

TEST_CASE("RFC 3261 9.2 and 15.1.2: what makes sense in a dialog or transaction only is 481 without one") {
    for (const std::string_view method : {"BYE", "CANCEL", "UPDATE", "PRACK", "NOTIFY"}) {
        CAPTURE(method);
        CHECK(reason(facts(method, "alice", User::registered)) == RejectReason::no_such_dialog);
    }
}

TEST_CASE(
    "RFC 3261 8.2.2: what begins something in our domain is for whoever takes it to judge, whatever it asks for") {
    for (const std::string_view method : {"INVITE", "SUBSCRIBE", "PUBLISH", "MESSAGE"}) {
        CAPTURE(method);
        CHECK(reason(facts(method, "alice", User::registered)) == RejectReason::none);
        const std::string_view tags[] = {"100rel"};
        RequestFacts requiring = facts(method, "nobody", User::stranger);
        requiring.require = tags;
        CHECK(reason(requiring) == RejectReason::none);
    }
}

TEST_CASE(
    "RFC 3261 8.2.1: a method that is known but not served is 405, one that is unknown 501, whatever else is wrong") {
    for (const std::string_view method : {"REFER", "INFO"}) {
        CAPTURE(method);
        CHECK(reason(facts(method, "alice", User::registered)) == RejectReason::method_not_allowed);
        CHECK(reason(facts(method, "nobody", User::stranger, "example.com")) == RejectReason::method_not_allowed);
    }
    CHECK(reason(facts("FOO", "alice", User::registered)) == RejectReason::method_unknown);
    CHECK(reason(facts("options", "", User::stranger)) == RejectReason::method_unknown);
    CHECK(reason(facts("", "", User::stranger)) == RejectReason::method_unknown);
}
