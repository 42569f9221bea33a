#include "media/leg_sender.hpp"

#include "media/leg_receiver.hpp"

namespace sr::media {

bool is_same_stream(const audio::CodecSpec& one, const audio::CodecSpec& other) noexcept {
    return one.name == other.name && one.clock_rate_hz == other.clock_rate_hz && one.channels == other.channels &&
           one.ptime_ms == other.ptime_ms && one.uses_inband_fec == other.uses_inband_fec &&
           one.uses_dtx == other.uses_dtx && one.is_stereo == other.is_stereo && one.bitrate_bps == other.bitrate_bps;
}

LegSender::LegSender(LegTransport& transport, const sdp::MediaTerms& terms, const StreamSeeds& seeds)
    : transport_(transport),
      stream_(seeds.ssrc, terms.send.codec.clock_hz, seeds.sequence, seeds.timestamp),
      transmission_(seeds.ssrc, terms.send.codec.clock_hz) {
    update(terms);
}

void LegSender::update(const sdp::MediaTerms& terms) {
    const audio::CodecSpec wanted = codec_spec(terms.send, terms.ptime_ms);
    if (!is_same_stream(wanted, spec_)) encoder_.reset();
    format_ = terms.send;
    spec_ = wanted;
    const bool is_opus = format_.codec.name == sdp::CodecName::opus;
    channels_ = is_opus ? (spec_.is_stereo ? 2 : 1) : format_.codec.channels;
}

void LegSender::send_frame(const audio::AudioFrame& frame, audio::TimeUs now_us, SendBatch& out) noexcept {
    if (!encoder_) encoder_ = audio::make_encoder(spec_);
    if (!encoder_) return;
    encoder_->push(frame);
    PayloadRoom room;
    while (const auto payload = encoder_->next(room)) send_payload(*payload, room, now_us, out);
}

void LegSender::send_payload(const audio::EncodedPayload& payload, const PayloadRoom& octets, audio::TimeUs now_us,
                             SendBatch& out) noexcept {
    const audio::RtpHeader header = stream_.encoded(format_.payload_type, payload.ticks, payload.size > 0, now_us);
    if (payload.size > 0) send(header, audio::Octets(octets).first(payload.size), now_us, out);
}

void LegSender::forward(const audio::RtpView& packet, audio::TimeUs now_us, SendBatch& out) noexcept {
    send(stream_.forwarded(format_.payload_type, packet, now_us), packet.payload(), now_us, out);
}

void LegSender::send(const audio::RtpHeader& header, audio::Octets payload, audio::TimeUs now_us,
                     SendBatch& out) noexcept {
    const std::size_t octets = audio::RtpWriter(out.room(), header).finish(payload);
    if (octets == 0) return;
    const std::size_t sent = transport_.send_rtp(octets, out);
    if (sent == 0) return;
    transmission_.send(payload.size(), header.timestamp, now_us);
    octets_ += sent;
}

void LegSender::set_expected_loss(std::uint8_t percent) noexcept {
    if (encoder_) encoder_->set_expected_loss(percent);
}

}  // namespace sr::media
