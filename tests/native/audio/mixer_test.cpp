// Mixes, levels and tones.
#include "audio/mixer.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>

#include "audio/level.hpp"
#include "audio/tone.hpp"

using namespace sr::audio;

namespace {

AudioFrame constant(std::int16_t left) {
    AudioFrame frame;
    for (auto& sample : frame.samples()) sample = left;
    return frame;
}

AudioFrame constant(std::int16_t left, std::int16_t right) {
    AudioFrame frame;
    frame.channels = 2;
    for (std::size_t i = 0; i < kFrameSamples; ++i) {
        frame.storage[2 * i] = left;
        frame.storage[2 * i + 1] = right;
    }
    return frame;
}

AudioFrame noise(std::uint8_t channels, unsigned seed) {
    AudioFrame frame;
    frame.channels = channels;
    std::minstd_rand random(seed);
    for (auto& sample : frame.samples()) sample = static_cast<std::int16_t>(random());
    return frame;
}

bool is_same(const AudioFrame& a, const AudioFrame& b) {
    return a.channels == b.channels && std::equal(a.samples().begin(), a.samples().end(), b.samples().begin());
}

}  // namespace

TEST_CASE("a mix is the sum of its speakers with their gains, saturated") {
    Mix mix;
    AudioFrame out;
    mix.add(constant(1000), Gain());
    mix.add(constant(-3000), Gain(0.5));
    mix.write(out, 1);
    CHECK(is_same(out, constant(-500)));
    CHECK(mix.speakers() == 2);
    mix.add(constant(32767), Gain(4));
    mix.write(out, 1);
    CHECK(is_same(out, constant(32767)));
    mix.clear();
    mix.add(constant(-32768), Gain(2));
    mix.write(out, 1);
    CHECK(is_same(out, constant(-32768)));
    mix.clear();
    mix.write(out, 2);
    CHECK(is_same(out, constant(0, 0)));
}

TEST_CASE("what a speaker hears is bit for bit the mix of the others, even where the sum of all overflows") {
    for (const std::uint8_t channels : {std::uint8_t{1}, std::uint8_t{2}}) {
        for (unsigned stereo = 0; stereo < 8; ++stereo) {
            std::array<AudioFrame, 3> frames;
            for (unsigned i = 0; i < 3; ++i) frames[i] = noise((stereo >> i & 1) != 0 ? 2 : 1, i + 1);
            const std::array gains{Gain(1), Gain(0.3), Gain(3.7)};
            Mix all;
            for (unsigned i = 0; i < 3; ++i) all.add(frames[i], gains[i]);
            for (unsigned self = 0; self < 3; ++self) {
                Mix others;
                for (unsigned i = 0; i < 3; ++i) {
                    if (i != self) others.add(frames[i], gains[i]);
                }
                AudioFrame heard;
                AudioFrame expected;
                all.write_without(frames[self], gains[self], heard, channels);
                others.write(expected, channels);
                CHECK(is_same(heard, expected));
            }
        }
    }
}

TEST_CASE("mono stands in the middle, and stereo becomes its mean") {
    Mix mix;
    AudioFrame out;
    mix.add(constant(100), Gain());
    mix.add(constant(1000, -2000), Gain());
    mix.add(constant(10), Gain());
    mix.write(out, 2);
    CHECK(is_same(out, constant(1110, -1890)));
    mix.write(out, 1);
    CHECK(is_same(out, constant(-390)));

    AudioFrame frame = constant(7);
    convert_channels(frame, 2);
    CHECK(is_same(frame, constant(7, 7)));
    frame = constant(32767, 32767);
    convert_channels(frame, 1);
    CHECK(is_same(frame, constant(32767)));
}

TEST_CASE("a mix that was stereo is mono again after it was cleared") {
    Mix mix;
    AudioFrame out;
    mix.add(constant(1, 2), Gain());
    mix.clear();
    mix.add(constant(5), Gain());
    mix.write(out, 2);
    CHECK(is_same(out, constant(5, 5)));
}

TEST_CASE("gains are held within 0-4") {
    CHECK(Gain(-1).is_zero());
    CHECK(Gain(9) == Gain(4));
    CHECK(Gain(std::numeric_limits<double>::quiet_NaN()).is_unity());
    CHECK(Gain(std::numeric_limits<double>::infinity()) == Gain(4));
    CHECK(Gain(1).apply(-12345) == -12345);
}

TEST_CASE("levels are those of RFC 6464: a full-scale sine is 3 dB below overload, silence 127") {
    CHECK(level_below_overload_db(constant(0).samples()) == 127);
    CHECK(level_below_overload_db(constant(-32768).samples()) == 0);
    CHECK(level_below_overload_db(constant(1).samples()) == 90);
    CHECK(level_below_overload_db({}) == 127);
    AudioFrame frame;
    Tone(1000, 1).fill(frame);
    CHECK(level_below_overload_db(frame.samples()) == 3);
    Tone(1000, 0.1).fill(frame);
    CHECK(level_below_overload_db(frame.samples()) == 23);
}

TEST_CASE("a tone goes on from frame to frame without a step") {
    Tone tone(440);
    AudioFrame frame;
    frame.channels = 2;
    for (int i = 0; i < 100; ++i) {
        tone.fill(frame);
        for (std::size_t j = 0; j < kFrameSamples; ++j) {
            const double phase =
                2 * std::numbers::pi * 440 * static_cast<double>(i * 960 + static_cast<int>(j)) / 48000;
            REQUIRE(std::abs(frame.storage[2 * j] - 0.25 * 32767 * std::sin(phase)) < 1.01);
            REQUIRE(frame.storage[2 * j] == frame.storage[2 * j + 1]);
        }
    }
}
