#include "events/resource_table.hpp"

#include <algorithm>
#include <utility>

namespace sr::events {
namespace {

std::string key_of(const Resource& name) { return name.package + "\n" + name.address; }

}  // namespace

bool WatchedResource::take(Audience new_audience, Document new_document, bool new_is_list) {
    audience = std::move(new_audience);
    std::ranges::sort(audience.addresses);
    const bool is_same = is_held && is_list == new_is_list && document.content_type == new_document.content_type &&
                         document.full.octets == new_document.full.octets;
    is_asked = false;
    is_held = true;
    is_list = new_is_list;
    if (is_same) return false;
    document = std::move(new_document);
    ++serial;
    return true;
}

bool WatchedResource::admits(const Watcher& watcher) const {
    switch (audience.rule) {
        case WatcherRule::anyone: return true;
        case WatcherRule::registered: return watcher.is_registered;
        case WatcherRule::listed:
            return watcher.is_registered && std::ranges::binary_search(audience.addresses, watcher.address);
    }
    return false;
}

WatchedResource* ResourceTable::find(const Resource& name) const {
    const auto found = by_name_.find(key_of(name));
    return found == by_name_.end() ? nullptr : found->second.get();
}

WatchedResource* ResourceTable::find(std::uint64_t id) const {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : found->second;
}

WatchedResource& ResourceTable::find_or_add(const Resource& name) {
    std::unique_ptr<WatchedResource>& place = by_name_[key_of(name)];
    if (!place) {
        place = std::make_unique<WatchedResource>();
        place->id = next_id_++;
        place->name = name;
        by_id_.emplace(place->id, place.get());
    }
    return *place;
}

void ResourceTable::erase(const WatchedResource& resource) {
    by_id_.erase(resource.id);
    by_name_.erase(key_of(resource.name));
}

std::vector<WatchedResource*> ResourceTable::all() const {
    std::vector<WatchedResource*> resources;
    resources.reserve(by_id_.size());
    for (const auto& [id, resource] : by_id_) resources.push_back(resource);
    return resources;
}

}  // namespace sr::events
