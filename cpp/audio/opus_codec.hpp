// Opus (RFC 6716) in RTP (RFC 7587).
#pragma once

#include <memory>

#include "audio/codec.hpp"

namespace sr::audio {

/// Null when memory is gone. A packet time of 30 ms, which opus has not, becomes 20.
[[nodiscard]] std::unique_ptr<AudioEncoder> make_opus_encoder(const CodecSpec& spec);
[[nodiscard]] std::unique_ptr<AudioDecoder> make_opus_decoder(const CodecSpec& spec);

}  // namespace sr::audio
