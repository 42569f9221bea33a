#include "base/bounded_queue.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>

#include <array>
#include <memory>
#include <thread>
#include <vector>

using sr::base::BoundedQueue;

namespace {

template <class T>
bool is_readable(const BoundedQueue<T>& queue) {
    pollfd poll_fd{queue.fd(), POLLIN, 0};
    return poll(&poll_fd, 1, 0) == 1;
}

}  // namespace

TEST_CASE("items come out in the order in which they went in") {
    BoundedQueue<int> queue(10);
    for (int i = 0; i < 5; ++i) queue.push(int{i});
    CHECK(queue.drain(10).items == std::vector{0, 1, 2, 3, 4});
    CHECK(queue.drain(10).items.empty());
}

TEST_CASE("the descriptor is readable exactly while there is something to drain") {
    BoundedQueue<int> queue(10);
    CHECK_FALSE(is_readable(queue));
    for (int i = 0; i < 3; ++i) queue.push(int{i});
    CHECK(is_readable(queue));
    CHECK(queue.drain(2).items == std::vector{0, 1});
    CHECK(is_readable(queue));
    CHECK(queue.drain(2).items == std::vector{2});
    CHECK_FALSE(is_readable(queue));
    queue.push(3);
    CHECK(is_readable(queue));
}

TEST_CASE("an overflow is told once and leaves nothing of what was queued before") {
    BoundedQueue<int> queue(3);
    for (int i = 0; i < 5; ++i) queue.push(int{i});
    CHECK(is_readable(queue));
    const auto batch = queue.drain(10);
    CHECK(batch.is_overflown);
    CHECK(batch.items.empty());
    CHECK_FALSE(is_readable(queue));
    queue.push(5);
    const auto after = queue.drain(10);
    CHECK_FALSE(after.is_overflown);
    CHECK(after.items == std::vector{5});
}

TEST_CASE("a queue that is exactly full has lost nothing") {
    BoundedQueue<int> queue(3);
    for (int i = 0; i < 3; ++i) queue.push(int{i});
    const auto batch = queue.drain(10);
    CHECK_FALSE(batch.is_overflown);
    CHECK(batch.items == std::vector{0, 1, 2});
}

TEST_CASE("items that can only be moved pass through") {
    BoundedQueue<std::unique_ptr<int>> queue(2);
    queue.push(std::make_unique<int>(7));
    const auto batch = queue.drain(1);
    REQUIRE(batch.items.size() == 1);
    CHECK(*batch.items.front() == 7);
}

TEST_CASE("the descriptor is closed with the queue") {
    int fd = -1;
    {
        const BoundedQueue<int> queue(1);
        fd = queue.fd();
        CHECK(fcntl(fd, F_GETFD) >= 0);
    }
    CHECK(fcntl(fd, F_GETFD) == -1);
}

TEST_CASE("no item is lost or doubled between four producers and one that waits on the descriptor") {
    constexpr int kProducers = 4;
    constexpr int kItems = 5'000;
    BoundedQueue<int> queue(kProducers * kItems);
    std::vector<std::thread> producers;
    producers.reserve(kProducers);
    for (int producer = 0; producer < kProducers; ++producer) {
        producers.emplace_back([&queue, producer] {
            for (int i = 0; i < kItems; ++i) queue.push(producer * kItems + i);
        });
    }
    std::array<int, kProducers> next{};
    bool is_in_order = true;
    for (int seen = 0; seen < kProducers * kItems;) {
        pollfd poll_fd{queue.fd(), POLLIN, 0};
        REQUIRE(poll(&poll_fd, 1, 10'000) == 1);
        for (const int item : queue.drain(64).items) {
            is_in_order = is_in_order && item % kItems == next[static_cast<std::size_t>(item / kItems)]++;
            ++seen;
        }
    }
    for (std::thread& producer : producers) producer.join();
    CHECK(is_in_order);
    CHECK_FALSE(is_readable(queue));
}
