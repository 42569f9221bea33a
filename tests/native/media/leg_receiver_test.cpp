// What a leg says, out of its packets: nothing is lost that came, and FEC is used where the codec has it.
#include "media/leg_receiver.hpp"

#include <array>
#include <optional>
#include <random>
#include <vector>

#include "audio/codec.hpp"
#include "audio/tone.hpp"
#include "doctest/doctest.h"
#include "media/beat.hpp"

namespace sr::test {
namespace {

constexpr audio::TimeUs kStartUs = 1'000'000'000;
constexpr audio::TimeUs kTickUs = 20'000;

/// Packets of a tone, and a receiver that takes them.
class Stream {
  public:
    Stream(const sdp::Codec& codec, audio::CodecSpec spec)
        : receiver_(terms_of(codec)), encoder_(audio::make_encoder(spec)) {
        REQUIRE(encoder_);
        encoder_->set_expected_loss(20);
        receiver_.set_decoded(true);
    }

    /// 20 ms of the tone, as packets that arrive now or never.
    void speak(audio::TimeUs now_us, bool is_lost = false) {
        audio::AudioFrame frame;
        tone_.fill(frame);
        encoder_->push(frame);
        std::array<std::uint8_t, 1500> payload{};
        std::array<std::uint8_t, 1600> packet{};
        while (const auto made = encoder_->next(payload)) {
            const audio::RtpHeader header{96, false, sequence_++, timestamp_, 7};
            timestamp_ += made->ticks;
            if (is_lost) continue;
            const std::size_t size = audio::RtpWriter(packet, header).finish(audio::Octets(payload).first(made->size));
            (void)receiver_.receive(std::span(packet).first(size), now_us);
        }
    }

    media::LegReceiver& receiver() { return receiver_; }
    const audio::JitterStatistics& statistics() {
        REQUIRE(receiver_.playout() != nullptr);
        return receiver_.playout()->statistics();
    }

  private:
    static sdp::MediaTerms terms_of(const sdp::Codec& codec) {
        sdp::MediaTerms terms;
        terms.receive.push_back({codec, 96, {}});
        return terms;
    }

    media::LegReceiver receiver_;
    std::unique_ptr<audio::AudioEncoder> encoder_;
    audio::Tone tone_{440};
    std::uint16_t sequence_ = 1;
    std::uint32_t timestamp_ = 1000;
};

TEST_CASE("L16 in full band and stereo is played whole after a burst of 380 ms") {
    Stream stream({sdp::CodecName::l16, 48000, 2}, {.name = "L16", .clock_rate_hz = 48000, .channels = 2});
    constexpr int kTicks = 19;
    for (int i = 0; i < kTicks; ++i) stream.speak(kStartUs);
    audio::AudioFrame frame;
    for (int i = 0; i < 2 * kTicks; ++i) (void)stream.receiver().pull(kStartUs + i * kTickUs, frame);
    CHECK(stream.statistics().received > kTicks);
    CHECK(stream.statistics().played + stream.statistics().dropped == stream.statistics().received);
    CHECK(stream.statistics().lost == 0);
}

TEST_CASE("a lost packet of Opus is recovered from the one after it") {
    Stream stream(sdp::kOpus, {.name = "opus", .clock_rate_hz = 48000, .channels = 2, .uses_inband_fec = true});
    audio::AudioFrame frame;
    for (int i = 0; i < 100; ++i) {
        const audio::TimeUs now_us = kStartUs + i * kTickUs;
        stream.speak(now_us, i % 10 == 9);
        (void)stream.receiver().pull(now_us, frame);
    }
    CHECK(stream.statistics().lost > 5);
    CHECK(stream.statistics().recovered > 0);
}

/// Speaks `packets` times, each `delay_us(i)` after its 20 ms are over, to a mix on a beat of its own; the time from
/// the first packet's coming to its being heard.
template <class Delay>
audio::TimeUs mix_on_a_beat(Stream& stream, int packets, audio::TimeUs first_us, Delay&& delay_us) {
    media::Beat beat;
    audio::TimeUs heard_us = 0;
    audio::AudioFrame frame;
    const auto tick = [&] {
        const bool is_heard = stream.receiver().pull(beat.due_us(), frame);
        if (is_heard && heard_us == 0) heard_us = beat.due_us();
        beat.advance(beat.due_us(), is_heard ? stream.receiver().playout()->spare_us() : std::nullopt);
    };
    beat.begin(kStartUs);
    for (int i = 0; i < packets; ++i) {
        const audio::TimeUs arrival_us = first_us + i * kTickUs + delay_us(i);
        while (beat.due_us() < arrival_us) tick();
        stream.speak(arrival_us);
        if (heard_us == 0) beat.meet(*stream.receiver().playout()->ready_us());
    }
    return heard_us - first_us - delay_us(0);
}

TEST_CASE("on a quiet network a packet is in the mix 6 ms after it came, whenever in the mix's 20 ms that was") {
    for (audio::TimeUs phase_us = 0; phase_us < kTickUs; phase_us += 1'500) {
        CAPTURE(phase_us);
        Stream stream(sdp::kOpus, {.name = "opus", .clock_rate_hz = 48000, .channels = 2});
        const auto no_delay = [](int) { return audio::TimeUs{0}; };
        CHECK(mix_on_a_beat(stream, 200, kStartUs + 40'000 + phase_us, no_delay) <= 6'000);
        CHECK(stream.statistics().concealed == 0);
        CHECK(stream.statistics().delay_ms <= 6);
        CHECK(stream.statistics().late + stream.statistics().dropped == 0);
    }
}

TEST_CASE("with jitter of 20 ms a mix waits longer, and misses less than one packet in a hundred") {
    Stream stream(sdp::kOpus, {.name = "opus", .clock_rate_hz = 48000, .channels = 2});
    std::minstd_rand random(7);
    std::array<audio::TimeUs, 2000> delays{};
    for (audio::TimeUs& delay : delays) delay = random() % 20'000;
    (void)mix_on_a_beat(stream, delays.size(), kStartUs + 40'000, [&](int i) { return delays[std::size_t(i)]; });
    CHECK(stream.statistics().late <= delays.size() / 100);
    CHECK(stream.statistics().concealed <= delays.size() / 100);
    CHECK(stream.statistics().delay_ms < 45);
}

}  // namespace
}  // namespace sr::test
