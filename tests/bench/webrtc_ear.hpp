// How long sound takes from one browser's microphone to another's loudspeaker: chirps that are said and searched for in
// what is heard, by cross-correlation.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

#include "audio/codec.hpp"
#include "audio/playout.hpp"
#include "webrtc_client.hpp"

namespace bench {

inline constexpr std::size_t kChirpSamples = 960;
inline constexpr std::size_t kChirpEvery = 21'333;  // samples; no multiple of a frame, so that all phases occur

[[nodiscard]] inline std::vector<float> make_chirp() {
    std::vector<float> chirp(kChirpSamples);
    for (std::size_t i = 0; i < kChirpSamples; ++i) {
        const double t = static_cast<double>(i) / audio::kMixRateHz;
        const double length = static_cast<double>(kChirpSamples) / audio::kMixRateHz;
        const double window = 0.5 - 0.5 * std::cos(2 * M_PI * t / length);
        chirp[i] = static_cast<float>(0.4 * window * std::sin(2 * M_PI * (500 * t + 3000 * t * t / (2 * length))));
    }
    return chirp;
}

/// What a microphone hears: a chirp now and then.
class Mouth {
  public:
    Mouth() { encoder_ = audio::make_encoder({.name = "opus", .clock_rate_hz = 48000, .channels = 2}); }

    /// The next 20 ms, which began at `begin_us`, as they are sent.
    [[nodiscard]] Speech next(std::int64_t begin_us) {
        audio::AudioFrame frame;
        for (std::size_t i = 0; i < audio::kFrameSamples; ++i, ++position_) {
            const std::size_t within = position_ % kChirpEvery;
            if (within == 0) chirps_us_.push_back(begin_us + static_cast<std::int64_t>(i * 1000 / 48));
            if (within < kChirpSamples) frame.storage[i] = static_cast<std::int16_t>(chirp_[within] * 32767);
        }
        encoder_->push(frame);
        Speech speech{std::vector<std::uint8_t>(1500), 20};
        speech.payload.resize(encoder_->next(speech.payload)->size);
        return speech;
    }
    /// When each chirp began.
    [[nodiscard]] const std::vector<std::int64_t>& chirps_us() const { return chirps_us_; }

  private:
    std::size_t position_ = 0;
    std::vector<float> chirp_ = make_chirp();
    std::vector<std::int64_t> chirps_us_;
    std::unique_ptr<audio::AudioEncoder> encoder_;
};

/// Samples and when they were heard.
class Recording {
  public:
    void append(audio::Samples samples, std::uint8_t channels, std::int64_t time_us) {
        blocks_.push_back({samples_.size(), time_us});
        for (std::size_t i = 0; i < samples.size(); i += channels) samples_.push_back(samples[i]);
    }

    /// Of each chirp that is found, the milliseconds since it was said.
    [[nodiscard]] std::vector<double> delays_ms(const std::vector<std::int64_t>& chirps_us) const {
        const std::vector<float> chirp = make_chirp();
        std::vector<double> delays;
        for (const std::int64_t said_us : chirps_us) {
            if (const auto heard_us = find(chirp, said_us)) {
                delays.push_back(static_cast<double>(*heard_us - said_us) / 1000);
            }
        }
        return delays;
    }

  private:
    static constexpr std::int64_t kSearchUs = 400'000;
    static constexpr double kAlike = 0.5;

    struct Block {
        std::size_t first;
        std::int64_t time_us;
    };

    [[nodiscard]] std::optional<std::int64_t> find(const std::vector<float>& chirp, std::int64_t said_us) const {
        const auto is_before = [](const Block& block, std::int64_t time) { return block.time_us < time; };
        const auto begin = std::lower_bound(blocks_.begin(), blocks_.end(), said_us, is_before);
        const auto end = std::lower_bound(begin, blocks_.end(), said_us + kSearchUs, is_before);
        if (begin == blocks_.end() || end == blocks_.end()) return std::nullopt;
        double best = 0;
        std::size_t at = 0;
        for (std::size_t i = begin->first; i < end->first && i + kChirpSamples <= samples_.size(); ++i) {
            if (const double found = alikeness(chirp, i); found > best) {
                best = found;
                at = i;
            }
        }
        if (best < kAlike) return std::nullopt;
        const auto behind = std::upper_bound(blocks_.begin(), blocks_.end(), at,
                                             [](std::size_t index, const Block& block) { return index < block.first; });
        const Block& block = *std::prev(behind);
        return block.time_us + static_cast<std::int64_t>((at - block.first) * 1000 / 48);
    }

    /// 1 for the chirp itself, however loud.
    [[nodiscard]] double alikeness(const std::vector<float>& chirp, std::size_t at) const {
        float product = 0;
        float chirp_power = 1e-9F;
        float power = 1e6F;  // so that silence is like nothing
        for (std::size_t i = 0; i < kChirpSamples; ++i) {
            const float sample = samples_[at + i];
            product += sample * chirp[i];
            power += sample * sample;
            chirp_power += chirp[i] * chirp[i];
        }
        return product / std::sqrt(power * chirp_power);
    }

    std::vector<std::int16_t> samples_;
    std::vector<Block> blocks_;
};

/// The far end: once as packets arrive, once as a jitter buffer with a sound card behind it plays them.
class Ear {
  public:
    Ear() : decoder_(make_decoder()), playout_(make_decoder(), {}) {}

    void hear(const audio::RtpView& packet, std::int64_t now_us) {
        const std::size_t count = decoder_->decode(packet.payload(), room_);
        arrived_.append(audio::Samples(room_).first(count * decoder_->channels()), decoder_->channels(), now_us);
        playout_.insert(packet, now_us);
    }
    /// The sound card wants its next 20 ms.
    void play(std::int64_t now_us) {
        audio::AudioFrame frame;
        (void)playout_.pop(now_us, frame);
        played_.append(frame.samples(), frame.channels, now_us);
    }
    [[nodiscard]] const Recording& arrived() const { return arrived_; }
    [[nodiscard]] const Recording& played() const { return played_; }
    [[nodiscard]] double buffer_ms() const { return playout_.statistics().delay_ms; }

  private:
    static std::unique_ptr<audio::AudioDecoder> make_decoder() {
        return audio::make_decoder({.name = "opus", .clock_rate_hz = 48000, .channels = 2});
    }

    std::unique_ptr<audio::AudioDecoder> decoder_;
    audio::Playout playout_;
    std::array<std::int16_t, audio::kMostDecodedSamples * audio::kMostChannels> room_{};
    Recording arrived_;
    Recording played_;
};

}  // namespace bench
