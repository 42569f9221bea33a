// A stream from its encoder through a network in virtual time to frames.
#include "audio/playout.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <random>
#include <vector>

#include "audio/tone.hpp"

using namespace sr::audio;

namespace {

CodecSpec codec(const char* name, std::uint32_t clock_rate_hz, std::uint8_t channels, std::uint32_t ptime_ms = 20) {
    CodecSpec spec;
    spec.name = name;
    spec.clock_rate_hz = clock_rate_hz;
    spec.channels = channels;
    spec.ptime_ms = ptime_ms;
    return spec;
}

struct Played {
    std::vector<std::int16_t> samples;
    JitterStatistics statistics;
    std::uint8_t level = 0;
    int frames = 0;
};

/// Ten seconds of a tone of 440 Hz; of 100 packets `lost_percent` are lost, and each is late by up to `jitter_us`.
Played play(const CodecSpec& spec, int lost_percent, TimeUs jitter_us) {
    const auto encoder = make_encoder(spec);
    Playout playout(make_decoder(spec), {.has_fec = spec.uses_inband_fec});
    std::minstd_rand random(3);
    Tone tone(440, 0.3162);  // 13 dB below overload
    struct Arriving {
        TimeUs at_us;
        std::vector<std::uint8_t> packet;
    };
    std::vector<Arriving> network;
    std::uint32_t timestamp = 4'294'960'000;
    std::uint16_t sequence = 65500;
    Played played;
    for (int tick = 0; tick < 500; ++tick) {
        const TimeUs now = tick * 20'000;
        AudioFrame frame;
        tone.fill(frame);
        encoder->push(frame);
        std::array<std::uint8_t, 1600> room;
        for (;;) {
            RtpWriter writer(room, {96, false, sequence, timestamp, 5});
            const auto payload = encoder->next(writer.payload_room());
            if (!payload) break;
            const auto size = static_cast<std::ptrdiff_t>(writer.finish(payload->size));
            timestamp += payload->ticks;
            ++sequence;
            if (static_cast<int>(random() % 100) < lost_percent) continue;
            const TimeUs late_us = jitter_us == 0 ? 0 : static_cast<TimeUs>(random()) % jitter_us;
            network.push_back({now + late_us, {room.begin(), room.begin() + size}});
        }
        std::ranges::stable_sort(network, {}, &Arriving::at_us);
        while (!network.empty() && network.front().at_us <= now + 12'000) {
            playout.insert(*RtpView::parse(network.front().packet), network.front().at_us);
            network.erase(network.begin());
        }
        if (playout.pop(now + 12'000, frame)) ++played.frames;
        played.samples.insert(played.samples.end(), frame.samples().begin(), frame.samples().end());
        played.level = playout.level();
    }
    played.statistics = playout.statistics();
    return played;
}

/// The share of energy at the tone's frequency, over pieces of 100 ms; a jump of the phase ends in another piece.
double purity(const std::vector<std::int16_t>& samples) {
    double tone = 0, energy = 0;
    for (std::size_t begin = 48000; begin + 4800 <= samples.size(); begin += 4800) {
        double in_phase = 0, quadrature = 0;
        for (std::size_t i = begin; i < begin + 4800; ++i) {
            const double phase = 2 * std::numbers::pi * 440 * static_cast<double>(i) / 48000;
            in_phase += samples[i] * std::cos(phase);
            quadrature += samples[i] * std::sin(phase);
            energy += static_cast<double>(samples[i]) * samples[i];
        }
        tone += 2 * (in_phase * in_phase + quadrature * quadrature) / 4800;
    }
    return tone / energy;
}

}  // namespace

TEST_CASE("every codec and packet time plays a pure tone without a gap") {
    for (const std::uint32_t ptime_ms : {10U, 20U, 30U, 40U, 60U}) {
        for (const CodecSpec& spec : {codec("opus", 48000, 2, ptime_ms), codec("PCMU", 8000, 1, ptime_ms),
                                      codec("G722", 8000, 1, ptime_ms), codec("L16", 44100, 1, ptime_ms)}) {
            CAPTURE(spec.name);
            CAPTURE(ptime_ms);
            const Played played = play(spec, 0, 0);
            CHECK(played.frames > 490);
            CHECK(played.statistics.lost == 0);
            CHECK(played.statistics.concealed <= 2);
            CHECK(purity(played.samples) > 0.97);
            CHECK(played.level == 13);
        }
    }
}

TEST_CASE("a tenth lost and 30 ms of jitter leave a tone that is still most of what is heard") {
    CodecSpec with_fec = codec("opus", 48000, 2);
    with_fec.uses_inband_fec = true;
    for (const CodecSpec& spec : {codec("opus", 48000, 2), with_fec, codec("PCMA", 8000, 1), codec("G722", 8000, 1)}) {
        CAPTURE(spec.name);
        const Played played = play(spec, 10, 30'000);
        CHECK(played.frames > 480);
        CHECK(played.statistics.lost > 30);
        CHECK(purity(played.samples) > 0.8);
        if (spec.uses_inband_fec) CHECK(played.statistics.recovered > played.statistics.lost / 2);
    }
}

TEST_CASE("without a stream frames are silent and said to be none") {
    Playout playout(make_decoder(codec("opus", 48000, 2)), {});
    AudioFrame frame;
    frame.storage.fill(77);
    CHECK_FALSE(playout.pop(0, frame));
    CHECK(std::ranges::all_of(frame.storage, [](std::int16_t sample) { return sample == 0; }));
    CHECK(playout.level() == 127);
}

TEST_CASE("any payload is survived by every decoder") {
    std::minstd_rand random(11);
    for (const CodecSpec& spec :
         {codec("opus", 48000, 2), codec("PCMU", 8000, 1), codec("G722", 8000, 1), codec("L16", 48000, 2)}) {
        Playout playout(make_decoder(spec), {.has_fec = true});
        AudioFrame frame;
        int heard = 0;
        for (int i = 0; i < 3000; ++i) {
            std::array<std::uint8_t, 400> packet;
            std::ranges::generate(packet, [&random] { return static_cast<std::uint8_t>(random() >> 8); });
            const auto sequence = static_cast<std::uint16_t>(i + static_cast<int>(random() % 4));
            RtpWriter writer(packet, {96, false, sequence, static_cast<std::uint32_t>(i) * 960, 1});
            const std::size_t size = writer.finish(random() % 389);
            playout.insert(*RtpView::parse(Octets(packet).first(size)), i * 20'000);
            heard += playout.pop(i * 20'000, frame) ? 1 : 0;
        }
        CHECK(heard > 0);
    }
}
