// Whether a request is from whom it says (RFC 3261 section 22, RFC 7616 section 3.4): one decision over one request.
//
// Theory of operation. The checks go from what costs nothing to what costs a hash, and from what is the same for
// everybody to what depends on the user:
//
//   1. the header      whole, for our realm, an algorithm and a qop that were offered, for this Request-URI
//   2. the nonce       ours, given to this address, young enough; else stale=true, whoever asks
//   3. the digest      an unknown user, one without that algorithm and a disabled one are computed all the same, and
//                      all that is wrong leads to the one answer: 401 with stale=false
//   4. the count       only now the replay window is asked, so that only those who know a password can fill it
//   5. the right       a device registers for its own address-of-record: only who has authenticated is told 403.
//                      Other requests it may ask about whomever it likes
//
// Step 2 comes before step 3 on purpose. RFC 2617 wanted stale=true for valid digests only; then whoever makes up
// nonces could try passwords and read the result off the flag, without ever being counted as one who failed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "auth/credential_table.hpp"
#include "auth/credentials.hpp"
#include "auth/digest.hpp"
#include "auth/nonce.hpp"
#include "auth/replay_window.hpp"
#include "base/clock.hpp"
#include "sip/flow.hpp"
#include "sip/reject_reason.hpp"

namespace sr::auth {

struct DigestPolicy {
    std::string realm;  // is_valid_realm
    AlgorithmSet algorithms{Algorithm::sha512_256, Algorithm::sha256, Algorithm::md5};
    /// Longer than registrations last, or each refresh takes two round trips.
    base::TimeMs nonce_lifetime_ms = 2 * 3600 * 1000;
    bool is_qop_required = false;  // false: the form of RFC 2069 is taken, too
};

/// Views into the message.
struct AuthRequest {
    std::string_view method;
    std::string_view request_uri;             // as printed
    std::optional<std::string_view> aor_key;  // whose bindings it is about (sip::Identity::key()); none: a question
    std::string_view call_id;
    std::uint32_t cseq = 0;
    std::string_view content;  // the whole message as received: what a retransmission repeats
    sip::SocketAddress source;
};

/// What the Authorization headers of a request say for our realm, read once for all who ask.
class Claim {
  public:
    Claim(std::span<const std::string_view> authorizations, std::string_view realm) noexcept;
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

    [[nodiscard]] CredentialsFault fault() const noexcept { return fault_; }

    /// Whole only without a fault.
    [[nodiscard]] const Credentials& credentials() const noexcept { return credentials_; }

    /// Decoded; empty where there is a fault.
    [[nodiscard]] std::string_view user() const noexcept { return user_; }

  private:
    Credentials credentials_;
    CredentialsFault fault_;
    std::array<char, kLongestUserName> room_;
    std::string_view user_;
};

enum class AuthDecision : std::uint8_t { accepted, challenge, refused };

/// For the owner's log and the statistics; nobody outside is told more than the decision.
enum class Finding : std::uint8_t {
    accepted,
    retransmitted,
    no_credentials,
    bad_header,
    algorithm_not_offered,
    qop_missing,
    other_uri,
    foreign_nonce,
    stale_nonce,
    unknown_user,
    wrong_password,  // or the device has no password for that algorithm
    disabled_device,
    replayed,
    forgotten_nonce,
    other_aor,
};

/// What a decision has cost of that which takes time. Equal for all that must not be told apart.
struct AuthWork {
    std::uint8_t look_ups = 0;  // in the CredentialTable
    std::uint8_t digests = 0;   // computed and compared
    bool operator==(const AuthWork&) const = default;
};

struct AuthVerdict {
    AuthDecision decision = AuthDecision::challenge;
    Finding finding = Finding::no_credentials;
    bool is_stale = false;                                       // for a challenge
    sip::RejectReason reason = sip::RejectReason::unauthorized;  // for a challenge or refusal; else none
    CredentialsFault fault = CredentialsFault::none;             // for bad_header
    AuthWork work;

    /// A guess that counts against its source and its user: its nonce proves that the source hears us.
    [[nodiscard]] bool is_failed_guess() const noexcept {
        return finding == Finding::unknown_user || finding == Finding::wrong_password ||
               finding == Finding::disabled_device;
    }
};

class Authenticator {
  public:
    struct Secrets {
        std::array<std::uint8_t, kKeyOctets> nonce_key{};
        std::uint64_t hash_seed = 0;
    };

    /// Throws std::runtime_error where OpenSSL lacks what nonces need. The secrets are random and of this process only.
    explicit Authenticator(const Secrets& secrets) : mint_(secrets.nonce_key), window_(secrets.hash_seed) {}

    /// Any thread.
    [[nodiscard]] AuthVerdict decide(const AuthRequest& request, const Claim& claim, const CredentialTable& table,
                                     const DigestPolicy& policy, base::TimeMs now_ms) noexcept;

    /// For the answer to a verdict of `challenge`. Any thread.
    [[nodiscard]] NonceText issue_nonce(const DigestPolicy& policy, const sip::SocketAddress& source,
                                        base::TimeMs now_ms) noexcept {
        return mint_.issue({policy.realm, source}, now_ms);
    }

  private:
    [[nodiscard]] AuthVerdict judge(const AuthRequest& request, const Claim& claim, const CredentialTable& table,
                                    const DigestPolicy& policy, base::TimeMs now_ms, AuthWork& work) noexcept;

    NonceMint mint_;
    ReplayWindow window_;
};

/// Whether a digest-uri means the Request-URI (RFC 7616 section 3.4.6): octet for octet, or as SIP URIs with the same
/// user and host, host names in any case. Ports differ only where one side leaves its own out or writes the default
/// one; scheme (sip or sips), password, parameters and headers may differ: phones write the URI that they were
/// configured with into one place and the one they resolved into the other.
[[nodiscard]] bool is_same_target(std::string_view digest_uri, std::string_view request_uri) noexcept;

}  // namespace sr::auth
