// The peer, full ICE, checks; we answer:
//
//   peer                                us (lite)
//    | Binding USERNAME=us:them  ------> |   valid: the source is believed, media may go there
//    | <------ success XOR-MAPPED-ADDRESS|
//    | Binding ... USE-CANDIDATE ------> |   nominated: media goes there
#include "webrtc/ice_lite.hpp"

#include <set>
#include <string>

#include "webrtc_kit.hpp"

using namespace sr::webrtc;
using namespace sr::webrtc::test;
using sr::sip::SocketAddress;

namespace {

const IceCredentials kUs{"us12", "our-password-of-24-chars"};
const IceCredentials kThem{"them", "their-password-24-chars!"};
const SocketAddress kEthernet = address_of("192.0.2.10", 40000);
const SocketAddress kWifi = address_of("192.0.2.77", 50000);
constexpr std::uint32_t kHigh = 2'130'706'431;
constexpr std::uint32_t kLow = 1'694'498'815;

struct Check {
    std::string username = "us12:them";
    std::string password = kUs.pwd;
    std::uint32_t priority = kHigh;
    bool is_nominated = false;
    bool has_integrity = true;
    StunAttribute role = StunAttribute::ice_controlling;
    std::uint16_t extra_attribute = 0;
};

Buffer write_check(const Check& check) {
    std::array<std::uint8_t, 256> room;
    StunWriter writer(room, StunClass::request, {7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7});
    writer.add_text(StunAttribute::username, check.username).add_u32(StunAttribute::priority, check.priority);
    writer.add_u64(check.role, 42);
    if (check.is_nominated) writer.add_flag(StunAttribute::use_candidate);
    if (check.extra_attribute != 0) writer.add(static_cast<StunAttribute>(check.extra_attribute), {});
    if (check.has_integrity) writer.add_integrity(octets_of(check.password));
    return copy_of(writer.add_fingerprint().finish());
}

class Agent {
  public:
    Agent() : ice(kUs, kThem, 0) {}

    IceOutcome receive(const Check& check, const SocketAddress& source, sr::base::TimeMs now = 0) {
        return ice.receive(write_check(check), source, now, room);
    }

    IceLite ice;
    IceLite::ReplyRoom room{};
};

StunMessage parse(Octets datagram) {
    const auto message = StunMessage::parse(datagram);
    REQUIRE(message.has_value());
    return *message;
}

}  // namespace

TEST_CASE("the first valid check makes the path, before any nomination") {
    Agent agent;
    CHECK_FALSE(agent.ice.selected().has_value());
    const IceOutcome outcome = agent.receive({}, kEthernet);
    CHECK(outcome.verdict == IceVerdict::valid);
    CHECK(outcome.is_new_address);
    CHECK(outcome.is_path_changed);
    CHECK(agent.ice.selected() == kEthernet);
    CHECK(agent.ice.is_known(kEthernet));

    const StunMessage reply = parse(outcome.reply);
    CHECK(reply.message_class() == StunClass::success);
    CHECK(reply.transaction() == StunTransaction{7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7});
    CHECK(reply.xor_mapped_address() == kEthernet);
    CHECK(reply.is_authentic(octets_of(kUs.pwd)));
    CHECK(reply.has_fingerprint());
}

TEST_CASE("an IPv6 source is told its own address") {
    Agent agent;
    const SocketAddress source = address_of("2001:db8::7", 1234);
    CHECK(parse(agent.receive({}, source).reply).xor_mapped_address() == source);
}

TEST_CASE("a check with the wrong password is answered 401 and moves nothing") {
    Agent agent;
    const IceOutcome outcome = agent.receive({.password = "guessed", .is_nominated = true}, kEthernet, 5);
    CHECK(outcome.verdict == IceVerdict::unauthenticated);
    CHECK(parse(outcome.reply).error_code() == 401);
    CHECK_FALSE(parse(outcome.reply).has(StunAttribute::message_integrity));
    CHECK_FALSE(agent.ice.selected().has_value());
    CHECK_FALSE(agent.ice.is_known(kEthernet));
    CHECK(agent.ice.consent_until() == kConsentMs);
}

TEST_CASE("a check for another name of ours or of another peer is answered 401") {
    for (const char* username : {"us1:them", "us123:them", "us12", "us12them", "us12:other", "us12:", ":them", ""}) {
        Agent agent;
        const IceOutcome outcome = agent.receive({.username = username}, kEthernet);
        CHECK(outcome.verdict == IceVerdict::unauthenticated);
        CHECK(parse(outcome.reply).error_code() == 401);
    }
}

TEST_CASE("a check without MESSAGE-INTEGRITY is answered 400") {
    Agent agent;
    const IceOutcome outcome = agent.receive({.has_integrity = false}, kEthernet);
    CHECK(outcome.verdict == IceVerdict::unauthenticated);
    CHECK(parse(outcome.reply).error_code() == 400);
    CHECK_FALSE(agent.ice.selected().has_value());
}

TEST_CASE("a peer whose name is not known yet is taken by the password alone") {
    IceLite ice(kUs, {}, 0);
    IceLite::ReplyRoom room;
    CHECK(ice.receive(write_check({.username = "us12:whoever"}), kEthernet, 0, room).verdict == IceVerdict::valid);
}

TEST_CASE("a peer that thinks that we control is answered 487 (RFC 8445 section 7.3.1.1)") {
    Agent agent;
    const IceOutcome outcome = agent.receive({.role = StunAttribute::ice_controlled}, kEthernet);
    CHECK(outcome.verdict == IceVerdict::refused);
    CHECK(parse(outcome.reply).error_code() == 487);
    CHECK(parse(outcome.reply).is_authentic(octets_of(kUs.pwd)));
    CHECK_FALSE(agent.ice.is_known(kEthernet));
}

TEST_CASE("an attribute that must be understood and is not is answered 420 and named") {
    Agent agent;
    const IceOutcome outcome = agent.receive({.extra_attribute = 0x0031}, kEthernet);
    CHECK(outcome.verdict == IceVerdict::refused);
    const StunMessage reply = parse(outcome.reply);
    CHECK(reply.error_code() == 420);
    CHECK(copy_of(*reply.find(StunAttribute::unknown_attributes)) == from_hex("0031"));
}

TEST_CASE("responses, indications and what is no STUN are not answered") {
    Agent agent;
    std::array<std::uint8_t, 128> room;
    for (const StunClass other : {StunClass::indication, StunClass::success, StunClass::error}) {
        StunWriter writer(room, other, {});
        const Octets datagram =
            writer.add_text(StunAttribute::username, "us12:them").add_integrity(octets_of(kUs.pwd)).finish();
        const IceOutcome outcome = agent.ice.receive(datagram, kEthernet, 0, agent.room);
        CHECK(outcome.verdict == IceVerdict::ignored);
        CHECK(outcome.reply.empty());
    }
    CHECK(agent.ice.receive(from_hex("80606060"), kEthernet, 0, agent.room).verdict == IceVerdict::ignored);
}

TEST_CASE("a nominated check takes the path from the one that merely was first") {
    Agent agent;
    (void)agent.receive({}, kWifi);
    CHECK_FALSE(agent.receive({}, kEthernet).is_path_changed);
    CHECK(agent.ice.selected() == kWifi);
    const IceOutcome outcome = agent.receive({.priority = kLow, .is_nominated = true}, kEthernet);
    CHECK(outcome.is_path_changed);
    CHECK_FALSE(outcome.is_new_address);
    CHECK(agent.ice.selected() == kEthernet);
}

TEST_CASE("a peer that nominates once and then moves is followed") {
    Agent agent;
    (void)agent.receive({.is_nominated = true}, kEthernet, 0);
    (void)agent.receive({}, kEthernet, 2500);  // consent, without USE-CANDIDATE
    CHECK(agent.receive({.priority = kLow, .is_nominated = true}, kWifi, 3000).is_path_changed);
    CHECK(agent.ice.selected() == kWifi);
}

TEST_CASE("a peer whose address changed is followed at its first nominated check") {
    Agent agent;
    (void)agent.receive({.is_nominated = true}, kEthernet, 0);
    const SocketAddress rebound = address_of("192.0.2.10", 40001);
    const IceOutcome outcome = agent.receive({.is_nominated = true}, rebound, 2500);
    CHECK(outcome.is_new_address);
    CHECK(outcome.is_path_changed);
}

TEST_CASE("aggressive nomination of two paths settles on the better one and stays there") {
    Agent agent;
    (void)agent.receive({.priority = kLow, .is_nominated = true}, kWifi, 0);
    CHECK(agent.receive({.priority = kHigh, .is_nominated = true}, kEthernet, 1).is_path_changed);
    for (sr::base::TimeMs now = 2500; now < 60'000; now += 2500) {
        CHECK_FALSE(agent.receive({.priority = kLow, .is_nominated = true}, kWifi, now).is_path_changed);
        CHECK_FALSE(agent.receive({.priority = kHigh, .is_nominated = true}, kEthernet, now + 1).is_path_changed);
    }
    CHECK(agent.ice.selected() == kEthernet);
}

TEST_CASE("a worse path takes over at its second check when the better one is silent") {
    Agent agent;
    (void)agent.receive({.priority = kHigh, .is_nominated = true}, kEthernet, 0);
    CHECK_FALSE(agent.receive({.priority = kLow, .is_nominated = true}, kWifi, 500).is_path_changed);
    CHECK(agent.receive({.priority = kLow, .is_nominated = true}, kWifi, 1000).is_path_changed);
    CHECK(agent.ice.selected() == kWifi);
}

TEST_CASE("consent ends thirty seconds after the last valid check (RFC 7675)") {
    Agent agent;
    CHECK(agent.ice.consent_until() == 30'000);
    (void)agent.receive({}, kEthernet, 12'000);
    CHECK(agent.ice.consent_until() == 42'000);
    (void)agent.receive({.password = "wrong"}, kEthernet, 20'000);
    (void)agent.receive({.role = StunAttribute::ice_controlled}, kEthernet, 20'000);
    CHECK(agent.ice.consent_until() == 42'000);
}

TEST_CASE("a restart keeps the old path until the new credentials are used") {
    Agent agent;
    (void)agent.receive({.is_nominated = true}, kEthernet, 0);
    const IceCredentials local{"new1", "another-password-24-char"};
    agent.ice.restart(local, {"new2", "x"}, 1000);
    CHECK(agent.ice.local() == local);
    CHECK(agent.ice.previous_ufrag() == "us12");
    CHECK(agent.ice.selected() == kEthernet);
    CHECK(agent.receive({}, kEthernet, 1100).verdict == IceVerdict::valid);

    const Check fresh{.username = "new1:new2", .password = local.pwd};
    CHECK(agent.receive({.username = "new1:new2", .password = kUs.pwd}, kWifi).verdict == IceVerdict::unauthenticated);
    CHECK(agent.ice.selected() == kEthernet);
    const IceOutcome outcome = agent.receive(fresh, kWifi, 1200);
    CHECK(outcome.is_path_changed);
    CHECK(parse(outcome.reply).is_authentic(octets_of(local.pwd)));
    CHECK(agent.ice.selected() == kWifi);
    CHECK(agent.ice.previous_ufrag().empty());
    CHECK_FALSE(agent.ice.is_known(kEthernet));
    CHECK(agent.receive({}, kEthernet, 1300).verdict == IceVerdict::unauthenticated);
}

TEST_CASE("of two restarts in a row the one that never was used is forgotten") {
    Agent agent;
    (void)agent.receive({}, kEthernet);
    agent.ice.restart({"mid1", "m"}, {"mid2", "m"}, 0);
    agent.ice.restart({"new1", "n"}, {"new2", "n"}, 0);
    CHECK(agent.ice.previous_ufrag() == "us12");
    CHECK(agent.receive({.username = "mid1:mid2", .password = "m"}, kWifi).verdict == IceVerdict::unauthenticated);
    CHECK(agent.receive({}, kEthernet).verdict == IceVerdict::valid);
    CHECK(agent.receive({.username = "new1:new2", .password = "n"}, kEthernet).verdict == IceVerdict::valid);
}

TEST_CASE("a restart whose first valid check comes by the old path changes nothing for the media") {
    Agent agent;
    (void)agent.receive({}, kEthernet);
    agent.ice.restart({"new1", "n"}, {"new2", "n"}, 0);
    const IceOutcome outcome = agent.receive({.username = "new1:new2", .password = "n"}, kEthernet);
    CHECK(outcome.is_new_address);
    CHECK_FALSE(outcome.is_path_changed);
}

TEST_CASE("of many addresses the selected one and the latest are remembered") {
    Agent agent;
    (void)agent.receive({.is_nominated = true}, kEthernet, 0);
    for (std::uint16_t i = 0; i < 100; ++i) (void)agent.receive({}, address_of("192.0.2.99", i), i + 1);
    CHECK(agent.ice.selected() == kEthernet);
    CHECK(agent.ice.is_known(kEthernet));
    for (std::uint16_t i = 0; i < 100; ++i) {
        CHECK(agent.ice.is_known(address_of("192.0.2.99", i)) == (i >= 100 - (IceLite::kPaths - 1)));
    }
}

TEST_CASE("generated credentials are of ICE's characters and never the same") {
    std::set<std::string> ufrags;
    for (int i = 0; i < 1000; ++i) {
        const IceCredentials credentials = IceCredentials::generate();
        CHECK(credentials.ufrag.size() == 8);
        CHECK(credentials.pwd.size() == 24);
        CHECK((credentials.ufrag + credentials.pwd)
                  .find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") ==
              std::string::npos);
        ufrags.insert(credentials.ufrag);
    }
    CHECK(ufrags.size() == 1000);
}
