// Digits: RFC 4733 both ways, and the bodies of INFO.
#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

#include "audio/dtmf_info.hpp"
#include "audio/telephone_event.hpp"

using namespace sr::audio;

namespace {

struct Wire {
    TelephoneEvent event;
    std::uint32_t timestamp = 0;
    bool is_marked = false;
};

std::vector<Wire> press(DigitSender& sender, std::uint32_t& timestamp, std::uint32_t ticks_of_20_ms) {
    std::vector<Wire> sent;
    while (sender.is_busy()) {
        if (const auto packet = sender.tick(timestamp))
            sent.push_back({packet->event, packet->timestamp, packet->is_marked});
        timestamp += ticks_of_20_ms;
    }
    return sent;
}

std::optional<DigitReceiver::Digit> receive(DigitReceiver& receiver, const Wire& wire, std::uint32_t ssrc = 1) {
    std::array<std::uint8_t, 16> packet{};
    std::array<std::uint8_t, 4> payload{};
    wire.event.write(payload);
    RtpWriter writer(packet, {101, wire.is_marked, 0, wire.timestamp, ssrc});
    const std::size_t size = writer.finish(payload);
    return receiver.receive(*RtpView::parse(Octets(packet).first(size)));
}

/// The digits that begin, as a receiver tells them.
std::string told(const std::vector<Wire>& wires, std::uint32_t clock_rate_hz) {
    DigitReceiver receiver(clock_rate_hz);
    std::string digits;
    bool has_begun = false;
    for (const Wire& wire : wires) {
        const auto digit = receive(receiver, wire);
        if (!digit) continue;
        if (!digit->is_end || !has_begun) digits += digit->digit;
        has_begun = !digit->is_end;
    }
    return digits;
}

}  // namespace

TEST_CASE("a digit of 60 ms is three packets and two repetitions of its end, all with one timestamp") {
    for (const std::uint32_t clock : {8000U, 48000U}) {
        DigitSender sender(clock);
        REQUIRE(sender.push('5', 60));
        std::uint32_t timestamp = 0xFFFFFFF0;
        const auto sent = press(sender, timestamp, clock / 50);
        REQUIRE(sent.size() == 5);
        for (std::size_t i = 0; i < sent.size(); ++i) {
            CHECK(sent[i].event.code == 5);
            CHECK(sent[i].timestamp == 0xFFFFFFF0);
            CHECK(sent[i].is_marked == (i == 0));
            CHECK(sent[i].event.is_end == (i >= 2));
            CHECK(sent[i].event.duration_ticks == clock / 50 * std::min<std::size_t>(i + 1, 3));
        }
    }
}

TEST_CASE("the payload stands as RFC 4733 section 2.3 draws it") {
    std::array<std::uint8_t, 4> octets{};
    TelephoneEvent{11, true, 10, 0x0320}.write(octets);
    CHECK(octets == std::array<std::uint8_t, 4>{0x0B, 0x8A, 0x03, 0x20});
    CHECK(TelephoneEvent::parse(octets) == TelephoneEvent{11, true, 10, 0x0320});
    CHECK_FALSE(TelephoneEvent::parse(Octets(octets).first(3)));
}

TEST_CASE("each digit is told once, whichever of its packets are lost or doubled") {
    DigitSender sender(8000);
    for (const char digit : std::string("11*A#")) REQUIRE(sender.push(digit, 80));
    std::uint32_t timestamp = 0;
    const auto sent = press(sender, timestamp, 160);
    REQUIRE(sent.size() == 5 * 6);
    CHECK(told(sent, 8000) == "11*A#");
    for (unsigned survivors = 1; survivors < 64; ++survivors) {
        std::vector<Wire> arrived;
        for (std::size_t i = 0; i < sent.size(); ++i) {
            if ((survivors >> i % 6 & 1) == 0) continue;
            arrived.push_back(sent[i]);
            arrived.push_back(sent[i]);
        }
        CHECK(told(arrived, 8000) == "11*A#");
    }
}

TEST_CASE("the end is told once, with its duration; packets of a past digit that come late tell nothing") {
    DigitReceiver receiver(48000);
    auto digit = receive(receiver, {{7, false, 10, 960}, 1000, true});
    REQUIRE(digit);
    CHECK(digit->digit == '7');
    CHECK_FALSE(digit->is_end);
    CHECK_FALSE(receive(receiver, {{7, false, 10, 1920}, 1000, false}));
    digit = receive(receiver, {{7, true, 10, 4800}, 1000, false});
    REQUIRE(digit);
    CHECK(digit->is_end);
    CHECK(digit->duration_ms == 100);
    CHECK_FALSE(receive(receiver, {{7, true, 10, 4800}, 1000, false}));
    CHECK_FALSE(receive(receiver, {{7, false, 10, 2880}, 1000, false}));
    CHECK(receive(receiver, {{8, false, 10, 960}, 9000, true}));
    CHECK_FALSE(receive(receiver, {{7, true, 10, 4800}, 1000, false}));
    CHECK(receive(receiver, {{8, false, 10, 960}, 9000, true}, 2));  // another source
}

TEST_CASE("section 2.5.1.3: the segments of a long event are one digit") {
    DigitReceiver receiver(8000);
    CHECK(receive(receiver, {{9, false, 10, 160}, 500, true}));
    CHECK_FALSE(receive(receiver, {{9, false, 10, 0xFFFF}, 500, false}));
    CHECK_FALSE(receive(receiver, {{9, false, 10, 160}, 500 + 0xFFFF, false}));
    const auto end = receive(receiver, {{9, true, 10, 0x1000}, 500 + 2 * 0xFFFF, false});
    REQUIRE(end);
    CHECK(end->is_end);
    CHECK(end->duration_ms == (2 * 0xFFFF + 0x1000) / 8);
}

TEST_CASE("events that are no digits tell nothing") {
    DigitReceiver receiver(8000);
    CHECK_FALSE(receive(receiver, {{16, false, 10, 160}, 500, true}));  // flash
    CHECK_FALSE(receive(receiver, {{255, true, 10, 160}, 500, true}));
}

TEST_CASE("the sender holds durations within what one segment can tell, and 32 digits") {
    DigitSender sender(48000);
    std::uint32_t timestamp = 0;
    REQUIRE(sender.push('d', 100000));
    const auto longest = press(sender, timestamp, 960);
    CHECK(longest.back().event.code == 15);
    CHECK(longest.back().event.duration_ticks == 1360 * 48);
    REQUIRE(sender.push('0', 1));
    CHECK(press(sender, timestamp, 960).back().event.duration_ticks == 40 * 48);
    CHECK_FALSE(sender.push('x', 100));
    for (int i = 0; i < 32; ++i) REQUIRE(sender.push('1', 100));
    CHECK_FALSE(sender.push('1', 100));
}

TEST_CASE("INFO bodies of both types give their digit") {
    CHECK(parse_dtmf_info("application/dtmf-relay", "Signal=5\r\nDuration=2000") == InfoDigit{'5', 2000});
    CHECK(parse_dtmf_info("Application/DTMF-Relay; x=y", "signal = #\nduration = 160 \n") == InfoDigit{'#', 160});
    CHECK(parse_dtmf_info("application/dtmf-relay", "Duration=7\r\nSignal=10\r\n") == InfoDigit{'*', 40});
    CHECK(parse_dtmf_info("application/dtmf-relay", "Signal=12\r\nDuration=x\r\n") == InfoDigit{'A', 250});
    CHECK(parse_dtmf_info("application/dtmf", " 9\r\n") == InfoDigit{'9', 250});
    CHECK(parse_dtmf_info("application/dtmf", "11") == InfoDigit{'#', 250});
}

TEST_CASE("INFO bodies without a digit give nothing") {
    for (const char* body : {"", "Signal=", "Signal=16", "Signal=hf", "Signal=55\r\n", "Duration=100", "5", "=5",
                             "Signal=05", "Signal=99999999999"}) {
        CHECK_FALSE(parse_dtmf_info("application/dtmf-relay", body));
    }
    for (const char* body : {"", "16", "x", "5 5"}) CHECK_FALSE(parse_dtmf_info("application/dtmf", body));
    CHECK_FALSE(parse_dtmf_info("application/sdp", "5"));
    CHECK_FALSE(parse_dtmf_info("", "5"));
}
