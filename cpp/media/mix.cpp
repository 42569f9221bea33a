#include "media/mix.hpp"

#include <algorithm>
#include <utility>

namespace sr::media {
namespace {

constexpr double kToneHz = 440;

/// While nobody speaks, an Opus listener gets a packet of silence so often, as Opus does itself (RFC 6716
/// section 2.1.9).
constexpr std::uint32_t kSilenceTicks = 20;

/// Listeners report their loss once in some seconds; it is looked at once in one.
constexpr std::uint32_t kLossTicks = 50;

/// What a codec makes of 20 ms that are not sent.
audio::EncodedPayload unsent(const audio::CodecSpec& spec) noexcept {
    return {.size = 0, .ticks = spec.clock_rate_hz * audio::kFrameMs / 1000};
}

bool may_pause(const Leg& leg) noexcept { return leg.setup().terms.send.codec.name == sdp::CodecName::opus; }

}  // namespace

Mix::Mix(TargetKind kind) : kind_(kind) {
    if (kind == TargetKind::tone) tone_.emplace(kToneHz);
}

void Mix::plan(std::vector<Contribution> contributors, const std::vector<Leg*>& listeners) {
    contributors_ = std::move(contributors);
    forwards_.clear();
    std::vector<Audience> former = std::exchange(audiences_, {});
    for (Leg* listener : listeners) {
        if (Leg* source = only_source_for(*listener)) {
            forwards_.push_back({source, listener});
        } else {
            join_audience(*listener, former);
        }
    }
}

Leg* Mix::only_source_for(const Leg& listener) const noexcept {
    if (kind_ == TargetKind::tone) return nullptr;
    Leg* source = nullptr;
    for (const Contribution& one : contributors_) {
        const bool is_own = one.leg == &listener;
        if (is_own != (kind_ == TargetKind::echo)) continue;
        if (source != nullptr || !one.gain.is_unity()) return nullptr;
        source = one.leg;
    }
    if (source == nullptr || !source->can_be_forwarded()) return nullptr;
    return source->setup().terms.send.codec == listener.setup().terms.send.codec ? source : nullptr;
}

/// An encoder that was at work before goes on with the listeners that remain: a new one would click.
void Mix::join_audience(Leg& listener, std::vector<Audience>& former) {
    const audio::CodecSpec& spec = listener.sender().spec();
    const auto is_alike = [&](const Audience& one) { return is_same_stream(one.spec, spec); };
    auto audience = std::find_if(audiences_.begin(), audiences_.end(), is_alike);
    if (audience == audiences_.end()) {
        audiences_.push_back({spec, listener.sender().channels(), {}, nullptr});
        audience = std::prev(audiences_.end());
        const auto before = std::find_if(former.begin(), former.end(), is_alike);
        audience->encoder = before != former.end() ? std::move(before->encoder) : audio::make_encoder(spec);
    }
    audience->listeners.push_back(&listener);
}

bool Mix::decodes(const Leg& leg) const noexcept {
    return contribution_of(leg) != nullptr &&
           std::any_of(audiences_.begin(), audiences_.end(),
                       [&](const Audience& one) { return one.listeners.size() > 1 || one.listeners.front() != &leg; });
}

bool Mix::forwards_to(const Leg& leg) const noexcept {
    return std::any_of(forwards_.begin(), forwards_.end(), [&](const Forward& one) { return one.to == &leg; });
}

const Contribution* Mix::contribution_of(const Leg& leg) const noexcept {
    const auto found = std::find_if(contributors_.begin(), contributors_.end(),
                                    [&](const Contribution& one) { return one.leg == &leg; });
    return found != contributors_.end() ? &*found : nullptr;
}

bool Mix::pass_on(const Leg& from, const LegReceiver::Heard& heard, audio::TimeUs now_us, SendBatch& out) noexcept {
    bool is_shared = true;
    for (const Forward& forward : forwards_) {
        if (forward.from != &from) continue;
        if (forward.to->sender().codec() == *heard.codec) {
            forward.to->sender().forward(*heard.audio, now_us, out);
        } else {
            is_shared = false;
        }
    }
    return is_shared;
}

void Mix::tick(audio::TimeUs now_us, SendBatch& out) noexcept {
    if (audiences_.empty()) return;
    sum_.clear();
    for (const Contribution& one : contributors_) {
        if (const audio::AudioFrame* frame = one.leg->frame()) sum_.add(*frame, one.gain);
    }
    if (tone_) {
        frame_.channels = 1;
        tone_->fill(frame_);
        sum_.add(frame_, audio::Gain());
    }
    silent_ticks_ = sum_.speakers() == 0 ? silent_ticks_ + 1 : 0;
    const bool is_loss_looked_at = ++ticks_ % kLossTicks == 0;
    for (Audience& audience : audiences_) {
        if (is_loss_looked_at) follow_loss(audience);
        send_to(audience, now_us, out);
    }
}

/// What all share must suffice for the one who loses most.
void Mix::follow_loss(Audience& audience) noexcept {
    if (!audience.encoder) return;
    std::uint8_t percent = 0;
    for (Leg* listener : audience.listeners) {
        percent = std::max(percent, listener->sender().transmission().remote_loss_percent());
    }
    audience.encoder->set_expected_loss(percent);
}

void Mix::send_to(Audience& audience, audio::TimeUs now_us, SendBatch& out) noexcept {
    for (Leg* listener : audience.listeners) {
        const Contribution* own = contribution_of(*listener);
        if (own == nullptr || listener->frame() == nullptr) continue;
        sum_.write_without(*listener->frame(), own->gain, frame_, audience.channels);
        if (sum_.speakers() == 1 && may_pause(*listener)) {
            // He alone speaks and hears nothing.
            listener->sender().send_payload(unsent(audience.spec), {}, now_us, out);
        } else {
            listener->sender().send_frame(frame_, now_us, out);
        }
    }
    send_shared(audience, now_us, out);
}

void Mix::send_shared(Audience& audience, audio::TimeUs now_us, SendBatch& out) noexcept {
    const auto is_listening = [this](const Leg* leg) { return leg->frame() == nullptr || !contribution_of(*leg); };
    if (!audience.encoder || std::none_of(audience.listeners.begin(), audience.listeners.end(), is_listening)) return;
    const auto send = [&](const audio::EncodedPayload& payload, const PayloadRoom& octets) {
        for (Leg* listener : audience.listeners) {
            if (is_listening(listener)) listener->sender().send_payload(payload, octets, now_us, out);
        }
    };
    if (silent_ticks_ > kSilenceTicks && silent_ticks_ % kSilenceTicks != 0 && may_pause(*audience.listeners.front())) {
        return send(unsent(audience.spec), {});
    }
    sum_.write(frame_, audience.channels);
    audience.encoder->push(frame_);
    PayloadRoom room;
    while (const auto payload = audience.encoder->next(room)) send(*payload, room);
}

}  // namespace sr::media
