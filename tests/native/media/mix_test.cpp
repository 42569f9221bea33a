// A mix without a network: legs whose packets go from hand to hand.
#include "media/mix.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "audio/rtcp.hpp"
#include "audio/tone.hpp"
#include "doctest/doctest.h"
#include "media/leg.hpp"
#include "media/leg_table.hpp"

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
    Party(sdp::Direction direction, const sdp::AgreedFormat& format, std::uint32_t ssrc, std::string sink = "sink")
        : ssrc_(ssrc) {
        media::LegSetup setup;
        setup.leg_id = setup.device = std::to_string(ssrc);
        setup.target = {media::TargetKind::mix, std::move(sink)};
        setup.terms.direction = direction;
        setup.terms.send = format;
        setup.terms.receive = {format};
        setup.seeds.ssrc = ssrc;
        auto transport = std::make_unique<HandTransport>();
        transport_ = transport.get();
        own_ = std::make_unique<media::Leg>(std::move(setup), std::move(transport), media::LegLimits{}, listener_, 0);
        leg_ = own_.get();
    }

    [[nodiscard]] media::Leg& leg() { return *leg_; }
    /// The leg goes to a table, which must not outlive the party.
    [[nodiscard]] std::unique_ptr<media::Leg> hand_over_leg() { return std::move(own_); }
    [[nodiscard]] std::vector<std::uint8_t>& heard() { return transport_->last_payload; }

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
    std::unique_ptr<media::Leg> own_;
    media::Leg* leg_ = nullptr;
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

/// What a party has heard since the last time, and whether that was one packet.
bool take_packet(Party& party, std::vector<std::uint8_t>& all) {
    const bool is_one = party.heard().size() == 160;
    all.insert(all.end(), party.heard().begin(), party.heard().end());
    party.heard().clear();
    return is_one;
}

}  // namespace

TEST_CASE("who speaks in two mixes is heard alike in both, 20 ms in every 20 ms") {
    Party speaker(sdp::Direction::recvonly, {sdp::kPcma, kPayloadType, {}}, 10, "A");
    Party at_a(sdp::Direction::sendonly, {sdp::kPcmu, kPayloadType, {}}, 20, "A");
    Party at_b(sdp::Direction::sendonly, {sdp::kPcmu, kPayloadType, {}}, 30, "B");
    media::LegTable table;
    for (Party* party : {&at_b, &speaker, &at_a}) table.add(party->hand_over_leg());
    media::SendBatch out;
    // B was at work before, at a moment of its own.
    table.settle();
    table.mix(1'000'000'007, out);
    table.set_routes({{"10", "B", 1.0F}});
    table.mix(1'000'999'000, out);

    const auto encoder = audio::make_encoder({.name = "PCMA"});
    audio::Tone tone(440);
    std::array<std::uint8_t, 400> payload{};
    std::vector<std::uint8_t> heard_a, heard_b;
    at_a.heard().clear();
    at_b.heard().clear();
    int packets = 0;
    for (int i = 0; i < 200; ++i) {
        const audio::TimeUs now_us = 1'001'000'000 + i * kTickUs;
        while (table.next_due_us().value() < now_us) {
            table.mix(table.next_due_us().value(), out);
            const bool is_one_each = take_packet(at_a, heard_a) == take_packet(at_b, heard_b);
            CHECK(is_one_each);
            ++packets;
        }
        audio::AudioFrame frame;
        tone.fill(frame);
        encoder->push(frame);
        while (const auto made = encoder->next(payload)) speaker.say(std::span(payload).first(made->size), now_us, out);
    }
    CHECK(packets >= 190);
    CHECK(heard_a == heard_b);
    CHECK(std::ranges::count(heard_a, 0xFF) < 2000);  // silence
}

TEST_CASE("what all hear has the redundancy that the one needs who loses most") {
    CHECK(redundant_packets(0) == 0);
    CHECK(redundant_packets(64) > 50);
}

}  // namespace sr::test
