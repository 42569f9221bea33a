// audio_cost: CPU time of each part of the audio path, in milliseconds for a second of audio on one core.
//
//     cmake -S . -B build/bench -G Ninja -DSR_BUILD_TESTS=ON -DSR_BUILD_BINDINGS=OFF -DCMAKE_BUILD_TYPE=Release
//     cmake --build build/bench --target audio_cost && build/bench/tests/native/audio_cost
//
// The signal is a tone with noise, of which opus cannot think that it is silence. Every figure is the best of three
// runs of 20 s of audio, as others share the machine.
#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "audio/level.hpp"
#include "audio/mixer.hpp"
#include "audio/playout.hpp"
#include "audio/reception.hpp"
#include "audio/tone.hpp"

using namespace sr::audio;

namespace {

constexpr int kFrames = 1000;
constexpr double kSeconds = kFrames * 0.02;

double cpu_ms() {
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

template <class Work>
double measure(Work work) {
    double best = std::numeric_limits<double>::max();
    for (int i = 0; i < 3; ++i) {
        const double before = cpu_ms();
        work();
        best = std::min(best, cpu_ms() - before);
    }
    return best / kSeconds;
}

std::vector<AudioFrame> make_signal() {
    std::vector<AudioFrame> frames(kFrames);
    Tone tone(300, 0.2);
    std::minstd_rand random(1);
    for (AudioFrame& frame : frames) {
        tone.fill(frame);
        for (auto& sample : frame.samples())
            sample = static_cast<std::int16_t>(sample + static_cast<int>(random() % 2000) - 1000);
    }
    return frames;
}

using Packets = std::vector<std::vector<std::uint8_t>>;

Packets encode(const CodecSpec& spec, const std::vector<AudioFrame>& signal) {
    const auto encoder = make_encoder(spec);
    Packets packets;
    std::array<std::uint8_t, 1500> room;
    for (const AudioFrame& frame : signal) {
        encoder->push(frame);
        while (const auto payload = encoder->next(room)) {
            packets.emplace_back(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(payload->size));
        }
    }
    return packets;
}

void measure_codec(const char* title, const CodecSpec& spec, const std::vector<AudioFrame>& signal) {
    Packets packets;
    const double encoding = measure([&] { packets = encode(spec, signal); });
    const double decoding = measure([&] {
        const auto decoder = make_decoder(spec);
        std::array<std::int16_t, kMostDecodedSamples * kMostChannels> room;
        for (const auto& packet : packets) (void)decoder->decode(packet, room);
    });
    std::printf("%-34s encode %7.3f   decode %7.3f\n", title, encoding, decoding);
}

CodecSpec spec_of(const char* name, std::uint32_t clock_rate_hz, std::uint8_t channels) {
    CodecSpec spec;
    spec.name = name;
    spec.clock_rate_hz = clock_rate_hz;
    spec.channels = channels;
    return spec;
}

void measure_codecs(const std::vector<AudioFrame>& signal) {
    for (const int complexity : {5, 10}) {
        CodecSpec opus = spec_of("opus", 48000, 2);
        opus.complexity = static_cast<std::uint8_t>(complexity);
        measure_codec(("opus 32 kbit/s, complexity " + std::to_string(complexity)).c_str(), opus, signal);
        opus.uses_inband_fec = true;
        measure_codec(("the same with FEC, complexity " + std::to_string(complexity)).c_str(), opus, signal);
    }
    measure_codec("G.722", spec_of("G722", 8000, 1), signal);
    measure_codec("PCMU", spec_of("PCMU", 8000, 1), signal);
    measure_codec("PCMA", spec_of("PCMA", 8000, 1), signal);
    measure_codec("L16 16 kHz", spec_of("L16", 16000, 1), signal);
    measure_codec("L16 44.1 kHz", spec_of("L16", 44100, 1), signal);
    measure_codec("L16 48 kHz", spec_of("L16", 48000, 1), signal);
    measure_codec("L16 48 kHz stereo", spec_of("L16", 48000, 2), signal);
}

/// A packet in and a piece out each 20 ms, with 20 ms of jitter; and the reports beside it.
void measure_jitter_buffer() {
    const std::array<std::uint8_t, 80> payload{};
    const double jitter = measure([&payload] {
        JitterBuffer buffer({});
        std::minstd_rand random(1);
        for (int i = 0; i < kFrames; ++i) {
            const TimeUs now = i * 20'000;
            buffer.insert({1, static_cast<std::uint16_t>(i), static_cast<std::uint32_t>(i) * 960, 960, false, payload},
                          now + static_cast<TimeUs>(random() % 20'000));
            (void)buffer.pop(now + 20'000, false);
        }
    });
    const double reception = measure([] {
        Reception statistics(1, 48000);
        for (int i = 0; i < kFrames; ++i) {
            statistics.receive(static_cast<std::uint16_t>(i), static_cast<std::uint32_t>(i) * 960, i * 20'000);
        }
        if (statistics.received() != kFrames) std::puts("packets were missed");
    });
    std::printf("%-34s %14.4f\n%-34s %14.4f\n", "jitter buffer, insert and pop", jitter, "reception statistics",
                reception);
}

void measure_mix(const std::vector<AudioFrame>& signal) {
    AudioFrame out;
    const double adding = measure([&signal] {
        Mix mix;
        for (const AudioFrame& frame : signal) {
            mix.clear();
            mix.add(frame, Gain(0.7));
        }
    });
    const double without = measure([&] {
        const Mix mix;
        for (const AudioFrame& frame : signal) mix.write_without(frame, Gain(0.7), out, 1);
    });
    std::uint64_t sum = 0;
    const double level = measure([&] {
        for (const AudioFrame& frame : signal) sum += level_below_overload_db(frame.samples());
    });
    std::printf("%-34s %14.4f\n%-34s %14.4f\n%-34s %14.4f\n", "mix, one speaker added", adding,
                "mix without one, written", without, "level", level);
    if (sum == 0) std::puts("the signal is at its loudest");
}

}  // namespace

int main() {
    const auto signal = make_signal();
    std::puts("ms of CPU for a second of audio");
    measure_codecs(signal);
    measure_jitter_buffer();
    measure_mix(signal);
    return 0;
}
