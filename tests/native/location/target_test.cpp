#include "location/target.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>

#include <string>

#include "location_kit.hpp"

using namespace sr;
using namespace sr::location;
using namespace sr::location::test;

namespace {

sip::SocketAddress ipv6(const char* text, std::uint16_t port, std::uint32_t scope_id = 0) {
    sip::SocketAddress address;
    REQUIRE(inet_pton(AF_INET6, text, address.ip.data()) == 1);
    address.port = port;
    address.scope_id = scope_id;
    address.is_ipv6 = true;
    return address;
}

sip::SocketAddress target(const char* contact_uri, const sip::SocketAddress& source, bool is_symmetric = false,
                          sip::Transport transport = sip::Transport::udp) {
    sip::RegisterRequest request;
    request.flow.remote = source;
    request.flow.transport = transport;
    request.is_symmetric = is_symmetric;
    return target_of(request, contact_uri);
}

}  // namespace

TEST_CASE("RFC 3581 4: who asks for rport is reached at the source of its request") {
    CHECK(target("sip:a@192.0.2.9:5080", ipv4(1, 40'000), true) == ipv4(1, 40'000));
}

TEST_CASE("RFC 5626 5.3: who holds a connection is reached by it") {
    CHECK(target("sip:a@192.0.2.9", ipv4(1, 40'000), false, sip::Transport::wss) == ipv4(1, 40'000));
}

TEST_CASE("without rport the Contact's port is where requests go") {
    CHECK(target("sip:a@192.0.2.1:5080;transport=udp", ipv4(1, 40'000)) == ipv4(1, 5080));
    CHECK(target("sip:192.0.2.1", ipv4(1, 40'000)) == ipv4(1, 5060));
    CHECK(target("sip:a@192.0.2.1;maddr=192.0.2.7", ipv4(1)) == ipv4(1, 5060));
    CHECK(target("sip:a@[2001:db8::1]:5080", ipv6("2001:db8::1", 40'000)) == ipv6("2001:db8::1", 5080));
    CHECK(target("sip:a@[fe80::1]", ipv6("fe80::1", 40'000, 3)) == ipv6("fe80::1", 5060, 3));
}

TEST_CASE("nobody can aim our pings at another address than his own") {
    CHECK(target("sip:a@192.0.2.9:5080", ipv4(1, 40'000)) == ipv4(1, 40'000));
    CHECK(target("sip:a@[2001:db8::9]", ipv6("2001:db8::1", 40'000)) == ipv6("2001:db8::1", 40'000));
}

TEST_CASE("what cannot be reached as written is reached at the source") {
    const sip::SocketAddress source = ipv4(1, 40'000);
    for (const char* contact : {"sip:a@phone.example", "sip:a@[2001:db8::9]", "sip:a@0.0.0.0", "sip:a@192.0.2.1:0",
                                "sip:a@192.0.2.999", "nonsense", ""}) {
        CAPTURE(contact);
        CHECK(target(contact, source) == source);
    }
    CHECK(target("sip:a@[::]", ipv6("2001:db8::1", 1)) == ipv6("2001:db8::1", 1));
}

TEST_CASE("a binding keeps a target of its own, and a refresh from the same place changes nothing") {
    Desk desk;
    Request request{.contact_uri = "sip:a@192.0.2.1:5080", .flow = udp(1, 40'000), .is_symmetric = false};
    desk.add(request, 1000);
    desk.recorder.take();
    desk.update(request, 2000);
    CHECK(desk.recorder.take().empty());
    desk.read("alice", 2000, [](auto bindings) {
        CHECK(bindings.front().target == ipv4(1, 5080));
        CHECK(bindings.front().flow == udp(1, 40'000));
    });
    request.is_symmetric = true;
    desk.update(request, 3000);
    CHECK(desk.recorder.take() == Lines{"changed alice sip:a@192.0.2.1:5080"});
    desk.read("alice", 3000, [](auto bindings) { CHECK(bindings.front().target == ipv4(1, 40'000)); });
}
