// Offers of our own (RFC 3264 section 5): for an INVITE without a body, for calls that we place, for hold and refresh.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "sdp/agreement.hpp"
#include "sdp/session_description.hpp"

namespace sr::sdp {

struct Offer {
    std::string text;  // lines ended by CRLF
    LegKind kind = LegKind::webrtc;
    Direction direction = Direction::sendrecv;
    IceCredentials ice;
    std::uint64_t session_version = 0;
    std::size_t section = 0;  // the m= line of our audio, from 0
};

/// A first offer with one audio section, the codecs of `local` in their order. A plain one goes out on the first
/// address.
[[nodiscard]] Offer make_offer(const LocalMedia& local, LegKind kind);

/// An offer within a dialog: what this side last said, with another direction or, if that is the same, unchanged and
/// under the same version (a refresh; `wanted` is then the direction that `previous.text` has). The number and order of
/// m= lines stay, as RFC 3264 section 8 asks.
[[nodiscard]] Offer make_reoffer(const Agreement& previous, Direction wanted);

/// What their answer makes of our offer; `previous` as for negotiate. The version is the offer's.
[[nodiscard]] std::variant<Agreement, AnswerFault> accept(const Offer& offer, const SessionDescription& answer,
                                                          const Agreement* previous);

}  // namespace sr::sdp
