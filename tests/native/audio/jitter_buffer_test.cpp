// The jitter buffer in virtual time: a sender's packets, a network that delays and loses them, a tick each 20 ms.
#include "audio/jitter_buffer.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <optional>
#include <random>
#include <vector>

using namespace sr::audio;

namespace {

using Kind = JitterPiece::Kind;
constexpr TimeUs kMs = 1000;
constexpr TimeUs kTick = 20 * kMs;
constexpr TimeUs kStart = 5'000'000;

/// The delay of packet `number` in the network; nothing if it is lost.
using Network = std::function<std::optional<TimeUs>(int number)>;

struct Sent {
    TimeUs arrival_us = 0;
    int number = 0;
};

struct Heard {
    int payloads = 0, fec = 0, conceals = 0, silences = 0, idles = 0, shortened = 0;
    bool is_in_order = true;
    double least_delay_ms = 1e9, most_delay_ms = 0;  // after the first tenth
    double last_delay_ms = 0;
};

struct Stream {
    int packets = 500;
    std::uint32_t packet_ms = 20;
    double skew = 0;  // of the sender's clock: 200e-6 is fast
    bool is_quiet = false;
    std::uint16_t first_sequence = 65000;
    std::uint32_t first_timestamp = 0xFFFF0000;
};

JitterPacket packet_of(const Stream& stream, int number, Octets payload) {
    const std::uint32_t ticks = stream.packet_ms * 48;
    return {1,
            static_cast<std::uint16_t>(stream.first_sequence + number),
            stream.first_timestamp + static_cast<std::uint32_t>(number) * ticks,
            ticks,
            false,
            payload};
}

std::vector<Sent> arrivals(const Stream& stream, const Network& network) {
    std::vector<Sent> sent;
    for (int i = 0; i < stream.packets; ++i) {
        const auto delay = network(i);
        const double at_us = static_cast<double>(i) * stream.packet_ms * 1000 / (1 + stream.skew);
        if (delay) sent.push_back({kStart + static_cast<TimeUs>(at_us) + *delay, i});
    }
    std::ranges::stable_sort(sent, {}, &Sent::arrival_us);
    return sent;
}

void count(Heard& heard, const JitterPiece& piece, int& last_number) {
    switch (piece.kind) {
        case Kind::Payload: {
            int number = 0;
            std::copy_n(piece.payload.data(), sizeof number, reinterpret_cast<std::uint8_t*>(&number));
            heard.is_in_order &= number > last_number;
            last_number = number;
            ++heard.payloads;
            heard.shortened += piece.is_to_be_shortened ? 1 : 0;
            break;
        }
        case Kind::Fec: ++heard.fec; break;
        case Kind::Conceal: ++heard.conceals; break;
        case Kind::Silence: ++heard.silences; break;
        case Kind::Idle: ++heard.idles; break;
    }
}

/// Plays as Playout does: pieces until 20 ms are full.
Heard play(JitterBuffer& buffer, const Stream& stream, const Network& network) {
    const auto sent = arrivals(stream, network);
    Heard heard;
    int last_number = -1;
    std::int64_t ready_ticks = 0;
    std::size_t next = 0;
    const TimeUs length_us = static_cast<TimeUs>(stream.packets) * stream.packet_ms * kMs;
    // The tick stands at any phase to the packets.
    for (TimeUs now = kStart + 7 * kMs; now < kStart + length_us; now += kTick) {
        for (; next < sent.size() && sent[next].arrival_us <= now; ++next) {
            std::array<std::uint8_t, 4> payload{};
            std::copy_n(reinterpret_cast<const std::uint8_t*>(&sent[next].number), 4, payload.data());
            buffer.insert(packet_of(stream, sent[next].number, payload), sent[next].arrival_us);
        }
        bool is_blending = false;  // two packets become one
        while (ready_ticks < 960) {
            const JitterPiece piece = buffer.pop(now, stream.is_quiet && !is_blending);
            is_blending = piece.is_to_be_shortened;
            count(heard, piece, last_number);
            if (piece.kind == Kind::Idle) ready_ticks = 960;
            if (!piece.is_to_be_shortened) ready_ticks += piece.ticks;
        }
        ready_ticks -= 960;
        heard.last_delay_ms = buffer.statistics().delay_ms;
        if (now > kStart + length_us / 10) {
            heard.least_delay_ms = std::min(heard.least_delay_ms, heard.last_delay_ms);
            heard.most_delay_ms = std::max(heard.most_delay_ms, heard.last_delay_ms);
        }
    }
    return heard;
}

Heard play(const Stream& stream, const Network& network, const JitterConfig& config = {}) {
    JitterBuffer buffer(config);
    return play(buffer, stream, network);
}

std::optional<TimeUs> at_once(int /*number*/) { return 0; }

/// Up to `most_us`, any as likely as another.
Network jitter(TimeUs most_us, unsigned seed = 1) {
    return [most_us, random = std::minstd_rand(seed)](int) mutable -> std::optional<TimeUs> {
        return std::uniform_int_distribution<TimeUs>(0, most_us)(random);
    };
}

Network loss(double share, Network network, unsigned seed = 2) {
    return [share, network = std::move(network), random = std::minstd_rand(seed)](int number) mutable {
        const auto delay = network(number);
        return std::bernoulli_distribution(share)(random) ? std::nullopt : delay;
    };
}

}  // namespace

TEST_CASE("without jitter nothing is concealed and the delay is below 35 ms, over wraps of sequence and timestamp") {
    for (const std::uint32_t packet_ms : {10U, 20U, 30U, 40U, 60U}) {
        CAPTURE(packet_ms);
        const Heard heard = play({.packets = 1000, .packet_ms = packet_ms}, at_once);
        CHECK(heard.payloads >= 994);
        CHECK(heard.is_in_order);
        CHECK(heard.conceals == 0);
        CHECK(heard.shortened == 0);
        CHECK(heard.most_delay_ms < 35 + (packet_ms == 20 ? 0 : 20));
    }
}

TEST_CASE("jitter of 40 ms is covered: less than one packet in fifty is missed, and the delay stays below 85 ms") {
    const Stream stream{.packets = 3000};
    JitterBuffer buffer({});
    const Heard heard = play(buffer, stream, jitter(40 * kMs));
    CHECK(heard.is_in_order);
    CHECK(heard.conceals < 60);
    CHECK(heard.payloads > 2940);
    CHECK(heard.least_delay_ms > 15);
    CHECK(heard.most_delay_ms < 85);
    CHECK(buffer.statistics().target_ms == doctest::Approx(40).epsilon(0.1));
}

TEST_CASE("what is lost is concealed, no more: 1, 5 and 20 %") {
    for (const double share : {0.01, 0.05, 0.2}) {
        CAPTURE(share);
        JitterBuffer buffer({});
        const Heard heard = play(buffer, {.packets = 3000}, loss(share, jitter(5 * kMs)));
        const auto& statistics = buffer.statistics();
        CHECK(heard.is_in_order);
        CHECK(static_cast<double>(statistics.lost) == doctest::Approx(3000 * share).epsilon(0.25));
        CHECK(std::abs(heard.conceals - static_cast<int>(statistics.lost)) <= 6);
        CHECK(statistics.received - static_cast<std::uint64_t>(heard.payloads) <= 4);
        CHECK(heard.most_delay_ms < 45);
    }
}

TEST_CASE("where there is FEC and loss, the packet after the lost one is waited for") {
    for (const double share : {0.05, 0.2}) {
        JitterBuffer buffer({.has_fec = true});
        const Heard heard = play(buffer, {.packets = 3000}, loss(share, jitter(5 * kMs)));
        const auto& statistics = buffer.statistics();
        CHECK(heard.fec == static_cast<int>(statistics.recovered));
        // Of two lost in a row FEC brings the second only.
        CHECK(static_cast<double>(heard.fec) > 0.9 * (1 - share) * static_cast<double>(statistics.lost));
        CHECK(heard.most_delay_ms < 65);
    }
}

TEST_CASE("without loss there is no wait for FEC") {
    CHECK(play({.packets = 1000}, at_once, {.has_fec = true}).most_delay_ms < 35);
}

TEST_CASE("packets that overtake each other are played in order") {
    // Every fifth comes after the one behind it.
    const Heard heard = play({.packets = 1000}, [](int number) { return number % 5 == 4 ? 25 * kMs : 0; });
    CHECK(heard.is_in_order);
    CHECK(heard.payloads > 985);
    CHECK(heard.conceals <= 6);
}

TEST_CASE("packets that hang together in the network are all played, then the delay shrinks in quiet") {
    // Those of a fifth of a second come at once at its end.
    const Network network = [](int number) -> std::optional<TimeUs> {
        return number >= 500 && number < 510 ? (509 - number) * kTick : 0;
    };
    JitterBuffer buffer({});
    const Heard heard = play(buffer, {.packets = 3000, .is_quiet = true}, network);
    CHECK(buffer.statistics().late == 0);
    CHECK(heard.payloads >= 2997);
    CHECK(heard.conceals + heard.silences >= 8);
    CHECK(heard.most_delay_ms > 150);
    CHECK(heard.last_delay_ms < 40);
    CHECK(heard.shortened >= 7);
}

TEST_CASE("where it is never quiet the delay shrinks all the same, by a packet a second") {
    const Network network = [](int number) -> std::optional<TimeUs> {
        return number >= 500 && number < 510 ? (509 - number) * kTick : 0;
    };
    CHECK(play({.packets = 3000}, network).last_delay_ms < 40);
}

TEST_CASE("a route that becomes longer by 100 ms is no jitter: the delay is what it was before") {
    const Heard heard =
        play({.packets = 4000, .is_quiet = true}, [](int number) { return number < 1000 ? 0 : 100 * kMs; });
    CHECK(heard.is_in_order);
    CHECK(heard.last_delay_ms < 40);
    CHECK(heard.payloads > 3985);
}

TEST_CASE("clocks that drift by 200 ppm for an hour keep the delay bounded, at a packet each 100 s") {
    for (const double skew : {200e-6, -200e-6}) {
        CAPTURE(skew);
        const Heard heard = play({.packets = 180'000, .skew = skew}, jitter(4 * kMs));
        CHECK(heard.is_in_order);
        CHECK(heard.most_delay_ms < 50);
        CHECK(heard.least_delay_ms >= 0);
        const int corrections = skew > 0 ? heard.shortened : heard.conceals;
        CHECK(corrections >= 34);
        CHECK(corrections <= 60);
        CHECK((skew > 0 ? heard.conceals : heard.shortened) <= 5);
    }
}

TEST_CASE("duplicates and late packets are counted and not played") {
    JitterBuffer buffer({});
    const Stream stream;
    const std::array<std::uint8_t, 1> payload{1};
    for (const int number : {0, 1, 3}) buffer.insert(packet_of(stream, number, payload), kStart + number * kTick);
    buffer.insert(packet_of(stream, 1, payload), kStart + 3 * kTick);
    CHECK(buffer.statistics().duplicates == 1);
    const TimeUs now = kStart + 3 * kTick;
    CHECK(buffer.pop(now, false).kind == Kind::Payload);
    CHECK(buffer.pop(now, false).kind == Kind::Payload);
    CHECK(buffer.pop(now, false).kind == Kind::Conceal);
    CHECK(buffer.pop(now + kTick, false).kind == Kind::Payload);
    buffer.insert(packet_of(stream, 2, payload), now + kTick);
    CHECK(buffer.statistics().late == 1);
    CHECK(buffer.statistics().lost == 1);
    buffer.insert(packet_of(stream, 3, payload), now + kTick);
    CHECK(buffer.statistics().duplicates == 2);
}

TEST_CASE("a sender that is silent (DTX) is not a sender whose packets are lost") {
    JitterBuffer buffer({});
    const Stream stream;
    const std::array<std::uint8_t, 1> payload{1};
    int sequence = 0;
    int conceals = 0;
    int silences = 0;
    for (int tick = 0; tick < 500; ++tick) {
        const TimeUs now = kStart + tick * kTick;
        // Speech of a second, then silence with a packet each 400 ms, as opus sends it.
        const bool is_speech = tick % 150 < 50;
        if (is_speech || tick % 20 == 0) {
            JitterPacket packet = packet_of(stream, sequence, payload);
            packet.timestamp = static_cast<std::uint32_t>(tick) * 960;
            packet.is_silence = tick % 150 >= 49;
            buffer.insert(packet, now);
            ++sequence;
        }
        const JitterPiece piece = buffer.pop(now + 12 * kMs, false);
        conceals += piece.kind == Kind::Conceal ? 1 : 0;
        silences += piece.kind == Kind::Silence ? 1 : 0;
    }
    CHECK(conceals == 0);
    CHECK(silences > 200);
    CHECK(buffer.statistics().lost == 0);
    CHECK(buffer.statistics().played == buffer.statistics().received);
}

TEST_CASE("packets without audio are not missed") {
    JitterBuffer buffer({});
    const Stream stream;
    const std::array<std::uint8_t, 1> payload{1};
    for (int tick = 0; tick < 100; ++tick) {
        const TimeUs now = kStart + tick * kTick;
        if (tick >= 40 && tick < 60) {
            buffer.insert_other(1, packet_of(stream, tick, payload).sequence);
        } else {
            buffer.insert(packet_of(stream, tick, payload), now);
        }
        (void)buffer.pop(now + 12 * kMs, false);
    }
    CHECK(buffer.statistics().lost == 0);
    CHECK(buffer.statistics().played >= 78);
}

TEST_CASE("another SSRC takes over with its second packet; a single stray packet does nothing") {
    JitterBuffer buffer({});
    const Stream stream;
    const std::array<std::uint8_t, 1> payload{1};
    for (int number = 0; number < 10; ++number) {
        buffer.insert(packet_of(stream, number, payload), kStart + number * kTick);
        JitterPacket stray = packet_of(stream, 7000 + number, payload);
        stray.ssrc = 99;
        buffer.insert(stray, kStart + number * kTick);
    }
    CHECK(buffer.statistics().restarts == 0);
    for (int number = 10; number < 20; ++number) {
        JitterPacket other = packet_of(stream, 7000 + number, payload);
        other.ssrc = 99;
        buffer.insert(other, kStart + number * kTick);
        (void)buffer.pop(kStart + number * kTick + 12 * kMs, false);
    }
    CHECK(buffer.statistics().restarts == 1);
    CHECK(buffer.statistics().played >= 7);
}

TEST_CASE("timestamps that jump begin anew at once, and so does a sender that comes back after a pause") {
    for (const std::uint32_t jump : {1'000'000'000U, 4'000'000'000U, 0U}) {
        JitterBuffer buffer({});
        const Stream stream;
        const std::array<std::uint8_t, 1> payload{1};
        int payloads = 0;
        for (int tick = 0; tick < 300; ++tick) {
            const TimeUs now = kStart + tick * kTick + (tick >= 150 ? 10'000'000 : 0);
            JitterPacket packet = packet_of(stream, tick, payload);
            if (tick >= 150) packet.timestamp += jump;
            buffer.insert(packet, now);
            payloads += buffer.pop(now + 12 * kMs, false).kind == Kind::Payload ? 1 : 0;
            if (tick == 149) CHECK(buffer.pop(now + 5'000'000, false).kind == Kind::Idle);
        }
        CHECK(payloads >= 296);
        CHECK(buffer.statistics().delay_ms < 35);
    }
}

TEST_CASE("a stream that ends is concealed for 100 ms, then silent, then idle") {
    JitterBuffer buffer({});
    const std::array<std::uint8_t, 1> payload{1};
    buffer.insert(packet_of({}, 0, payload), kStart);
    std::vector<Kind> kinds;
    for (int tick = 0; tick < 60; ++tick) kinds.push_back(buffer.pop(kStart + 12 * kMs + tick * kTick, false).kind);
    CHECK(kinds[0] == Kind::Payload);
    CHECK(std::ranges::count(kinds, Kind::Conceal) == 5);
    CHECK(kinds[10] == Kind::Silence);
    CHECK(kinds[55] == Kind::Idle);
}

TEST_CASE("nobody waits longer than the longest delay, whatever comes") {
    JitterBuffer buffer({.max_ms = 200});
    const Heard heard = play(buffer, {.packets = 2000}, jitter(900 * kMs));
    CHECK(heard.is_in_order);
    CHECK(heard.most_delay_ms <= 200 + 60 + 5);
}

TEST_CASE("an arena too small for what comes loses packets and plays no wrong octet") {
    JitterBuffer buffer({.min_ms = 100, .arena_octets = 10});
    const Heard heard = play(buffer, {.packets = 200}, at_once);
    CHECK(heard.is_in_order);
    CHECK(heard.payloads < 50);
    JitterBuffer none({.arena_octets = 4});
    const std::array<std::uint8_t, 5> payload{};
    none.insert(packet_of({}, 0, payload), kStart);
    JitterPacket endless = packet_of({}, 1, Octets(payload).first(1));
    endless.duration_ticks = 0;
    none.insert(endless, kStart);
    CHECK(none.pop(kStart + 1'000'000, false).kind == Kind::Idle);
}
