#include "location/index_table.hpp"

#include <utility>

namespace sr::location {
namespace {

constexpr std::size_t kSmallest = 16;

}  // namespace

void IndexTable::insert(std::uint32_t tag, std::uint32_t index) {
    if ((size_ + 1) * 8 > slots_.size() * 7) grow();
    place({tag, index});
    ++size_;
}

void IndexTable::place(Slot entry) noexcept {
    std::size_t i = home(entry.tag);
    while (slots_[i].index != kNoIndex) i = after(i);
    slots_[i] = entry;
}

void IndexTable::grow() {
    std::vector<Slot> grown(slots_.empty() ? kSmallest : slots_.size() + slots_.size() / 2);
    const std::vector<Slot> old = std::exchange(slots_, std::move(grown));
    for (const Slot& entry : old) {
        if (entry.index != kNoIndex) place(entry);
    }
}

std::size_t IndexTable::position(std::uint32_t tag, std::uint32_t index) const noexcept {
    std::size_t i = home(tag);
    while (slots_[i].index != index) i = after(i);
    return i;
}

void IndexTable::replace(std::uint32_t tag, std::uint32_t index, std::uint32_t by) noexcept {
    slots_[position(tag, index)].index = by;
}

void IndexTable::erase(std::uint32_t tag, std::uint32_t index) noexcept {
    std::size_t hole = position(tag, index);
    // Whatever lies behind the hole moves into it if a search for it would pass there.
    for (std::size_t i = after(hole); slots_[i].index != kNoIndex; i = after(i)) {
        if (distance(home(slots_[i].tag), i) < distance(hole, i)) continue;
        slots_[hole] = slots_[i];
        hole = i;
    }
    slots_[hole] = {};
    --size_;
}

}  // namespace sr::location
