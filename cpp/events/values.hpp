// What the notifier is told by policy, and what it asks: the twins of src/domain/watching.py, which has their
// contracts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "sip/flow.hpp"

namespace sr::events {

struct Resource {
    std::string package;
    std::string address;  // a user part, unescaped

    [[nodiscard]] bool operator==(const Resource&) const = default;
};

struct EventPackage {
    std::string name;
    std::vector<std::string> content_types;  // the default first
    bool is_list_served = false;
};

struct NotifierConfig {
    std::vector<EventPackage> packages;
    std::uint32_t min_expires_s = 10;
    std::uint32_t max_expires_s = 60;
    base::TimeMs interval_ms = 1000;
    std::size_t max_subscriptions = 10'000;
};

/// A body; the subscription's version number is written at `version_at`.
struct Text {
    std::string octets;
    std::optional<std::size_t> version_at;
};

struct Document {
    std::string content_type;
    Text full;
    Text partial;  // what differs from the document before; no octets: the full one serves
};

enum class WatcherRule : std::uint8_t { registered, anyone, listed };

struct Audience {
    WatcherRule rule = WatcherRule::registered;
    std::vector<std::string> addresses;
};

/// Who subscribes, as the engine knows him.
struct Watcher {
    std::string address;  // of From, unescaped
    bool is_registered = false;
};

enum class WatchEventKind : std::uint8_t { wanted, unwanted };

struct WatchEvent {
    WatchEventKind kind = WatchEventKind::wanted;
    Resource resource;
};

struct SubscriptionReport {
    Resource resource;
    std::string watcher;
    sip::Flow flow;
    base::TimeMs expires_in_ms = 0;
    std::uint64_t notified = 0;
    bool is_pending = false;
};

}  // namespace sr::events
