// Whose bindings a REGISTER is about (RFC 3261 section 10.3 steps 1-5) and which device sent it.
//
// Theory: up to three UUIDs may be claimed in one request, by `+sip.instance`, by the SDP body and by the From user.
// Under the shared name `screamrouter` the device's UUID *is* the address-of-record, so all claims must agree. Under a
// name of its own the key is that name and the UUID only tells which device stands behind it: From is then asked last
// and never contradicts, because a UUID as an account name is a name, not a claim.

#include <arpa/inet.h>

#include <array>
#include <cstring>

#include "base/utf8.hpp"
#include "registrar/extensions.hpp"
#include "registrar/registrar.hpp"
#include "sip/ascii.hpp"
#include "sip/reply_text.hpp"

namespace sr::registrar {
namespace {

using sip::Identity;
using sip::RegisterRequest;
using sip::RejectReason;
using sip::Uuid;

constexpr std::string_view kSharedUser = "screamrouter";
constexpr std::string_view kUuidAttribute = "a=x-screamrouter-uuid:";
constexpr std::size_t kLongestHostName = 255;

/// The set holds IPv6 addresses as inet_ntop prints them; a peer may write the same address in another way.
bool is_served_ipv6(const Policy& policy, std::string_view host) noexcept {
    host = host.substr(0, host.find('%'));
    std::array<char, INET6_ADDRSTRLEN> room{};
    if (host.size() >= room.size()) return false;
    std::memcpy(room.data(), host.data(), host.size());
    in6_addr address;
    if (inet_pton(AF_INET6, room.data(), &address) != 1) return false;
    if (inet_ntop(AF_INET6, &address, room.data(), room.size()) == nullptr) return false;
    return policy.served_hosts.contains(std::string_view(room.data()));
}

/// What the contacts' instances say together.
struct InstanceClaim {
    Uuid uuid;
    bool is_contradictory = false;
};

InstanceClaim claim_of_instances(std::span<const sip::RequestedContact> contacts) noexcept {
    InstanceClaim claim;
    for (const auto& contact : contacts) {
        if (contact.instance.empty()) continue;
        const auto uuid = Uuid::parse(contact.instance);
        if (!uuid) continue;
        if (claim.uuid.is_nil()) claim.uuid = *uuid;
        if (claim.uuid != *uuid) claim.is_contradictory = true;
    }
    return claim;
}

std::string_view first_line(std::string_view text) noexcept { return text.substr(0, text.find('\n')); }

/// The first well-formed a=x-screamrouter-uuid that starts a line.
Uuid claim_of_body(std::string_view body) noexcept {
    std::size_t from = 0;
    while (from < body.size()) {
        const void* found =
            memmem(body.data() + from, body.size() - from, kUuidAttribute.data(), kUuidAttribute.size());
        if (found == nullptr) break;
        const auto at = static_cast<std::size_t>(static_cast<const char*>(found) - body.data());
        from = at + kUuidAttribute.size();
        if (at > 0 && body[at - 1] != '\n') continue;
        if (const auto uuid = Uuid::parse(sip::trim(first_line(body.substr(from))))) return *uuid;
    }
    return {};
}

/// Every UUID that the request claims; nil where there is none.
struct Claims {
    InstanceClaim instance;
    Uuid body;
    Uuid from;
};

Claims read_claims(const RegisterRequest& request) noexcept {
    Claims claims;
    claims.instance = claim_of_instances(request.contacts);
    if (!request.body.empty() && sip::is_equal_ignoring_case(request.content_type, "application/sdp")) {
        claims.body = claim_of_body(request.body);
    }
    claims.from = Uuid::parse(request.from_user).value_or(Uuid{});
    return claims;
}

bool do_contradict(const Uuid& a, const Uuid& b) noexcept { return !a.is_nil() && !b.is_nil() && a != b; }

/// Which two claims contradict each other; empty: none do.
std::string_view contradiction(const Claims& claims, bool is_shared_user) noexcept {
    if (claims.instance.is_contradictory) return is_shared_user ? "two Contacts with different +sip.instance" : "";
    if (do_contradict(claims.instance.uuid, claims.body)) return "+sip.instance and a=x-screamrouter-uuid";
    if (!is_shared_user) return "";
    if (do_contradict(claims.instance.uuid, claims.from)) return "+sip.instance and From";
    if (do_contradict(claims.body, claims.from)) return "a=x-screamrouter-uuid and From";
    return "";
}

Uuid first_claim(const Claims& claims) noexcept {
    // Somebody registers several devices at once: none of them is the device.
    if (claims.instance.is_contradictory) return {};
    if (!claims.instance.uuid.is_nil()) return claims.instance.uuid;
    return claims.body.is_nil() ? claims.from : claims.body;
}

void identify_claimant(const RegisterRequest& request, Identity& identity) noexcept {
    const bool is_shared_user = sip::is_equal_ignoring_case(request.to_user, kSharedUser);
    const Claims claims = read_claims(request);
    identity.detail = contradiction(claims, is_shared_user);
    if (!identity.detail.empty()) {
        identity.reason = RejectReason::identity_conflict;
        return;
    }
    identity.device = first_claim(claims);
    if (!is_shared_user) {
        identity.user_key = request.to_user;
    } else if (identity.device.is_nil()) {
        identity.reason = RejectReason::identity_missing;
    } else {
        identity.is_key_uuid = true;
        identity.device.write(identity.key_text);
    }
}

RejectReason check_domain(const RegisterRequest& request, const Policy& policy, std::string_view& detail) noexcept {
    if (!request.has_sip_scheme) return RejectReason::unsupported_scheme;
    detail = request.request_host;
    if (!is_served(policy, request.request_host)) return RejectReason::unknown_domain;
    if (!request.require.empty()) {
        detail = unsupported_tags(request.require, request.flow.transport);
        if (!detail.empty()) return RejectReason::extension_required;
    }
    detail = request.to_host;
    if (request.to_host != request.request_host && !is_served(policy, request.to_host)) {
        return RejectReason::unknown_domain;
    }
    detail = {};
    return RejectReason::none;
}

RejectReason check_user(const RegisterRequest& request, const Policy& policy, std::string_view& detail) noexcept {
    detail = "To names no user";
    if (request.to_user.empty()) return RejectReason::unknown_user;
    detail = "the user in To";
    if (request.to_user.size() > policy.max_field_length) return RejectReason::field_too_long;
    if (!base::is_printable_text(request.to_user)) return RejectReason::malformed;
    detail = {};
    return RejectReason::none;
}

}  // namespace

bool is_served(const Policy& policy, std::string_view host) noexcept {
    if (!host.empty() && host.back() == '.') host.remove_suffix(1);
    if (host.empty() || host.size() > kLongestHostName) return false;
    if (policy.served_hosts.contains(host)) return true;
    std::array<char, kLongestHostName> room;
    for (std::size_t i = 0; i < host.size(); ++i) room[i] = sip::to_lower(host[i]);
    const std::string_view lower(room.data(), host.size());
    if (policy.served_hosts.contains(lower)) return true;
    return lower.find(':') != std::string_view::npos && is_served_ipv6(policy, lower);
}

Identity identify_caller(const CallerName& caller, const Policy& policy) noexcept {
    Identity identity;
    std::string_view instance = sip::parameter_of(caller.contact, "+sip.instance");
    while (!instance.empty() && (instance.front() == '"' || instance.front() == '<')) instance.remove_prefix(1);
    while (!instance.empty() && (instance.back() == '"' || instance.back() == '>')) instance.remove_suffix(1);
    identity.device = Uuid::parse(instance).value_or(Uuid{});
    if (!is_served(policy, caller.host)) return identity;
    identity.user_key = caller.user;
    if (const auto uuid = Uuid::parse(caller.user)) {
        identity.is_key_uuid = true;
        uuid->write(identity.key_text);
        if (identity.device.is_nil()) identity.device = *uuid;
    } else if (!identity.device.is_nil() && sip::is_equal_ignoring_case(caller.user, kSharedUser)) {
        identity.is_key_uuid = true;
        identity.device.write(identity.key_text);
    }
    return identity;
}

Identity identify(const RegisterRequest& request, const Policy& policy) noexcept {
    Identity identity;
    identity.reason = check_domain(request, policy, identity.detail);
    if (identity.reason == RejectReason::none) identity.reason = check_user(request, policy, identity.detail);
    if (identity.reason == RejectReason::none) identify_claimant(request, identity);
    return identity;
}

}  // namespace sr::registrar
