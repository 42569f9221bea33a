#include "base/published.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

using sr::base::Published;

namespace {

/// Two numbers that are always the same, so that half a value would show.
struct Pair {
    explicit Pair(int number) : first(number), second(number) { ++alive; }
    ~Pair() { --alive; }
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;

    int first;
    int second;
    static inline std::atomic<int> alive{0};
};

}  // namespace

TEST_CASE("a thread reads what was published last, of each object its own") {
    Published<Pair> a(std::make_shared<const Pair>(1));
    Published<Pair> b(std::make_shared<const Pair>(2));
    CHECK(a.get()->first == 1);
    CHECK(b.get()->first == 2);
    a.set(std::make_shared<const Pair>(3));
    CHECK(a.get()->first == 3);
    CHECK(b.get()->first == 2);
}

TEST_CASE("while one publishes, readers see whole values that never go back, and old ones end with their last reader") {
    constexpr int kLast = 2000;
    constexpr int kReaders = 3;
    {
        Published<Pair> published(std::make_shared<const Pair>(0));
        std::atomic<int> broken{0};
        std::vector<std::thread> readers;
        for (int i = 0; i < kReaders; ++i) {
            readers.emplace_back([&] {
                for (int seen = 0; seen < kLast;) {
                    const Published<Pair>::Pointer value = published.get();
                    if (value->first != value->second || value->first < seen) ++broken;
                    seen = value->first;
                }
            });
        }
        for (int number = 1; number <= kLast; ++number) published.set(std::make_shared<const Pair>(number));
        for (std::thread& reader : readers) reader.join();
        CHECK(broken == 0);
        CHECK(Pair::alive <= 3);  // the last, and what this thread's tests kept
    }
}
