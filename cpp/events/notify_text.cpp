#include "events/notify_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace sr::events {
namespace {

constexpr std::array<std::string_view, 6> kReasons{"", "timeout", "rejected", "noresource", "deactivated", "probation"};

void append_number(std::uint32_t number, std::string& text) {
    std::array<char, 12> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    text.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

}  // namespace

void write_notify_lines(const NotifyLines& lines, std::string& text) {
    text.assign("Event: ").append(lines.package);
    if (lines.event_id) text.append(";id=").append(*lines.event_id);
    text.append("\r\nSubscription-State: ");
    if (lines.end == EndReason::none) {
        text.append("active;expires=");
        append_number(lines.expires_s, text);
    } else {
        text.append("terminated;reason=").append(kReasons[static_cast<std::size_t>(lines.end)]);
    }
    if (lines.end == EndReason::probation) {
        text.append(";retry-after=");
        append_number(kProbation_s, text);
    }
    text.append("\r\n").append(lines.contact_line).append(lines.allow_events_line);
    if (lines.is_list) text.append("Require: eventlist\r\n");
}

std::string_view with_version(const Text& text, std::uint32_t version, std::string& room) {
    if (!text.version_at) return text.octets;
    const std::string_view octets = text.octets;
    const std::size_t at = std::min(*text.version_at, octets.size());
    room.assign(octets.substr(0, at));
    append_number(version, room);
    return room.append(octets.substr(at));
}

std::string allow_events_line(const std::vector<EventPackage>& packages) {
    std::string line;
    for (const EventPackage& package : packages) {
        line.append(line.empty() ? "Allow-Events: " : ", ").append(package.name);
    }
    return line.empty() ? line : line.append("\r\n");
}

}  // namespace sr::events
