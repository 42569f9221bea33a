#include "audio/codec.hpp"

#include <algorithm>
#include <array>

#include "audio/line_codec.hpp"
#include "audio/opus_codec.hpp"

namespace sr::audio {

namespace {

enum class Codec : std::uint8_t { Unknown, Opus, G722, Pcmu, Pcma, L16 };

constexpr std::array<std::uint32_t, 8> kL16Rates{8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000};

/// `name` in lower case.
bool is_named(std::string_view text, std::string_view name) noexcept {
    return std::ranges::equal(text, name, [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
}

Codec codec_of(const CodecSpec& spec) noexcept {
    const bool is_telephony = spec.clock_rate_hz == 8000 && spec.channels == 1;
    if (is_named(spec.name, "opus") && spec.clock_rate_hz == 48000 && spec.channels == 2) return Codec::Opus;
    if (is_named(spec.name, "g722") && is_telephony) return Codec::G722;
    if (is_named(spec.name, "pcmu") && is_telephony) return Codec::Pcmu;
    if (is_named(spec.name, "pcma") && is_telephony) return Codec::Pcma;
    if (!is_named(spec.name, "l16") || spec.channels < 1 || spec.channels > kMostChannels) return Codec::Unknown;
    return std::ranges::find(kL16Rates, spec.clock_rate_hz) == kL16Rates.end() ? Codec::Unknown : Codec::L16;
}

LineFormat format_of(const CodecSpec& spec, Codec codec) noexcept {
    // G.722 samples at 16 kHz, but its timestamps count 8 kHz, by an error that RFC 3551 section 4.5.2 made law.
    return {codec == Codec::G722 ? 16000 : spec.clock_rate_hz, spec.clock_rate_hz, spec.channels};
}

std::unique_ptr<LineCodec> make_line(const CodecSpec& spec, Codec codec) {
    switch (codec) {
        case Codec::G722: return make_g722();
        case Codec::Pcmu: return make_ulaw();
        case Codec::Pcma: return make_alaw();
        case Codec::L16: return make_l16(spec.channels);
        case Codec::Unknown:
        case Codec::Opus: break;
    }
    return nullptr;
}

std::uint32_t held_ptime_ms(std::uint32_t ptime_ms) noexcept {
    constexpr std::array<std::uint32_t, 6> kPacketTimes{5, 10, 20, 30, 40, 60};
    return std::ranges::find(kPacketTimes, ptime_ms) == kPacketTimes.end() ? kFrameMs : ptime_ms;
}

}  // namespace

bool is_supported(const CodecSpec& spec) noexcept { return codec_of(spec) != Codec::Unknown; }

std::unique_ptr<AudioEncoder> make_encoder(const CodecSpec& spec) {
    CodecSpec held = spec;
    held.ptime_ms = held_ptime_ms(spec.ptime_ms);
    const Codec codec = codec_of(held);
    if (codec == Codec::Opus) return make_opus_encoder(held);
    return make_line_encoder(make_line(held, codec), format_of(held, codec), held.ptime_ms);
}

std::unique_ptr<AudioDecoder> make_decoder(const CodecSpec& spec) {
    const Codec codec = codec_of(spec);
    if (codec == Codec::Opus) return make_opus_decoder(spec);
    return make_line_decoder(make_line(spec, codec), format_of(spec, codec));
}

}  // namespace sr::audio
