// What the media threads and their owner say to each other: values only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sip/flow.hpp"

namespace sr::media {

/// What a leg is connected with.
enum class TargetKind : std::uint8_t {
    echo,    // itself
    tone,    // 440 Hz
    mix,     // everybody else who speaks into the mix of that name
    source,  // nothing to hear: its audio goes where routes say
};

struct LegTarget {
    TargetKind kind = TargetKind::echo;
    std::string name{};  // mix, source: the device's key

    bool operator==(const LegTarget&) const = default;
};

/// The audio of every leg of the device `source` is heard in the mix `sink`, `volume` times as loud (0 to 4).
struct Route {
    std::string source;
    std::string sink;
    float volume = 1.0F;

    bool operator==(const Route&) const = default;
};

enum class LegState : std::uint8_t { connecting, connected, held };

[[nodiscard]] constexpr const char* state_text(LegState state) noexcept {
    switch (state) {
        case LegState::connecting: return "connecting";
        case LegState::connected: return "connected";
        case LegState::held: return "held";
    }
    return "";
}

enum class LegEventKind : std::uint8_t {
    connected,  // media can flow; told again after an ICE restart
    digit,
    silent,  // nothing has come for the configured time
    failed,  // it cannot be connected, or its keys are not those of its offer
};

[[nodiscard]] constexpr const char* event_text(LegEventKind kind) noexcept {
    switch (kind) {
        case LegEventKind::connected: return "connected";
        case LegEventKind::digit: return "digit";
        case LegEventKind::silent: return "silent";
        case LegEventKind::failed: return "failed";
    }
    return "";
}

struct LegEvent {
    LegEventKind kind = LegEventKind::connected;
    std::string leg_id{};
    char digit = 0;                 // digit only: 0-9 * # A-D
    std::uint32_t duration_ms = 0;  // digit only
    std::string reason{};           // silent, failed: a sentence for the owner
};

/// Whoever wants to know; called on media threads, must not block.
class LegListener {
  public:
    virtual void on_leg_event(LegEvent&& event) noexcept = 0;

  protected:
    ~LegListener() = default;
};

/// A leg as it stands. Rates and times are those of RFC 3550.
struct LegStatistics {
    std::string leg_id;
    std::string mix;  // "echo", "tone", or the device's key
    std::string device;
    std::string kind;  // webrtc or rtp
    LegState state = LegState::connecting;
    std::string codec;  // as it is sent: "opus/48000/2"
    std::string remote;
    bool is_forwarded = false;  // its audio is passed on without being decoded
    std::uint64_t packets_received = 0;
    std::uint64_t octets_received = 0;
    std::uint64_t packets_sent = 0;
    std::uint64_t octets_sent = 0;
    std::uint64_t packets_lost = 0;       // of those sent to us
    std::uint64_t packets_discarded = 0;  // late, or more than the jitter buffer takes
    double remote_loss = 0;               // the fraction of ours that the peer missed last, 0 to 1
    double jitter_ms = 0;
    double buffer_ms = 0;  // how long audio waits in the jitter buffer
    double rtt_ms = -1;    // -1: not known yet
    int level_dbov = -127;
    std::uint64_t concealed_frames = 0;
    std::uint64_t age_ms = 0;
};

struct MediaConfig {
    /// The addresses that are offered to peers; their ports are unused.
    std::vector<sip::SocketAddress> addresses{};
    std::uint16_t port = 42000;  // of the first media thread; 0: any
    std::uint16_t first_rtp_port = 42002;
    std::uint16_t last_rtp_port = 42999;
    std::uint32_t silence_ms = 30'000;  // after which a leg that should be heard counts as silent
    std::uint32_t connect_ms = 15'000;  // which ICE and DTLS have together
};

}  // namespace sr::media
