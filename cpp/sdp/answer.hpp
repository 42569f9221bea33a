// Answers to offers (RFC 3264 section 6; RFC 8829, 8839, 8842, 9143 for WebRTC). Pure: no socket, clock or random
// number.
#pragma once

#include <span>
#include <variant>

#include "sdp/agreement.hpp"
#include "sdp/session_description.hpp"

namespace sr::sdp {

/// Whether `negotiate` with these codecs makes a WebRTC or a plain leg, so that the caller can provide its port before.
[[nodiscard]] std::variant<LegKind, AnswerFault> offered_kind(const SessionDescription& offer,
                                                              std::span<const CodecPolicy> codecs,
                                                              const Agreement* previous);

/// The answer. `previous` is what was agreed in this dialog before, null for its first offer.
///
/// One audio section is accepted and every other one refused with port 0, in the offer's order. Payload types, their
/// rtpmaps and header extension ids are the offer's; codecs stand in the order of `local.codecs`. The direction is what
/// the offer leaves of `local.wanted`, and stands at the media level only, since SIP.js reads the first one it finds.
/// An offer that leaves everything as it was gets the earlier answer, octet for octet; else the version rises by one.
[[nodiscard]] std::variant<Agreement, AnswerFault> negotiate(const SessionDescription& offer, const LocalMedia& local,
                                                             const Agreement* previous);

}  // namespace sr::sdp
