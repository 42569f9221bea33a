// Who may come in by his address, and who must prove himself.
#include "auth/admission.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string_view>
#include <vector>

#include "auth_kit.hpp"

using namespace sr::auth;
using sr::auth::testkit::ipv4;
using sr::auth::testkit::ipv6;
using sr::sip::RejectReason;

namespace {

AddressBits bits(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    return AddressBits::of(ipv4(a, b, c, d));
}

bool is_in(std::string_view network, const AddressBits& address) {
    const auto networks = read_networks(network);
    REQUIRE(networks.has_value());
    return is_within(*networks, address);
}

Admission admission(AdmissionMode mode, std::vector<std::pair<std::string_view, Access>> rules) {
    std::vector<NetworkRule> list;
    for (const auto& [name, access] : rules) {
        const auto networks = read_networks(name);
        REQUIRE(networks.has_value());
        for (const Network& network : *networks) list.push_back({network, access});
    }
    return {mode, std::move(list)};
}

constexpr DeviceStanding kUnknown{};
constexpr DeviceStanding kEnabled{true, true, false};
constexpr DeviceStanding kDisabled{true, false, false};
constexpr DeviceStanding kWithPassword{true, true, true};
constexpr DeviceStanding kDisabledWithPassword{true, false, true};

}  // namespace

TEST_CASE("private is RFC 1918, RFC 4193, loopback and link-local, to the edges") {
    const AddressBits inside[] = {
        bits(10, 0, 0, 0),           bits(10, 255, 255, 255),
        bits(172, 16, 0, 0),         bits(172, 31, 255, 255),
        bits(192, 168, 0, 0),        bits(192, 168, 255, 255),
        bits(127, 0, 0, 1),          bits(127, 255, 255, 255),
        bits(169, 254, 0, 1),        {0xFC00ULL << 48, 0},
        {0xFDFFFFFFFFFFFFFF, ~0ULL}, {0xFE80ULL << 48, 1},
        {0xFEBFULL << 48, 1},        {0, 1},
    };
    for (const AddressBits& address : inside) CHECK(is_in("private", address));
    const AddressBits outside[] = {
        bits(9, 255, 255, 255),
        bits(11, 0, 0, 0),
        bits(172, 15, 255, 255),
        bits(172, 32, 0, 0),
        bits(192, 167, 0, 1),
        bits(192, 169, 0, 0),
        bits(8, 8, 8, 8),
        bits(100, 64, 0, 1),
        bits(169, 253, 0, 1),
        bits(128, 0, 0, 1),
        bits(0, 0, 0, 0),
        {0xFBFFULL << 48, 0},
        {0xFE00ULL << 48, 0},
        {0xFEC0ULL << 48, 0},
        {0x20010DB8ULL << 32, 1},
        {0, 0},
        {0, 2},
    };
    for (const AddressBits& address : outside) CHECK_FALSE(is_in("private", address));
}

TEST_CASE("RFC 4291 2.5.5.2: an IPv4 peer on an IPv6 socket is the IPv4 peer") {
    const AddressBits mapped = AddressBits::of(ipv6(0, 0x0000FFFFC0A80114));
    CHECK(mapped == bits(192, 168, 1, 20));
    CHECK(mapped.is_ipv4());
    CHECK(is_in("192.168.1.0/24", mapped));
    sr::sip::SocketAddress without_mark = ipv4(192, 168, 1, 20);
    without_mark.ip[10] = without_mark.ip[11] = 0;
    CHECK(AddressBits::of(without_mark) == mapped);
    CHECK_FALSE(AddressBits::of(ipv6(0, 0xC0A80114)).is_ipv4());
}

TEST_CASE("networks are read as owners write them") {
    CHECK(is_in("192.168.7.9/24", bits(192, 168, 7, 200)));  // a host's address for its network
    CHECK_FALSE(is_in("192.168.7.9/24", bits(192, 168, 8, 9)));
    CHECK(is_in("203.0.113.5", bits(203, 0, 113, 5)));
    CHECK_FALSE(is_in("203.0.113.5", bits(203, 0, 113, 4)));
    CHECK(is_in("2001:db8::/32", {0x20010DB8FFFFFFFF, 7}));
    CHECK_FALSE(is_in("2001:db8::/32", {0x20010DB900000000, 7}));
    CHECK(is_in("2001:db8::1/128", {0x20010DB800000000, 1}));
    CHECK(is_in("2001:db8::/65", {0x20010DB800000000, 1}));
    CHECK_FALSE(is_in("2001:db8::/65", {0x20010DB800000000, 1ULL << 63}));
    CHECK(is_in("0.0.0.0/0", bits(8, 8, 8, 8)));
    CHECK_FALSE(is_in("0.0.0.0/0", {0x20010DB800000000, 1}));  // all of IPv4 is not all there is
    CHECK(is_in("::/0", bits(8, 8, 8, 8)));
    CHECK(is_in("any", bits(8, 8, 8, 8)));
    CHECK(is_in("any", {~0ULL, ~0ULL}));
    CHECK(is_in("Loopback", {0, 1}));
    CHECK(is_in("link-local", bits(169, 254, 1, 1)));
}

TEST_CASE("what is no network is refused") {
    for (const std::string_view text :
         {"", "/", "/24", "192.168.1.0/", "192.168.1.0/33", "192.168.1/24", "192.168.1.0/-1", "192.168.1.0/+8",
          "192.168.1.0/24 ", " 192.168.1.0/24", "192.168.1.0/2 4", "::/129", "fe80::1%eth0/64", "home", "1.2.3.4/8/8",
          "999.1.1.1", "0x7f.1", "::ffff:1.2.3.4:5:6:7:8:9:10:11:12:13:14:15:16:17:18:19:20"}) {
        CAPTURE(text);
        CHECK_FALSE(read_networks(text).has_value());
    }
    CHECK_FALSE(read_networks(std::string_view("10.0.0.0\0x/8", 12)).has_value());
}

TEST_CASE("mode and standing decide, with the default networks") {
    using enum Entrance;
    const struct {
        AdmissionMode mode;
        DeviceStanding device;
        Entrance entrance;
        RejectReason reason;
    } rows[] = {
        {AdmissionMode::open, kUnknown, admitted, RejectReason::none},
        {AdmissionMode::open, kEnabled, admitted, RejectReason::none},
        {AdmissionMode::open, kDisabled, refused, RejectReason::device_disabled},
        {AdmissionMode::open, kWithPassword, authenticate, RejectReason::none},
        {AdmissionMode::open, kDisabledWithPassword, authenticate, RejectReason::none},
        {AdmissionMode::approve, kUnknown, park, RejectReason::awaiting_approval},
        {AdmissionMode::approve, kEnabled, admitted, RejectReason::none},
        {AdmissionMode::approve, kDisabled, park, RejectReason::awaiting_approval},
        {AdmissionMode::approve, kWithPassword, authenticate, RejectReason::none},
        {AdmissionMode::approve, kDisabledWithPassword, authenticate, RejectReason::none},
        {AdmissionMode::closed, kUnknown, authenticate, RejectReason::none},
        {AdmissionMode::closed, kEnabled, authenticate, RejectReason::none},
        {AdmissionMode::closed, kDisabled, authenticate, RejectReason::none},
        {AdmissionMode::closed, kWithPassword, authenticate, RejectReason::none},
        {AdmissionMode::closed, kDisabledWithPassword, authenticate, RejectReason::none},
    };
    for (const auto& row : rows) {
        CAPTURE(static_cast<int>(row.mode));
        CAPTURE(row.device.is_known);
        CAPTURE(row.device.has_credentials);
        const Admission rules = admission(row.mode, {{"private", Access::by_mode}});
        const AdmissionDecision inside = rules.decide(bits(192, 168, 1, 20), row.device);
        CHECK(inside.entrance == row.entrance);
        CHECK(inside.reason == row.reason);
        const AdmissionDecision outside = rules.decide(bits(8, 8, 8, 8), row.device);
        CHECK(outside.entrance == refused);
        CHECK(outside.reason == RejectReason::network_not_admitted);
    }
}

TEST_CASE("of several rules the longest prefix counts, in whatever order they stand, of equals the first") {
    const auto rules = admission(AdmissionMode::approve, {{"192.168.0.0/16", Access::by_mode},
                                                          {"192.168.1.66", Access::refused},
                                                          {"192.168.1.0/24", Access::trusted},
                                                          {"192.168.1.0/24", Access::refused},
                                                          {"192.168.9.0/24", Access::credentials}});
    CHECK(rules.access(bits(192, 168, 1, 66)) == Access::refused);
    CHECK(rules.access(bits(192, 168, 1, 67)) == Access::trusted);
    CHECK(rules.access(bits(192, 168, 2, 1)) == Access::by_mode);
    CHECK(rules.access(bits(10, 0, 0, 1)) == Access::refused);
    CHECK(rules.decide(bits(192, 168, 1, 67), kUnknown).entrance == Entrance::admitted);
    CHECK(rules.decide(bits(192, 168, 1, 67), kDisabled).reason == RejectReason::device_disabled);
    CHECK(rules.decide(bits(192, 168, 1, 67), kWithPassword).entrance == Entrance::authenticate);
    CHECK(rules.decide(bits(192, 168, 9, 1), kEnabled).entrance == Entrance::authenticate);
    CHECK(rules.decide(bits(192, 168, 2, 1), kUnknown).entrance == Entrance::park);
}

TEST_CASE("without rules nobody comes in") {
    CHECK(admission(AdmissionMode::open, {}).access(bits(127, 0, 0, 1)) == Access::refused);
}

TEST_CASE(
    "a device that may come from certain networks only is refused elsewhere, and looks unknown where that differs") {
    constexpr DeviceStanding kElsewhere{true, true, false, true};
    constexpr DeviceStanding kElsewhereWithPassword{true, true, true, true};
    const AddressBits here = bits(192, 168, 1, 7);
    for (const AdmissionMode mode : {AdmissionMode::open, AdmissionMode::approve, AdmissionMode::closed}) {
        const Admission house = admission(mode, {{"private", Access::by_mode}});
        CHECK(house.decide(here, kElsewhereWithPassword).entrance == Entrance::authenticate);
        const AdmissionDecision decision = house.decide(here, kElsewhere);
        if (mode == AdmissionMode::open) {
            CHECK(decision.entrance == Entrance::refused);
            CHECK(decision.reason == RejectReason::device_elsewhere);
        } else {
            CHECK(decision.entrance == house.decide(here, kUnknown).entrance);
        }
    }
}

TEST_CASE("who is registered is for everybody to know only where everybody may register") {
    const auto is_open = [](AdmissionMode mode, Access access, const AddressBits& source) {
        return admission(mode, {{"192.168.0.0/16", access}}).is_open_to(source);
    };
    const AddressBits here = bits(192, 168, 1, 7);
    CHECK(is_open(AdmissionMode::open, Access::by_mode, here));
    CHECK(is_open(AdmissionMode::closed, Access::trusted, here));
    CHECK_FALSE(is_open(AdmissionMode::open, Access::credentials, here));
    CHECK_FALSE(is_open(AdmissionMode::open, Access::refused, here));
    CHECK_FALSE(is_open(AdmissionMode::approve, Access::by_mode, here));
    CHECK_FALSE(is_open(AdmissionMode::closed, Access::by_mode, here));
    CHECK_FALSE(is_open(AdmissionMode::open, Access::by_mode, bits(10, 0, 0, 1)));
}
