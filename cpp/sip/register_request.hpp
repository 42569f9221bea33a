// A REGISTER as the registrar sees it: views into the message, valid while it is processed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "sip/flow.hpp"

namespace sr::sip {

/// One Contact header value (RFC 3261 section 20.10) without its name-addr brackets.
struct RequestedContact {
    std::string_view uri;                    // as printed, "sip:..." or "sips:...", without header parameters
    std::optional<std::uint32_t> expires_s;  // the expires parameter
    std::optional<std::uint16_t> q_thousandths;
    std::string_view instance;  // +sip.instance without quotes and brackets: "urn:uuid:..."; empty: none
    std::uint32_t reg_id = 0;   // RFC 5626 section 4.2; 0: none
};

struct RegisterRequest {
    std::string_view request_host;  // Request-URI's host, no brackets
    std::string_view to_user;       // unescaped; empty where the URI has none
    std::string_view to_host;       // no brackets
    std::string_view from_user;
    std::string_view from_host;
    std::string_view call_id;
    std::uint32_t cseq = 0;
    bool has_sip_scheme = true;  // To and Request-URI are sip: or sips:
    bool is_star = false;        // Contact: * is present
    bool is_symmetric = false;   // the top Via asks for rport (RFC 3581): answers and requests go to the source port
    std::optional<std::uint32_t> expires_s;      // the Expires header
    std::span<const RequestedContact> contacts;  // `*` is not among them
    std::string_view path;                       // all Path values, comma-separated as received (RFC 3327); empty: none
    std::span<const std::string_view> require;   // option tags
    std::span<const std::string_view> supported;
    std::string_view user_agent;
    std::string_view content_type;  // "type/subtype" as received; empty: none
    std::string_view body;
    std::string_view request_uri;                      // as written
    std::span<const std::string_view> authorizations;  // the values of Authorization as written
    std::string_view message;                          // all of it, as received
    Flow flow;
};

}  // namespace sr::sip
