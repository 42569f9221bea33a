// G.711 against the tables of ITU-T G.711 and, sample by sample, against spandsp's code.
#include "audio/g711.hpp"

#include <doctest/doctest.h>
#include <spandsp.h>

#include <array>
#include <cstdlib>

using namespace sr::audio;

namespace {

// Table 2a of the standard, the first of each segment of 16 codes: 8031 is the largest of 14 bits, code 0x80.
constexpr std::array<int, 8> kUlawSegments{8031, 3999, 1983, 975, 471, 219, 93, 30};
constexpr std::array<int, 8> kUlawSteps{256, 128, 64, 32, 16, 8, 4, 2};

// Table 1a: the first value of each segment in steps of the smallest half interval (12 bits and sign).
constexpr std::array<int, 8> kAlawFirst{1, 33, 66, 132, 264, 528, 1056, 2112};
constexpr std::array<int, 8> kAlawSteps{2, 2, 4, 8, 16, 32, 64, 128};

}  // namespace

TEST_CASE("all 256 mu-law codes have the values of table 2") {
    for (int segment = 0; segment < 8; ++segment) {
        for (int i = 0; i < 16; ++i) {
            const int value =
                kUlawSegments[static_cast<std::size_t>(segment)] - i * kUlawSteps[static_cast<std::size_t>(segment)];
            const int code = segment * 16 + i;
            CHECK(decode_ulaw(static_cast<std::uint8_t>(0x80 + code)) == 4 * value);
            CHECK(decode_ulaw(static_cast<std::uint8_t>(code)) == -4 * value);
        }
    }
}

TEST_CASE("all 256 A-law codes have the values of table 1") {
    for (int segment = 0; segment < 8; ++segment) {
        for (int i = 0; i < 16; ++i) {
            // The decoder's value is the middle of the interval.
            const int step = kAlawSteps[static_cast<std::size_t>(segment)];
            const int middle =
                segment == 0 ? kAlawFirst[0] + i * step : kAlawFirst[static_cast<std::size_t>(segment)] + i * step;
            const int code = segment * 16 + i;
            CHECK(decode_alaw(static_cast<std::uint8_t>((0x80 | code) ^ 0x55)) == 8 * middle);
            CHECK(decode_alaw(static_cast<std::uint8_t>(code ^ 0x55)) == -8 * middle);
        }
    }
}

TEST_CASE("each value is encoded as its own code; the two zeros of mu-law are one") {
    for (int code = 0; code < 256; ++code) {
        const auto octet = static_cast<std::uint8_t>(code);
        CHECK(encode_alaw(decode_alaw(octet)) == octet);
        CHECK(encode_ulaw(decode_ulaw(octet)) == (octet == 0x7F ? 0xFF : octet));
    }
}

TEST_CASE("all 65,536 samples come back within half an interval of their segment") {
    // Not always as the nearest value: where segments meet, the standard's decision values lie off the middle.
    int misses = 0;
    for (int sample = -32768; sample <= 32767; ++sample) {
        const auto value = static_cast<std::int16_t>(sample);
        const std::uint8_t ulaw = encode_ulaw(value);
        const int ulaw_step = kUlawSteps[ulaw >> 4 & 7];
        if (std::abs(sample) <= 4 * 8159 - 1)
            misses += std::abs(sample - decode_ulaw(ulaw)) > 4 * ulaw_step / 2 ? 1 : 0;
        const std::uint8_t alaw = encode_alaw(value);
        const int alaw_step = kAlawSteps[(alaw ^ 0x55) >> 4 & 7];
        misses += std::abs(sample - decode_alaw(alaw)) > 8 * alaw_step / 2 ? 1 : 0;
    }
    CHECK(misses == 0);
    CHECK(encode_ulaw(32767) == 0x80);
    CHECK(encode_ulaw(-32768) == 0x00);
}

TEST_CASE("spandsp encodes all 65,536 samples and decodes all 256 codes alike") {
    int differences = 0;
    for (int sample = -32768; sample <= 32767; ++sample) {
        const auto value = static_cast<std::int16_t>(sample);
        // spandsp does not clip before it adds the bias: the highest of mu-law are its overflow, not ours.
        if (std::abs(sample) <= 32635) differences += encode_ulaw(value) == linear_to_ulaw(sample) ? 0 : 1;
        differences += encode_alaw(value) == linear_to_alaw(sample) ? 0 : 1;
    }
    for (int code = 0; code < 256; ++code) {
        const auto octet = static_cast<std::uint8_t>(code);
        differences += decode_ulaw(octet) == ulaw_to_linear(octet) ? 0 : 1;
        differences += decode_alaw(octet) == alaw_to_linear(octet) ? 0 : 1;
    }
    CHECK(differences == 0);
}
