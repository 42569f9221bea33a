#include "media/leg.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "audio/rtcp.hpp"

namespace sr::media {
namespace {

/// The interval that RFC 3550 section 6.2 recommends, and half of it for the first report.
constexpr audio::TimeUs kReportUs = 5'000'000;
constexpr audio::TimeUs kFirstReportUs = 2'500'000;

/// While a handshake may have to repeat itself after 50 ms; then nothing is in a hurry any more.
constexpr audio::TimeUs kConnectingTickUs = 20'000;
constexpr audio::TimeUs kConnectedTickUs = 100'000;

std::int64_t unix_now_us() noexcept {
    using std::chrono::duration_cast;
    using std::chrono::microseconds;
    return duration_cast<microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string codec_text(const sdp::Codec& codec) {
    return std::string(sdp::encoding_name(codec.name)) + "/" + std::to_string(codec.clock_hz) + "/" +
           std::to_string(codec.channels);
}

std::string address_text(const sip::SocketAddress& address) {
    if (address.port == 0) return {};
    const std::string ip = address.ip_text();
    return (address.is_ipv6 ? "[" + ip + "]" : ip) + ":" + std::to_string(address.port);
}

std::string target_text(const LegTarget& target) {
    switch (target.kind) {
        case TargetKind::echo: return "echo";
        case TargetKind::tone: return "tone";
        case TargetKind::mix:
        case TargetKind::source: return target.name;
    }
    return {};
}

}  // namespace

Leg::Leg(LegSetup setup, std::unique_ptr<LegTransport> transport, const LegLimits& limits, LegListener& listener,
         audio::TimeUs now_us)
    : setup_(std::move(setup)),
      transport_(std::move(transport)),
      limits_(limits),
      listener_(listener),
      receiver_(setup_.terms),
      sender_(*transport_, setup_.terms, setup_.seeds),
      opened_us_(now_us),
      expecting_since_us_(now_us),
      next_report_us_(now_us + kFirstReportUs) {}

LegReceiver::Heard Leg::receive(const Arrival& arrival, int descriptor, audio::TimeUs now_us, SendBatch& out) noexcept {
    const Unwrapped unwrapped = transport_->receive(arrival, descriptor, now_us, out);
    if (unwrapped.content == Content::rtcp) receive_reports(unwrapped.octets, now_us);
    if (unwrapped.content != Content::rtp) return {};
    LegReceiver::Heard heard = receiver_.receive(unwrapped.octets, now_us);
    if (heard.digit) {
        listener_.on_leg_event({.kind = LegEventKind::digit,
                                .leg_id = setup_.leg_id,
                                .digit = heard.digit->digit,
                                .duration_ms = heard.digit->duration_ms});
    }
    return heard;
}

void Leg::pull(audio::TimeUs now_us) noexcept {
    has_frame_ = false;
    if (!speaks()) return;
    if (receiver_.is_active(now_us)) {
        has_frame_ = receiver_.pull(now_us, frame_);
    } else {
        receiver_.skip(now_us);
    }
}

std::optional<audio::TimeUs> Leg::spare_us() const noexcept {
    return has_frame_ ? receiver_.playout()->spare_us() : std::nullopt;
}

std::optional<audio::TimeUs> Leg::ready_us() const noexcept {
    return receiver_.playout() != nullptr ? receiver_.playout()->ready_us() : std::nullopt;
}

void Leg::set_decoded(bool is_decoded) noexcept {
    receiver_.set_decoded(is_decoded);
    if (!is_decoded) has_frame_ = false;
}

std::optional<audio::TimeUs> Leg::tick(audio::TimeUs now_us, SendBatch& out) noexcept {
    if (has_failed_) return std::nullopt;
    transport_->tick(now_us, out);
    if (!check_transport(now_us)) {
        has_failed_ = true;
        return std::nullopt;
    }
    check_silence(now_us);
    if (is_connected_ && now_us >= next_report_us_) {
        next_report_us_ = now_us + kReportUs;
        send_reports(now_us, out);
    }
    return now_us + (is_connected_ ? kConnectedTickUs : kConnectingTickUs);
}

bool Leg::check_transport(audio::TimeUs now_us) {
    switch (transport_->state()) {
        case TransportState::failed: tell(LegEventKind::failed, std::string(transport_->reason())); return false;
        case TransportState::connected:
            if (!std::exchange(is_connected_, true)) {
                expecting_since_us_ = now_us;
                tell(LegEventKind::connected, {});
            }
            return true;
        case TransportState::connecting: break;
    }
    if (now_us - opened_us_ < audio::TimeUs{limits_.connect_ms} * 1000) return true;
    tell(LegEventKind::failed,
         transport_->remote().port == 0
             ? "no connectivity check reached the media port: a firewall may keep this UDP port closed, or the "
               "addresses that we offered are not reachable from there (media.address in config.yaml)"
             : "the DTLS handshake was not finished in time");
    return false;
}

void Leg::check_silence(audio::TimeUs now_us) {
    // Who holds may speak by his description (music on hold), and most phones do not.
    const bool is_expecting = is_connected_ && speaks() && !setup_.is_held;
    if (!is_expecting) expecting_since_us_ = now_us;
    const audio::TimeUs heard_us = std::max(receiver_.last_packet_us(), expecting_since_us_);
    const bool is_silent = is_expecting && now_us - heard_us >= audio::TimeUs{limits_.silence_ms} * 1000;
    if (is_silent && !is_silent_) {
        tell(LegEventKind::silent,
             receiver_.packets() == 0
                 ? "no audio has ever come from it: it may send to another address or port"
                 : "no audio has come from it for " + std::to_string(limits_.silence_ms / 1000) + " seconds");
    }
    is_silent_ = is_silent;
}

void Leg::update(const sdp::MediaTerms& terms, bool is_held) {
    setup_.terms = terms;
    setup_.is_held = is_held;
    transport_->update(terms);
    receiver_.update(terms);
    sender_.update(terms);
}

void Leg::close(audio::TimeUs now_us, SendBatch& out) noexcept {
    if (is_connected_) {
        audio::RtcpWriter writer(out.room());
        writer.receiver_report(setup_.seeds.ssrc, {}).cname(setup_.seeds.ssrc, setup_.cname).bye(setup_.seeds.ssrc);
        if (writer.size() > 0) transport_->send_rtcp(writer.size(), out);
    }
    transport_->close(now_us, out);
}

void Leg::receive_reports(std::span<const std::uint8_t> compound, audio::TimeUs now_us) noexcept {
    auto packets = audio::RtcpCompound::parse(compound, true);
    if (!packets) return;
    while (const auto packet = packets->next()) {
        const bool is_sender = packet->type() == audio::RtcpType::SenderReport;
        if (!is_sender && packet->type() != audio::RtcpType::ReceiverReport) continue;
        auto& reception = receiver_.reception();
        if (is_sender && reception && reception->ssrc() == packet->ssrc()) {
            reception->receive_sender_report(packet->sender_info(), now_us);
        }
        for (std::size_t i = 0; i < packet->count(); ++i) {
            const audio::ReportBlock block = packet->report(i);
            sender_.transmission().receive_report(block, now_us);
            if (block.ssrc != setup_.seeds.ssrc) continue;
            sender_.set_expected_loss(sender_.transmission().remote_loss_percent());
        }
    }
}

void Leg::send_reports(audio::TimeUs now_us, SendBatch& out) noexcept {
    std::array<audio::ReportBlock, 1> blocks;
    std::size_t count = 0;
    if (auto& reception = receiver_.reception()) blocks[count++] = reception->report(now_us);
    const std::span<const audio::ReportBlock> reports(blocks.data(), count);
    audio::RtcpWriter writer(out.room());
    const std::uint32_t ssrc = setup_.seeds.ssrc;
    audio::Transmission& transmission = sender_.transmission();
    if (transmission.packets() > 0) {
        writer.sender_report(ssrc, transmission.sender_info(now_us, unix_now_us()), reports);
    } else {
        writer.receiver_report(ssrc, reports);
    }
    writer.cname(ssrc, setup_.cname);
    if (writer.size() > 0) transport_->send_rtcp(writer.size(), out);
}

void Leg::tell(LegEventKind kind, std::string reason) {
    listener_.on_leg_event({.kind = kind, .leg_id = setup_.leg_id, .reason = std::move(reason)});
}

LegStatistics Leg::statistics(audio::TimeUs now_us) const {
    LegStatistics told;
    told.leg_id = setup_.leg_id;
    told.mix = target_text(setup_.target);
    told.device = setup_.device;
    told.kind = setup_.terms.kind == sdp::LegKind::webrtc ? "webrtc" : "rtp";
    told.state = transport_->state() != TransportState::connected ? LegState::connecting
                 : setup_.is_held                                 ? LegState::held
                                                                  : LegState::connected;
    told.codec = codec_text(setup_.terms.send.codec);
    told.remote = address_text(transport_->remote());
    told.is_forwarded = is_forwarded_;
    told.packets_received = receiver_.packets();
    told.octets_received = receiver_.octets();
    told.packets_sent = sender_.transmission().packets();
    told.octets_sent = sender_.octets();
    told.remote_loss = sender_.transmission().remote_fraction_lost() / 256.0;
    told.rtt_ms = sender_.transmission().round_trip_ms().value_or(-1);
    told.level_dbov = -static_cast<int>(receiver_.level());
    told.age_ms = static_cast<std::uint64_t>((now_us - opened_us_) / 1000);
    if (const auto& reception = receiver_.reception()) {
        told.packets_lost = static_cast<std::uint64_t>(std::max<std::int64_t>(0, reception->lost()));
        told.jitter_ms = reception->jitter_ms();
    }
    if (const audio::Playout* playout = receiver_.playout()) {
        told.packets_discarded = playout->statistics().late + playout->statistics().dropped;
        told.concealed_frames = playout->statistics().concealed;
        told.buffer_ms = playout->statistics().delay_ms;
    }
    return told;
}

}  // namespace sr::media
