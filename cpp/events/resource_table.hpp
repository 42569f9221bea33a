// What is watched: the documents that policy provided, who watches them, and what was asked for.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/text_hash.hpp"
#include "dialog/timers.hpp"
#include "events/values.hpp"

namespace sr::events {

class Subscription;

/// How long a resource that nobody watches any more is remembered.
inline constexpr base::TimeMs kLingerFor = 30'000;

struct WatchedResource {
    std::uint64_t id = 0;
    Resource name;
    bool is_asked = false;  // `wanted` was told, and not answered
    bool is_held = false;   // the rest is what policy provided
    bool is_list = false;
    // Provided though nobody asked: whoever provided it may have been about to take in that nobody watches it.
    bool is_unsolicited = false;
    Audience audience;
    Document document;
    std::uint64_t serial = 0;  // of the document, counted by changes
    std::vector<Subscription*> watchers;
    base::TimeMs forget_at_ms = dialog::kNever;
    bool is_armed = false;  // to be looked at, whether to be forgotten

    /// Takes what is provided; whether the document is another one than before.
    bool take(Audience new_audience, Document new_document, bool new_is_list);
    [[nodiscard]] bool admits(const Watcher& watcher) const;
};

/// Addresses of WatchedResource stay; of its watchers' places, too.
class ResourceTable {
  public:
    /// `seed` is secret: peers choose the addresses.
    explicit ResourceTable(std::uint64_t seed) : by_name_(0, base::TextHash(seed)) {}

    [[nodiscard]] WatchedResource* find(const Resource& name) const;
    [[nodiscard]] WatchedResource* find(std::uint64_t id) const;
    [[nodiscard]] WatchedResource& find_or_add(const Resource& name);
    void erase(const WatchedResource& resource);
    [[nodiscard]] std::size_t count() const noexcept { return by_name_.size(); }
    [[nodiscard]] std::vector<WatchedResource*> all() const;

  private:
    std::unordered_map<std::string, std::unique_ptr<WatchedResource>, base::TextHash> by_name_;
    std::unordered_map<std::uint64_t, WatchedResource*> by_id_;
    std::uint64_t next_id_ = 1;
};

}  // namespace sr::events
