#include "audio/playout.hpp"

#include <algorithm>
#include <utility>

#include "audio/level.hpp"

namespace sr::audio {

namespace {

constexpr std::uint8_t kQuietLevel = 50;  // decibels below overload: speech stands at 20-35

JitterConfig with_clock(JitterConfig config, const AudioDecoder& decoder) noexcept {
    config.clock_rate_hz = decoder.clock_rate_hz();
    return config;
}

}  // namespace

Playout::Playout(std::unique_ptr<AudioDecoder> decoder, JitterConfig config)
    : decoder_(std::move(decoder)), jitter_(with_clock(config, *decoder_)), channels_(decoder_->channels()) {}

void Playout::insert(const RtpView& packet, TimeUs arrival_us) noexcept {
    const Octets payload = packet.payload();
    jitter_.insert({packet.ssrc(), packet.sequence(), packet.timestamp(), decoder_->duration_ticks(payload),
                    decoder_->is_silence(payload), payload},
                   arrival_us);
}

bool Playout::pop(TimeUs now_us, AudioFrame& out) noexcept {
    skipped_ = 0;
    spare_us_.reset();
    while (ready_ < kFrameSamples && append_piece(now_us)) continue;
    out.channels = channels_;
    if (ready_ == 0) {
        out.silence();
        level_ = kSilentLevel;
        return false;
    }
    const std::size_t size = kFrameSamples * channels_;
    const std::size_t ready = std::min(ready_ * channels_, size);
    const auto begin = samples_.begin();
    std::copy_n(begin, ready, out.storage.begin());
    std::fill_n(out.storage.begin() + static_cast<std::ptrdiff_t>(ready), size - ready, std::int16_t{0});
    std::copy(begin + static_cast<std::ptrdiff_t>(ready), begin + static_cast<std::ptrdiff_t>(ready_ * channels_),
              begin);
    ready_ -= ready / channels_;
    level_ = level_below_overload_db(out.samples());
    return true;
}

void Playout::skip(TimeUs now_us) noexcept {
    ready_ = 0;
    level_ = kSilentLevel;
    while (skipped_ < kFrameSamples) {
        const JitterPiece piece = jitter_.pop(now_us, true);
        if (piece.kind == JitterPiece::Kind::Idle) break;
        // What is to be shortened takes the time of the piece after it.
        if (piece.is_to_be_shortened) continue;
        skipped_ += std::size_t{piece.ticks} * kMixRateHz / decoder_->clock_rate_hz();
    }
    skipped_ -= std::min(skipped_, kFrameSamples);
}

bool Playout::append_piece(TimeUs now_us) noexcept {
    const JitterPiece piece = jitter_.pop(now_us, level_ >= kQuietLevel);
    if (piece.kind == JitterPiece::Kind::Idle) return false;
    const std::size_t first = decode(piece);
    ready_ += first;
    if (!piece.is_to_be_shortened) return true;
    // The buffer promised that the next packet is there, and it does not shorten twice running.
    const std::size_t second = decode(jitter_.pop(now_us, false));
    ready_ -= first;
    shorten(first, second);
    return true;
}

/// Appends the piece's samples after those that are ready, and returns how many there are of each channel.
std::size_t Playout::decode(const JitterPiece& piece) noexcept {
    const SampleRoom room =
        SampleRoom(samples_).subspan(ready_ * channels_, kMostDecodedSamples * std::size_t{channels_});
    std::size_t made = 0;
    if (piece.kind == JitterPiece::Kind::Payload) {
        made = decoder_->decode(piece.payload, room);
        spare_us_ = std::min(piece.spare_us, spare_us_.value_or(piece.spare_us));
    }
    if (piece.kind == JitterPiece::Kind::Fec) made = decoder_->decode_fec(piece.payload, piece.ticks, room);
    if (made == 0) made = decoder_->conceal(piece.ticks, room);
    if (made != 0) return made;
    // The decoder is at its end: silence, for time must go on.
    std::fill_n(room.begin(), kFrameSamples * channels_, std::int16_t{0});
    return kFrameSamples;
}

/// Makes one piece of the two that stand behind the ready samples: the first fades into the second.
void Playout::shorten(std::size_t first, std::size_t second) noexcept {
    std::int16_t* const begin = samples_.data() + ready_ * channels_;
    const std::int16_t* const next = begin + first * channels_;
    const std::size_t blended = std::min(first, second);
    std::int16_t* const blend = begin + (first - blended) * channels_;
    for (std::size_t i = 0; i < blended * channels_; ++i) {
        const auto done = static_cast<std::int64_t>(i / channels_), all = static_cast<std::int64_t>(blended);
        blend[i] = static_cast<std::int16_t>((blend[i] * (all - done) + next[i] * done) / all);
    }
    std::copy(next + blended * channels_, next + second * channels_, blend + blended * channels_);
    ready_ += std::max(first, second);
}

}  // namespace sr::audio
