#include "engine/doorkeeper.hpp"

#include <array>
#include <utility>

#include "auth/challenge.hpp"
#include "auth/network.hpp"

namespace sr::engine {
namespace {

constexpr std::size_t kCopiedOctets = 300;  // of an answer, beside challenges: what it copies from a usual request
constexpr base::TimeMs kMsPerSecond = 1000;

std::string_view text_of(auth::Finding finding) noexcept {
    switch (finding) {
        case auth::Finding::accepted:
        case auth::Finding::retransmitted: return "accepted";
        case auth::Finding::no_credentials: return "it sent no credentials";
        case auth::Finding::bad_header: return "its Authorization header cannot be read";
        case auth::Finding::algorithm_not_offered: return "it used an algorithm that was not offered";
        case auth::Finding::qop_missing: return "it did not use qop";
        case auth::Finding::other_uri: return "its credentials are for another URI";
        case auth::Finding::foreign_nonce: return "its nonce is not of ours";
        case auth::Finding::stale_nonce: return "its nonce is too old";
        case auth::Finding::unknown_user: return "nobody has that user name";
        case auth::Finding::wrong_password: return "wrong password";
        case auth::Finding::disabled_device: return "the device is disabled";
        case auth::Finding::replayed: return "a replayed request";
        case auth::Finding::forgotten_nonce: return "its nonce was used too long ago";
        case auth::Finding::other_aor: return "the credentials are another device's";
    }
    return {};
}

/// What every device meets that has a password: it is asked for it, and told when its nonce has aged.
bool is_usual(auth::Finding finding) noexcept {
    return finding == auth::Finding::no_credentials || finding == auth::Finding::foreign_nonce ||
           finding == auth::Finding::stale_nonce || finding == auth::Finding::forgotten_nonce;
}

/// Until the owner's configuration is applied.
AccessConfig open_to_all() {
    const auth::Network everywhere({}, 0);
    AccessConfig config;
    config.rules = {{everywhere, auth::Access::by_mode}};
    config.unlimited = {everywhere};
    return config;
}

}  // namespace

Doorkeeper::Rules::Rules(AccessConfig config)
    : admission(config.mode, std::move(config.rules)),
      digest(std::move(config.digest)),
      rate(config.rate),
      unlimited(std::move(config.unlimited)),
      neighbours(std::move(config.neighbours)),
      credentials(config.credentials) {
    for (const auth::Credential& credential : config.credentials) {
        protected_keys.insert(credential.user);
        protected_keys.insert(credential.aor_keys.begin(), credential.aor_keys.end());
    }
    for (ListedDevice& device : config.devices) devices.insert_or_assign(std::move(device.key), device.is_enabled);
}

/// By both of its names: a device that is called otherwise must not get at an address that has a password, or is
/// disabled.
auth::DeviceStanding Doorkeeper::Rules::standing_of(const sip::Identity& identity) const {
    auth::DeviceStanding standing;
    standing.is_enabled = true;
    const auto look_up = [&](std::string_view key) {
        standing.has_credentials = standing.has_credentials || protected_keys.contains(key);
        const auto listed = devices.find(key);
        if (listed == devices.end()) return;
        standing.is_known = true;
        standing.is_enabled = standing.is_enabled && listed->second;
    };
    if (protected_keys.empty() && devices.empty()) return standing;
    look_up(identity.key());
    if (!identity.device.is_nil()) look_up(identity.device.text());
    return standing;
}

Doorkeeper::Doorkeeper(const auth::Authenticator::Secrets& secrets)
    : authenticator_(secrets),
      limiter_(secrets.hash_seed),
      backoff_(~secrets.hash_seed),
      rules_(std::make_shared<const Rules>(open_to_all())) {}

void Doorkeeper::apply(AccessConfig config) { rules_.set(std::make_shared<const Rules>(std::move(config))); }

stack::Knock Doorkeeper::knock(const sip::SocketAddress& source, base::TimeMs now_ms) noexcept {
    const auto& rules = rules_.get();
    const auto bits = auth::AddressBits::of(source);
    if (!auth::is_within(rules->unlimited, bits)) {
        switch (limiter_.take(auth::SourceKey::of(source, rules->neighbours), rules->rate, now_ms)) {
            case auth::Pace::pass: break;
            case auth::Pace::refuse: return {sip::RejectReason::too_many_requests, false};
            case auth::Pace::drop: return {sip::RejectReason::too_many_requests, true};
        }
    }
    const bool is_barred = rules->admission.access(bits) == auth::Access::refused;
    return {is_barred ? sip::RejectReason::network_not_admitted : sip::RejectReason::none, false};
}

Ruling Doorkeeper::admit(const Visit& visit, const sip::Identity& identity, base::TimeMs now_ms,
                         base::TextBuffer& headers) noexcept {
    const auto& rules = rules_.get();
    const auto bits = auth::AddressBits::of(visit.source);
    const auth::AdmissionDecision decision = rules->admission.decide(bits, rules->standing_of(identity));
    switch (decision.entrance) {
        case auth::Entrance::admitted: return {};
        case auth::Entrance::refused: return {decision.reason};
        case auth::Entrance::authenticate: return authenticate(visit, identity, *rules, now_ms, headers);
        case auth::Entrance::park: challenge(visit, *rules, false, now_ms, headers); return {decision.reason};
    }
    return {sip::RejectReason::network_not_admitted};
}

Ruling Doorkeeper::authenticate(const Visit& visit, const sip::Identity& identity, const Rules& rules,
                                base::TimeMs now_ms, base::TextBuffer& headers) noexcept {
    const auto source = auth::SourceKey::of(visit.source, rules.neighbours);
    std::array<char, auth::kLongestUserName> room;
    const std::string_view user = auth::claimed_user(visit.authorizations, rules.digest.realm, room);
    const base::TimeMs wait_ms = user.empty() ? 0 : backoff_.wait(source, user, rules.backoff, now_ms);
    if (wait_ms > 0) {
        headers << "Retry-After: " << static_cast<std::uint64_t>((wait_ms + kMsPerSecond - 1) / kMsPerSecond) << "\r\n";
        return {sip::RejectReason::too_many_failures};
    }
    auth::AuthRequest asked;
    asked.method = visit.method;
    asked.request_uri = visit.request_uri;
    asked.aor_key = identity.key();
    asked.authorizations = visit.authorizations;
    asked.call_id = visit.call_id;
    asked.cseq = visit.cseq;
    asked.content = visit.message;
    asked.source = visit.source;
    const auth::AuthVerdict verdict = authenticator_.decide(asked, rules.credentials, rules.digest, now_ms);
    if (verdict.is_failed_guess()) backoff_.fail(source, user, rules.backoff, now_ms);
    if (verdict.decision == auth::AuthDecision::accepted) {
        backoff_.succeed(source, user, now_ms);
        limiter_.vouch(source, now_ms);
        return {};
    }
    if (verdict.decision == auth::AuthDecision::challenge) {
        challenge(visit, rules, verdict.is_stale, now_ms, headers);
    }
    return {verdict.reason, text_of(verdict.finding), is_usual(verdict.finding)};
}

void Doorkeeper::challenge(const Visit& visit, const Rules& rules, bool is_stale, base::TimeMs now_ms,
                           base::TextBuffer& headers) noexcept {
    const auth::NonceText nonce = authenticator_.issue_nonce(rules.digest, visit.source, now_ms);
    const auth::Challenge wanted{rules.digest.realm, {nonce.data(), nonce.size()}, rules.digest.algorithms, is_stale};
    auth::write_challenges(wanted, auth::room_for_challenges(visit.message.size(), kCopiedOctets), headers);
}

void Doorkeeper::vouch(const sip::SocketAddress& source, base::TimeMs now_ms) noexcept {
    limiter_.vouch(auth::SourceKey::of(source, rules_.get()->neighbours), now_ms);
}

}  // namespace sr::engine
