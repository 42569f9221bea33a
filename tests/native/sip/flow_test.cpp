#include "sip/flow.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

using sr::sip::Flow;
using sr::sip::SocketAddress;
using sr::sip::Transport;

namespace {

SocketAddress ipv4(const char* text, std::uint16_t port) {
    SocketAddress address;
    address.ip[10] = address.ip[11] = 0xFF;
    REQUIRE(inet_pton(AF_INET, text, address.ip.data() + 12) == 1);
    address.port = port;
    return address;
}

SocketAddress ipv6(const char* text, std::uint32_t scope_id) {
    SocketAddress address;
    REQUIRE(inet_pton(AF_INET6, text, address.ip.data()) == 1);
    address.scope_id = scope_id;
    address.is_ipv6 = true;
    return address;
}

}  // namespace

TEST_CASE("an address is printed without brackets and port, a link-local one with its zone") {
    CHECK(ipv4("192.0.2.7", 5060).ip_text() == "192.0.2.7");
    CHECK(ipv6("2001:db8::7", 0).ip_text() == "2001:db8::7");
    CHECK(ipv6("fe80::1", 2).ip_text() == "fe80::1%2");
}

TEST_CASE("flows that differ in any one part differ, and so do their hashes") {
    const Flow flow{ipv4("192.0.2.7", 5060), 0, Transport::udp};
    Flow other_port = flow, other_ip = flow, other_transport = flow, other_connection = flow, other_zone = flow,
         other_family = flow;
    other_port.remote.port = 5061;
    other_ip.remote.ip[15] = 8;
    other_transport.transport = Transport::tcp;
    other_connection.connection = 1;
    other_zone.remote.scope_id = 1;
    other_family.remote.is_ipv6 = true;
    CHECK(flow.hash() == Flow(flow).hash());
    for (const Flow& other : {other_port, other_ip, other_transport, other_connection, other_zone, other_family}) {
        CHECK(other != flow);
        CHECK(other.hash() != flow.hash());
    }
}

TEST_CASE("neighbouring addresses and ports spread over the low bits of the hash") {
    constexpr std::size_t kBuckets = 1024;
    std::set<std::size_t> hashes;
    std::array<int, kBuckets> load{};
    for (int host = 0; host < 64; ++host) {
        for (int port = 0; port < 256; ++port) {
            Flow flow{ipv4("10.0.0.0", static_cast<std::uint16_t>(20000 + port)), 0, Transport::udp};
            flow.remote.ip[15] = static_cast<std::uint8_t>(host);
            hashes.insert(flow.hash());
            ++load[flow.hash() % kBuckets];
        }
    }
    CHECK(hashes.size() == 64U * 256U);
    CHECK(*std::max_element(load.begin(), load.end()) < 16 * 3);  // 16 on average
}

TEST_CASE("a printed address is read back as it was") {
    CHECK(SocketAddress::parse("192.0.2.7", 5060) == ipv4("192.0.2.7", 5060));
    SocketAddress linked = ipv6("fe80::1", 2);
    linked.port = 5061;
    CHECK(SocketAddress::parse("fe80::1%2", 5061) == linked);
    for (const char* text : {"", "192.0.2", "fe80::1%", "fe80::1%eth0", "fe80::1%2x", "192.0.2.7%2", "[::1]"}) {
        CHECK_FALSE(SocketAddress::parse(text, 5060).has_value());
    }
    CHECK_FALSE(SocketAddress::parse(std::string("192.0.2.7\0x", 11), 5060).has_value());
    CHECK_FALSE(SocketAddress::parse(std::string("::1\0%2", 6), 5060).has_value());
}
