// G.722 decoded octet by octet, against the decoder of FFmpeg (by PyAV 18.1, run once by hand) and against spandsp
// called alone.
#include <doctest/doctest.h>
#include <spandsp.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

#include "audio/line_codec.hpp"

using namespace sr::audio;

namespace {

/// Octets of which some drive the decoder beyond its range.
std::vector<std::uint8_t> random_octets(std::size_t count) {
    std::vector<std::uint8_t> octets(count);
    std::uint32_t state = 1;
    for (auto& octet : octets) octet = static_cast<std::uint8_t>((state = state * 1664525 + 1013904223) >> 24);
    return octets;
}

/// FNV-1a over the samples as 16-bit numbers.
std::uint32_t hash(Samples samples) {
    std::uint32_t value = 0x811C9DC5;
    for (const std::int16_t sample : samples) value = (value ^ static_cast<std::uint16_t>(sample)) * 0x01000193;
    return value;
}

}  // namespace

TEST_CASE("3,200 octets decode to the very samples that FFmpeg makes of them, overload included") {
    const auto octets = random_octets(3200);
    std::vector<std::int16_t> samples(6400);
    const auto codec = make_g722();
    for (std::size_t i = 0; i < 3200; i += 160) {
        codec->decode(Octets(octets).subspan(i, 160), SampleRoom(samples).subspan(2 * i, 320));
    }
    CHECK(hash(Samples(samples).first(640)) == 0xA0290EEF);
    CHECK(hash(samples) == 0x2C35ABA1);
    CHECK(std::ranges::min(samples) == -32768);
    CHECK(std::ranges::max(samples) == 32767);
}

TEST_CASE("spandsp alone makes the same samples, but where it wraps instead of saturating") {
    const auto octets = random_octets(3200);
    std::vector<std::int16_t> ours(6400), theirs(6400);
    make_g722()->decode(octets, ours);
    g722_decode_state_t* state = g722_decode_init(nullptr, 64000, 0);
    REQUIRE(g722_decode(state, theirs.data(), octets.data(), 3200) == 6400);
    g722_decode_free(state);
    int differences = 0;
    int wrong = 0;
    for (std::size_t i = 0; i < ours.size(); ++i) {
        if (ours[i] == theirs[i]) continue;
        ++differences;
        wrong += ours[i] == 32767 || ours[i] == -32768 ? 0 : 1;
    }
    CHECK(differences == 34);
    CHECK(wrong == 0);
}

TEST_CASE("a full-scale square wave keeps its sign through the codec") {
    const auto encoder = make_g722();
    const auto decoder = make_g722();
    std::vector<std::int16_t> signal(16000), heard(16000);
    for (std::size_t i = 0; i < signal.size(); ++i) signal[i] = i / 40 % 2 == 0 ? 32767 : -32768;
    std::vector<std::uint8_t> octets(8000);
    encoder->encode(signal, octets);
    decoder->decode(octets, heard);
    int wrong = 0;
    for (std::size_t i = 1622; i < heard.size(); ++i) {
        const std::size_t phase = (i - 22) % 40;  // 22 samples of delay in the two filters
        if (phase < 8 || phase > 31) continue;    // near an edge
        wrong += ((i - 22) / 40 % 2 == 0) == (heard[i] > 0) ? 0 : 1;
    }
    CHECK(wrong == 0);
}
