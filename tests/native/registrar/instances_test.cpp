// RFC 5626: a device that comes back from elsewhere takes its own binding over instead of leaving a dead one behind.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "registration_kit.hpp"

using namespace sr::registrar;
using namespace sr::registrar::testkit;
using sr::sip::BindingAction;
using sr::sip::RejectReason;

namespace {

constexpr std::string_view kOld = "sip:alice@192.0.2.10:40001";
constexpr std::string_view kNew = "sip:alice@192.0.2.10:40002";
constexpr std::string_view kThird = "sip:alice@192.0.2.10:40003";

using Uris = std::vector<std::string>;

}  // namespace

TEST_CASE("RFC 5626 6: the same instance and reg-id from another URI takes its binding over") {
    Aor alice;
    alice.accept(Register().call("a", 1).contact(kOld).instance(kUrn, 1));
    const auto id = alice.bindings[0].id;
    const auto outcome = alice.perform(Register().call("b", 1).contact(kNew).instance(kUrn, 1));
    REQUIRE(outcome.changes.all().size() == 1);
    CHECK(outcome.changes.all()[0].action == BindingAction::update);
    CHECK(alice.uris() == Uris{std::string(kNew)});
    CHECK(alice.bindings[0].id == id);
}

TEST_CASE("RFC 5626 6: another reg-id is another flow and stays beside the first") {
    Aor alice;
    alice.accept(Register().call("a", 1).contact(kOld).instance(kUrn, 1));
    alice.accept(Register().call("b", 1).contact(kNew).instance(kUrn, 2));
    CHECK(alice.bindings.size() == 2);
}

TEST_CASE("RFC 5626 4.1: another instance stays, whatever its reg-id, and so does a binding without instance") {
    Aor alice;
    alice.accept(Register().call("a", 1).contact(kOld).instance(kOtherUrn, 1));
    alice.accept(Register().call("b", 1).contact(kThird));
    alice.accept(Register().call("c", 1).contact(kNew).instance(kUrn, 1));
    CHECK(alice.bindings.size() == 3);
}

TEST_CASE("RFC 5626 4.1: instances that are UUIDs compare in any case") {
    Aor alice;
    alice.accept(Register().call("a", 1).contact(kOld).instance("urn:uuid:0F3A9C52-7B1E-4D68-9A04-C5E1D2B38F67"));
    alice.accept(Register().call("b", 1).contact(kNew).instance(kUrn));
    CHECK(alice.bindings.size() == 1);
    alice.accept(Register().call("c", 1).contact(kOld).instance("urn:x-mac:AB"));
    alice.accept(Register().call("d", 1).contact(kThird).instance("urn:x-mac:ab"));
    CHECK(alice.bindings.size() == 3);
}

TEST_CASE("a phone without reg-id that comes back from another port takes its binding over") {
    Aor alice;
    alice.accept(Register().call("a", 1).contact(kOld).instance("urn:x-mac:0004f2000001"));
    CHECK(alice.accept(Register().call("b", 1).contact(kNew).instance("urn:x-mac:0004f2000001")) == 1);
    CHECK(alice.uris() == Uris{std::string(kNew)});
}

TEST_CASE("a phone that learns of reg-id takes over the binding it made without one, and the other way round") {
    Aor alice;
    alice.accept(Register().call("a", 1).contact(kOld).instance(kUrn));
    CHECK(alice.accept(Register().call("b", 1).contact(kNew).instance(kUrn, 1)) == 1);
    CHECK(alice.uris() == Uris{std::string(kNew)});
    CHECK(alice.accept(Register().call("c", 1).contact(kOld).instance(kUrn)) == 1);
    CHECK(alice.uris() == Uris{std::string(kOld)});
}

TEST_CASE("the first binding of the instance moves, the others are removed as replaced") {
    Aor alice;
    alice.accept(Register().call("a", 1).contact(kOld).instance(kUrn, 1).contact(kThird).instance(kUrn, 2));
    const auto outcome = alice.perform(Register().call("b", 1).contact(kNew).instance(kUrn));
    REQUIRE(outcome.changes.all().size() == 2);
    CHECK(outcome.changes.all()[0].action == BindingAction::remove);
    CHECK(outcome.changes.all()[0].is_replacement);
    CHECK(outcome.changes.all()[0].binding == 1);
    CHECK(outcome.changes.all()[1].action == BindingAction::update);
    CHECK(outcome.changes.all()[1].binding == 0);
    CHECK(alice.uris() == Uris{std::string(kNew)});
}

TEST_CASE("a refresh of one of two bindings of an instance without reg-id removes the other as replaced") {
    Aor alice;
    alice.accept(Register().call("a", 1).contact(kOld).instance(kUrn).contact(kNew).instance(kUrn));
    REQUIRE(alice.bindings.size() == 2);
    alice.accept(Register().call("a", 2).contact(kNew).instance(kUrn));
    CHECK(alice.uris() == Uris{std::string(kNew)});
}

TEST_CASE("several contacts of one instance in one request are kept, and a third that was bound moves to the first") {
    Aor alice;
    alice.accept(Register().call("a", 1).contact(kThird).instance(kUrn));
    const auto id = alice.bindings[0].id;
    Register both = Register().call("a", 2).contact(kOld).instance(kUrn).contact(kNew).instance(kUrn);
    CHECK(alice.accept(both) == 2);
    CHECK(alice.uris() == Uris{std::string(kOld), std::string(kNew)});
    CHECK(alice.at(kOld).id == id);
    CHECK(alice.accept(both) == 0);
}

TEST_CASE("a phone that moves in one request, old contact out and new one in, has one binding") {
    Aor alice;
    alice.accept(Register().call("a", 1).contact(kOld).instance(kUrn));
    Register move = Register().call("a", 2).contact(kNew, 300).instance(kUrn).contact(kOld, 0).instance(kUrn);
    CHECK(alice.accept(move) == 2);
    CHECK(alice.uris() == Uris{std::string(kNew)});
    CHECK(alice.accept(move) == 0);
}

TEST_CASE("a phone that removes its old contact after it registered the new one keeps the new one") {
    Aor alice;
    alice.accept(Register().call("a", 1).contact(kOld).instance(kUrn));
    alice.accept(Register().call("a", 2).contact(kNew).instance(kUrn));
    CHECK(alice.accept(Register().call("a", 3).contact(kOld, 0).instance(kUrn)) == 0);
    CHECK(alice.uris() == Uris{std::string(kNew)});
}

TEST_CASE("RFC 5626 6: a removal with reg-id names its flow, whatever the URI") {
    Aor alice;
    alice.accept(Register().call("a", 1).contact(kOld).instance(kUrn, 1).contact(kThird).instance(kUrn, 2));
    Register removal = Register().call("a", 2).contact(kNew, 0).instance(kUrn, 1);
    CHECK(alice.accept(removal) == 1);
    CHECK(alice.uris() == Uris{std::string(kThird)});
    CHECK(alice.accept(removal) == 0);
}

TEST_CASE("RFC 5626 6: a flow that is removed and registered in one request, both from other URIs, moves") {
    Aor alice;
    alice.accept(Register().call("a", 1).contact(kOld).instance(kUrn, 1));
    const auto id = alice.bindings[0].id;
    Register move = Register().call("b", 1).contact(kThird, 0).instance(kUrn, 1).contact(kNew).instance(kUrn, 1);
    CHECK(alice.accept(move) == 1);
    CHECK(alice.uris() == Uris{std::string(kNew)});
    CHECK(alice.bindings[0].id == id);
}

TEST_CASE("RFC 5626 6: a removal that names a bound URI removes nothing else of its flow") {
    Aor alice;
    alice.accept(Register().call("a", 1).contact(kOld).instance(kUrn, 1).contact(kNew).instance(kUrn, 1));
    CHECK(alice.accept(Register().call("a", 2).contact(kOld, 0).instance(kUrn, 1)) == 1);
    CHECK(alice.uris() == Uris{std::string(kNew)});
}

TEST_CASE("RFC 3261 10.3-7: an instance's late request does not take the binding back") {
    Aor alice;
    Register before = Register().call("a", 1).contact(kOld).instance(kUrn);
    alice.accept(before);
    alice.accept(Register().call("a", 2).contact(kNew).instance(kUrn));
    CHECK(alice.refuse(before) == RejectReason::out_of_order);
    CHECK(alice.refuse(Register().call("a", 2).contact(kThird).instance(kUrn)) == RejectReason::out_of_order);
}

TEST_CASE("registrar.max_contacts: a device that only moved is not one contact more") {
    Policy policy = default_policy();
    policy.max_contacts = 1;
    Aor alice(policy);
    alice.accept(Register().call("a", 1).contact(kOld).instance(kUrn, 1));
    CHECK(alice.accept(Register().call("b", 1).contact(kNew).instance(kUrn, 1)) == 1);
}
