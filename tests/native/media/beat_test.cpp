// A mix is asked for every 20 ms, shortly after its speakers' packets have come.
#include "media/beat.hpp"

#include "doctest/doctest.h"

namespace sr::test {
namespace {

constexpr audio::TimeUs kStartUs = 1'000'000'000;
constexpr audio::TimeUs kFrameUs = 20'000;

/// A beat that is due at kStartUs.
media::Beat beat_at_start() {
    media::Beat beat;
    beat.begin(kStartUs - kFrameUs);
    REQUIRE(beat.due_us() == kStartUs);
    return beat;
}

/// `ticks` of one who could have been asked `spare_us` before the first of them; the moment that the beat ends up with.
audio::TimeUs follow(media::Beat& beat, int ticks, audio::TimeUs spare_us) {
    const audio::TimeUs first_us = beat.due_us();
    for (int i = 0; i < ticks; ++i) {
        const audio::TimeUs moved_us = beat.due_us() - first_us - i * kFrameUs;
        beat.advance(beat.due_us(), spare_us + moved_us);
    }
    return beat.due_us() - first_us - ticks * kFrameUs;
}

}  // namespace

TEST_CASE("a beat is due 20 ms after its beginning, which it has once, then every 20 ms") {
    media::Beat beat;
    beat.begin(kStartUs);
    beat.begin(kStartUs + 3'000);
    CHECK(beat.due_us() == kStartUs + kFrameUs);
    beat.advance(kStartUs + kFrameUs, std::nullopt);
    CHECK(beat.due_us() == kStartUs + 2 * kFrameUs);
}

TEST_CASE("a tick that comes late moves none of the next") {
    media::Beat beat = beat_at_start();
    beat.advance(kStartUs + 7'000, std::nullopt);
    CHECK(beat.due_us() == kStartUs + kFrameUs);
}

TEST_CASE("up to two missed ticks are made up for, of more none") {
    media::Beat beat = beat_at_start();
    beat.advance(kStartUs + 2 * kFrameUs, std::nullopt);
    CHECK(beat.due_us() == kStartUs + kFrameUs);
    media::Beat stalled = beat_at_start();
    stalled.advance(kStartUs + 100 * kFrameUs + 3, std::nullopt);
    CHECK(stalled.due_us() == kStartUs + 101 * kFrameUs);
}

TEST_CASE("in silence the first speaker is asked when he is ready, be that earlier or later than it was") {
    for (const audio::TimeUs ready_us : {kStartUs + 3'000, kStartUs + 19'500, kStartUs + 27'000}) {
        CAPTURE(ready_us - kStartUs);
        media::Beat beat = beat_at_start();
        beat.advance(kStartUs, std::nullopt);
        beat.meet(ready_us);
        CHECK(beat.due_us() >= ready_us);
        CHECK(beat.due_us() <= ready_us + 2'000);
    }
}

TEST_CASE("of two who begin within one frame the first is asked in time") {
    media::Beat beat = beat_at_start();
    beat.advance(kStartUs, std::nullopt);
    beat.meet(kStartUs + 5'000);
    const audio::TimeUs due_us = beat.due_us();
    beat.meet(kStartUs + 15'000);
    CHECK(beat.due_us() == due_us);
}

TEST_CASE("nobody is asked before the tick that has been, and none waits longer than a frame more") {
    media::Beat beat = beat_at_start();
    beat.advance(kStartUs, std::nullopt);
    media::Beat other = beat;
    beat.meet(kStartUs - 50'000);
    CHECK(beat.due_us() >= kStartUs);
    other.meet(kStartUs + 500'000);
    CHECK(other.due_us() == kStartUs + 2 * kFrameUs);
}

TEST_CASE("time to spare is given back a millisecond in half a second, until little is left") {
    media::Beat beat = beat_at_start();
    const audio::TimeUs after_half_a_second = follow(beat, 25, 9'000);
    CHECK(after_half_a_second == -1'000);
    const audio::TimeUs moved_us = after_half_a_second + follow(beat, 25 * 20, 8'000);
    CHECK(9'000 + moved_us >= 0);
    CHECK(9'000 + moved_us <= 2'000);
}

TEST_CASE("a speaker whose clock is slow is waited for") {
    media::Beat beat = beat_at_start();
    audio::TimeUs spare_us = 1'000;
    // 200 parts in a million: 4 us of every frame.
    for (int i = 0; i < 50'000; ++i) {
        const audio::TimeUs due_us = beat.due_us();
        beat.advance(due_us, spare_us);
        spare_us += beat.due_us() - due_us - kFrameUs - 4;
        CHECK(spare_us > -2'000);
        CHECK(spare_us < 3'000);
    }
}

TEST_CASE("the one who has least to spare counts") {
    media::Beat beat = beat_at_start();
    for (int i = 0; i < 25 * 4; ++i) beat.advance(beat.due_us(), i % 25 == 7 ? 1'000 : 15'000);
    CHECK(beat.due_us() == kStartUs + 100 * kFrameUs);
}

}  // namespace sr::test
