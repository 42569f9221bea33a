// What a binding costs in memory, and a refresh in time, with the texts of a usual phone. Memory is promised; time is
// printed.
#include <doctest/doctest.h>
#include <malloc.h>
#include <time.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "location/location.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsSanitized = true;
#else
constexpr bool kIsSanitized = false;
#endif

namespace {

using namespace sr;

class NoListener final : public location::ChangeListener {
  public:
    void on_change(const location::Change&) noexcept override { ++changes; }
    std::size_t changes = 0;
};

/// A phone's REGISTER: contact 45 octets, Call-ID 40, instance 45, user agent 20, address-of-record 10.
class Phone {
  public:
    explicit Phone(std::uint32_t number) {
        key_ = "phone00000";
        const std::string digits = std::to_string(number);
        key_.replace(key_.size() - digits.size(), digits.size(), digits);
        uri_ = "sip:" + key_ + "@192.168.100.107:50600;transport=udp";
        uri_.resize(45, 'x');
        call_id_ = key_ + std::string(30, 'c');
        instance_ = "urn:uuid:0f3a9c52-7b1e-4d68-9a04-c5e1" + digits;
        instance_.resize(45, '0');
        contact_.uri = uri_;
        contact_.instance = instance_;
        request_.call_id = call_id_;
        request_.contacts = {&contact_, 1};
        request_.user_agent = "Usual Phone 1.2.3.45";
        request_.is_symmetric = true;
        request_.flow.remote.ip = {0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0xFF,
                                   0xFF,
                                   10,
                                   std::uint8_t(number >> 16),
                                   std::uint8_t(number >> 8),
                                   std::uint8_t(number)};
        request_.flow.remote.port = 5060;
    }

    Phone(const Phone&) = delete;
    Phone& operator=(const Phone&) = delete;

    /// Lock, decide, apply, as the engine does; the decision is given.
    void register_at(location::Location& location, base::TimeMs now_ms) {
        ++request_.cseq;
        sip::Identity identity;
        identity.user_key = key_;
        auto guard = location.lock(key_, now_ms);
        const auto bindings = guard.bindings();
        sip::ChangeSet changes;
        const bool is_new = bindings.empty() || bindings.front().contact_uri != contact_.uri;
        changes.push({.action = is_new ? sip::BindingAction::add : sip::BindingAction::update, .expires_s = 3600});
        static_cast<void>(guard.apply(request_, identity, changes, 1));
    }

  private:
    std::string key_;
    std::string uri_;
    std::string call_id_;
    std::string instance_;
    sip::RequestedContact contact_;
    sip::RegisterRequest request_;
};

/// Of this thread, so that others on the machine do not count.
std::int64_t cpu_ns() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

std::size_t heap_in_use() {
    const auto heap = mallinfo2();
    return heap.uordblks + heap.hblkhd;
}

struct Cost {
    double octets_per_binding = 0;
    double refresh_ns = 0;
};

Cost measure(std::uint32_t phones) {
    NoListener listener;
    const std::size_t before = heap_in_use();
    auto location = std::make_unique<location::Location>(listener, 1);
    for (std::uint32_t i = 0; i < phones; ++i) Phone(i).register_at(*location, 1'000);
    Cost cost;
    cost.octets_per_binding = static_cast<double>(heap_in_use() - before) / phones;

    constexpr std::uint32_t kBatch = 100;
    constexpr std::uint32_t kRefreshes = 100'000;
    std::minstd_rand random(7);
    std::vector<std::int64_t> spent_ns;
    for (std::uint32_t done = 0; done < kRefreshes; done += kBatch) {
        std::vector<std::unique_ptr<Phone>> batch;
        for (std::uint32_t i = 0; i < kBatch; ++i) {
            batch.push_back(std::make_unique<Phone>(static_cast<std::uint32_t>(random() % phones)));
        }
        const std::int64_t start_ns = cpu_ns();
        for (const auto& phone : batch) phone->register_at(*location, 2'000);
        spent_ns.push_back(cpu_ns() - start_ns);
    }
    // The lower quartile: the upper ones measure the neighbours.
    const auto quartile = spent_ns.begin() + static_cast<std::ptrdiff_t>(spent_ns.size() / 4);
    std::nth_element(spent_ns.begin(), quartile, spent_ns.end());
    cost.refresh_ns = static_cast<double>(*quartile) / kBatch;
    CHECK(listener.changes == phones);
    return cost;
}

}  // namespace

TEST_CASE("a usual phone's binding takes at most 400 octets, all tables included") {
    for (const std::uint32_t phones : {50U, 1'000U, 10'000U, 70'000U, 100'000U, 140'000U}) {
        if (kIsSanitized && phones > 1'000) continue;  // a sanitizer's heap is another
        const Cost cost = measure(phones);
        MESSAGE(phones << " bindings: " << cost.octets_per_binding << " octets each, " << cost.refresh_ns
                       << " ns per refresh");
        if (phones >= 70'000) CHECK(cost.octets_per_binding <= 400);
    }
}
