// Who may come in: pace and network of the source, what the owner says of the device, credentials - what is cheap to
// tell first.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "auth/admission.hpp"
#include "auth/authenticator.hpp"
#include "auth/credential_table.hpp"
#include "auth/failure_backoff.hpp"
#include "auth/rate_limit.hpp"
#include "base/clock.hpp"
#include "base/published.hpp"
#include "base/text_buffer.hpp"
#include "sip/register_outcome.hpp"
#include "sip/register_request.hpp"
#include "stack/request_handler.hpp"

namespace sr::engine {

/// A device that the owner has written down: by its UUID in lower case, else by the user of its address-of-record.
struct ListedDevice {
    std::string key;
    bool is_enabled = true;
};

/// Where a device may come from: not from anywhere that none of the networks holds.
struct DeviceNetworks {
    std::string key;  // as in ListedDevice
    std::vector<auth::Network> networks;
};

/// The wanted state, as the owner configures it.
struct AccessConfig {
    auth::AdmissionMode mode = auth::AdmissionMode::open;
    std::vector<auth::NetworkRule> rules;
    auth::DigestPolicy digest;
    auth::RateLimit rate;
    std::vector<auth::Network> unlimited;   // sources without a rate limit
    std::vector<auth::Network> neighbours;  // IPv6 networks in which each address is a source by itself
    std::vector<auth::Credential> credentials;
    std::vector<ListedDevice> devices;
    std::vector<DeviceNetworks> device_networks;
};

/// `reason` none: let in. Else why not, and what the peer is told: the same, unless that would give something away.
/// `finding` is for the owner alone.
struct Ruling {
    sip::RejectReason reason = sip::RejectReason::none;
    sip::RejectReason told = reason;
    std::string_view finding{};
    auth::AuthWork work{};
    bool is_usual = false;  // the first half of every exchange with a password: nothing to tell the owner
};

/// A request at the door, as its credentials are judged; views into the message.
struct Visit {
    std::string_view method;
    std::string_view request_uri;
    std::span<const std::string_view> authorizations;
    std::string_view call_id;
    std::uint32_t cseq = 0;
    std::string_view user_agent;
    std::string_view message;
    sip::SocketAddress source;
};

/// Safe from any thread.
class Doorkeeper {
  public:
    explicit Doorkeeper(const auth::Authenticator::Secrets& secrets);

    void apply(AccessConfig config);

    /// A request came from here.
    [[nodiscard]] stack::Knock knock(const sip::SocketAddress& source, base::TimeMs now_ms) noexcept;

    /// It is a REGISTER, or begins something (INVITE, SUBSCRIBE, PUBLISH, MESSAGE), of this identity. Where it is not
    /// let in, `headers` gets what the refusal carries.
    [[nodiscard]] Ruling admit(const Visit& visit, const sip::Identity& identity, base::TimeMs now_ms,
                               base::TextBuffer& headers) noexcept;
    [[nodiscard]] Ruling admit(const sip::RegisterRequest& request, const sip::Identity& identity, base::TimeMs now_ms,
                               base::TextBuffer& headers) noexcept;

    /// It asks whether a user is registered (OPTIONS). Whoever may not know that is asked for credentials, the
    /// same for every name; `headers` as above.
    [[nodiscard]] Ruling admit_question(const stack::OtherRequest& request, base::TimeMs now_ms,
                                        base::TextBuffer& headers) noexcept;

    /// Whether the owner has written down whoever has this key (ListedDevice).
    [[nodiscard]] bool is_listed(std::string_view key) const noexcept;

    /// Whose credentials are judged here.
    [[nodiscard]] std::string realm() const { return rules_.get()->digest.realm; }

    /// The source answered a ping of ours, so that it is where it says.
    void vouch(const sip::SocketAddress& source, base::TimeMs now_ms) noexcept;

    /// Who was vouched for and keeps to his rate, as far as single addresses are known: of IPv6 those of our own
    /// networks. Ports are 0.
    [[nodiscard]] std::vector<sip::SocketAddress> trusted_sources(base::TimeMs now_ms);

  private:
    struct TextHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
    };

    /// What its owner says of whoever has a key: one look-up tells all of it.
    struct Listing {
        bool is_known = false;
        bool is_enabled = true;
        bool has_credentials = false;
        std::optional<std::vector<auth::Network>> networks;  // none: from anywhere
    };

    /// As configured, made ready to be asked.
    struct Rules {
        explicit Rules(AccessConfig config);

        /// By both of its names, which may be one: a device that is called otherwise must not get at an address that
        /// has a password, or is disabled.
        [[nodiscard]] auth::DeviceStanding standing_of(std::string_view key, const sip::Uuid& uuid,
                                                       const auth::AddressBits& source) const;

        auth::Admission admission;
        auth::DigestPolicy digest;
        auth::RateLimit rate;
        auth::BackoffPolicy backoff;
        std::vector<auth::Network> unlimited;
        std::vector<auth::Network> neighbours;
        auth::CredentialTable credentials;
        std::unordered_map<std::string, Listing, TextHash, std::equal_to<>> listings;  // by key
    };

    /// Without `aor_key` anybody's credentials will do.
    [[nodiscard]] Ruling authenticate(const Visit& visit, std::optional<std::string_view> aor_key, const Rules& rules,
                                      base::TimeMs now_ms, base::TextBuffer& headers) noexcept;
    void challenge(const Visit& visit, const Rules& rules, bool is_stale, base::TimeMs now_ms,
                   base::TextBuffer& headers) noexcept;

    auth::Authenticator authenticator_;
    auth::RateLimiter limiter_;
    auth::FailureBackoff backoff_;
    base::Published<Rules> rules_;
};

}  // namespace sr::engine
