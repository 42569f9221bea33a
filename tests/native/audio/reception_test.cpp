// Statistics as RFC 3550 section 6.4 and appendix A compute them.
#include "audio/reception.hpp"

#include <doctest/doctest.h>

using namespace sr::audio;

namespace {

constexpr TimeUs kMs = 1000;
constexpr std::uint32_t kSsrc = 7;

/// One packet of 20 ms at 8 kHz, `late_us` after its time.
void receive(Reception& reception, int number, TimeUs late_us = 0) {
    reception.receive(static_cast<std::uint16_t>(65530 + number), static_cast<std::uint32_t>(160 * number),
                      1'000'000 + number * 20 * kMs + late_us);
}

}  // namespace

TEST_CASE("a quarter lost is reported as 64 of 256, over the wrap of the sequence") {
    Reception reception(kSsrc, 8000);
    for (int i = 0; i < 20; ++i) {
        if (i % 4 != 1) receive(reception, i);
    }
    const ReportBlock block = reception.report(0);
    CHECK(block.ssrc == kSsrc);
    CHECK(block.fraction_lost == 64);
    CHECK(block.cumulative_lost == 5);
    CHECK(block.highest_sequence == 65530 + 19);  // one cycle and 13
    CHECK(block.jitter_ticks == 0);
    CHECK(block.last_sr == 0);
    CHECK(block.delay_since_sr == 0);

    for (int i = 20; i < 30; ++i) receive(reception, i);
    CHECK(reception.report(0).fraction_lost == 0);
    CHECK(reception.lost() == 5);
    CHECK(reception.received() == 25);
}

TEST_CASE("duplicates make the loss negative, and its fraction zero") {
    Reception reception(kSsrc, 8000);
    for (int i = 0; i < 4; ++i) receive(reception, i / 2);
    const ReportBlock block = reception.report(0);
    CHECK(block.cumulative_lost == -2);
    CHECK(block.fraction_lost == 0);
}

TEST_CASE("packets out of order are not lost") {
    Reception reception(kSsrc, 8000);
    for (const int i : {0, 2, 1, 3}) receive(reception, i);
    CHECK(reception.lost() == 0);
}

TEST_CASE("appendix A.8: the jitter goes a sixteenth of the way to each change of transit") {
    Reception reception(kSsrc, 8000);
    receive(reception, 0);
    receive(reception, 1, 10 * kMs);  // 80 ticks
    CHECK(reception.report(0).jitter_ticks == 5);
    receive(reception, 2, 10 * kMs);  // no change: 5 - 5/16
    CHECK(reception.jitter_ms() == doctest::Approx(5 * 15.0 / 16 / 8));
}

TEST_CASE("a jump of the sequence counts from its second packet on") {
    Reception reception(kSsrc, 8000);
    receive(reception, 0);
    receive(reception, 10000);
    CHECK(reception.received() == 1);
    receive(reception, 1);
    CHECK(reception.lost() == 0);
    receive(reception, 10000);
    receive(reception, 10001);
    CHECK(reception.lost() == 0);
    CHECK(reception.report(0).highest_sequence == static_cast<std::uint16_t>(65530 + 10001));
}

TEST_CASE("the last sender report and the time since are echoed") {
    Reception reception(kSsrc, 8000);
    receive(reception, 0);
    reception.receive_sender_report({0x11112222'33334444, 0, 0, 0}, 2'000'000);
    const ReportBlock block = reception.report(3'500'000);
    CHECK(block.last_sr == 0x22223333);
    CHECK(block.delay_since_sr == 0x18000);
}

TEST_CASE("a report that answers ours gives the round trip, even if the wall clock was set meanwhile") {
    Transmission transmission(kSsrc, 8000);
    transmission.send(160, 320, 1'000'000);
    const SenderInfo info = transmission.sender_info(1'010'000, 1'700'000'000'500'000);
    CHECK(info.packets == 1);
    CHECK(info.octets == 160);
    CHECK(info.rtp_timestamp == 320 + 80);
    CHECK(info.ntp_time == ((1'700'000'000ULL + 2'208'988'800ULL) << 32 | 0x80000000ULL));
    (void)transmission.sender_info(6'010'000, 1'600'000'000'000'000);

    ReportBlock block{kSsrc, 25, 3, 0, 16, static_cast<std::uint32_t>(info.ntp_time >> 16), 0x8000};
    transmission.receive_report(block, 1'010'000 + 500'000 + 30'000);
    REQUIRE(transmission.round_trip_ms());
    CHECK(*transmission.round_trip_ms() == doctest::Approx(30));
    CHECK(transmission.remote_fraction_lost() == 25);
    CHECK(transmission.remote_lost() == 3);
    CHECK(transmission.remote_jitter_ms() == doctest::Approx(2));
}

TEST_CASE("a report about another source, or about a sender report that we never sent, gives no round trip") {
    Transmission transmission(kSsrc, 8000);
    const SenderInfo info = transmission.sender_info(0, 0);
    const auto middle = static_cast<std::uint32_t>(info.ntp_time >> 16);
    transmission.receive_report({kSsrc + 1, 9, 9, 0, 0, middle, 0}, 1000);
    transmission.receive_report({kSsrc, 0, 0, 0, 0, middle + 1, 0}, 1000);
    transmission.receive_report({kSsrc, 0, 0, 0, 0, 0, 0}, 1000);
    CHECK_FALSE(transmission.round_trip_ms());
    CHECK(transmission.remote_lost() == 0);
}
