// The one way out of the core: many threads push, one drains in batches and is woken by a file descriptor.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <mutex>
#include <system_error>
#include <utility>
#include <vector>

namespace sr::base {

/// A queue that never blocks its producers. When it is full it forgets everything and says so once: whoever drains it
/// then must read the whole state anew, and what was queued before would only be older than that.
template <class T>
class BoundedQueue {
  public:
    struct Batch {
        std::vector<T> items;
        bool is_overflown = false;  // items were lost before these
    };

    explicit BoundedQueue(std::size_t capacity) : capacity_(capacity), fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
        if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
    }
    ~BoundedQueue() { close(fd_); }
    BoundedQueue(const BoundedQueue&) = delete;
    BoundedQueue& operator=(const BoundedQueue&) = delete;

    /// Any thread. After an overflow nothing is taken until the next drain.
    void push(T&& item) noexcept {
        const std::lock_guard lock(mutex_);
        if (is_overflown_) return;
        if (items_.size() < capacity_) {
            items_.push_back(std::move(item));
        } else {
            is_overflown_ = true;  // the drain clears the queue: a producer has no time for that
        }
        signal();
    }

    /// Any thread. Makes the descriptor readable until the next drain, for what is to be drained beside the items.
    void wake() noexcept {
        const std::lock_guard lock(mutex_);
        signal();
    }

    /// At most `most` items, oldest first. The descriptor stays readable while there are more.
    [[nodiscard]] Batch drain(std::size_t most) {
        Batch batch;
        std::deque<T> lost;  // destroyed after the mutex is free again
        const std::lock_guard lock(mutex_);
        batch.is_overflown = std::exchange(is_overflown_, false);
        if (batch.is_overflown) lost.swap(items_);
        const auto end = items_.begin() + static_cast<std::ptrdiff_t>(most < items_.size() ? most : items_.size());
        batch.items.assign(std::make_move_iterator(items_.begin()), std::make_move_iterator(end));
        items_.erase(items_.begin(), end);
        if (items_.empty()) unsignal();
        return batch;
    }

    /// Readable exactly while there is something to drain; to be polled, never read.
    [[nodiscard]] int fd() const noexcept { return fd_; }

  private:
    // Neither can fail: the counter goes between 0 and 1 under the mutex.
    void signal() noexcept {
        if (!std::exchange(is_signalled_, true)) eventfd_write(fd_, 1);
    }
    void unsignal() noexcept {
        eventfd_t count = 0;
        if (std::exchange(is_signalled_, false)) eventfd_read(fd_, &count);
    }

    const std::size_t capacity_;
    const int fd_;
    std::mutex mutex_;
    std::deque<T> items_;
    bool is_overflown_ = false;
    bool is_signalled_ = false;
};

}  // namespace sr::base
