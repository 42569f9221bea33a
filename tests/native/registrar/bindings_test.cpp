// RFC 3261 section 10.3 steps 6 and 7 but for intervals and ordering: what is added, updated and removed.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "registration_kit.hpp"

using namespace sr::registrar;
using namespace sr::registrar::testkit;
using sr::sip::BindingAction;
using sr::sip::RejectReason;

namespace {

constexpr std::string_view kDesk = "sip:alice@192.0.2.10:5060";
constexpr std::string_view kMobile = "sip:alice@192.0.2.20:5060";
constexpr std::string_view kDoor = "sip:alice@192.0.2.30:5060";

using Uris = std::vector<std::string>;

}  // namespace

TEST_CASE("RFC 3261 10.3-6: a request without Contact is a query and changes nothing") {
    Aor alice;
    alice.accept(Register().contact(kDesk));
    CHECK(alice.accept(Register().call("call-2", 1)) == 0);
    CHECK(alice.accept(Register().call("call-1", 1)) == 0);
    CHECK(alice.accept(Register().call("call-2", 2).expires(0)) == 0);
    CHECK(alice.uris() == Uris{std::string(kDesk)});
}

TEST_CASE("RFC 3261 10.3-7: a new contact is added") {
    Aor alice;
    const auto outcome = alice.perform(Register().contact(kDesk, 300));
    REQUIRE(outcome.changes.all().size() == 1);
    CHECK(outcome.changes.all()[0].action == BindingAction::add);
    CHECK(outcome.changes.all()[0].expires_s == 300);
    CHECK(alice.uris() == Uris{std::string(kDesk)});
}

TEST_CASE("RFC 3261 10.3-7: several contacts of one request are all bound") {
    Aor alice;
    CHECK(alice.accept(Register().contact(kDesk).contact(kMobile).contact(kDoor)) == 3);
    CHECK(alice.bindings.size() == 3);
}

TEST_CASE("RFC 3261 10.3-7: contacts of different devices stand beside each other") {
    Aor alice;
    alice.accept(Register().call("desk", 1).contact(kDesk));
    alice.accept(Register().call("mobile", 1).contact(kMobile));
    CHECK(alice.uris() == Uris{std::string(kDesk), std::string(kMobile)});
}

TEST_CASE("RFC 3261 10.3-7: a refresh updates its binding and keeps its id") {
    Aor alice;
    alice.accept(Register().contact(kDesk, 300));
    const auto id = alice.at(kDesk).id;
    const auto outcome = alice.perform(Register().call("call-1", 2).contact(kDesk, 600));
    REQUIRE(outcome.changes.all().size() == 1);
    CHECK(outcome.changes.all()[0].action == BindingAction::update);
    CHECK(alice.at(kDesk).id == id);
    CHECK(alice.at(kDesk).expires_s == 600);
    CHECK(alice.at(kDesk).cseq == 2);
}

TEST_CASE("RFC 3261 10.3-7: a contact is found by URI equality, not by its octets") {
    Aor alice;
    alice.accept(Register().contact("sip:alice@Desk.example;transport=UDP"));
    const auto id = alice.bindings[0].id;
    alice.accept(Register().call("call-1", 2).contact("sip:%61lice@desk.EXAMPLE;transport=udp;ob"));
    REQUIRE(alice.bindings.size() == 1);
    CHECK(alice.bindings[0].id == id);
    alice.accept(Register().call("call-1", 3).contact("sip:Alice@desk.example;transport=udp"));
    CHECK(alice.bindings.size() == 2);
}

TEST_CASE("RFC 3261 19.1.4: where a contact equals two bindings the octet-identical one is meant") {
    Aor alice;
    alice.accept(Register().contact("sip:a@b;x=1").contact("sip:a@b;x=2"));
    REQUIRE(alice.bindings.size() == 2);
    alice.accept(Register().call("call-1", 2).contact("sip:a@b;x=2", 0));
    CHECK(alice.uris() == Uris{"sip:a@b;x=1"});
}

TEST_CASE("RFC 3261 19.1.4: two different contacts never share a binding that equals both") {
    Aor alice;
    alice.accept(Register().contact("sip:a@b").contact("sip:c@d"));
    CHECK(alice.accept(Register().call("call-1", 2).contact("sip:a@b;x=1").contact("sip:a@b;x=2")) == 2);
    CHECK(alice.uris() == Uris{"sip:a@b;x=1", "sip:c@d", "sip:a@b;x=2"});
}

TEST_CASE("RFC 3261 10.3-7: expires=0 removes this binding and no other") {
    Aor alice;
    alice.accept(Register().contact(kDesk).contact(kMobile));
    const auto outcome = alice.perform(Register().call("call-1", 2).contact(kDesk, 0));
    REQUIRE(outcome.changes.all().size() == 1);
    CHECK(outcome.changes.all()[0].action == BindingAction::remove);
    CHECK_FALSE(outcome.changes.all()[0].is_replacement);
    CHECK(alice.uris() == Uris{std::string(kMobile)});
}

TEST_CASE("RFC 3261 10.3-7: the removal of what is not bound is accepted") {
    Aor alice;
    CHECK(alice.accept(Register().contact(kDesk, 0)) == 0);
    CHECK(alice.bindings.empty());
}

TEST_CASE("RFC 3261 10.3-7: one request may add, update and remove") {
    Aor alice;
    alice.accept(Register().contact(kDesk).contact(kMobile));
    CHECK(alice.accept(Register().call("call-1", 2).contact(kDesk, 0).contact(kMobile, 600).contact(kDoor)) == 3);
    CHECK(alice.uris() == Uris{std::string(kMobile), std::string(kDoor)});
    CHECK(alice.at(kMobile).expires_s == 600);
}

TEST_CASE("RFC 3261 10.3-7: all or nothing, one bad contact keeps the others out") {
    Aor alice;
    alice.accept(Register().call("other", 9).contact(kMobile, 300));
    CHECK(alice.refuse(Register().contact(kDesk).contact("mailto:alice@example.com")) == RejectReason::contact_invalid);
    CHECK(alice.refuse(Register().call("other", 8).contact(kDesk).contact(kMobile, 600)) == RejectReason::out_of_order);
    CHECK(alice.at(kMobile).expires_s == 300);
}

TEST_CASE("RFC 3261 10.3-6: Contact: * with Expires 0 removes every binding, whoever made it") {
    Aor alice;
    alice.accept(Register().call("desk", 1).contact(kDesk));
    alice.accept(Register().call("mobile", 1).contact(kMobile));
    CHECK(alice.accept(Register().call("desk", 2).star().expires(0)) == 2);
    CHECK(alice.bindings.empty());
    CHECK(alice.accept(Register().call("desk", 3).star().expires(0)) == 0);
}

TEST_CASE("RFC 3261 10.3-6: Contact: * beside another Contact or without Expires 0 is refused") {
    Aor alice;
    alice.accept(Register().contact(kDesk));
    CHECK(alice.refuse(Register().call("call-1", 2).star()) == RejectReason::star_not_alone);
    CHECK(alice.refuse(Register().call("call-1", 2).star().expires(60)) == RejectReason::star_not_alone);
    CHECK(alice.refuse(Register().call("call-1", 2).star().expires(0).contact(kMobile, 0)) ==
          RejectReason::star_not_alone);
}

TEST_CASE("RFC 3261 10.3: one URI twice in a request counts once, as it stands last") {
    Aor alice;
    CHECK(alice.accept(Register().contact(kDesk, 300).contact(kDesk, 600)) == 1);
    CHECK(alice.at(kDesk).expires_s == 600);
    CHECK(alice.accept(Register().call("call-1", 2).contact(kDesk, 300).contact("sip:alice@192.0.2.10:05060", 0)) == 1);
    CHECK(alice.bindings.empty());
}

TEST_CASE("RFC 3261 20.10: q is stored as given") {
    Aor alice;
    alice.accept(Register().contact(kDesk).q(250));
    CHECK(alice.at(kDesk).q_thousandths == 250);
}

TEST_CASE("RFC 3261 20.10: a contact that is no SIP or SIPS URI is refused, and the refusal names it") {
    for (const std::string_view uri :
         {"", "mailto:a@b", "tel:+15551234", "sip:", "sip:alice@", "sip:alice@h:99999", "sip:a b@h"}) {
        CAPTURE(uri);
        Aor alice;
        const auto outcome = alice.perform(Register().contact(uri));
        CHECK(outcome.reason == RejectReason::contact_invalid);
        CHECK(outcome.detail == uri);
    }
    Aor alice;
    CHECK(alice.accept(Register().contact("sips:alice@phone.example")) == 1);
}

TEST_CASE("registrar.max_contacts: one contact more is refused, a refresh never is") {
    Policy policy = default_policy();
    policy.max_contacts = 2;
    Aor alice(policy);
    alice.accept(Register().contact(kDesk).contact(kMobile));
    CHECK(alice.refuse(Register().call("door", 1).contact(kDoor)) == RejectReason::too_many_contacts);
    CHECK(alice.accept(Register().call("call-1", 2).contact(kDesk)) == 1);
    CHECK(alice.accept(Register().call("call-1", 3).contact(kDesk, 0).contact(kDoor)) == 2);
    alice.policy.max_contacts = 1;
    CHECK(alice.accept(Register().call("call-1", 4).contact(kDoor).contact(kMobile)) == 2);
}

TEST_CASE("registrar.max_contacts: no policy lifts the limit above what a decision can hold") {
    Policy policy = default_policy();
    policy.max_contacts = 1000;
    Aor alice(policy);
    std::vector<std::string> uris;
    for (int i = 0; i < 33; ++i) uris.push_back("sip:alice@192.0.2.10:" + std::to_string(10000 + i));
    Register all;
    for (int i = 0; i < 32; ++i) all.contact(uris[static_cast<std::size_t>(i)]);
    CHECK(alice.accept(all) == 32);
    CHECK(alice.accept(all.call("call-2", 1)) == 32);
    CHECK(alice.refuse(Register().call("call-3", 1).contact(uris[32])) == RejectReason::too_many_contacts);
    CHECK(alice.refuse(all.call("call-4", 1).contact(uris[32])) == RejectReason::too_many_contacts);
    CHECK(alice.accept(Register().call("call-5", 1).star().expires(0)) == 32);
}

TEST_CASE("lengths: a Contact, Call-ID, instance or Path beyond the limit is refused, one at the limit is taken") {
    const std::string longest_uri = "sip:" + std::string(default_policy().max_uri_length - 8, 'a') + "@b.c";
    const std::string longest_field(default_policy().max_field_length, 'x');
    const std::string longest_path(default_policy().max_path_length, 'p');
    const auto longer = [](const std::string& text) { return text + 'c'; };
    Aor alice;
    CHECK(alice.accept(
              Register().call(longest_field, 1).contact(longest_uri).instance(longest_field).path(longest_path)) == 1);
    CHECK(alice.refuse(Register().contact(longer(longest_uri))) == RejectReason::field_too_long);
    CHECK(alice.refuse(Register().call(longer(longest_field), 2).contact(kDesk)) == RejectReason::field_too_long);
    CHECK(alice.refuse(Register().contact(kDesk).instance(longer(longest_field))) == RejectReason::field_too_long);
    CHECK(alice.refuse(Register().contact(kDesk).path(longer(longest_path))) == RejectReason::field_too_long);
}

TEST_CASE("what would break a header line when it is given back is refused") {
    Aor alice;
    CHECK(alice.refuse(Register().contact(kDesk).instance("urn:x\"\r\nX: y")) == RejectReason::malformed);
    CHECK(alice.refuse(Register().contact(kDesk).instance("urn:>")) == RejectReason::malformed);
    CHECK(alice.refuse(Register().contact(kDesk).path("<sip:p>\r\nX: y")) == RejectReason::malformed);
    CHECK(alice.refuse(Register().contact(kDesk).path("<sip:p>\n")) == RejectReason::malformed);
    CHECK(alice.refuse(Register().contact(kDesk).path({"<sip:p>\0", 8})) == RejectReason::malformed);
    CHECK(alice.refuse(Register().call("", 1).contact(kDesk)) == RejectReason::malformed);
    CHECK(alice.accept(Register().contact(kDesk).path("<sip:p;lr>,\r\n <sip:q;lr>")) == 1);
}
