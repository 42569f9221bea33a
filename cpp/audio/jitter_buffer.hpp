// Holds received packets back just long enough that they can be played without a gap.
//
// Theory of operation. The *transit* of a packet is its arrival minus its timestamp; the lowest transit of the last ten
// seconds belongs to the packets that nothing delayed, and a packet's *lateness* is its transit above that. The
// *target* is the lateness that 99 of 100 recent packets do not exceed. The *delay* is how long after an undelayed
// arrival the next sample is played. It starts at the target and is held there: below it, a piece of concealment is put
// in at once; above it by more than a packet, a packet is taken out, in silence or after a while. As the lowest transit
// follows the sender's clock, the same rule holds a drifting clock. A packet that comes after its time was concealed is
// still played when the target has grown enough to allow it: then nothing is lost but the pause is longer.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "audio/lateness.hpp"
#include "audio/octets.hpp"

namespace sr::audio {

struct JitterConfig {
    std::uint32_t clock_rate_hz = 48000;
    std::uint32_t min_ms = 10;         // of the target
    std::uint32_t max_ms = 400;        // of the target; of what lies beyond, the oldest is dropped
    bool has_fec = false;              // ask for FEC before concealing
    std::size_t arena_octets = 32768;  // for payloads: as many as come in `max_ms`, or the oldest are overwritten
};

/// A packet of the codec. Telephone-events and comfort noise of the same SSRC are told by `insert_other`.
struct JitterPacket {
    std::uint32_t ssrc = 0;
    std::uint16_t sequence = 0;
    std::uint32_t timestamp = 0;
    std::uint32_t duration_ticks = 0;  // AudioDecoder::duration_ticks
    bool is_silence = false;           // AudioDecoder::is_silence
    Octets payload;
};

struct JitterPiece {
    enum class Kind : std::uint8_t {
        Payload,  // decode `payload`
        Fec,      // `payload` is that of the packet after the lost one, and will come again as Payload
        Conceal,  // lost or late
        Silence,  // the sender is silent: conceal, which makes comfort noise; but nothing was lost
        Idle,     // there is no stream: before the first packet, and after a long pause; nothing to decode
    };
    Kind kind = Kind::Idle;
    bool is_to_be_shortened = false;  // of Payload: blend it with the next piece, so that both take one's time
    Octets payload;                   // valid until the next `insert`
    std::uint32_t ticks = 0;          // how long it lasts
    TimeUs spare_us = 0;  // of Payload: it could have been asked for so much earlier, always; negative: should be later
};

struct JitterStatistics {
    std::uint64_t received = 0;  // all that were inserted
    std::uint64_t played = 0;    // packets
    std::uint64_t late = 0;      // came when their time was over
    std::uint64_t duplicates = 0;
    std::uint64_t lost = 0;       // never came while their time lasted; late ones count here and there
    std::uint64_t recovered = 0;  // of these, by FEC
    std::uint64_t concealed = 0;  // pieces of concealment, for loss and for growing
    std::uint64_t dropped = 0;    // taken out to shorten the delay
    std::uint64_t restarts = 0;   // new SSRC, sequence or timestamps
    double delay_ms = 0;          // now
    double target_ms = 0;
};

/// Allocates when it is made and never after. Not for several threads.
class JitterBuffer {
  public:
    explicit JitterBuffer(const JitterConfig& config);

    /// A packet whose duration is 0 or whose payload does not fit the arena is refused like one that never came.
    /// Another SSRC, or a jump of 3,000 in the sequence, takes over with its second packet in sequence.
    void insert(const JitterPacket& packet, TimeUs arrival_us) noexcept;
    /// A packet of the same SSRC without audio of this codec, whose sequence number is then not missing.
    void insert_other(std::uint32_t ssrc, std::uint16_t sequence) noexcept;

    /// The next piece, to be heard after all the pieces before. `is_quiet`: what was heard last was so faint that a
    /// packet can be taken out without harm.
    [[nodiscard]] JitterPiece pop(TimeUs now_us, bool is_quiet) noexcept;

    /// From when on the next packet can be asked for without haste; nothing while none is there.
    [[nodiscard]] std::optional<TimeUs> ready_us() const noexcept;

    [[nodiscard]] const JitterStatistics& statistics() const noexcept { return statistics_; }

  private:
    static constexpr std::size_t kSlots = 256;  // of 5 ms at least: more than three times the most that is held
    static constexpr std::int64_t kNone = -1;

    struct Slot {
        std::int64_t sequence = kNone;
        std::int64_t timestamp = 0;
        std::uint64_t arena_position = 0;
        std::uint32_t ticks = 0;
        std::uint32_t size = 0;
        bool is_other = false;  // a packet without audio
        bool is_silence = false;
    };
    /// The packet that comes next of those that are there.
    struct Head {
        const Slot* slot = nullptr;
        std::int64_t missing = 0;  // packets between it and what was played last
    };

    [[nodiscard]] bool is_of_stream(std::uint32_t ssrc, std::uint16_t sequence) noexcept;
    void start_stream(std::uint32_t ssrc, std::uint16_t sequence) noexcept;
    void restart_timeline(std::int64_t sequence) noexcept;
    [[nodiscard]] bool claim_slot(std::int64_t sequence) noexcept;
    [[nodiscard]] bool is_too_late(std::int64_t sequence, std::int64_t timestamp, std::uint32_t ticks,
                                   TimeUs lateness_us) noexcept;
    void store(std::int64_t sequence, std::int64_t timestamp, const JitterPacket& packet) noexcept;

    [[nodiscard]] Head find_head() const noexcept;
    [[nodiscard]] bool begin_playing(const Head& head, TimeUs now_us) noexcept;
    void drop_excess(Head& head, TimeUs now_us) noexcept;
    [[nodiscard]] JitterPiece play(const Head& head, TimeUs delay_us, TimeUs now_us, bool is_quiet) noexcept;
    [[nodiscard]] JitterPiece bridge(const Head& head, TimeUs delay_us) noexcept;
    [[nodiscard]] JitterPiece starve(TimeUs now_us) noexcept;
    [[nodiscard]] JitterPiece fill(JitterPiece::Kind kind, std::int64_t ticks, bool is_on_time) noexcept;
    void pass(const Head& head) noexcept;
    void weigh_loss(std::int64_t missing, std::uint32_t packet_ticks) noexcept;

    [[nodiscard]] TimeUs to_us(std::int64_t ticks) const noexcept { return ticks * 1'000'000 / config_.clock_rate_hz; }
    [[nodiscard]] std::int64_t to_ticks(TimeUs us) const noexcept { return us * config_.clock_rate_hz / 1'000'000; }
    [[nodiscard]] TimeUs delay_us(std::int64_t timestamp, TimeUs now_us) const noexcept;
    [[nodiscard]] TimeUs target_us() const noexcept;
    [[nodiscard]] TimeUs easy_us() const noexcept;
    [[nodiscard]] bool is_intact(const Slot& slot) const noexcept;

    const JitterConfig config_;
    std::vector<std::uint8_t> arena_;
    std::uint64_t arena_end_ = 0;  // where the next payload goes; only grows
    std::array<Slot, kSlots> slots_;
    Lateness lateness_;
    JitterStatistics statistics_;

    bool has_stream_ = false;
    std::uint32_t ssrc_ = 0;
    bool has_candidate_ = false;  // of another stream that may take over
    std::uint32_t candidate_ssrc_ = 0;
    std::uint16_t candidate_sequence_ = 0;

    std::int64_t highest_sequence_ = 0;
    std::int64_t latest_timestamp_ = 0;
    TimeUs last_arrival_us_ = 0;
    TimeUs last_transit_us_ = 0;
    bool has_timeline_ = false;  // a packet with audio has come: timestamps and transits mean something

    bool is_playing_ = false;
    bool is_past_start_ = false;      // something was played since the stream began: what is missing is lost
    std::int64_t next_sequence_ = 0;  // all before it are done with
    std::int64_t next_timestamp_ = 0;
    std::int64_t starved_ticks_ = 0;  // filled since the last packet was played
    bool was_silence_ = false;        // the last packet said that the sender falls silent
    TimeUs last_shortened_us_ = 0;
    double loss_ = 0;         // the share of lost packets, of about the last hundred
    TimeUs fec_wait_us_ = 0;  // added to the target while there is loss: the packet after a lost one must be there
};

}  // namespace sr::audio
