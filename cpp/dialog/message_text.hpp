// What calls send, as octets: answers with bodies, and requests within a dialog (RFC 3261 section 12.2.1.1).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dialog/call_event.hpp"
#include "dialog/call_request.hpp"
#include "sip/flow.hpp"

namespace sr::dialog {

inline constexpr std::string_view kSdpType = "application/sdp";
inline constexpr std::string_view kAllowLine =
    "Allow: REGISTER, OPTIONS, INVITE, ACK, CANCEL, BYE, UPDATE, INFO, PRACK, SUBSCRIBE, PUBLISH, MESSAGE\r\n";
inline constexpr std::string_view kSupportedLine = "Supported: path, 100rel, timer\r\n";

/// Of the requests that we send within calls; the id of the call follows.
inline constexpr std::string_view kBranchPrefix = "z9hG4bKsrd-";

/// Where we are, as the peer of a flow sees us.
struct LocalAddress {
    std::string ip;         // no brackets
    std::string host_port;  // as a URI and a Via have it
    std::string transport = "UDP";
};

/// What every answer to one request begins with, and where it goes.
struct ReplyHead {
    std::string copied;  // Via to CSeq, To with our tag
    sip::Flow flow;
    sip::SocketAddress to;
};

[[nodiscard]] ReplyHead make_head(const CallRequest& request, std::string_view local_tag);

struct Content {
    std::string_view type;
    std::string_view body;
};

/// A whole answer; `lines` are header lines, each ending in CR LF.
[[nodiscard]] std::string write_response(std::uint16_t status, const ReplyHead& head, std::string_view lines,
                                         const Content& content = {});

[[nodiscard]] bool is_sdp(std::string_view content_type) noexcept;

/// The lines that a refusal carries beyond its Warning and Unsupported (sections 20.1, 20.5 and 20.33, RFC 4028
/// section 5).
[[nodiscard]] std::string refusal_lines(sip::RejectReason reason, const CallRequest& request);

/// The phrase of a status code (RFC 3261 section 21); one for its class where the code is unknown.
[[nodiscard]] std::string_view phrase_of(std::uint16_t status) noexcept;

/// A Warning 399 line with the sentence, made fit for a quoted string; empty for an empty sentence.
[[nodiscard]] std::string warning_line(std::string_view sentence);

/// A Reason line (RFC 3326) for a BYE; empty for an empty sentence.
[[nodiscard]] std::string reason_line(std::string_view sentence);

/// What RFC 3261 section 12.1.1 keeps of a dialog, ours being the called side.
struct DialogPath {
    std::string call_id;
    std::string local_tag;
    std::string remote_tag;
    std::string local_party;   // To's value with our tag: From of our requests
    std::string remote_party;  // From's value: To of our requests
    std::string remote_target;
    std::vector<std::string> routes;
    std::uint32_t remote_cseq = 0;
    std::uint32_t local_cseq = 0;
    LocalAddress local;
    sip::Flow flow;
    sip::SocketAddress to;  // where our requests go
};

/// Makes the path from the INVITE that begins the dialog.
[[nodiscard]] DialogPath make_path(const CallRequest& request, std::string_view local_tag, const LocalAddress& local);

/// Takes a new remote target and flow from a re-INVITE or UPDATE (section 12.2.2).
void refresh_target(const CallRequest& request, DialogPath& path);

/// What a request of ours says beyond its dialog; `lines` are header lines, each ending in CR LF.
struct RequestText {
    std::string_view lines;
    Content content{};
};

/// A request of ours with the path's next CSeq.
[[nodiscard]] std::string write_request(std::string_view method, DialogPath& path, std::string_view branch,
                                        const RequestText& text);

/// Our Contact, for whatever makes or refreshes a dialog.
[[nodiscard]] std::string contact_line(const DialogPath& path);

}  // namespace sr::dialog
