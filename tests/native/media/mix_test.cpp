// A mix without a network: legs whose packets go from hand to hand.
#include "media/mix.hpp"

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "audio/rtcp.hpp"
#include "audio/tone.hpp"
#include "doctest/doctest.h"
#include "media/leg.hpp"

namespace sr::test {
namespace {

constexpr audio::TimeUs kTickUs = 20'000;
constexpr std::uint8_t kPayloadType = 96;

/// Connected from the first; keeps the last payload.
class HandTransport final : public media::LegTransport {
  public:
    media::Unwrapped receive(const media::Arrival& arrival, int, audio::TimeUs, media::SendBatch&) noexcept override {
        return {audio::is_rtcp(arrival.octets) ? media::Content::rtcp : media::Content::rtp, arrival.octets};
    }
    std::size_t send_rtp(std::size_t octets, media::SendBatch& out) noexcept override {
        const auto packet = audio::RtpView::parse(out.room().first(octets));
        if (packet) last_payload.assign(packet->payload().begin(), packet->payload().end());
        return octets;
    }
    std::size_t send_rtcp(std::size_t octets, media::SendBatch&) noexcept override { return octets; }
    void tick(audio::TimeUs, media::SendBatch&) noexcept override {}
    void update(const sdp::MediaTerms&) override {}
    void close(audio::TimeUs, media::SendBatch&) noexcept override {}
    media::TransportState state() const noexcept override { return media::TransportState::connected; }
    std::string_view reason() const noexcept override { return {}; }
    sip::SocketAddress remote() const noexcept override { return {}; }

    std::vector<std::uint8_t> last_payload;
};

class NobodyListens final : public media::LegListener {
  public:
    void on_leg_event(media::LegEvent&&) noexcept override {}
};

/// A leg, and what stands behind it.
class Party {
  public:
    Party(sdp::Direction direction, const sdp::AgreedFormat& format, std::uint32_t ssrc) : ssrc_(ssrc) {
        media::LegSetup setup;
        setup.target = {media::TargetKind::mix, "sink"};
        setup.terms.direction = direction;
        setup.terms.send = format;
        setup.terms.receive = {format};
        setup.seeds.ssrc = ssrc;
        auto transport = std::make_unique<HandTransport>();
        transport_ = transport.get();
        leg_ = std::make_unique<media::Leg>(std::move(setup), std::move(transport), media::LegLimits{}, listener_, 0);
    }

    [[nodiscard]] media::Leg& leg() { return *leg_; }
    [[nodiscard]] const std::vector<std::uint8_t>& heard() const { return transport_->last_payload; }

    void say(std::span<const std::uint8_t> payload, audio::TimeUs now_us, media::SendBatch& out) {
        std::array<std::uint8_t, 400> room{};
        const audio::RtpHeader header{kPayloadType, false, sequence_++, timestamp_, ssrc_ + 1};
        timestamp_ += 160;
        hand_over(std::span(room).first(audio::RtpWriter(room, header).finish(payload)), now_us, out);
    }
    void report_loss(std::uint8_t of_256, audio::TimeUs now_us, media::SendBatch& out) {
        std::array<std::uint8_t, 100> room{};
        audio::ReportBlock block;
        block.ssrc = ssrc_;
        block.fraction_lost = of_256;
        audio::RtcpWriter writer(room);
        writer.receiver_report(ssrc_ + 1, {&block, 1});
        hand_over(std::span(room).first(writer.size()), now_us, out);
    }

  private:
    void hand_over(std::span<std::uint8_t> octets, audio::TimeUs now_us, media::SendBatch& out) {
        (void)leg_->receive({octets, {}}, 0, now_us, out);
    }

    NobodyListens listener_;
    HandTransport* transport_ = nullptr;
    std::unique_ptr<media::Leg> leg_;
    std::uint32_t ssrc_;
    std::uint16_t sequence_ = 0;
    std::uint32_t timestamp_ = 0;
};

/// Whether a packet of Opus repeats the one before it: of one frame and one channel, RFC 6716 section 4.2.3 has the
/// flags of voice and of redundancy as the first two bits.
bool has_redundancy(const std::vector<std::uint8_t>& payload) { return payload.size() > 1 && (payload[1] & 0x40) != 0; }

/// A phone speaks to listeners with little bitrate, of which one reports this loss; redundant packets in two seconds.
int redundant_packets(std::uint8_t lost_of_256) {
    sdp::OpusParameters thrifty;
    thrifty.use_inband_fec = true;
    thrifty.max_average_bitrate_bps = 20'000;
    Party phone(sdp::Direction::recvonly, {sdp::kPcmu, kPayloadType, {}}, 10);
    Party listener(sdp::Direction::sendonly, {sdp::kOpus, kPayloadType, thrifty}, 20);
    Party loser(sdp::Direction::sendonly, {sdp::kOpus, kPayloadType, thrifty}, 30);
    media::Mix mix(media::TargetKind::mix);
    mix.plan({{&phone.leg(), audio::Gain()}}, {&listener.leg(), &loser.leg()});
    phone.leg().set_decoded(true);

    media::SendBatch out;
    const auto encoder = audio::make_encoder({.name = "PCMU"});
    audio::Tone low(220, 0.4), high(500, 0.4);  // by turns, as speech changes
    std::array<std::uint8_t, 400> payload{};
    int redundant = 0;
    for (int i = 0; i < 200; ++i) {
        const audio::TimeUs now_us = 1'000'000 + i * kTickUs;
        if (i == 10) loser.report_loss(lost_of_256, now_us, out);
        audio::AudioFrame frame;
        (i % 8 < 4 ? low : high).fill(frame);
        encoder->push(frame);
        while (const auto made = encoder->next(payload)) phone.say(std::span(payload).first(made->size), now_us, out);
        phone.leg().pull(now_us + 10'000);
        mix.tick(now_us + 10'000, out);
        if (i >= 100 && has_redundancy(listener.heard())) ++redundant;
    }
    return redundant;
}

}  // namespace

TEST_CASE("what all hear has the redundancy that the one needs who loses most") {
    CHECK(redundant_packets(0) == 0);
    CHECK(redundant_packets(64) > 50);
}

}  // namespace sr::test
