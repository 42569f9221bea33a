#include "media/leg_receiver.hpp"

#include <algorithm>
#include <utility>

namespace sr::media {
namespace {

/// Louder than this, in decibels below overload, is speech or music; a quiet room's noise lies at 60 to 80.
constexpr std::uint8_t kLoud = 52;
/// Pauses between words do not end a speaker's turn.
constexpr audio::TimeUs kHangoverUs = 800'000;

/// A quiet network and a thread that wakes in time: a mix asks when packets have come, so there need be no more.
constexpr std::uint32_t kLeastDelayMs = 3;

/// L16 fills more than the arena that is enough for all others.
audio::JitterConfig jitter_config(const sdp::Codec& codec) noexcept {
    audio::JitterConfig config;
    config.min_ms = kLeastDelayMs;
    config.has_fec = codec.name == sdp::CodecName::opus;  // we ask for it in every description
    if (codec.name == sdp::CodecName::l16) {
        constexpr std::size_t kSampleOctets = 2;
        const std::size_t octets_per_s = std::size_t{codec.clock_hz} * codec.channels * kSampleOctets;
        const std::size_t most_ms = config.max_ms + 100;  // what is held beyond the target: two ticks, a packet
        config.arena_octets = std::max(config.arena_octets, octets_per_s * most_ms / 1000);
    }
    return config;
}

}  // namespace

audio::CodecSpec codec_spec(const sdp::AgreedFormat& format, std::uint16_t ptime_ms) {
    audio::CodecSpec spec{.name = std::string(sdp::encoding_name(format.codec.name)),
                          .clock_rate_hz = format.codec.clock_hz,
                          .channels = format.codec.channels,
                          .ptime_ms = ptime_ms};
    spec.uses_inband_fec = format.opus.use_inband_fec;
    spec.uses_dtx = format.opus.use_dtx;
    spec.is_stereo = format.opus.is_stereo;
    spec.bitrate_bps = format.opus.max_average_bitrate_bps;
    return spec;
}

LegReceiver::LegReceiver(const sdp::MediaTerms& terms) { update(terms); }

void LegReceiver::update(const sdp::MediaTerms& terms) {
    formats_ = terms.receive;
    level_extension_ = terms.audio_level_extension;
    if (events_ == terms.receive_events) return;
    events_ = terms.receive_events;
    digits_.clear();
    for (const sdp::AgreedEvents& events : events_) digits_.emplace_back(events.clock_hz);
}

LegReceiver::Heard LegReceiver::receive(std::span<const std::uint8_t> packet, audio::TimeUs now_us) noexcept {
    const auto view = audio::RtpView::parse(packet);
    if (!view) return {};
    ++packets_;
    octets_ += packet.size();
    last_packet_us_ = now_us;
    const auto format = std::find_if(formats_.begin(), formats_.end(),
                                     [&](const auto& one) { return one.payload_type == view->payload_type(); });
    const std::uint32_t clock_hz = format != formats_.end() ? format->codec.clock_hz : 0;
    if (clock_hz != 0 && (!reception_ || reception_->ssrc() != view->ssrc()))
        reception_.emplace(view->ssrc(), clock_hz);
    if (reception_ && reception_->ssrc() == view->ssrc()) {
        reception_->receive(view->sequence(), view->timestamp(), now_us);
    }
    if (format == formats_.end()) return {.digit = hear_digit(*view)};
    hear_level(*view, now_us);
    if (is_decoded_) keep(*view, format->codec, now_us);
    return {.audio = view, .codec = format->codec};
}

void LegReceiver::hear_level(const audio::RtpView& packet, audio::TimeUs now_us) noexcept {
    if (level_extension_ == 0) return;
    const auto level = packet.audio_level(level_extension_);
    if (!level) return;
    level_ = level->below_overload_db;
    if (level_ < kLoud) last_loud_us_ = now_us;
}

void LegReceiver::keep(const audio::RtpView& packet, const sdp::Codec& codec, audio::TimeUs now_us) noexcept {
    if (!codec_ || *codec_ != codec) {
        auto decoder = audio::make_decoder(codec_spec({codec, 0, {}}, audio::kFrameMs));
        if (!decoder) return;
        playout_.emplace(std::move(decoder), jitter_config(codec));
        codec_ = codec;
    }
    playout_->insert(packet, now_us);
}

std::optional<audio::DigitReceiver::Digit> LegReceiver::hear_digit(const audio::RtpView& packet) noexcept {
    for (std::size_t i = 0; i < events_.size(); ++i) {
        if (events_[i].payload_type != packet.payload_type()) continue;
        if (playout_) playout_->insert_other(packet);
        const auto digit = digits_[i].receive(packet);
        return digit && digit->is_end ? digit : std::nullopt;
    }
    return std::nullopt;
}

void LegReceiver::set_decoded(bool is_decoded) noexcept {
    if (is_decoded_ == is_decoded) return;
    is_decoded_ = is_decoded;
    // What waits in it would be heard much too late when it is wanted again.
    playout_.reset();
    codec_.reset();
}

bool LegReceiver::pull(audio::TimeUs now_us, audio::AudioFrame& out) noexcept {
    if (!playout_ || !playout_->pop(now_us, out)) {
        if (level_extension_ == 0) level_ = audio::kSilentLevel;
        return false;
    }
    if (level_extension_ == 0) {
        level_ = playout_->level();
        if (level_ < kLoud) last_loud_us_ = now_us;
    }
    return true;
}

void LegReceiver::skip(audio::TimeUs now_us) noexcept {
    if (playout_) playout_->skip(now_us);
}

bool LegReceiver::is_active(audio::TimeUs now_us) const noexcept {
    return level_extension_ == 0 ? playout_.has_value() : now_us - last_loud_us_ < kHangoverUs;
}

}  // namespace sr::media
