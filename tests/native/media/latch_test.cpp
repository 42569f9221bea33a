// Where a plain leg's packets go, and whose are taken (RFC 4961).
#include "doctest/doctest.h"
#include "media/rtp_transport.hpp"

namespace sr::test {
namespace {

using media::Latch;
using media::Path;

constexpr audio::TimeUs kStartUs = 1'000'000'000;
constexpr audio::TimeUs kSecondUs = 1'000'000;

Path from(std::uint16_t port) { return {*sip::SocketAddress::parse("192.0.2.1", port), {}}; }

std::uint16_t port_of(const Latch& latch) { return latch.path() ? latch.path()->remote.port : std::uint16_t{0}; }

TEST_CASE("audio goes to the announced address until a packet shows another") {
    Latch latch;
    CHECK_FALSE(latch.path());
    latch.expect(from(4000).remote);
    CHECK(port_of(latch) == 4000);
    CHECK(latch.accept(from(5000), kStartUs));
    CHECK(port_of(latch) == 5000);
}

TEST_CASE("a stranger is refused while the peer speaks, and taken for it when the peer has been silent for 2 s") {
    Latch latch;
    latch.expect(from(4000).remote);
    CHECK(latch.accept(from(5000), kStartUs));
    CHECK_FALSE(latch.accept(from(6000), kStartUs + kSecondUs));
    CHECK(port_of(latch) == 5000);
    CHECK(latch.accept(from(6000), kStartUs + 2 * kSecondUs));
    CHECK(port_of(latch) == 6000);
}

TEST_CASE("the same description again changes nothing") {
    Latch latch;
    latch.expect(from(4000).remote);
    CHECK(latch.accept(from(5000), kStartUs));
    latch.expect(from(4000).remote);
    CHECK(port_of(latch) == 5000);
}

TEST_CASE("a peer that moves is sent to at its new address, whatever of the old one was still on its way") {
    Latch latch;
    latch.expect(from(4000).remote);
    CHECK(latch.accept(from(4000), kStartUs));
    latch.expect(from(7000).remote);
    CHECK(latch.accept(from(4000), kStartUs + kSecondUs / 50));
    CHECK(port_of(latch) == 7000);
    CHECK(latch.accept(from(7000), kStartUs + kSecondUs / 25));
    CHECK_FALSE(latch.accept(from(4000), kStartUs + kSecondUs / 20));
    CHECK(port_of(latch) == 7000);
}

TEST_CASE("a peer that announces another address and stays where it was is sent to there again after 2 s") {
    Latch latch;
    latch.expect(from(4000).remote);
    CHECK(latch.accept(from(5000), kStartUs));
    latch.expect(from(7000).remote);
    CHECK(latch.accept(from(5000), kStartUs + kSecondUs));
    CHECK(port_of(latch) == 7000);
    CHECK(latch.accept(from(5000), kStartUs + 2 * kSecondUs));
    CHECK(port_of(latch) == 5000);
}

TEST_CASE("the announced address takes over at once: it is the peer's own word") {
    Latch latch;
    latch.expect(from(4000).remote);
    CHECK(latch.accept(from(5000), kStartUs));
    CHECK(latch.accept(from(4000), kStartUs + kSecondUs / 50));
    CHECK(port_of(latch) == 4000);
}

}  // namespace
}  // namespace sr::test
