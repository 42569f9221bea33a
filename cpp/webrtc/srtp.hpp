// SRTP and SRTCP: RFC 3711 with AES_CM_128_HMAC_SHA1_80, RFC 7714 with AEAD_AES_128_GCM and AEAD_AES_256_GCM.
#pragma once

#include <memory>
#include <string_view>

#include "webrtc/bytes.hpp"
#include "webrtc/srtp_keys.hpp"

namespace sr::webrtc {

enum class SrtpFault : std::uint8_t {
    none,
    malformed,         // shorter than its own header says, or not RTP or RTCP at all
    no_room,           // the buffer cannot take the tag
    replayed,          // seen before, or too old to tell; when sending: this index was used
    forged,            // the tag is wrong
    too_many_sources,  // kMostSources are known
    exhausted,         // 2^48 packets, or 2^31 of RTCP, are all that a key may protect (RFC 3711 section 9.2)
    unencrypted,       // SRTCP without its E flag
    unavailable,       // OpenSSL refused
};

[[nodiscard]] std::string_view srtp_fault_name(SrtpFault fault) noexcept;

/// Octets of the packet as it stands in the buffer now, or why not; then the buffer's payload is garbage.
struct SrtpResult {
    std::size_t length = 0;
    SrtpFault fault = SrtpFault::none;

    [[nodiscard]] explicit operator bool() const noexcept { return fault == SrtpFault::none; }
};

inline constexpr std::size_t kSrtpGrowth = 16;   // octets at the most, whatever the profile
inline constexpr std::size_t kSrtcpGrowth = 20;  // likewise
inline constexpr std::size_t kMostSources = 64;  // SSRCs in one direction of RTP, and as many of RTCP

/// Protects what one session sends. One thread at a time; no allocation but at the first packet of an SSRC.
class SrtpSender {
  public:
    /// Null where OpenSSL refuses.
    [[nodiscard]] static std::unique_ptr<SrtpSender> make(SrtpProfile profile, const SrtpMaster& master);
    ~SrtpSender();
    SrtpSender(const SrtpSender&) = delete;
    SrtpSender& operator=(const SrtpSender&) = delete;

    /// In place: the packet is the first `length` octets of `room`, and grows by at most kSrtpGrowth. A sequence number
    /// may come late or twice; twice is refused, as no two packets may share a key stream.
    [[nodiscard]] SrtpResult protect(MutableOctets room, std::size_t length) noexcept;
    /// The same for a compound RTCP packet, which grows by at most kSrtcpGrowth.
    [[nodiscard]] SrtpResult protect_rtcp(MutableOctets room, std::size_t length) noexcept;

  private:
    struct State;
    explicit SrtpSender(std::unique_ptr<State> state) noexcept;
    std::unique_ptr<State> state_;
};

/// Opens what one session receives. One thread at a time; no allocation but at the first packet of an SSRC.
class SrtpReceiver {
  public:
    /// Null where OpenSSL refuses.
    [[nodiscard]] static std::unique_ptr<SrtpReceiver> make(SrtpProfile profile, const SrtpMaster& master);
    ~SrtpReceiver();
    SrtpReceiver(const SrtpReceiver&) = delete;
    SrtpReceiver& operator=(const SrtpReceiver&) = delete;

    /// In place; nothing is remembered of a packet that is not authentic.
    [[nodiscard]] SrtpResult unprotect(MutableOctets packet) noexcept;
    [[nodiscard]] SrtpResult unprotect_rtcp(MutableOctets packet) noexcept;

  private:
    struct State;
    explicit SrtpReceiver(std::unique_ptr<State> state) noexcept;
    std::unique_ptr<State> state_;
};

}  // namespace sr::webrtc
