// Who is to be looked at when. A heap of plain entries, of which only each one's newest counts: moving a time away
// costs nothing, moving it nearer one push. Stale entries are thrown out when they are most of the heap.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/clock.hpp"
#include "dialog/timers.hpp"

namespace sr::events {

class DueTimes {
  public:
    struct Entry {
        base::TimeMs at_ms;
        std::uint64_t id;

        [[nodiscard]] bool operator>(const Entry& other) const noexcept { return at_ms > other.at_ms; }
    };

    void push(Entry entry) {
        heap_.push_back(entry);
        std::ranges::push_heap(heap_, std::greater<>());
    }

    /// The earliest entry's time, stale or not.
    [[nodiscard]] base::TimeMs next_ms() const noexcept { return heap_.empty() ? dialog::kNever : heap_.front().at_ms; }

    Entry pop() {
        std::ranges::pop_heap(heap_, std::greater<>());
        const Entry entry = heap_.back();
        heap_.pop_back();
        return entry;
    }

    /// Whether most entries must be stale, `living` being how many can count.
    [[nodiscard]] bool is_crowded(std::size_t living) const noexcept { return heap_.size() > 4 * living + kSpare; }

    template <class IsStale>
    void clean(IsStale is_stale) {
        std::erase_if(heap_, is_stale);
        std::ranges::make_heap(heap_, std::greater<>());
    }

  private:
    static constexpr std::size_t kSpare = 256;

    std::vector<Entry> heap_;
};

}  // namespace sr::events
