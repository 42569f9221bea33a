// One party and its audio, as its media thread has it: transport, what it says, what it hears, and the reports on both.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "media/leg_receiver.hpp"
#include "media/leg_sender.hpp"
#include "media/leg_transport.hpp"
#include "media/leg_values.hpp"
#include "sdp/agreement.hpp"

namespace sr::media {

struct LegSetup {
    std::string leg_id;
    std::string device;  // the caller's key in config.yaml, for routes; empty: unknown
    LegTarget target;
    sdp::MediaTerms terms;
    bool is_held = false;
    std::string cname;
    StreamSeeds seeds;
};

/// What a leg needs to know of the world.
struct LegLimits {
    std::uint32_t silence_ms = 30'000;
    std::uint32_t connect_ms = 15'000;
};

class Leg {
  public:
    Leg(LegSetup setup, std::unique_ptr<LegTransport> transport, const LegLimits& limits, LegListener& listener,
        audio::TimeUs now_us);

    /// A packet of this leg's. What it holds of audio, for whoever passes it on; a view of the arrival's room.
    [[nodiscard]] LegReceiver::Heard receive(const Arrival& arrival, int descriptor, audio::TimeUs now_us,
                                             SendBatch& out) noexcept;

    /// Time-outs, reports. When to be called again; nothing once the leg has failed, which has been told then.
    std::optional<audio::TimeUs> tick(audio::TimeUs now_us, SendBatch& out) noexcept;

    /// `is_held`: the peer has put us on hold.
    void update(const sdp::MediaTerms& terms, bool is_held);
    void close(audio::TimeUs now_us, SendBatch& out) noexcept;

    /// Whether it may be heard by others, and whether it hears, as its description says.
    [[nodiscard]] bool speaks() const noexcept { return sdp::receives(setup_.terms.direction); }
    [[nodiscard]] bool listens() const noexcept { return sdp::sends(setup_.terms.direction); }

    [[nodiscard]] const LegSetup& setup() const noexcept { return setup_; }
    [[nodiscard]] LegTransport& transport() noexcept { return *transport_; }
    [[nodiscard]] LegReceiver& receiver() noexcept { return receiver_; }
    [[nodiscard]] LegSender& sender() noexcept { return sender_; }
    [[nodiscard]] LegStatistics statistics(audio::TimeUs now_us) const;

    /// What this leg said in the tick that is being mixed; null when it was silent or not decoded.
    [[nodiscard]] const audio::AudioFrame* frame() const noexcept { return has_frame_ ? &frame_ : nullptr; }
    void pull(audio::TimeUs now_us) noexcept;
    /// How much earlier the last `pull` could have been, always; nothing when it was silent.
    [[nodiscard]] std::optional<audio::TimeUs> spare_us() const noexcept;
    /// Whether `pull` has something to say now, and from when on there is a packet for it.
    [[nodiscard]] bool is_heard(audio::TimeUs now_us) const noexcept { return speaks() && receiver_.is_active(now_us); }
    [[nodiscard]] std::optional<audio::TimeUs> ready_us() const noexcept;
    /// Whether its packets are kept for `pull`.
    void set_decoded(bool is_decoded) noexcept;
    /// Whether what it hears are another leg's packets; for the statistics.
    void set_forwarded(bool is_forwarded) noexcept { is_forwarded_ = is_forwarded; }

    /// False once it has sent in another codec than the one it is sent to in.
    [[nodiscard]] bool can_be_forwarded() const noexcept { return can_be_forwarded_; }
    void forbid_forwarding() noexcept { can_be_forwarded_ = false; }

  private:
    void receive_reports(std::span<const std::uint8_t> compound, audio::TimeUs now_us) noexcept;
    void send_reports(audio::TimeUs now_us, SendBatch& out) noexcept;
    void tell(LegEventKind kind, std::string reason);
    [[nodiscard]] bool check_transport(audio::TimeUs now_us);
    void check_silence(audio::TimeUs now_us);

    LegSetup setup_;
    std::unique_ptr<LegTransport> transport_;
    LegLimits limits_;
    LegListener& listener_;
    LegReceiver receiver_;
    LegSender sender_;
    audio::TimeUs opened_us_;
    audio::TimeUs expecting_since_us_;  // audio from the peer
    audio::TimeUs next_report_us_;
    bool is_connected_ = false;
    bool is_silent_ = false;
    bool has_failed_ = false;
    bool has_frame_ = false;
    bool is_forwarded_ = false;
    bool can_be_forwarded_ = true;
    audio::AudioFrame frame_;
};

}  // namespace sr::media
