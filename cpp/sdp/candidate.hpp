// ICE candidates, in descriptions and trickled one by one (RFC 8839 section 5.1, RFC 8838).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "sip/flow.hpp"

namespace sr::sdp {

enum class CandidateType : std::uint8_t { host, srflx, prflx, relay };

struct Candidate {
    sip::SocketAddress address;
    std::uint32_t priority = 0;
    std::uint16_t component = 1;
    CandidateType type = CandidateType::host;

    bool operator==(const Candidate&) const = default;
};

struct EndOfCandidates {};

/// A candidate that is well-formed and cannot be checked by us: TCP, a name (mDNS of a page without microphone
/// permission), or a type or transport that a later specification adds.
struct UnusableCandidate {};

struct CandidateFault {
    /// What stands wrong, for the log and the HTTP answer: "a port from 0 to 65535".
    std::string_view expected;
};

using CandidateLine = std::variant<Candidate, EndOfCandidates, UnusableCandidate, CandidateFault>;

/// What a browser's trickled candidate says. Takes "a=candidate:...", "candidate:...", the value alone, with or without
/// line end; "" and "end-of-candidates" (with "a=" or without) are EndOfCandidates.
[[nodiscard]] CandidateLine parse_candidate(std::string_view line) noexcept;

/// A numeric address, IPv4 or IPv6 without zone; nullopt for names.
[[nodiscard]] std::optional<sip::SocketAddress> parse_address(std::string_view text, std::uint16_t port) noexcept;

}  // namespace sr::sdp
