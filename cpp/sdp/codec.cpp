#include "sdp/codec.hpp"

#include <algorithm>
#include <array>

#include "sdp/token.hpp"
#include "sip/ascii.hpp"

namespace sr::sdp {
namespace {

using sip::is_equal_ignoring_case;

struct StaticType {
    std::uint8_t payload_type;
    Codec codec;
};

constexpr std::array kStaticTypes{
    StaticType{0, kPcmu},
    StaticType{8, kPcma},
    StaticType{9, kG722},
    StaticType{10, {CodecName::l16, 44100, 2}},
    StaticType{11, {CodecName::l16, 44100, 1}},
};

constexpr unsigned kDefaultPtimeMs = 20;   // RFC 3551 section 4.5, for all of our codecs
constexpr unsigned kLongestPtimeMs = 120;  // RFC 7587 section 4.2; more only adds delay
/// Of an Ethernet frame's 1500 octets, what IPv6, UDP, RTP, extensions and a tunnel leave.
constexpr unsigned kLargestPayload = 1200;

/// Octets that 1 ms takes at least; 0 for Opus, whose packets are small at any length.
unsigned octets_per_ms(const Codec& codec) noexcept {
    switch (codec.name) {
        case CodecName::opus: return 0;
        case CodecName::g722:
        case CodecName::pcmu:
        case CodecName::pcma: return 8;
        case CodecName::l16: return (codec.clock_hz * codec.channels * 2 + 999) / 1000;
    }
    return 0;
}

/// RFC 6716 section 2.1.4 knows packets of these lengths only, longer ones being made of several frames.
unsigned opus_packet_time_ms(unsigned ms) noexcept { return ms < 10 ? 5 : ms < 20 ? 10 : ms / 20 * 20; }

}  // namespace

std::optional<Codec> find_codec(std::string_view encoding, std::uint32_t clock_hz, std::uint8_t channels) noexcept {
    // Some devices write opus/48000 where the RFC asks for opus/48000/2.
    if (is_equal_ignoring_case(encoding, "opus") && clock_hz == 48000 && channels <= 2) return kOpus;
    if (is_equal_ignoring_case(encoding, "L16") && clock_hz >= 8000 && clock_hz <= 96000 && channels <= 2) {
        return Codec{CodecName::l16, clock_hz, channels};
    }
    for (const Codec& codec : {kG722, kPcmu, kPcma}) {
        if (is_equal_ignoring_case(encoding, encoding_name(codec.name)) && clock_hz == codec.clock_hz &&
            channels == 1) {
            return codec;
        }
    }
    return std::nullopt;
}

std::string_view encoding_name(CodecName name) noexcept {
    switch (name) {
        case CodecName::opus: return "opus";
        case CodecName::g722: return "G722";
        case CodecName::pcmu: return "PCMU";
        case CodecName::pcma: return "PCMA";
        case CodecName::l16: return "L16";
    }
    return "opus";
}

std::optional<Codec> static_codec(std::uint8_t payload_type) noexcept {
    const auto* const found = std::ranges::find(kStaticTypes, payload_type, &StaticType::payload_type);
    return found == kStaticTypes.end() ? std::nullopt : std::optional(found->codec);
}

std::optional<std::uint8_t> static_payload_type(const Codec& codec) noexcept {
    const auto* const found = std::ranges::find(kStaticTypes, codec, &StaticType::codec);
    return found == kStaticTypes.end() ? std::nullopt : std::optional(found->payload_type);
}

std::uint16_t packet_time_ms(const Codec& codec, unsigned asked_ms, unsigned max_ptime_ms) noexcept {
    unsigned ms = asked_ms == 0 ? kDefaultPtimeMs : asked_ms;
    if (max_ptime_ms != 0) ms = std::min(ms, max_ptime_ms);
    ms = std::min(ms, kLongestPtimeMs);
    const unsigned octets = octets_per_ms(codec);
    if (octets == 0) return static_cast<std::uint16_t>(opus_packet_time_ms(ms));
    const unsigned longest = kLargestPayload / octets;
    if (ms > longest) ms = longest >= 5 ? longest / 5 * 5 : longest;
    return static_cast<std::uint16_t>(std::max(ms, 1U));
}

OpusParameters OpusParameters::parse(std::string_view fmtp) noexcept {
    OpusParameters found;
    while (!fmtp.empty()) {
        std::string_view value = take_until(fmtp, ';');
        const std::string_view name = trim_blanks(take_until(value, '='));
        value = trim_blanks(value);
        const auto is_named = [name](std::string_view known) { return is_equal_ignoring_case(name, known); };
        if (is_named("useinbandfec")) {
            found.use_inband_fec = value == "1";
        } else if (is_named("usedtx")) {
            found.use_dtx = value == "1";
        } else if (is_named("stereo")) {
            found.is_stereo = value == "1";
        } else if (is_named("cbr")) {
            found.is_cbr = value == "1";
        } else if (is_named("maxaveragebitrate")) {
            // Section 6.1: 6000 to 510000, anything else is to be ignored.
            const std::uint32_t rate = read_number<std::uint32_t>(value, 510000).value_or(0);
            if (rate >= 6000) found.max_average_bitrate_bps = rate;
        } else if (is_named("maxplaybackrate")) {
            const std::uint32_t rate = read_number<std::uint32_t>(value, 48000).value_or(0);
            if (rate >= 8000) found.max_playback_rate_hz = rate;
        }
    }
    return found;
}

}  // namespace sr::sdp
