// The header fields that a registrar's answer carries beyond those copied from the request (RFC 3261 section 10.3 step
// 8).
#pragma once

#include <ctime>
#include <span>

#include "base/clock.hpp"
#include "base/text_buffer.hpp"
#include "registrar/registrar.hpp"
#include "sip/binding.hpp"
#include "sip/register_outcome.hpp"
#include "sip/register_request.hpp"

namespace sr::registrar {

/// 200: one Contact line per binding with its own expires (rounded up), q, instance and reg-id; Path where the peer
/// supports it (RFC 3327 section 5.3); Supported; Date. Lines end in CRLF.
void write_accepted(const sip::RegisterRequest& request, std::span<const sip::BindingView> bindings,
                    base::TimeMs now_ms, std::time_t wall_s, base::TextBuffer& out) noexcept;

/// A refusal: Min-Expires (423), Retry-After (503), Unsupported (420), Warning 399 where the reason has a sentence,
/// Date.
void write_refused(const sip::RegisterOutcome& outcome, const Policy& policy, std::time_t wall_s,
                   base::TextBuffer& out) noexcept;

}  // namespace sr::registrar
