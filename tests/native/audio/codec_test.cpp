// All codecs through the interfaces that legs use, against signals and against the libraries called independently.
#include "audio/codec.hpp"

#include <doctest/doctest.h>
#include <opus/opus.h>
#include <spandsp.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <numbers>
#include <vector>

#include "audio/tone.hpp"

using namespace sr::audio;

namespace {

using Signal = std::vector<std::int16_t>;
constexpr int kFrames = 60;

CodecSpec opus(std::uint32_t ptime_ms = 20) {
    CodecSpec spec;
    spec.name = "opus";
    spec.clock_rate_hz = 48000;
    spec.channels = 2;
    spec.ptime_ms = ptime_ms;
    return spec;
}

CodecSpec line(const char* name, std::uint32_t clock_rate_hz = 8000, std::uint8_t channels = 1,
               std::uint32_t ptime_ms = 20) {
    CodecSpec spec;
    spec.name = name;
    spec.clock_rate_hz = clock_rate_hz;
    spec.channels = channels;
    spec.ptime_ms = ptime_ms;
    return spec;
}

struct Encoded {
    std::vector<std::uint8_t> payload;
    std::uint32_t ticks = 0;
};

template <class Fill>
std::vector<Encoded> encode(AudioEncoder& encoder, Fill fill, std::uint8_t channels = 1, int frames = kFrames) {
    std::vector<Encoded> packets;
    std::array<std::uint8_t, 1500> room;
    for (int i = 0; i < frames; ++i) {
        AudioFrame frame;
        frame.channels = channels;
        fill(frame, i);
        encoder.push(frame);
        while (const auto payload = encoder.next(room)) {
            packets.push_back(
                {{room.begin(), room.begin() + static_cast<std::ptrdiff_t>(payload->size)}, payload->ticks});
        }
    }
    return packets;
}

Signal decode(AudioDecoder& decoder, const std::vector<Encoded>& packets) {
    Signal signal;
    Signal room(kMostDecodedSamples * decoder.channels());
    for (const Encoded& packet : packets) {
        const std::size_t made = decoder.decode(packet.payload, room);
        CHECK(made > 0);
        signal.insert(signal.end(), room.begin(),
                      room.begin() + static_cast<std::ptrdiff_t>(made * decoder.channels()));
    }
    return signal;
}

/// Signal to noise of a sine after the first 200 ms: what of the energy the best-fitting sine does not hold.
double sine_snr_db(const Signal& signal, double frequency_hz, std::size_t channel = 0, std::size_t channels = 1) {
    double energy = 0, in_phase = 0, quadrature = 0, count = 0;
    for (std::size_t i = 9600; i < signal.size() / channels; ++i) {
        const double sample = signal[i * channels + channel];
        const double phase = 2 * std::numbers::pi * frequency_hz * static_cast<double>(i) / 48000;
        energy += sample * sample;
        in_phase += sample * std::cos(phase);
        quadrature += sample * std::sin(phase);
        ++count;
    }
    const double tone = 2 * (in_phase * in_phase + quadrature * quadrature) / count;
    return 10 * std::log10(tone / std::max(energy - tone, 1e-9));
}

double rms(Samples samples) {
    double energy = 0;
    for (const std::int16_t sample : samples) energy += static_cast<double>(sample) * sample;
    return std::sqrt(energy / static_cast<double>(samples.size()));
}

}  // namespace

TEST_CASE("a tone comes through every codec and every packet time, with the ticks of its clock") {
    struct Case {
        CodecSpec spec;
        double least_snr_db;
        std::size_t octets_of_20_ms;  // 0: varies
    };
    for (const std::uint32_t ptime_ms : {10U, 20U, 30U, 40U, 60U}) {
        for (const Case& each :
             {Case{opus(ptime_ms), 15, 0}, Case{line("PCMU", 8000, 1, ptime_ms), 33, 160},
              Case{line("pcma", 8000, 1, ptime_ms), 33, 160}, Case{line("G722", 8000, 1, ptime_ms), 25, 160},
              Case{line("L16", 16000, 1, ptime_ms), 45, 640}, Case{line("L16", 22050, 1, ptime_ms), 35, 882}}) {
            CAPTURE(each.spec.name);
            CAPTURE(ptime_ms);
            const auto encoder = make_encoder(each.spec);
            const auto decoder = make_decoder(each.spec);
            REQUIRE(encoder);
            REQUIRE(decoder);
            Tone tone(1000, 0.5);
            const auto packets = encode(*encoder, [&tone](AudioFrame& frame, int) { tone.fill(frame); });
            std::uint64_t ticks = 0;
            for (const Encoded& packet : packets) {
                ticks += packet.ticks;
                CHECK(packet.payload.size() <= 1400);
                CHECK(decoder->duration_ticks(packet.payload) == packet.ticks);
                if (each.octets_of_20_ms != 0) {
                    CHECK(packet.payload.size() ==
                          each.octets_of_20_ms * packet.ticks / (each.spec.clock_rate_hz / 50));
                }
            }
            CHECK(ticks == doctest::Approx(kFrames * 0.02 * each.spec.clock_rate_hz).epsilon(0.02));
            CHECK(sine_snr_db(decode(*decoder, packets), 1000) > each.least_snr_db);
        }
    }
}

TEST_CASE("L16 keeps its channels apart at all rates, in packets that are not fragmented") {
    for (const std::uint32_t rate : {8000U, 11025U, 16000U, 22050U, 24000U, 32000U, 44100U, 48000U}) {
        CAPTURE(rate);
        const CodecSpec spec = line("L16", rate, 2);
        const auto encoder = make_encoder(spec);
        const auto decoder = make_decoder(spec);
        Tone left(500, 0.5), right(1500, 0.5);
        const auto packets = encode(
            *encoder,
            [&](AudioFrame& frame, int) {
                AudioFrame one, other;
                left.fill(one);
                right.fill(other);
                for (std::size_t i = 0; i < kFrameSamples; ++i) {
                    frame.storage[2 * i] = one.storage[i];
                    frame.storage[2 * i + 1] = other.storage[i];
                }
            },
            2);
        for (const Encoded& packet : packets) CHECK(packet.payload.size() <= 1400);
        const Signal signal = decode(*decoder, packets);
        CHECK(sine_snr_db(signal, 500, 0, 2) > 35);
        CHECK(sine_snr_db(signal, 1500, 1, 2) > 35);
    }
}

TEST_CASE("L16 at 48 kHz is bit for bit, in network order") {
    const auto encoder = make_encoder(line("L16", 48000, 1, 10));
    const auto packets = encode(
        *encoder, [](AudioFrame& frame, int) { frame.storage.fill(0x1234); }, 1, 1);
    REQUIRE(packets.size() == 2);
    CHECK(packets[0].payload.size() == 960);
    CHECK(packets[0].ticks == 480);
    CHECK(packets[0].payload[0] == 0x12);
    CHECK(packets[0].payload[1] == 0x34);
}

TEST_CASE("G.722 counts 8,000 ticks a second for 16,000 samples, and ends like spandsp's own decoder called alone") {
    const auto encoder = make_encoder(line("G722"));
    Tone tone(3000, 0.5);
    const auto packets = encode(*encoder, [&tone](AudioFrame& frame, int) { tone.fill(frame); });
    REQUIRE(packets.size() == kFrames);
    CHECK(packets[0].payload.size() == 160);
    CHECK(packets[0].ticks == 160);
    // 3 kHz and 7 kHz lie beyond what 8 kHz of samples can carry, or at its edge.
    Tone high(6500, 0.5);
    const auto high_packets =
        encode(*make_encoder(line("G722")), [&high](AudioFrame& frame, int) { high.fill(frame); });
    const auto decoder = make_decoder(line("G722"));
    CHECK(sine_snr_db(decode(*decoder, high_packets), 6500) > 10);

    g722_decode_state_t* alone = g722_decode_init(nullptr, 64000, 0);
    Signal at_16_khz;
    for (const Encoded& packet : packets) {
        std::array<std::int16_t, 320> piece;
        CHECK(g722_decode(alone, piece.data(), packet.payload.data(), 160) == 320);
        at_16_khz.insert(at_16_khz.end(), piece.begin(), piece.end());
    }
    g722_decode_free(alone);
    CHECK(rms(Samples(at_16_khz).subspan(3200)) == doctest::Approx(0.5 * 32767 / std::sqrt(2)).epsilon(0.05));
}

TEST_CASE("opus is what libopus makes of the same frames when it is called alone, both ways") {
    int error = 0;
    OpusEncoder* encoder = opus_encoder_create(48000, 1, OPUS_APPLICATION_VOIP, &error);
    opus_encoder_ctl(encoder, OPUS_SET_BITRATE(24000));
    opus_encoder_ctl(encoder, OPUS_SET_COMPLEXITY(5));
    OpusDecoder* decoder = opus_decoder_create(48000, 1, &error);
    CodecSpec spec = opus();
    spec.bitrate_bps = 24000;
    Tone tone(700, 0.4);
    std::vector<Signal> frames;
    const auto packets = encode(*make_encoder(spec), [&](AudioFrame& frame, int) {
        tone.fill(frame);
        frames.emplace_back(frame.samples().begin(), frame.samples().end());
    });
    const Signal ours = decode(*make_decoder(spec), packets);
    REQUIRE(packets.size() == frames.size());
    int differences = 0;
    for (std::size_t i = 0; i < frames.size(); ++i) {
        std::array<std::uint8_t, 1500> room;
        const auto size = opus_encode(encoder, frames[i].data(), 960, room.data(), 1500);
        REQUIRE(size == static_cast<opus_int32>(packets[i].payload.size()));
        CHECK(std::equal(packets[i].payload.begin(), packets[i].payload.end(), room.begin()));
        std::array<std::int16_t, 960> theirs;
        REQUIRE(opus_decode(decoder, room.data(), size, theirs.data(), 960, 0) == 960);
        for (std::size_t j = 0; j < 960; ++j) differences += std::abs(theirs[j] - ours[i * 960 + j]) > 1 ? 1 : 0;
    }
    CHECK(differences == 0);
    opus_encoder_destroy(encoder);
    opus_decoder_destroy(decoder);
}

TEST_CASE("opus with FEC brings a lost packet back out of the next one, better than concealment does") {
    CodecSpec spec = opus();
    spec.uses_inband_fec = true;
    spec.expected_loss_percent = 20;
    spec.bitrate_bps = 32000;
    // Voiced bursts: what is lost is not what was before.
    Tone low(220, 0.4), high(500, 0.4);
    const auto packets =
        encode(*make_encoder(spec), [&](AudioFrame& frame, int i) { (i % 2 == 0 ? low : high).fill(frame); });
    std::array<std::unique_ptr<AudioDecoder>, 3> decoders{make_decoder(spec), make_decoder(spec), make_decoder(spec)};
    std::array<double, 2> errors{};
    Signal whole(kMostDecodedSamples), room(kMostDecodedSamples);
    for (std::size_t i = 0; i < packets.size(); ++i) {
        REQUIRE(decoders[0]->decode(packets[i].payload, whole) == 960);
        for (std::size_t way = 0; way < 2; ++way) {
            if (i % 5 != 3) {
                (void)decoders[1 + way]->decode(packets[i].payload, room);
                continue;
            }
            const auto made =
                way == 0 ? decoders[1]->decode_fec(packets[i + 1].payload, 960, room) : decoders[2]->conceal(960, room);
            REQUIRE(made == 960);
            for (std::size_t j = 0; j < 960; ++j) errors[way] += std::pow(whole[j] - room[j], 2);
        }
    }
    CHECK(errors[0] < errors[1] / 2);
}

TEST_CASE("opus with DTX sends nothing in silence, but the first silent packet says so and time goes on") {
    CodecSpec spec = opus();
    spec.uses_dtx = true;
    const auto packets = encode(
        *make_encoder(spec), [](AudioFrame& frame, int) { frame.silence(); }, 1, 150);
    const auto decoder = make_decoder(spec);
    CHECK(packets.size() == 150);
    CHECK(std::ranges::count_if(packets, [](const Encoded& packet) { return packet.payload.empty(); }) > 100);
    CHECK(std::ranges::all_of(packets, [](const Encoded& packet) { return packet.ticks == 960; }));
    const auto first = std::ranges::find_if(packets, [](const Encoded& packet) { return packet.payload.empty(); });
    REQUIRE(first != packets.begin());
    CHECK(decoder->is_silence((first - 1)->payload));
    CHECK_FALSE(decoder->is_silence(packets[0].payload));
}

TEST_CASE("opus in stereo keeps its channels apart; a mono decoder hears both") {
    CodecSpec spec = opus();
    spec.is_stereo = true;
    spec.bitrate_bps = 128000;
    Tone tone(1000, 0.5);
    const auto packets = encode(
        *make_encoder(spec),
        [&tone](AudioFrame& frame, int) {
            AudioFrame one;
            tone.fill(one);
            for (std::size_t i = 0; i < kFrameSamples; ++i) frame.storage[2 * i] = one.storage[i];
        },
        2);
    const Signal signal = decode(*make_decoder(spec), packets);
    CHECK(sine_snr_db(signal, 1000, 0, 2) > 15);
    Signal right;
    for (std::size_t i = 9601; i < signal.size(); i += 2) right.push_back(signal[i]);
    CHECK(rms(right) < 500);
    spec.is_stereo = false;
    CHECK(sine_snr_db(decode(*make_decoder(spec), packets), 1000) > 15);
}

TEST_CASE("concealment goes on with what was heard and fades out, without a step") {
    for (const char* name : {"PCMU", "PCMA", "G722", "L16"}) {
        CAPTURE(name);
        const auto decoder = make_decoder(line(name));
        Tone tone(400, 0.5);
        const auto packets = encode(*make_encoder(line(name)), [&tone](AudioFrame& frame, int) { tone.fill(frame); });
        Signal signal = decode(*decoder, packets);
        Signal room(kMostDecodedSamples);
        double before = 1e9;
        for (int i = 0; i < 6; ++i) {
            REQUIRE(decoder->conceal(160, room) == 960);
            const double loudness = rms(Samples(room).first(960));
            CHECK(loudness < before);
            before = loudness;
            signal.insert(signal.end(), room.begin(), room.begin() + 960);
        }
        CHECK(before < 1);
        REQUIRE(decoder->decode(packets[30].payload, room) == 960);
        signal.insert(signal.end(), room.begin(), room.begin() + 960);
        // A sine of 400 Hz and half of full scale rises by 858 from sample to sample at most.
        int highest_step = 0;
        for (std::size_t i = 9600; i + 1 < signal.size(); ++i) {
            highest_step = std::max(highest_step, std::abs(signal[i + 1] - signal[i]));
        }
        CHECK(highest_step < 1300);
    }
    const auto decoder = make_decoder(opus());
    Signal room(kMostDecodedSamples);
    CHECK(decoder->conceal(960, room) == 960);
    CHECK(decoder->conceal(100, room) == 100);  // no multiple of 2.5 ms
    CHECK(decoder->conceal(1'000'000, room) == kMostDecodedSamples);
}

TEST_CASE("malformed payloads last no time and decode to nothing") {
    Signal room(2 * kMostDecodedSamples);
    const auto check = [&room](const CodecSpec& spec, std::vector<std::uint8_t> payload) {
        const auto decoder = make_decoder(spec);
        CHECK(decoder->duration_ticks(payload) == 0);
        CHECK(decoder->decode(payload, room) == 0);
    };
    for (const CodecSpec& spec : {opus(), line("PCMU"), line("G722"), line("L16", 16000, 2)}) check(spec, {});
    check(line("L16", 16000, 2), std::vector<std::uint8_t>(6));
    check(line("PCMA"), std::vector<std::uint8_t>(961));
    check(line("L16", 48000, 1), std::vector<std::uint8_t>(48 * 121 * 2));
    check(opus(), {0x03});        // code 3 without its count
    check(opus(), {0x7B, 0x3F});  // 63 frames of 60 ms
}

TEST_CASE("names without regard to case; what does not go together is not supported") {
    CHECK(is_supported(opus()));
    CHECK(is_supported(line("g722")));
    CHECK(is_supported(line("l16", 44100, 2)));
    for (const CodecSpec& spec :
         {line("opus"), line("PCMU", 16000), line("G722", 16000), line("PCMA", 8000, 2), line("L16", 12000),
          line("L16", 8000, 0), line("L16", 8000, 3), line("telephone-event"), line("")}) {
        CAPTURE(spec.name);
        CHECK_FALSE(is_supported(spec));
        CHECK_FALSE(make_encoder(spec));
        CHECK_FALSE(make_decoder(spec));
    }
}
