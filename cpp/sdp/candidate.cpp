#include "sdp/candidate.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "sdp/token.hpp"
#include "sip/ascii.hpp"

namespace sr::sdp {
namespace {

constexpr std::size_t kLongestFoundation = 32;                                        // RFC 8839 section 5.1
constexpr std::size_t kLongestAddress = 253;                                          // a host name
constexpr std::array<std::string_view, 4> kTypes{"host", "srflx", "prflx", "relay"};  // in CandidateType's order

bool take_prefix(std::string_view& text, std::string_view prefix) noexcept {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

CandidateLine parse_value(std::string_view rest) noexcept {
    const std::string_view foundation = take_token(rest);
    // Safari's foundations of old had other characters: only the length is held to.
    if (foundation.empty() || foundation.size() > kLongestFoundation)
        return CandidateFault{"a foundation of 1 to 32 characters"};
    const auto component = read_number<std::uint16_t>(take_token(rest), 256);
    if (!component || *component == 0) return CandidateFault{"a component from 1 to 256"};
    const std::string_view transport = take_token(rest);
    if (transport.empty()) return CandidateFault{"a transport"};
    const auto priority = read_number<std::uint32_t>(take_token(rest), 0x7FFFFFFF);
    if (!priority || *priority == 0) return CandidateFault{"a priority from 1 to 2147483647"};
    const std::string_view address = take_token(rest);
    if (address.empty() || address.size() > kLongestAddress) return CandidateFault{"an address"};
    const auto port = read_number<std::uint16_t>(take_token(rest), 65535);
    if (!port) return CandidateFault{"a port from 0 to 65535"};
    if (take_token(rest) != "typ") return CandidateFault{"'typ' behind the port"};
    const std::string_view type = take_token(rest);
    if (type.empty()) return CandidateFault{"a type behind 'typ'"};
    const auto* const known = std::ranges::find(kTypes, type);
    const auto numeric = parse_address(address, *port);
    if (known == kTypes.end() || !numeric || *port == 0 || !sip::is_equal_ignoring_case(transport, "udp")) {
        return UnusableCandidate{};
    }
    return Candidate{*numeric, *priority, *component, static_cast<CandidateType>(known - kTypes.begin())};
}

}  // namespace

CandidateLine parse_candidate(std::string_view line) noexcept {
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (std::ranges::any_of(line, [](char c) { return static_cast<unsigned char>(c) < ' ' && c != '\t'; })) {
        return CandidateFault{"one line without control characters"};
    }
    line = trim_blanks(line);
    take_prefix(line, "a=");
    if (line.empty() || line == "end-of-candidates") return EndOfCandidates{};
    take_prefix(line, "candidate:");
    return parse_value(line);
}

std::optional<sip::SocketAddress> parse_address(std::string_view text, std::uint16_t port) noexcept {
    constexpr std::size_t kLongestNumeric = 45;
    if (text.size() > kLongestNumeric || text.find('%') != std::string_view::npos) return std::nullopt;
    return sip::SocketAddress::parse(std::string(text), port);
}

}  // namespace sr::sdp
