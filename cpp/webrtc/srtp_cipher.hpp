// One direction's ciphers of SRTP or SRTCP with its session keys: what is the same in both, and what the profile
// changes.
#pragma once

#include <optional>

#include "webrtc/evp.hpp"
#include "webrtc/hmac_sha1.hpp"
#include "webrtc/srtp_keys.hpp"

namespace sr::webrtc {

enum class SrtpDirection : std::uint8_t { protect, unprotect };
enum class SrtpKind : std::uint8_t { rtp, rtcp };

/// What goes into a packet's nonce: RFC 3711 section 4.1.1, RFC 7714 sections 8.1 and 9.1.
struct SrtpPosition {
    std::uint32_t ssrc = 0;
    std::uint64_t index = 0;  // 48 bits of RTP's, 31 of RTCP's
};

/// What encrypts one direction's SRTP or SRTCP; the profile says how much of each counts. Wiped when it goes.
struct SrtpSessionKeys {
    std::array<std::uint8_t, 32> encryption{};
    std::array<std::uint8_t, 20> authentication{};  // RFC 3711 section 5.2: n_a = 160 bits
    std::array<std::uint8_t, 14> salt{};

    SrtpSessionKeys() = default;
    SrtpSessionKeys(const SrtpSessionKeys&) = default;
    SrtpSessionKeys& operator=(const SrtpSessionKeys&) = default;
    ~SrtpSessionKeys();
};

/// Nullopt where OpenSSL refuses.
[[nodiscard]] std::optional<SrtpSessionKeys> derive_session_keys(SrtpProfile profile, const SrtpMaster& master,
                                                                 SrtpKind kind) noexcept;

/// Keeps one OpenSSL context, so that a packet costs neither a search for the algorithm nor an allocation.
class SrtpCipher {
  public:
    /// Nullopt where OpenSSL refuses.
    [[nodiscard]] static std::optional<SrtpCipher> make(SrtpProfile profile, const SrtpSessionKeys& keys,
                                                        SrtpDirection direction, SrtpKind kind);

    [[nodiscard]] bool is_aead() const noexcept { return !hmac_.has_value(); }
    [[nodiscard]] std::size_t tag_size() const noexcept { return tag_size_; }

    /// Encrypts what stands behind the first `clear` octets of `message` in place and writes the tag, of `tag_size()`
    /// octets. `trailer` is authenticated too: the rollover counter of RTP, the flagged index of RTCP.
    [[nodiscard]] bool seal(const SrtpPosition& position, MutableOctets message, std::size_t clear, Octets trailer,
                            std::uint8_t* tag) noexcept;
    /// The reverse; false where the tag is wrong, and then what stands behind `clear` may be garbage.
    [[nodiscard]] bool open(const SrtpPosition& position, MutableOctets message, std::size_t clear, Octets trailer,
                            Octets tag) noexcept;

  private:
    SrtpCipher() = default;
    [[nodiscard]] bool begin(const SrtpPosition& position) noexcept;
    [[nodiscard]] bool transform_aead(MutableOctets message, std::size_t clear, Octets trailer) noexcept;
    [[nodiscard]] bool update(std::uint8_t* out, Octets octets) noexcept;

    CipherContext context_;
    std::optional<HmacSha1> hmac_;
    std::array<std::uint8_t, 14> salt_{};
    std::size_t tag_size_ = 0;
    int written_ = 0;  // OpenSSL wants to tell it; here it is always what was given
    SrtpKind kind_ = SrtpKind::rtp;
};

}  // namespace sr::webrtc
