// What is answered to requests other than REGISTER that belong to no call: no request but ACK ends without an
// answer.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "registrar/registrar.hpp"
#include "sip/reject_reason.hpp"

namespace sr::registrar {

struct RequestFacts {
    std::string_view method;        // as on the wire
    std::string_view request_user;  // unescaped; empty where the URI has none
    std::string_view request_host;  // no brackets
    std::span<const std::string_view> require;
    bool has_sip_scheme = true;
    bool has_to_tag = false;
    bool is_registered = false;  // the user has a binding now
};

struct RequestDecision {
    bool is_answered = true;                             // false: an ACK
    sip::RejectReason reason = sip::RejectReason::none;  // none: 200 (OPTIONS)
    std::string_view detail;                             // for 420, as in sip::RegisterOutcome
    bool is_about_user = false;  // it says whether a user is registered: not for everybody to know
};

/// RFC 3261 section 8.2 in its order: method, Request-URI, Require; what belongs to a dialog is answered 481, since the
/// calls and subscriptions were asked before. INVITE, SUBSCRIBE, PUBLISH and MESSAGE are let through to whoever takes
/// them. OPTIONS is 200 for the server itself (no
/// user, or `screamrouter`) and for whoever is registered, 404 for anybody else, so that a device whose binding is gone
/// learns it from its own keep-alive.
[[nodiscard]] RequestDecision decide_request(const RequestFacts& facts, const Policy& policy) noexcept;

}  // namespace sr::registrar
