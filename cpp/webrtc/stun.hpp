// STUN messages as ICE uses them (RFC 8489, RFC 8445 section 16): a reader that copies nothing, a writer into the
// caller's room.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "sip/flow.hpp"
#include "webrtc/bytes.hpp"

namespace sr::webrtc {

enum class StunClass : std::uint8_t { request, indication, success, error };

inline constexpr std::uint16_t kStunBinding = 0x001;
inline constexpr std::size_t kStunHeader = 20;

using StunTransaction = std::array<std::uint8_t, 12>;

/// RFC 8489 section 18.3, RFC 8445 section 16.1.
enum class StunAttribute : std::uint16_t {
    username = 0x0006,
    message_integrity = 0x0008,
    error_code = 0x0009,
    unknown_attributes = 0x000A,
    realm = 0x0014,
    nonce = 0x0015,
    message_integrity_sha256 = 0x001C,
    xor_mapped_address = 0x0020,
    priority = 0x0024,
    use_candidate = 0x0025,
    software = 0x8022,
    fingerprint = 0x8028,
    ice_controlled = 0x8029,
    ice_controlling = 0x802A,
};

/// RFC 8489 section 14.8, RFC 8445 section 7.3.1.1.
enum class StunError : std::uint16_t {
    bad_request = 400,
    unauthenticated = 401,
    unknown_attribute = 420,
    role_conflict = 487,
};

/// A well-formed message. It is a view: the octets must outlive it.
class StunMessage {
  public:
    /// Nullopt for what is not STUN or whose lengths do not fit each other; also where FINGERPRINT is there and wrong
    /// (RFC 8489 section 14.7). What stands behind MESSAGE-INTEGRITY, beside FINGERPRINT, is not read (section 14.5).
    [[nodiscard]] static std::optional<StunMessage> parse(Octets datagram) noexcept;

    [[nodiscard]] StunClass message_class() const noexcept { return class_; }
    [[nodiscard]] std::uint16_t method() const noexcept { return method_; }
    [[nodiscard]] StunTransaction transaction() const noexcept;

    /// The value of the first attribute of this type.
    [[nodiscard]] std::optional<Octets> find(StunAttribute type) const noexcept;
    [[nodiscard]] bool has(StunAttribute type) const noexcept { return find(type).has_value(); }
    [[nodiscard]] bool has_fingerprint() const noexcept { return has_fingerprint_; }
    [[nodiscard]] std::optional<std::string_view> text(StunAttribute type) const noexcept;
    [[nodiscard]] std::optional<std::uint32_t> priority() const noexcept;
    /// Of ICE-CONTROLLED or ICE-CONTROLLING.
    [[nodiscard]] std::optional<std::uint64_t> tie_breaker(StunAttribute role) const noexcept;
    [[nodiscard]] std::optional<sip::SocketAddress> xor_mapped_address() const noexcept;
    /// 300 to 699.
    [[nodiscard]] std::optional<std::uint16_t> error_code() const noexcept;

    /// Comprehension-required attributes that nobody here understands (RFC 8489 section 6.3.1), in their order.
    struct Unknown {
        std::array<std::uint16_t, 8> types{};
        std::size_t count = 0;  // those beyond the eighth are not told
    };
    [[nodiscard]] Unknown unknown_attributes() const noexcept;

    /// Whether MESSAGE-INTEGRITY is there and made with this key: the short-term password itself, or the long-term
    /// MD5 (RFC 8489 section 9). In a time that does not depend on where it differs.
    [[nodiscard]] bool is_authentic(Octets key) const noexcept;

  private:
    explicit StunMessage(Octets datagram) noexcept : datagram_(datagram) {}
    [[nodiscard]] bool read_attributes() noexcept;

    Octets datagram_;
    std::size_t attributes_end_ = kStunHeader;  // behind the last attribute that `find` sees
    std::size_t integrity_at_ = 0;              // where MESSAGE-INTEGRITY begins; 0: none
    std::uint16_t method_ = 0;
    StunClass class_ = StunClass::request;
    bool has_fingerprint_ = false;
};

/// The part of USERNAME before the colon, ours in a request to us, without any check beyond well-formedness: it finds
/// the session that then authenticates the message. Empty where there is none.
[[nodiscard]] std::string_view find_local_ufrag(Octets datagram) noexcept;

/// Writes one message. When the room is too small, `finish` says so by an empty span.
class StunWriter {
  public:
    StunWriter(MutableOctets room, StunClass message_class, const StunTransaction& transaction) noexcept;

    StunWriter& add(StunAttribute type, Octets value) noexcept;
    StunWriter& add_text(StunAttribute type, std::string_view text) noexcept;
    StunWriter& add_u32(StunAttribute type, std::uint32_t value) noexcept;
    StunWriter& add_u64(StunAttribute type, std::uint64_t value) noexcept;
    StunWriter& add_flag(StunAttribute type) noexcept { return add(type, {}); }
    StunWriter& add_xor_mapped_address(const sip::SocketAddress& address) noexcept;
    StunWriter& add_error(StunError error, std::string_view phrase) noexcept;
    StunWriter& add_unknown_attributes(const StunMessage::Unknown& unknown) noexcept;
    /// To be the last but FINGERPRINT.
    StunWriter& add_integrity(Octets key) noexcept;
    /// To be the last.
    StunWriter& add_fingerprint() noexcept;

    [[nodiscard]] Octets finish() noexcept;

  private:
    /// Room for a value with its padding, or nullptr when there is none.
    std::uint8_t* append(StunAttribute type, std::size_t size) noexcept;
    void write_length(std::size_t attributes_size) noexcept;

    MutableOctets room_;
    std::size_t size_ = 0;
    bool is_overflown_ = false;
};

}  // namespace sr::webrtc
