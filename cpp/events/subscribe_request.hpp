// A SUBSCRIBE read and judged by its own words: Event, Expires, Accept and Supported (RFC 6665 sections 4.2.1 and 8.2).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "dialog/call_request.hpp"
#include "events/values.hpp"
#include "sip/reject_reason.hpp"

namespace sr::events {

/// An id is kept and said again in every NOTIFY.
inline constexpr std::size_t kMostIdOctets = 128;
/// From, To, Call-ID, Contact, Via and Record-Route together: what a subscription keeps, as long as it waits or lasts.
inline constexpr std::size_t kMostDialogOctets = 4096;

/// The package and the id of an Event value, views into it; other parameters mean nothing here.
struct EventField {
    std::string_view package;
    std::optional<std::string_view> id;

    /// Byte by byte (RFC 6665 section 8.2.1).
    [[nodiscard]] bool operator==(const EventField&) const = default;
};

[[nodiscard]] EventField read_event(std::string_view value) noexcept;

/// What a SUBSCRIBE asks for, where `reason` is none. Views into request and config.
struct SubscribeTerms {
    sip::RejectReason reason = sip::RejectReason::none;
    const EventPackage* package = nullptr;
    std::optional<std::string_view> event_id;
    std::uint32_t expires_s = 0;  // 0: a fetch, or an end (section 4.4.3)
    bool supports_lists = false;
};

[[nodiscard]] SubscribeTerms decide_subscribe(const dialog::CallRequest& request, const NotifierConfig& config);

/// Whether lines of Accept (RFC 3261 section 20.1) take the type: of the ranges that match, the most exact counts, and
/// q=0 is a no.
[[nodiscard]] bool is_type_accepted(std::span<const std::string_view> lines, std::string_view type);

/// The option tags of `request.require` that the notifier does not know, comma-separated; empty: none.
[[nodiscard]] std::string unsupported_by_notifier(const dialog::CallRequest& request);

}  // namespace sr::events
