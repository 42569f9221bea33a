// What comes in: streams, slots, lateness. What goes out is in jitter_playing.cpp.
#include "audio/jitter_buffer.hpp"

#include <algorithm>
#include <cstring>

#include "audio/sequence.hpp"

namespace sr::audio {

namespace {

constexpr std::int32_t kSequenceJump = 3000;    // RFC 3550 appendix A.1
constexpr std::int64_t kFirstCycle = 1 << 16;   // so that packets before the first are not negative
constexpr TimeUs kTimestampJumpUs = 2'000'000;  // no network delays so much: the sender counts anew
constexpr TimeUs kPauseUs = 1'000'000;          // after it the sender's timestamps may have stood still meanwhile
constexpr TimeUs kPieceUs = 20'000;
constexpr TimeUs kMostEaseUs = 10'000;

}  // namespace

JitterBuffer::JitterBuffer(const JitterConfig& config) : config_(config), arena_(config.arena_octets) {}

void JitterBuffer::start_stream(std::uint32_t ssrc, std::uint16_t sequence) noexcept {
    has_stream_ = true;
    has_candidate_ = false;
    ssrc_ = ssrc;
    highest_sequence_ = kFirstCycle + sequence;
    lateness_.clear();
    loss_ = 0;
    fec_wait_us_ = 0;
    restart_timeline(highest_sequence_);
}

void JitterBuffer::restart_timeline(std::int64_t sequence) noexcept {
    for (Slot& slot : slots_) slot.sequence = kNone;
    next_sequence_ = sequence;
    has_timeline_ = false;
    is_playing_ = false;
    is_past_start_ = false;
    was_silence_ = false;
    lateness_.rebase();
}

bool JitterBuffer::is_of_stream(std::uint32_t ssrc, std::uint16_t sequence) noexcept {
    if (!has_stream_) {
        start_stream(ssrc, sequence);
        return true;
    }
    const std::int32_t distance = sequence_distance(static_cast<std::uint16_t>(highest_sequence_), sequence);
    if (ssrc == ssrc_ && distance > -kSequenceJump && distance < kSequenceJump) {
        has_candidate_ = false;  // a stream that still flows is not taken over
        return true;
    }
    const bool is_second = has_candidate_ && candidate_ssrc_ == ssrc && candidate_sequence_ == sequence;
    has_candidate_ = true;
    candidate_ssrc_ = ssrc;
    candidate_sequence_ = static_cast<std::uint16_t>(sequence + 1);
    if (!is_second) return false;
    ++statistics_.restarts;
    start_stream(ssrc, sequence);
    return true;
}

/// False for a duplicate. A packet so far ahead that it would take the slot of one that is waited for begins anew.
bool JitterBuffer::claim_slot(std::int64_t sequence) noexcept {
    if (slots_[static_cast<std::size_t>(sequence) % kSlots].sequence == sequence) {
        ++statistics_.duplicates;
        return false;
    }
    if (sequence - next_sequence_ >= static_cast<std::int64_t>(kSlots)) {
        statistics_.lost += static_cast<std::uint64_t>(sequence - next_sequence_);
        ++statistics_.restarts;
        restart_timeline(sequence);
    }
    if (!is_past_start_) next_sequence_ = std::min(next_sequence_, sequence);
    highest_sequence_ = std::max(highest_sequence_, sequence);
    return true;
}

void JitterBuffer::insert_other(std::uint32_t ssrc, std::uint16_t sequence) noexcept {
    if (!is_of_stream(ssrc, sequence)) return;
    const std::int64_t extended = unwrap_sequence(highest_sequence_, sequence);
    if (extended < next_sequence_ - static_cast<std::int64_t>(kSlots) || !claim_slot(extended)) return;
    if (extended < next_sequence_) return;
    Slot& slot = slots_[static_cast<std::size_t>(extended) % kSlots];
    slot = Slot{};
    slot.sequence = extended;
    slot.is_other = true;
}

void JitterBuffer::insert(const JitterPacket& packet, TimeUs arrival_us) noexcept {
    ++statistics_.received;
    if (packet.duration_ticks == 0 || packet.payload.size() > arena_.size()) return;
    if (!is_of_stream(packet.ssrc, packet.sequence)) return;
    const std::int64_t sequence = unwrap_sequence(highest_sequence_, packet.sequence);
    if (!claim_slot(sequence)) return;

    std::int64_t timestamp = has_timeline_ ? unwrap_timestamp(latest_timestamp_, packet.timestamp) : packet.timestamp;
    TimeUs transit_us = arrival_us - to_us(timestamp);
    if (has_timeline_ && std::abs(transit_us - last_transit_us_) > kTimestampJumpUs) {
        ++statistics_.restarts;
        restart_timeline(sequence);
        timestamp = packet.timestamp;
        transit_us = arrival_us - to_us(timestamp);
    }
    if (has_timeline_ && arrival_us - last_arrival_us_ > kPauseUs) lateness_.rebase();
    const TimeUs lateness_us = lateness_.add(transit_us, arrival_us);
    latest_timestamp_ = has_timeline_ ? std::max(latest_timestamp_, timestamp) : timestamp;
    has_timeline_ = true;
    last_transit_us_ = transit_us;
    last_arrival_us_ = arrival_us;
    if (is_too_late(sequence, timestamp, packet.duration_ticks, lateness_us)) {
        ++statistics_.late;
        return;
    }
    store(sequence, timestamp, packet);
}

bool JitterBuffer::is_too_late(std::int64_t sequence, std::int64_t timestamp, std::uint32_t ticks,
                               TimeUs lateness_us) noexcept {
    if (sequence < next_sequence_) return true;
    if (!is_playing_ || timestamp + ticks > next_timestamp_) return false;
    // Its time was filled with something else. It may still be played if nothing after it was, and if the delay that
    // this makes is wanted: when many packets hung together in the network, dropping them all would tear a second hole.
    if (timestamp < next_timestamp_ - starved_ticks_) return true;
    const bool is_burst = to_us(starved_ticks_) >= 2 * kPieceUs;
    const bool is_wanted = lateness_us <= target_us() + kPieceUs;
    if ((!is_burst && !is_wanted) || lateness_us > config_.max_ms * 1000LL) return true;
    starved_ticks_ -= next_timestamp_ - timestamp;
    next_timestamp_ = timestamp;
    return false;
}

void JitterBuffer::store(std::int64_t sequence, std::int64_t timestamp, const JitterPacket& packet) noexcept {
    const std::size_t size = packet.payload.size();
    const std::size_t offset = arena_end_ % arena_.size();
    if (offset + size > arena_.size()) arena_end_ += arena_.size() - offset;  // in one piece
    Slot& slot = slots_[static_cast<std::size_t>(sequence) % kSlots];
    slot.sequence = sequence;
    slot.timestamp = timestamp;
    slot.arena_position = arena_end_;
    slot.ticks = packet.duration_ticks;
    slot.size = static_cast<std::uint32_t>(size);
    slot.is_other = false;
    slot.is_silence = packet.is_silence;
    if (size != 0) std::memcpy(arena_.data() + arena_end_ % arena_.size(), packet.payload.data(), size);
    arena_end_ += size;
}

bool JitterBuffer::is_intact(const Slot& slot) const noexcept {
    return arena_end_ - slot.arena_position <= arena_.size();
}

TimeUs JitterBuffer::delay_us(std::int64_t timestamp, TimeUs now_us) const noexcept {
    return now_us - to_us(timestamp) - lateness_.lowest_transit_us();
}

TimeUs JitterBuffer::target_us() const noexcept {
    return std::clamp<TimeUs>(lateness_.percentile_us() + fec_wait_us_, config_.min_ms * 1000LL,
                              config_.max_ms * 1000LL);
}

/// A delay that leaves room for the one packet in a hundred that the target leaves out, where there is jitter at all.
TimeUs JitterBuffer::easy_us() const noexcept {
    const TimeUs jitter_us = target_us() - config_.min_ms * 1000LL;
    return target_us() + std::min(jitter_us / 2, kMostEaseUs);
}

}  // namespace sr::audio
