// RFC 3261 section 10.3 steps 1-5 and the identity rule: +sip.instance, a=x-screamrouter-uuid, From, To.
#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "registration_kit.hpp"

using namespace sr::registrar;
using namespace sr::registrar::testkit;
using sr::sip::Identity;
using sr::sip::RejectReason;
using sr::sip::Uuid;

namespace {

constexpr std::string_view kContact = "sip:d@192.0.2.10:5060";

const std::string kSdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\na=x-screamrouter-uuid:" + std::string(kUuid) +
                         "\r\nm=audio 0 RTP/AVP 96\r\n";
const std::string kBareSdp =
    "v=0\ns=-\nm=audio 0 RTP/AVP 96\na=x-screamrouter-uuid: " + std::string(kUuid) + " \na=sendonly\n";

Identity who(Register& message) { return identify(message.get(), default_policy()); }

}  // namespace

TEST_CASE("RFC 3261 10.3-5: the plain address-of-record is the To user, case-sensitively") {
    const Identity alice = who(Register().contact(kContact));
    CHECK(alice.reason == RejectReason::none);
    CHECK(alice.key() == "alice");
    CHECK(alice.device.is_nil());
    CHECK(who(Register().users("Alice", "alice")).key() == "Alice");
}

TEST_CASE("RFC 3261 10.3-1 and 10.3-5: own names and addresses are served in any spelling") {
    const Policy policy = default_policy();
    for (const std::string_view host : {"screamrouter.local", "ScreamRouter.LOCAL", "screamrouter.local.", "router",
                                        "192.0.2.1", "2001:db8::1", "2001:DB8:0:0::0001", "2001:db8::1%eth0"}) {
        CAPTURE(host);
        CHECK(is_served(policy, host));
        CHECK(who(Register().hosts(host, host)).reason == RejectReason::none);
        CHECK(who(Register().hosts("router", host)).reason == RejectReason::none);
    }
}

TEST_CASE("RFC 3261 10.3-1 and 10.3-5: another domain is answered 404, in the Request-URI and in To") {
    for (const std::string_view host :
         {"", ".", "example.com", "screamrouter.local.example.com", "192.0.2.2", "2001:db8::2", "::", "a:b"}) {
        CAPTURE(host);
        CHECK(who(Register().hosts(host, "router")).reason == RejectReason::unknown_domain);
        CHECK(who(Register().hosts("router", host)).reason == RejectReason::unknown_domain);
        CHECK(who(Register().hosts("router", host)).detail == host);
    }
    CHECK_FALSE(is_served(default_policy(), std::string(300, 'a')));
    CHECK_FALSE(is_served(default_policy(), std::string(60, ':')));
}

TEST_CASE("RFC 3261 8.2.2.1: a To or Request-URI of another scheme is answered 416") {
    CHECK(who(Register().other_scheme()).reason == RejectReason::unsupported_scheme);
}

TEST_CASE("RFC 3261 8.2.2.3: Require is honoured, and 420 names every tag that is not supported") {
    CHECK(who(Register().require("path").require("PATH")).reason == RejectReason::none);
    const Identity refused = who(Register().require("outbound").require("path").require("gruu"));
    CHECK(refused.reason == RejectReason::extension_required);
    CHECK(refused.detail == "outbound, gruu");
    CHECK(who(Register().require(std::string_view(std::string(400, 'x')))).reason == RejectReason::extension_required);
}

TEST_CASE("RFC 5626: outbound may be required over connections; over datagrams it would promise STUN") {
    for (const auto transport : {sr::sip::Transport::tcp, sr::sip::Transport::tls, sr::sip::Transport::wss}) {
        CHECK(who(Register().require("Outbound").over(transport)).reason == RejectReason::none);
        CHECK(who(Register().require("gruu").over(transport)).reason == RejectReason::extension_required);
    }
    CHECK(who(Register().require("outbound")).reason == RejectReason::extension_required);
}

TEST_CASE("RFC 3261 10.3-5: To without a user is answered 404") {
    CHECK(who(Register().users("", "alice")).reason == RejectReason::unknown_user);
}

TEST_CASE("a To user that is too long or no text is refused") {
    const std::string longest(256, 'u');
    CHECK(who(Register().users(longest, "a")).reason == RejectReason::none);
    CHECK(who(Register().users(longest + "u", "a")).reason == RejectReason::field_too_long);
    CHECK(who(Register().users("J\xC3\xBCrgen", "a")).reason == RejectReason::none);
    for (const std::string_view user :
         {"a\r\nb", "a\x01", "a\x7F", "\xFF", "\xC3", "\xED\xA0\x80", "\xC0\xAF", "\xF5\x80\x80\x80"}) {
        CHECK(who(Register().users(user, "a")).reason == RejectReason::malformed);
    }
}

TEST_CASE("identity rule: +sip.instance comes first, then the SDP, then From") {
    struct Row {
        Register message;
        std::string_view key;
    };
    Row rows[] = {
        {Register().users("screamrouter", "mic").contact(kContact).instance(kUrn), kUuid},
        {Register()
             .users("ScreamRouter", "mic")
             .contact(kContact)
             .instance("URN:UUID:0F3A9C52-7B1E-4D68-9A04-C5E1D2B38F67"),
         kUuid},
        {Register().users("screamrouter", "mic").contact(kContact).sdp(kSdp), kUuid},
        {Register().users("screamrouter", "mic").contact(kContact).sdp(kBareSdp, "Application/SDP"), kUuid},
        {Register().users("screamrouter", kUuid).contact(kContact), kUuid},
        {Register().users("screamrouter", kUuid).star().expires(0), kUuid},
        {Register().users("screamrouter", kUuid).contact(kContact).instance("urn:x-mac:0004f2000001"), kUuid},
        {Register().users("screamrouter", kUuid).contact(kContact).instance(kUrn).sdp(kSdp), kUuid},
    };
    for (auto& [message, key] : rows) {
        const Identity identity = who(message);
        CHECK(identity.reason == RejectReason::none);
        CHECK(identity.key() == key);
        CHECK(identity.device == Uuid::parse(key));
    }
}

TEST_CASE("identity rule: two devices that both write To: screamrouter stay two") {
    const Identity one = who(Register().users("screamrouter", kUuid).contact(kContact));
    const Identity other = who(Register().users("screamrouter", kOtherUuid).contact(kContact));
    CHECK(one.key() == kUuid);
    CHECK(other.key() == kOtherUuid);
}

TEST_CASE("identity rule: To: screamrouter without any UUID is refused, never merged") {
    CHECK(who(Register().users("screamrouter", "alice").contact(kContact)).reason == RejectReason::identity_missing);
    CHECK(who(Register().users("SCREAMROUTER", "screamrouter").contact(kContact)).reason ==
          RejectReason::identity_missing);
    CHECK(who(Register().users("screamrouter", "00000000-0000-0000-0000-000000000000")).reason ==
          RejectReason::identity_missing);
}

TEST_CASE("identity rule: two identities that contradict each other are refused, and the refusal says which") {
    struct Row {
        Register message;
        std::string_view which;
    };
    Row rows[] = {
        {Register().users("screamrouter", "x").contact(kContact).instance(kOtherUrn).sdp(kSdp),
         "+sip.instance and a=x-screamrouter-uuid"},
        {Register().users("alice", "alice").contact(kContact).instance(kOtherUrn).sdp(kSdp),
         "+sip.instance and a=x-screamrouter-uuid"},
        {Register().users("screamrouter", kOtherUuid).contact(kContact).instance(kUrn), "+sip.instance and From"},
        {Register().users("screamrouter", kOtherUuid).contact(kContact).sdp(kSdp), "a=x-screamrouter-uuid and From"},
        {Register().users("screamrouter", "x").contact(kContact).instance(kUrn).contact("sip:e@h").instance(kOtherUrn),
         "two Contacts with different +sip.instance"},
    };
    for (auto& [message, which] : rows) {
        const Identity identity = who(message);
        CHECK(identity.reason == RejectReason::identity_conflict);
        CHECK(identity.detail == which);
    }
}

TEST_CASE("identity rule: under a name of its own the key is the name, and the UUID tells the device") {
    const Identity by_instance = who(Register().users("alice", "alice").contact(kContact).instance(kUrn));
    CHECK(by_instance.key() == "alice");
    CHECK(by_instance.device == Uuid::parse(kUuid));
    CHECK(who(Register().users("alice", kUuid).contact(kContact)).device == Uuid::parse(kUuid));
    CHECK(who(Register().users("alice", kOtherUuid).contact(kContact).sdp(kSdp)).device == Uuid::parse(kUuid));
    const Identity as_account = who(Register().users(kUuid, kUuid).contact(kContact));
    CHECK(as_account.key() == kUuid);
    CHECK(as_account.device == Uuid::parse(kUuid));
    const Identity other_device = who(Register().users(kUuid, kUuid).contact(kContact).instance(kOtherUrn));
    CHECK(other_device.reason == RejectReason::none);
    CHECK(other_device.key() == kUuid);
    CHECK(other_device.device == Uuid::parse(kOtherUuid));
}

TEST_CASE("identity rule: who calls or watches under the shared name is the device of his Contact, as he registered") {
    const Policy policy = default_policy();
    const std::string contact = "<" + std::string(kContact) + ">;+sip.instance=\"<" + std::string(kUrn) + ">\"";
    CHECK(identify_caller({"ScreamRouter", "screamrouter.local", contact}, policy).key() == kUuid);
    CHECK(identify_caller({"screamrouter", "screamrouter.local", kContact}, policy).key() == "screamrouter");
    CHECK(identify_caller({"screamrouter", "elsewhere.example", contact}, policy).key().empty());
    CHECK(identify_caller({"alice", "screamrouter.local", contact}, policy).key() == "alice");
}

TEST_CASE("identity rule: several devices under one name are no one device") {
    const Identity identity = who(Register().contact(kContact).instance(kUrn).contact("sip:e@h").instance(kOtherUrn));
    CHECK(identity.reason == RejectReason::none);
    CHECK(identity.device.is_nil());
}

TEST_CASE("identity rule: only the attribute at the start of a line of an SDP body counts, the first that is a UUID") {
    const auto device = [](const std::string& body, std::string_view type = "application/sdp") {
        return who(Register().contact(kContact).sdp(body, type)).device;
    };
    const std::string line = "a=x-screamrouter-uuid:" + std::string(kUuid);
    CHECK(device(line) == Uuid::parse(kUuid));
    CHECK(device("v=0\n" + line + "\r\ns=-") == Uuid::parse(kUuid));
    CHECK(device("a=x-screamrouter-uuid:none\n" + line) == Uuid::parse(kUuid));
    CHECK(device(line + "\na=x-screamrouter-uuid:" + std::string(kOtherUuid)) == Uuid::parse(kUuid));
    CHECK(device("s=" + line).is_nil());
    CHECK(device(line, "text/plain").is_nil());
    CHECK(device(line + "0").is_nil());
    CHECK(device("a=x-screamrouter-uuid:").is_nil());
    CHECK(device("").is_nil());
}

TEST_CASE("random bodies: the scan stays within the body and finds a UUID only where its text is") {
    std::mt19937 random(411);
    const std::string_view pieces[] = {
        "a=x-screamrouter-uuid:", "a=x-screamrouter-", "\n", "\r\n", kUuid, kUuid.substr(0, 20), " ", "a"};
    int found = 0;
    for (int round = 0; round < 40000; ++round) {
        std::string text;
        for (auto count = random() % 8; count > 0; --count) {
            if (random() % 8 == 0)
                text += static_cast<char>(random() & 0xFF);
            else
                text += pieces[random() % std::size(pieces)];
        }
        const std::vector<char> exact(text.begin(), text.end());
        const Identity identity = who(Register().contact(kContact).sdp({exact.data(), exact.size()}));
        REQUIRE(identity.reason == RejectReason::none);
        if (identity.device.is_nil()) continue;
        ++found;
        REQUIRE(identity.device == Uuid::parse(kUuid));
        REQUIRE(text.find(kUuid) != std::string::npos);
    }
    CHECK(found > 100);
}
