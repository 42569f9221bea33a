// A value that one thread replaces now and then and all threads read all the time: each keeps what it read last, so
// that reading costs one comparison while nothing changes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace sr::base {

/// Any thread may call either method. Of several objects of one `T` a thread keeps the value of the last one it read.
template <class T>
class Published {
  public:
    using Pointer = std::shared_ptr<const T>;

    explicit Published(Pointer value) : value_(std::move(value)), version_(next_version()) {}

    /// Readers have the new value from their next `get` on; the old one lives as long as somebody uses it.
    void set(Pointer value) {
        const std::lock_guard guard(guard_);
        value_.swap(value);
        version_.store(next_version(), std::memory_order_release);
    }

    /// Valid until this thread's next `get` of a `Published<T>`.
    [[nodiscard]] const Pointer& get() const noexcept {
        thread_local Pointer kept;
        thread_local std::uint64_t kept_version = 0;
        if (version_.load(std::memory_order_acquire) != kept_version) {
            const std::lock_guard guard(guard_);
            kept = value_;
            kept_version = version_.load(std::memory_order_relaxed);
        }
        return kept;
    }

  private:
    /// Unique among all objects of one `T`, never 0, so that a thread never takes one object's value for another's.
    static std::uint64_t next_version() noexcept {
        static std::atomic<std::uint64_t> last{0};
        return last.fetch_add(1) + 1;
    }

    mutable std::mutex guard_;
    Pointer value_;
    std::atomic<std::uint64_t> version_;
};

}  // namespace sr::base
