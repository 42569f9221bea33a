// The jitter buffer fed with what no sender sends.
#include <doctest/doctest.h>

#include <array>
#include <random>

#include "audio/jitter_buffer.hpp"

using namespace sr::audio;

namespace {

using Kind = JitterPiece::Kind;
constexpr TimeUs kMs = 1000;
constexpr TimeUs kStart = 5'000'000;

}  // namespace

TEST_CASE("any packets at any time are survived, and time goes on") {
    std::minstd_rand random(7);
    JitterBuffer buffer({.has_fec = true, .arena_octets = 2000});
    const std::array<std::uint8_t, 300> payload{};
    TimeUs now = kStart;
    const auto below = [&random](std::uint32_t limit) { return static_cast<std::uint32_t>(random() % limit); };
    for (int i = 0; i < 200'000; ++i) {
        now += below(30) * kMs;
        JitterPacket packet{1 + below(50) / 49,
                            static_cast<std::uint16_t>(below(i % 7 == 0 ? 65536 : 300)),
                            below(i % 5 == 0 ? 4'000'000'000 : 300'000),
                            below(6000),
                            below(9) == 0,
                            Octets(payload).first(below(301))};
        if (below(20) == 0) {
            buffer.insert_other(packet.ssrc, packet.sequence);
        } else {
            buffer.insert(packet, now);
        }
        const JitterPiece piece = buffer.pop(now, below(2) == 0);
        REQUIRE((piece.kind == Kind::Idle) == (piece.ticks == 0));
    }
    CHECK(buffer.statistics().played > 0);
}
