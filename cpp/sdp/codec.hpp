// Audio codecs as payload types name them (RFC 3551, RFC 7587, RFC 4733).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sr::sdp {

enum class CodecName : std::uint8_t { opus, g722, pcmu, pcma, l16 };

/// A codec with the clock of its RTP timestamps. G.722 samples at 16 kHz and counts 8000 by an old mistake (RFC 3551
/// section 4.5.2); Opus is always 48000 and 2, whatever is coded (RFC 7587 section 7).
struct Codec {
    CodecName name = CodecName::opus;
    std::uint32_t clock_hz = 48000;
    std::uint8_t channels = 2;

    bool operator==(const Codec&) const = default;
};

inline constexpr Codec kOpus{CodecName::opus, 48000, 2};
inline constexpr Codec kG722{CodecName::g722, 8000, 1};
inline constexpr Codec kPcmu{CodecName::pcmu, 8000, 1};
inline constexpr Codec kPcma{CodecName::pcma, 8000, 1};

/// What an rtpmap means, its encoding name in any case; nullopt for what this core cannot play.
[[nodiscard]] std::optional<Codec> find_codec(std::string_view encoding, std::uint32_t clock_hz,
                                              std::uint8_t channels) noexcept;

/// The encoding name as registered: "opus", "G722", "PCMU", "PCMA", "L16".
[[nodiscard]] std::string_view encoding_name(CodecName name) noexcept;

/// What a payload type without an rtpmap means (RFC 3551 table 4): 0, 8, 9, 10, 11; nullopt for the others.
[[nodiscard]] std::optional<Codec> static_codec(std::uint8_t payload_type) noexcept;

/// The payload type that a codec has without an rtpmap; nullopt where it needs a dynamic one.
[[nodiscard]] std::optional<std::uint8_t> static_payload_type(const Codec& codec) noexcept;

/// The packet time to send with, in ms: what the receiver asks for (0: nothing asked, 20 ms), at most what it takes
/// (`max_ptime_ms`, 0: no limit), and at most what keeps uncompressed audio in one Ethernet frame.
[[nodiscard]] std::uint16_t packet_time_ms(const Codec& codec, unsigned asked_ms, unsigned max_ptime_ms) noexcept;

/// What the writer of an Opus fmtp wishes to receive (RFC 7587 section 6.1), defaults included.
struct OpusParameters {
    bool use_inband_fec = false;
    bool use_dtx = false;
    bool is_stereo = false;
    bool is_cbr = false;
    std::uint32_t max_average_bitrate_bps = 0;   // 0: no wish
    std::uint32_t max_playback_rate_hz = 48000;  // 8000 to 48000

    bool operator==(const OpusParameters&) const = default;

    /// Of "minptime=10;useinbandfec=1"; what is unknown or unreadable keeps its default.
    [[nodiscard]] static OpusParameters parse(std::string_view fmtp) noexcept;
};

}  // namespace sr::sdp
