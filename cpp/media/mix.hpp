// What legs hear. Who contributes and who listens changes seldom and is planned; the packets and ticks follow the plan.
//
// A listener who hears exactly one other leg, in its own codec and at its own loudness, is *forwarded* that leg's
// packets as they come: no decoding, no delay. Everybody else hears the sum of all contributors but himself, every 20
// ms. All who said nothing in that tick hear the same sum, so it is encoded once for each way of encoding among them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "audio/mixer.hpp"
#include "audio/tone.hpp"
#include "media/leg.hpp"

namespace sr::media {

struct Contribution {
    Leg* leg = nullptr;
    audio::Gain gain;
};

class Mix {
  public:
    explicit Mix(TargetKind kind);

    /// Contributors that may speak, each once, and listeners; none of them is kept beyond the next plan.
    void plan(std::vector<Contribution> contributors, const std::vector<Leg*>& listeners);

    /// Whether the leg's packets must be decoded for this mix.
    [[nodiscard]] bool decodes(const Leg& leg) const noexcept;
    /// Whether the leg hears another's packets as they are.
    [[nodiscard]] bool forwards_to(const Leg& leg) const noexcept;

    /// Whether there is something to mix every 20 ms.
    [[nodiscard]] bool has_audience() const noexcept { return !audiences_.empty(); }
    /// Whether nobody was heard in the last tick.
    [[nodiscard]] bool is_silent() const noexcept { return sum_.speakers() == 0; }

    /// Passes a contributor's packet on. False when it is in a codec that a listener does not share: plan anew then.
    [[nodiscard]] bool pass_on(const Leg& from, const LegReceiver::Heard& heard, audio::TimeUs now_us,
                               SendBatch& out) noexcept;

    /// Mixes what the contributors said in this tick.
    void tick(audio::TimeUs now_us, SendBatch& out) noexcept;

  private:
    struct Forward {
        Leg* from;
        Leg* to;
    };
    /// Listeners whose packets are alike while they are silent.
    struct Audience {
        audio::CodecSpec spec;
        std::uint8_t channels = 1;
        std::vector<Leg*> listeners;
        std::unique_ptr<audio::AudioEncoder> encoder;
    };

    [[nodiscard]] Leg* only_source_for(const Leg& listener) const noexcept;
    void join_audience(Leg& listener, std::vector<Audience>& former);
    [[nodiscard]] const Contribution* contribution_of(const Leg& leg) const noexcept;
    void send_to(Audience& audience, audio::TimeUs now_us, SendBatch& out) noexcept;
    static void follow_loss(Audience& audience) noexcept;
    void send_shared(Audience& audience, audio::TimeUs now_us, SendBatch& out) noexcept;

    const TargetKind kind_;
    std::vector<Contribution> contributors_;
    std::vector<Forward> forwards_;
    std::vector<Audience> audiences_;
    std::optional<audio::Tone> tone_;
    audio::Mix sum_;
    audio::AudioFrame frame_;
    std::uint32_t ticks_ = 0;
    std::uint32_t silent_ticks_ = 0;
};

}  // namespace sr::media
