#include "engine/doorkeeper.hpp"

#include <string>
#include <utility>

#include "auth/challenge.hpp"
#include "auth/network.hpp"

namespace sr::engine {
namespace {

using sip::RejectReason;

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

sip::SocketAddress address_of(const auth::AddressBits& bits) noexcept {
    sip::SocketAddress address;
    address.is_ipv6 = !bits.is_ipv4();
    for (std::size_t i = 0; i < 8; ++i) {
        address.ip[i] = static_cast<std::uint8_t>(bits.high >> (56 - 8 * i));
        address.ip[8 + i] = static_cast<std::uint8_t>(bits.low >> (56 - 8 * i));
    }
    return address;
}

/// Of a REGISTER or any other request.
template <class Request>
Visit visit_of(const Request& request, std::string_view method) noexcept {
    return {method,       request.request_uri, request.authorizations, request.call_id,
            request.cseq, request.user_agent,  request.message,        request.flow.remote};
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
        listings[credential.user].has_credentials = true;
        for (const std::string& key : credential.aor_keys) listings[key].has_credentials = true;
    }
    for (ListedDevice& device : config.devices) {
        Listing& said = listings[std::move(device.key)];
        said.is_known = true;
        said.is_enabled = device.is_enabled;
    }
    for (DeviceNetworks& one : config.device_networks) {
        listings[std::move(one.key)].networks = std::move(one.networks);
    }
}

auth::DeviceStanding Doorkeeper::Rules::standing_of(std::string_view key, const sip::Uuid& uuid,
                                                    const auth::AddressBits& source) const {
    auth::DeviceStanding standing;
    standing.is_enabled = true;
    const auto look_up = [&](std::string_view name) {
        const auto found = listings.find(name);
        if (found == listings.end()) return;
        const Listing& said = found->second;
        standing.is_known = standing.is_known || said.is_known;
        standing.is_enabled = standing.is_enabled && said.is_enabled;
        standing.has_credentials = standing.has_credentials || said.has_credentials;
        const bool is_elsewhere = said.networks && !auth::is_within(*said.networks, source);
        standing.is_elsewhere = standing.is_elsewhere || is_elsewhere;
    };
    if (listings.empty()) return standing;
    look_up(key);
    if (!uuid.is_nil()) look_up(uuid.text());
    return standing;
}

Doorkeeper::Doorkeeper(const auth::Authenticator::Secrets& secrets)
    : authenticator_(secrets),
      limiter_(secrets.hash_seed),
      backoff_(~secrets.hash_seed),
      rules_(std::make_shared<const Rules>(open_to_all())) {}

void Doorkeeper::apply(AccessConfig config) { rules_.set(std::make_shared<const Rules>(std::move(config))); }

bool Doorkeeper::is_listed(std::string_view key) const noexcept { return rules_.get()->listings.contains(key); }

stack::Knock Doorkeeper::knock(const sip::SocketAddress& source, base::TimeMs now_ms) noexcept {
    const auto& rules = rules_.get();
    const auto bits = auth::AddressBits::of(source);
    if (!auth::is_within(rules->unlimited, bits)) {
        switch (limiter_.take(auth::SourceKey::of(source, rules->neighbours), rules->rate, now_ms)) {
            case auth::Pace::pass: break;
            case auth::Pace::refuse: return {RejectReason::too_many_requests, false};
            case auth::Pace::drop: return {RejectReason::too_many_requests, true};
        }
    }
    const bool is_barred = rules->admission.access(bits) == auth::Access::refused;
    return {is_barred ? RejectReason::network_not_admitted : RejectReason::none, false};
}

Ruling Doorkeeper::admit(const sip::RegisterRequest& request, const sip::Identity& identity, base::TimeMs now_ms,
                         base::TextBuffer& headers) noexcept {
    return admit(visit_of(request, "REGISTER"), identity, now_ms, headers);
}

Ruling Doorkeeper::admit(const Visit& visit, const sip::Identity& identity, base::TimeMs now_ms,
                         base::TextBuffer& headers) noexcept {
    const auto& rules = rules_.get();
    const auto bits = auth::AddressBits::of(visit.source);
    const auth::DeviceStanding standing = rules->standing_of(identity.key(), identity.device, bits);
    const auth::AdmissionDecision decision = rules->admission.decide(bits, standing);
    if (decision.entrance == auth::Entrance::admitted) return {};
    if (decision.entrance == auth::Entrance::refused) return {.reason = decision.reason};
    Ruling ruling = authenticate(visit, identity.key(), *rules, now_ms, headers);
    if (decision.entrance == auth::Entrance::park) {
        // Nobody has a password for it, so the ruling is never a good one. Who asks is told what anybody is told; why
        // the device waits is for its owner.
        if (ruling.is_usual) ruling = {.reason = decision.reason, .told = RejectReason::unauthorized};
    } else if (ruling.reason == RejectReason::none && standing.is_elsewhere) {
        ruling = {.reason = RejectReason::device_elsewhere, .work = ruling.work};
    }
    return ruling;
}

Ruling Doorkeeper::admit_question(const stack::OtherRequest& request, base::TimeMs now_ms,
                                  base::TextBuffer& headers) noexcept {
    const auto& rules = rules_.get();
    const auto bits = auth::AddressBits::of(request.flow.remote);
    const sip::Uuid uuid = sip::Uuid::parse(request.request_user).value_or(sip::Uuid());
    const auto standing = rules->standing_of(request.request_user, uuid, bits);
    if (rules->admission.is_open_to(bits) && !standing.has_credentials) return {};
    return authenticate(visit_of(request, request.method), std::nullopt, *rules, now_ms, headers);
}

Ruling Doorkeeper::authenticate(const Visit& visit, std::optional<std::string_view> aor_key, const Rules& rules,
                                base::TimeMs now_ms, base::TextBuffer& headers) noexcept {
    const auto source = auth::SourceKey::of(visit.source, rules.neighbours);
    const auth::Claim claim(visit.authorizations, rules.digest.realm);
    const std::string_view user = claim.user();
    const base::TimeMs wait_ms = user.empty() ? 0 : backoff_.wait(source, user, rules.backoff, now_ms);
    if (wait_ms > 0) {
        headers << "Retry-After: " << static_cast<std::uint64_t>((wait_ms + kMsPerSecond - 1) / kMsPerSecond) << "\r\n";
        return {.reason = RejectReason::too_many_failures};
    }
    auth::AuthRequest proof;
    proof.method = visit.method;
    proof.request_uri = visit.request_uri;
    proof.aor_key = aor_key;
    proof.call_id = visit.call_id;
    proof.cseq = visit.cseq;
    proof.content = visit.message;
    proof.source = visit.source;
    const auth::AuthVerdict verdict = authenticator_.decide(proof, claim, rules.credentials, rules.digest, now_ms);
    if (verdict.is_failed_guess()) backoff_.fail(source, user, rules.backoff, now_ms);
    if (verdict.decision == auth::AuthDecision::accepted) {
        backoff_.succeed(source, user, now_ms);
        limiter_.vouch(source, now_ms);
    } else if (verdict.decision == auth::AuthDecision::challenge) {
        challenge(visit, rules, verdict.is_stale, now_ms, headers);
    }
    const std::string_view finding =
        verdict.reason == RejectReason::none ? std::string_view() : text_of(verdict.finding);
    return {.reason = verdict.reason, .finding = finding, .work = verdict.work, .is_usual = is_usual(verdict.finding)};
}

void Doorkeeper::challenge(const Visit& visit, const Rules& rules, bool is_stale, base::TimeMs now_ms,
                           base::TextBuffer& headers) noexcept {
    const auth::NonceText nonce = authenticator_.issue_nonce(rules.digest, visit.source, now_ms);
    const auth::AlgorithmSet offered = auth::offered_to(visit.user_agent, rules.digest.algorithms);
    const auth::Challenge wanted{rules.digest.realm, {nonce.data(), nonce.size()}, offered, is_stale};
    auth::write_challenges(wanted, auth::room_for_challenges(visit.message.size(), kCopiedOctets), headers);
}

void Doorkeeper::vouch(const sip::SocketAddress& source, base::TimeMs now_ms) noexcept {
    limiter_.vouch(auth::SourceKey::of(source, rules_.get()->neighbours), now_ms);
}

std::vector<sip::SocketAddress> Doorkeeper::trusted_sources(base::TimeMs now_ms) {
    std::vector<sip::SocketAddress> sources;
    for (const auth::SourceKey& key : limiter_.trusted(rules_.get()->rate, now_ms)) {
        if (key.bits.low != 0) sources.push_back(address_of(key.bits));
    }
    return sources;
}

}  // namespace sr::engine
