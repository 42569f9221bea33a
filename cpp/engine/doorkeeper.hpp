// Who may come in: pace and network of the source, what the owner says of the device, credentials - what is cheap to
// tell first.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
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
};

/// `reason` none: let in. Else what the peer is told; `finding` is for the owner alone.
struct Ruling {
    sip::RejectReason reason = sip::RejectReason::none;
    std::string_view finding{};
    bool is_usual = false;  // the first half of every exchange with a password: nothing to tell the owner
};

/// A request at the door, as its credentials are judged; views into the message.
struct Visit {
    std::string_view method;
    std::string_view request_uri;
    std::span<const std::string_view> authorizations;
    std::string_view call_id;
    std::uint32_t cseq = 0;
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

    /// It is a REGISTER or INVITE, of this identity. Where it is not let in, `headers` gets what the refusal carries.
    [[nodiscard]] Ruling admit(const Visit& visit, const sip::Identity& identity, base::TimeMs now_ms,
                               base::TextBuffer& headers) noexcept;
    [[nodiscard]] Ruling admit(const sip::RegisterRequest& request, const sip::Identity& identity, base::TimeMs now_ms,
                               base::TextBuffer& headers) noexcept {
        return admit({"REGISTER", request.request_uri, request.authorizations, request.call_id, request.cseq,
                      request.message, request.flow.remote},
                     identity, now_ms, headers);
    }

    /// The source answered a ping of ours, so that it is where it says.
    void vouch(const sip::SocketAddress& source, base::TimeMs now_ms) noexcept;

  private:
    struct TextHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
    };

    /// As configured, made ready to be asked.
    struct Rules {
        explicit Rules(AccessConfig config);

        [[nodiscard]] auth::DeviceStanding standing_of(const sip::Identity& identity) const;

        auth::Admission admission;
        auth::DigestPolicy digest;
        auth::RateLimit rate;
        auth::BackoffPolicy backoff;
        std::vector<auth::Network> unlimited;
        std::vector<auth::Network> neighbours;
        auth::CredentialTable credentials;
        std::unordered_set<std::string, TextHash, std::equal_to<>> protected_keys;  // whose bindings need credentials
        std::unordered_map<std::string, bool, TextHash, std::equal_to<>> devices;   // key -> is enabled
    };

    [[nodiscard]] Ruling authenticate(const Visit& visit, const sip::Identity& identity, const Rules& rules,
                                      base::TimeMs now_ms, base::TextBuffer& headers) noexcept;
    void challenge(const Visit& visit, const Rules& rules, bool is_stale, base::TimeMs now_ms,
                   base::TextBuffer& headers) noexcept;

    auth::Authenticator authenticator_;
    auth::RateLimiter limiter_;
    auth::FailureBackoff backoff_;
    base::Published<Rules> rules_;
};

}  // namespace sr::engine
