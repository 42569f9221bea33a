#include "auth/authenticator.hpp"

#include <array>
#include <optional>

#include "sip/uri.hpp"

namespace sr::auth {
namespace {

using sip::RejectReason;

constexpr std::uint16_t kSipPort = 5060;
constexpr std::uint16_t kSipsPort = 5061;

AuthVerdict challenge(Finding finding, bool is_stale = false) noexcept {
    AuthVerdict verdict;
    verdict.finding = finding;
    verdict.is_stale = is_stale;
    return verdict;
}

AuthVerdict refuse(Finding finding, RejectReason reason) noexcept {
    AuthVerdict verdict;
    verdict.decision = AuthDecision::refused;
    verdict.finding = finding;
    verdict.reason = reason;
    return verdict;
}

AuthVerdict refuse_header(CredentialsFault fault) noexcept {
    AuthVerdict verdict = refuse(Finding::bad_header, RejectReason::credentials_malformed);
    verdict.fault = fault;
    return verdict;
}

AuthVerdict accept(Finding finding) noexcept {
    AuthVerdict verdict;
    verdict.decision = AuthDecision::accepted;
    verdict.finding = finding;
    verdict.reason = RejectReason::none;
    return verdict;
}

/// What an unknown user's digest is computed with. Whoever finds a response that fits it is not let in: see
/// check_digest.
const HexDigest& dummy_ha1(Algorithm algorithm) noexcept {
    static const auto all = [] {
        std::array<std::uint8_t, HexDigest::kLongest / 2> octets;
        octets.fill(0x5A);
        std::array<HexDigest, kAlgorithms> made;
        for (const Algorithm each : kByStrength) {
            const std::span<const std::uint8_t> wanted(octets.data(), hex_length(each) / 2);
            made[static_cast<std::size_t>(each)] = HexDigest::of_octets(wanted);
        }
        return made;
    }();
    return all[static_cast<std::size_t>(algorithm)];
}

/// Both count what they do: a shortcut for somebody in particular shows in a test, not just in microseconds.
const Credential* look_up(const CredentialTable& table, std::string_view user, AuthWork& work) noexcept {
    ++work.look_ups;
    return table.find(user);
}

bool is_right_response(Algorithm algorithm, const HexDigest& ha1, const DigestInput& input, const HexDigest& response,
                       AuthWork& work) noexcept {
    ++work.digests;
    return is_equal_in_constant_time(compute_response(algorithm, ha1.text(), input), response);
}

/// To the challenge, as it was read.
struct Answer {
    Algorithm algorithm;
    HexDigest response;
};

/// Step 3: `accepted`, or what is wrong. The same work whoever it is.
Finding check_digest(const AuthRequest& request, const Credentials& credentials, const Credential* credential,
                     const Answer& answer, AuthWork& work) noexcept {
    const Algorithm algorithm = answer.algorithm;
    const HexDigest& dummy = dummy_ha1(algorithm);
    const HexDigest* ha1 = &dummy;
    if (credential != nullptr) {
        const HexDigest& kept = credential->ha1[static_cast<std::size_t>(algorithm)];
        if (!kept.is_empty()) ha1 = &kept;
    }
    DigestInput input;
    input.method = request.method;
    input.uri = credentials.uri;
    input.nonce = credentials.nonce;
    input.has_qop = credentials.has_qop;
    input.nc = credentials.nc_text;
    input.cnonce = credentials.cnonce;
    const bool is_right = is_right_response(algorithm, *ha1, input, answer.response, work);
    if (credential == nullptr) return Finding::unknown_user;
    if (!is_right || ha1 == &dummy) return Finding::wrong_password;
    return credential->is_enabled ? Finding::accepted : Finding::disabled_device;
}

/// Step 4: `accepted`, `retransmitted`, or why the nonce does not serve again.
Finding check_count(ReplayWindow& window, const Nonce& nonce, const AuthRequest& request,
                    const Credentials& credentials, base::TimeMs now_ms) noexcept {
    const auto nc = credentials.has_qop ? std::optional(credentials.nc) : std::nullopt;
    const RequestMark mark{credentials.response, request.call_id, request.cseq, request.content};
    switch (window.use(nonce, nc, mark, now_ms)) {
        case NonceUse::accepted: return Finding::accepted;
        case NonceUse::retransmitted: return Finding::retransmitted;
        case NonceUse::replayed: return Finding::replayed;
        case NonceUse::forgotten: break;
    }
    return Finding::forgotten_nonce;
}

/// What is left of a URI when everything is taken off that phones write differently in two places.
sip::Uri bare(const sip::Uri& uri) noexcept {
    sip::Uri bare;
    bare.user = uri.user;
    bare.host = uri.host;
    bare.is_ipv6 = uri.is_ipv6;
    return bare;
}

bool are_ports_alike(const sip::Uri& a, const sip::Uri& b) noexcept {
    const auto is_default = [](const sip::Uri& uri) {
        return !uri.port || *uri.port == (uri.is_secure ? kSipsPort : kSipPort);
    };
    return a.port == b.port || !a.port || !b.port || (is_default(a) && is_default(b));
}

}  // namespace

Claim::Claim(std::span<const std::string_view> authorizations, std::string_view realm) noexcept
    : fault_(find_credentials(authorizations, realm, credentials_)) {
    if (fault_ == CredentialsFault::none) user_ = credentials_.username.decode(room_);
}

AuthVerdict Authenticator::decide(const AuthRequest& request, const Claim& claim, const CredentialTable& table,
                                  const DigestPolicy& policy, base::TimeMs now_ms) noexcept {
    AuthWork work;
    AuthVerdict verdict = judge(request, claim, table, policy, now_ms, work);
    verdict.work = work;
    return verdict;
}

AuthVerdict Authenticator::judge(const AuthRequest& request, const Claim& claim, const CredentialTable& table,
                                 const DigestPolicy& policy, base::TimeMs now_ms, AuthWork& work) noexcept {
    if (claim.fault() == CredentialsFault::absent) return challenge(Finding::no_credentials);
    if (claim.fault() != CredentialsFault::none) return refuse_header(claim.fault());
    const Credentials& credentials = claim.credentials();
    const auto algorithm = credentials.algorithm.empty() ? Algorithm::md5 : find_algorithm(credentials.algorithm);
    if (!algorithm || !policy.algorithms.contains(*algorithm)) return challenge(Finding::algorithm_not_offered);
    if (!credentials.has_qop && policy.is_qop_required) return challenge(Finding::qop_missing);
    const auto response = HexDigest::parse(*algorithm, credentials.response);
    if (!response) return refuse_header(CredentialsFault::syntax);
    if (!is_same_target(credentials.uri, request.request_uri)) {
        return refuse(Finding::other_uri, RejectReason::digest_uri_mismatch);
    }

    const ReadNonce read =
        mint_.read(credentials.nonce, {policy.realm, request.source}, now_ms, policy.nonce_lifetime_ms);
    if (read.state == NonceState::foreign) return challenge(Finding::foreign_nonce, true);
    if (read.state == NonceState::stale) return challenge(Finding::stale_nonce, true);

    const Credential* credential = look_up(table, claim.user(), work);
    Finding finding = check_digest(request, credentials, credential, {*algorithm, *response}, work);
    if (finding != Finding::accepted) return challenge(finding);

    finding = check_count(window_, read.nonce, request, credentials, now_ms);
    if (finding != Finding::accepted && finding != Finding::retransmitted) return challenge(finding, true);
    if (request.aor_key && !credential->may_register(*request.aor_key)) {
        return refuse(Finding::other_aor, RejectReason::not_own_address);
    }
    return accept(finding);
}

bool is_same_target(std::string_view digest_uri, std::string_view request_uri) noexcept {
    if (digest_uri == request_uri) return true;
    const auto a = sip::Uri::parse(digest_uri);
    if (!a) return false;
    const auto b = sip::Uri::parse(request_uri);
    return b && are_ports_alike(*a, *b) && sip::are_equal(bare(*a), bare(*b));
}

}  // namespace sr::auth
