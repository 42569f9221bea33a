#include "auth/challenge.hpp"

#include <algorithm>
#include <array>

#include "base/utf8.hpp"
#include "sip/ascii.hpp"

namespace sr::auth {
namespace {

constexpr std::string_view kStart = "WWW-Authenticate: Digest realm=\"";
constexpr std::string_view kNonce = "\",nonce=\"";
constexpr std::string_view kStale = "\",stale=true,algorithm=";
constexpr std::string_view kNotStale = "\",algorithm=";
constexpr std::string_view kEnd = ",qop=\"auth\"\r\n";

std::size_t length_of(const Challenge& challenge, Algorithm algorithm) noexcept {
    return kStart.size() + challenge.realm.size() + kNonce.size() + challenge.nonce.size() +
           (challenge.is_stale ? kStale : kNotStale).size() + algorithm_name(algorithm).size() + kEnd.size();
}

std::size_t length_of_all(const Challenge& challenge) noexcept {
    std::size_t length = 0;
    for (const Algorithm algorithm : kByStrength) {
        if (challenge.algorithms.contains(algorithm)) length += length_of(challenge, algorithm);
    }
    return length;
}

void leave_out_strongest(AlgorithmSet& algorithms) noexcept {
    for (const Algorithm algorithm : kByStrength) {
        if (algorithms.contains(algorithm)) return algorithms.erase(algorithm);
    }
}

/// Clients that end their registration at the first challenge that they do not know, whatever stands below it.
struct Limit {
    std::string_view name;  // the beginning of their User-Agent
    Algorithm strongest;
};

/// Each was seen to do so.
constexpr std::array kLimits{
    Limit{"baresip v0.", Algorithm::md5},  Limit{"baresip v1.0.", Algorithm::md5},  // libre before 2.0
    Limit{"SIPp", Algorithm::md5},         Limit{"Linphone", Algorithm::sha256},    // belle-sip 5.1
    Limit{"belle-sip", Algorithm::sha256}, Limit{"Unknown", Algorithm::sha256},     // linphone-daemon
};

bool has_choice(AlgorithmSet algorithms) noexcept {
    std::size_t count = 0;
    for (const Algorithm algorithm : kByStrength) count += algorithms.contains(algorithm) ? 1 : 0;
    return count > 1;
}

}  // namespace

bool is_valid_realm(std::string_view realm) noexcept {
    return !realm.empty() && realm.size() <= kLongestOwnRealm && base::is_printable_text(realm) &&
           realm.find_first_of("\"\\") == std::string_view::npos;
}

AlgorithmSet offered_to(std::string_view user_agent, AlgorithmSet wanted) noexcept {
    const auto* limit = std::find_if(kLimits.begin(), kLimits.end(), [user_agent](const Limit& one) {
        return sip::is_equal_ignoring_case(user_agent.substr(0, one.name.size()), one.name);
    });
    if (limit == kLimits.end()) return wanted;
    AlgorithmSet offered = wanted;
    for (const Algorithm algorithm : kByStrength) {
        if (algorithm == limit->strongest) break;
        offered.erase(algorithm);
    }
    return offered.is_empty() ? wanted : offered;
}

void write_challenges(const Challenge& challenge, std::size_t most_octets, base::TextBuffer& out) noexcept {
    Challenge given = challenge;
    while (has_choice(given.algorithms) && length_of_all(given) > most_octets) leave_out_strongest(given.algorithms);
    for (const Algorithm algorithm : kByStrength) {
        if (!given.algorithms.contains(algorithm)) continue;
        out << kStart << given.realm << kNonce << given.nonce << (given.is_stale ? kStale : kNotStale)
            << algorithm_name(algorithm) << kEnd;
    }
}

std::size_t room_for_challenges(std::size_t request_octets, std::size_t other_octets) noexcept {
    const std::size_t most = 2 * request_octets;
    return most > other_octets ? most - other_octets : 0;
}

}  // namespace sr::auth
