// RFC 3261 section 10.3 over one address-of-record: a pure function from request, bindings and time to a decision.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_set>

#include "base/clock.hpp"
#include "sip/binding.hpp"
#include "sip/register_outcome.hpp"
#include "sip/register_request.hpp"

namespace sr::registrar {

enum class BelowMinimum : std::uint8_t { raise, reject };

/// Hash that lets the set be searched by string_view.
struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};
using HostSet = std::unordered_set<std::string, TextHash, std::equal_to<>>;

struct Policy {
    std::string domain;
    HostSet served_hosts;  // lower case, no brackets; the domain and this host's names and addresses
    std::uint32_t min_expires_s = 60;
    std::uint32_t default_expires_s = 3600;
    std::uint32_t max_expires_s = 7200;
    BelowMinimum below_minimum = BelowMinimum::raise;
    std::uint32_t max_contacts = 10;     // per address-of-record, at most sip::kMostContacts
    std::size_t max_uri_length = 512;    // of a Contact, in octets
    std::size_t max_field_length = 256;  // of a Call-ID, an instance or a user part
    std::size_t max_path_length = 1024;
};

/// Whether `host` (any case, no brackets) belongs to the domain.
[[nodiscard]] bool is_served(const Policy& policy, std::string_view host) noexcept;

/// Steps 1-5 without authentication: scheme, domain, Require, then whose bindings these are. The first UUID of
/// `+sip.instance`, the SDP body and From is the device; under To: screamrouter it is the address-of-record too.
[[nodiscard]] sip::Identity identify(const sip::RegisterRequest& request, const Policy& policy) noexcept;

/// Who calls, by From's URI and by Contact.
struct CallerName {
    std::string_view user;     // unescaped
    std::string_view host;     // no brackets
    std::string_view contact;  // the whole value, for its +sip.instance
};

/// The key and the device of which the owner may have said something. A UUID counts in either case of its digits; a
/// caller of another domain is nobody that is known here: his key is empty. Views of `caller`.
[[nodiscard]] sip::Identity identify_caller(const CallerName& caller, const Policy& policy) noexcept;

/// Steps 6-7. `bindings` are the present, unexpired bindings of `identity.key()`; all or nothing.
[[nodiscard]] sip::RegisterOutcome process(const sip::RegisterRequest& request,
                                           std::span<const sip::BindingView> bindings,
                                           std::span<const sip::RemovalNote> removals, const Policy& policy) noexcept;

/// The hash by which RemovalNote remembers a Call-ID.
[[nodiscard]] std::uint64_t call_id_hash(std::string_view call_id) noexcept;

}  // namespace sr::registrar
