// A request as calls see it: read from the octets that the gate has let through, without any parser's objects, so that
// it is the same whichever flow it came by.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sip/flow.hpp"
#include "sip/gate.hpp"
#include "sip/reject_reason.hpp"

namespace sr::dialog {

inline constexpr std::size_t kMostRoutes = 32;

/// Views into the message, which lives as long as the request.
struct CallRequest {
    const sip::RawHeaders* headers = nullptr;
    std::string_view method;
    std::string_view request_uri;
    std::string_view from_tag;
    std::string_view to_tag;
    std::string_view timestamp;
    std::string_view contact;  // the first value, whole
    std::string_view user_agent;
    std::string_view content_type;
    std::string_view content_encoding;
    std::string_view session_expires;
    std::string_view rack;
    std::string_view event;    // of RFC 6665 section 8.2.1, whole
    std::string_view expires;  // digits, where there is one
    std::string_view body;
    std::vector<std::string_view> record_routes;  // one value each
    std::vector<std::string_view> require;        // option tags
    std::vector<std::string_view> accepts;        // one line of Accept each
    std::string transaction_key;                  // of the server transaction that it belongs to (section 17.2.3)
    sip::Flow flow;
    std::uint32_t cseq = 0;
    bool is_symmetric = false;  // the top Via asks for rport
    bool supports_timer = false;
    bool supports_reliable = false;  // 100rel
    bool allows_update = false;
    bool supports_lists = false;  // eventlist (RFC 4662)
    bool accepts_sdp = true;

    [[nodiscard]] bool requires_reliable() const noexcept;
    [[nodiscard]] bool is_reliable_transport() const noexcept { return flow.transport != sip::Transport::udp; }
};

/// Reads `message`, in which the gate found `seen`. None, or why it cannot be a request within or for a call.
[[nodiscard]] sip::RejectReason read_request(std::string_view message, const sip::Inspection& seen,
                                             const sip::Flow& flow, CallRequest& request);

/// The option tags of `request.require` that calls do not know, comma-separated; empty: none.
[[nodiscard]] std::string unsupported_by_calls(const CallRequest& request);

/// The URI within a name-addr or addr-spec, without header parameters.
[[nodiscard]] std::string_view uri_of(std::string_view name_addr) noexcept;

/// Where requests for the peer go: the URI of Contact, of From where there is none (an INVITE of RFC 2543); empty where
/// neither is a SIP URI.
[[nodiscard]] std::string_view target_of(const CallRequest& request) noexcept;

/// The display name without its quotes and escapes.
[[nodiscard]] std::string display_name_of(std::string_view name_addr);

/// The user of a SIP URI, unescaped but for control characters and the percent sign itself, as devices are known by.
[[nodiscard]] std::string user_of(std::string_view uri);

/// The host of a SIP URI, without brackets; empty where it is none.
[[nodiscard]] std::string_view host_of(std::string_view uri) noexcept;

}  // namespace sr::dialog
