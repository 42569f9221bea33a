// The octets of a MESSAGE on its way through a proxy (RFC 3261 sections 16.3 to 16.7): what goes on, what is ours.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/text_hash.hpp"
#include "dialog/call_request.hpp"
#include "dialog/message_text.hpp"
#include "sip/flow.hpp"
#include "sip/reject_reason.hpp"

namespace sr::exchange {

/// Of the requests that we relay.
inline constexpr std::string_view kRelayBranchPrefix = "z9hG4bKsrm-";

/// What of a MESSAGE goes on to every binding, and what its answers begin with.
struct RelayedMessage {
    dialog::ReplyHead head;  // of answers of our own
    std::string vias;        // header lines, the sender's own saying where it came from (section 18.2.1)
    std::string lines;       // the other header lines, but for those that a proxy writes anew
    std::string body;
    std::string loop_mark;           // the same whenever the same request comes for the same address
    std::uint32_t max_forwards = 0;  // of what is sent
};

/// Whose bindings it goes to, as far as its octets need it.
struct RelayTarget {
    sip::Flow flow;
    sip::SocketAddress to;
    std::string contact_uri;
    std::string path;  // as in sip::BindingView
    dialog::LocalAddress local;
};

/// Reads a MESSAGE outside of dialogs: none, or too_many_hops, request_merged (it has been here before, section 16.3
/// step 4), extension_required (Proxy-Require). Credentials for `realm` stay here (section 22.3).
[[nodiscard]] sip::RejectReason read_relayed(const dialog::CallRequest& request, std::string_view message,
                                             std::string_view realm, const base::TextHash& hash,
                                             RelayedMessage& relayed);

/// The tags of Proxy-Require, comma-separated: none is known here.
[[nodiscard]] std::string proxy_required_tags(std::string_view message);

/// The request as it goes to one binding.
[[nodiscard]] std::string write_relayed(const RelayedMessage& relayed, const RelayTarget& target,
                                        std::string_view branch);

/// A binding's answer as it goes back, without our Via (section 16.7 step 3).
[[nodiscard]] std::string write_passed_back(std::string_view response, const RelayedMessage& relayed);

/// Which of two final answers that are no 2xx is the better one to pass back (section 16.7 step 6).
[[nodiscard]] bool is_better_failure(std::uint16_t status, std::uint16_t than) noexcept;

}  // namespace sr::exchange
