#include "media/out_stream.hpp"

#include <utility>

#include "audio/sequence.hpp"

namespace sr::media {
namespace {

/// An encoder that has not been asked for so long was at rest: its next packet stands at its own time.
constexpr audio::TimeUs kPauseUs = 100'000;

}  // namespace

void OutStream::begin_feed(std::uint64_t feed, audio::TimeUs now_us) noexcept {
    const bool is_first = feed_ == kNone;
    feed_ = feed;
    is_marked_ = true;
    if (is_first) return;
    const auto elapsed = static_cast<std::uint32_t>((now_us - last_us_) * clock_rate_hz_ / 1'000'000);
    timestamp_ += elapsed;
}

audio::RtpHeader OutStream::encoded(std::uint8_t payload_type, std::uint32_t ticks, bool is_sent,
                                    audio::TimeUs now_us) noexcept {
    if (feed_ != kEncoder || now_us - last_us_ > kPauseUs) begin_feed(kEncoder, now_us);
    const audio::RtpHeader header{payload_type, is_marked_, sequence_, timestamp_, ssrc_};
    timestamp_ += ticks;
    last_us_ = now_us;
    // After silence the marker tells the receiver where it may stretch or cut (RFC 3551 section 4.1).
    is_marked_ = !is_sent;
    if (is_sent) ++sequence_;
    return header;
}

audio::RtpHeader OutStream::forwarded(std::uint8_t payload_type, const audio::RtpView& packet,
                                      audio::TimeUs now_us) noexcept {
    if (feed_ != packet.ssrc()) {
        begin_feed(packet.ssrc(), now_us);
        sequence_offset_ = static_cast<std::uint16_t>(sequence_ - packet.sequence());
        timestamp_offset_ = timestamp_ - packet.timestamp();
    }
    const bool is_marked = std::exchange(is_marked_, false) || packet.is_marked();
    const audio::RtpHeader header{payload_type, is_marked,
                                  static_cast<std::uint16_t>(packet.sequence() + sequence_offset_),
                                  packet.timestamp() + timestamp_offset_, ssrc_};
    // What is reordered on its way in may leave the same way; only the newest moves the end of the stream.
    if (audio::sequence_distance(sequence_, header.sequence) >= 0) {
        sequence_ = static_cast<std::uint16_t>(header.sequence + 1);
        timestamp_ = header.timestamp;
        last_us_ = now_us;
    }
    return header;
}

}  // namespace sr::media
