// The location's building blocks.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "location/flow_index.hpp"
#include "location/index_table.hpp"
#include "location/slab.hpp"
#include "location_kit.hpp"

using namespace sr::location;
using namespace sr::location::test;

TEST_CASE("a table finds what is in it and nothing else, however its tags collide") {
    for (const std::uint32_t step : {1U, 0x10000000U, 0x7FFFFFFFU}) {
        std::mt19937 random(step);
        IndexTable table;
        std::set<std::pair<std::uint32_t, std::uint32_t>> model;
        std::uint32_t next_index = 0;
        for (int i = 0; i < 20'000; ++i) {
            const auto tag = static_cast<std::uint32_t>(random() % 20) * step;
            if (model.size() < 300 && random() % 2 == 0) {
                table.insert(tag, next_index);
                model.emplace(tag, next_index++);
            } else if (!model.empty()) {
                auto victim = model.lower_bound({tag, 0});
                if (victim == model.end()) victim = model.begin();
                table.erase(victim->first, victim->second);
                model.erase(victim);
            }
            std::set<std::uint32_t> found;
            static_cast<void>(table.find(tag, [&](std::uint32_t index) {
                found.insert(index);
                return false;
            }));
            std::set<std::uint32_t> expected;
            for (auto it = model.lower_bound({tag, 0}); it != model.end() && it->first == tag; ++it)
                expected.insert(it->second);
            REQUIRE(found == expected);
        }
        REQUIRE(table.size() == model.size());
    }
}

TEST_CASE("a replaced index stands where the old one stood") {
    IndexTable table;
    table.insert(7, 1);
    table.insert(7, 2);
    table.replace(7, 1, 3);
    CHECK(table.find(7, [](std::uint32_t index) { return index == 3; }) == 3);
    CHECK(table.find(7, [](std::uint32_t index) { return index == 1; }) == kNoIndex);
    CHECK(table.size() == 2);
}

TEST_CASE("records given back are taken first, and none is held by two") {
    struct Record {
        std::uint32_t link = kNoIndex;
    };
    Slab<Record> slab;
    std::set<std::uint32_t> taken;
    for (int i = 0; i < 200; ++i) CHECK(taken.insert(slab.take()).second);
    const std::uint32_t capacity = slab.capacity();
    for (const std::uint32_t index : taken) slab.give_back(index);
    CHECK(slab.size() == 0);
    taken.clear();
    for (std::uint32_t i = 0; i < capacity; ++i) CHECK(taken.insert(slab.take()).second);
    CHECK(slab.capacity() == capacity);
}

TEST_CASE("a flow is kept once for all its bindings and goes with the last") {
    FlowIndex flows;
    FlowRecord& record = flows.acquire(udp(1), 1);
    CHECK(&flows.acquire(udp(1), 1) == &record);
    CHECK(&flows.acquire(udp(2), 1) != &record);
    CHECK(flows.size() == 2);
    flows.release(record, 1);
    CHECK(flows.size() == 2);
    flows.release(record, 2);
    CHECK(flows.size() == 1);
    CHECK(flows.acquire(udp(1), 1).last_heard_ms == FlowRecord::kNeverHeard);
}

TEST_CASE("a flow that was heard after the limit is not silent; its touch returns whom it wakes, once") {
    FlowIndex flows;
    FlowRecord& record = flows.acquire(udp(1), 1);
    CHECK(flows.touch(udp(1), 5000) == nullptr);
    CHECK_FALSE(flows.mark_silent(record, 1, 4999));
    CHECK(flows.mark_silent(record, 1, 5000));
    CHECK(flows.mark_silent(record, 2, 6000));
    CHECK(flows.mark_silent(record, 3, 6000));
    CHECK(flows.touch(udp(2), 7000) == nullptr);
    const auto woken = flows.touch(udp(1), 7000);
    REQUIRE(woken != nullptr);
    CHECK(*woken == BindingIds{1, 2, 3});
    CHECK(flows.touch(udp(1), 8000) == nullptr);
}

TEST_CASE("a binding that left its flow is not woken by it") {
    FlowIndex flows;
    FlowRecord& record = flows.acquire(udp(1), 1);
    CHECK(&flows.acquire(udp(1), 1) == &record);
    CHECK(flows.mark_silent(record, 1, 5000));
    CHECK(flows.mark_silent(record, 2, 5000));
    flows.release(record, 1);
    const auto woken = flows.touch(udp(1), 7000);
    REQUIRE(woken != nullptr);
    CHECK(*woken == BindingIds{2});
}
