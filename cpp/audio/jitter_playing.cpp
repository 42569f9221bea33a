// What goes out of the jitter buffer: one piece after another, without a gap.
#include <algorithm>

#include "audio/jitter_buffer.hpp"

namespace sr::audio {

namespace {

using Kind = JitterPiece::Kind;

constexpr TimeUs kPieceUs = 20'000;
constexpr TimeUs kToleranceUs = 5'000;         // of the delay, below which nothing is put in or taken out
constexpr TimeUs kPhaseUs = 20'000;            // packets of other than 20 ms are asked for at changing times
constexpr TimeUs kShortenEveryUs = 1'000'000;  // where it can be heard
constexpr TimeUs kFadeUs = 100'000;            // concealment is silent after it
constexpr double kLossMemory = 100;            // packets
constexpr double kLeastLoss = 0.005;
constexpr double kMuchLoss = 0.02;      // above it FEC is worth a packet's time of delay
constexpr TimeUs kPauseUs = 1'000'000;  // opus with DTX sends a packet every 400 ms

}  // namespace

JitterPiece JitterBuffer::pop(TimeUs now_us, bool is_quiet) noexcept {
    if (!has_timeline_) return {};
    statistics_.target_ms = static_cast<double>(target_us()) / 1000;
    Head head = find_head();
    if (!is_playing_ && !begin_playing(head, now_us)) return {};
    drop_excess(head, now_us);
    const TimeUs delay = delay_us(next_timestamp_, now_us);
    statistics_.delay_ms = static_cast<double>(delay) / 1000;
    if (head.slot == nullptr) return starve(now_us);
    if (head.slot->timestamp > next_timestamp_) return bridge(head, delay);
    return play(head, delay, now_us, is_quiet);
}

std::optional<TimeUs> JitterBuffer::ready_us() const noexcept {
    const Head head = find_head();
    if (head.slot == nullptr) return std::nullopt;
    return to_us(is_playing_ ? next_timestamp_ : head.slot->timestamp) + lateness_.lowest_transit_us() + easy_us();
}

JitterBuffer::Head JitterBuffer::find_head() const noexcept {
    Head head;
    for (std::int64_t sequence = next_sequence_; sequence <= highest_sequence_; ++sequence) {
        const Slot& slot = slots_[static_cast<std::size_t>(sequence) % kSlots];
        if (slot.sequence != sequence || (!slot.is_other && !is_intact(slot))) {
            ++head.missing;
        } else if (!slot.is_other) {
            head.slot = &slot;
            return head;
        }
    }
    return head;
}

bool JitterBuffer::begin_playing(const Head& head, TimeUs now_us) noexcept {
    if (head.slot == nullptr || delay_us(head.slot->timestamp, now_us) < target_us()) return false;
    if (is_past_start_) statistics_.lost += static_cast<std::uint64_t>(head.missing);
    is_playing_ = true;
    is_past_start_ = true;
    next_sequence_ = head.slot->sequence;
    next_timestamp_ = head.slot->timestamp;
    starved_ticks_ = 0;
    return true;
}

/// Takes the packet out of what is waited for.
void JitterBuffer::pass(const Head& head) noexcept {
    statistics_.lost += static_cast<std::uint64_t>(head.missing);
    next_sequence_ = head.slot->sequence + 1;
    next_timestamp_ = head.slot->timestamp + head.slot->ticks;
    starved_ticks_ = 0;
    was_silence_ = head.slot->is_silence;
    weigh_loss(head.missing, head.slot->ticks);
}

void JitterBuffer::weigh_loss(std::int64_t missing, std::uint32_t packet_ticks) noexcept {
    for (std::int64_t i = 0; i < missing; ++i) loss_ += (1 - loss_) / kLossMemory;
    loss_ -= loss_ / kLossMemory;
    if (!config_.has_fec || loss_ < kLeastLoss) fec_wait_us_ = 0;
    if (config_.has_fec && loss_ > kMuchLoss) fec_wait_us_ = to_us(packet_ticks);
}

/// Whatever happened, nobody waits longer than the longest delay and a packet.
void JitterBuffer::drop_excess(Head& head, TimeUs now_us) noexcept {
    const TimeUs most_us = config_.max_ms * 1000LL + kPieceUs + kPhaseUs;
    while (head.slot != nullptr && delay_us(next_timestamp_, now_us) > most_us + to_us(head.slot->ticks)) {
        ++statistics_.dropped;
        pass(head);
        head = find_head();
    }
    // Nothing is there to be taken out, so what comes next is awaited from here on.
    const TimeUs excess_us = delay_us(next_timestamp_, now_us) - most_us;
    if (head.slot == nullptr && excess_us > 0) next_timestamp_ += to_ticks(excess_us);
}

JitterPiece JitterBuffer::play(const Head& head, TimeUs delay_us, TimeUs now_us, bool is_quiet) noexcept {
    const Slot& slot = *head.slot;
    const TimeUs packet_us = to_us(slot.ticks);
    if (delay_us < target_us() - kToleranceUs) return fill(Kind::Conceal, to_ticks(kPieceUs), false);

    const TimeUs phase_us = packet_us == kPieceUs ? 0 : kPhaseUs;
    const bool is_excess = delay_us > target_us() + packet_us + phase_us + kToleranceUs;
    pass(head);
    ++statistics_.played;
    JitterPiece piece{Kind::Payload, false, Octets(arena_).subspan(slot.arena_position % arena_.size(), slot.size),
                      slot.ticks, delay_us - easy_us()};
    if (!is_excess || (!is_quiet && now_us - last_shortened_us_ < kShortenEveryUs)) return piece;
    const Head second = find_head();
    if (second.slot == nullptr || second.missing != 0 || second.slot->timestamp != next_timestamp_) return piece;
    piece.is_to_be_shortened = true;
    last_shortened_us_ = now_us;
    ++statistics_.dropped;
    return piece;
}

/// The next packet is there, but not for now: what lies between was lost, or the sender was silent.
JitterPiece JitterBuffer::bridge(const Head& head, TimeUs delay_us) noexcept {
    const std::int64_t gap = head.slot->timestamp - next_timestamp_;
    const std::int64_t lost = std::min(gap, head.missing * head.slot->ticks);
    const std::int64_t piece = to_ticks(kPieceUs);
    if (gap > lost) {
        if (delay_us < target_us() - kToleranceUs) return fill(Kind::Silence, piece, false);
        // Silence is where time can be given back unheard.
        const std::int64_t excess = std::max<std::int64_t>(0, to_ticks(delay_us - target_us()));
        const std::int64_t skipped = std::min(gap - lost - 1, excess);
        next_timestamp_ += skipped;
        return fill(Kind::Silence, std::min(gap - lost - skipped, piece), true);
    }
    const Slot& slot = *head.slot;
    if (config_.has_fec && 2 * gap <= 3 * slot.ticks) {
        ++statistics_.recovered;
        JitterPiece recovered = fill(Kind::Fec, gap, true);
        recovered.payload = Octets(arena_).subspan(slot.arena_position % arena_.size(), slot.size);
        return recovered;
    }
    return fill(Kind::Conceal, std::min<std::int64_t>(gap, slot.ticks), true);
}

JitterPiece JitterBuffer::starve(TimeUs now_us) noexcept {
    if (now_us - last_arrival_us_ > kPauseUs) {
        is_playing_ = false;
        return {};
    }
    const bool is_silent = was_silence_ || to_us(starved_ticks_) >= kFadeUs;
    const bool is_on_time = delay_us(next_timestamp_, now_us) >= target_us() - kToleranceUs;
    return fill(is_silent ? Kind::Silence : Kind::Conceal, to_ticks(kPieceUs), is_on_time);
}

/// Something that was not received. `is_on_time`: in the place of what should be heard now; else before it, which makes
/// the delay longer.
JitterPiece JitterBuffer::fill(Kind kind, std::int64_t ticks, bool is_on_time) noexcept {
    if (is_on_time) {
        next_timestamp_ += ticks;
        starved_ticks_ += ticks;
    }
    if (kind == Kind::Conceal) ++statistics_.concealed;
    return {kind, false, {}, static_cast<std::uint32_t>(ticks)};
}

}  // namespace sr::audio
