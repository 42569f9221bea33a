// The words of a NOTIFY that are the subscription's own (RFC 6665 section 4.2.2).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "events/values.hpp"

namespace sr::events {

/// Why a subscription ends (RFC 6665 section 4.1.3).
enum class EndReason : std::uint8_t { none, timeout, rejected, noresource, deactivated, probation };

/// How long a watcher keeps away after a probation.
inline constexpr std::uint32_t kProbation_s = 5;

struct NotifyLines {
    std::string_view package;
    std::optional<std::string_view> event_id;
    EndReason end = EndReason::none;
    std::uint32_t expires_s = 0;  // of one that does not end
    std::string_view contact_line;
    std::string_view allow_events_line;
    bool is_list = false;
};

/// Event, Subscription-State, Contact, Allow-Events and Require into `text`, whose room is used again.
void write_notify_lines(const NotifyLines& lines, std::string& text);

/// The octets with the subscription's version in its place; `room` holds them where there is one.
[[nodiscard]] std::string_view with_version(const Text& text, std::uint32_t version, std::string& room);

/// "Allow-Events: a, b" CR LF (section 8.2.2); empty without packages.
[[nodiscard]] std::string allow_events_line(const std::vector<EventPackage>& packages);

}  // namespace sr::events
