// notify_cost: what the notifier costs, without any network: microseconds of CPU per SUBSCRIBE with its 200 and first
// NOTIFY, per refresh, per NOTIFY of a fan-out with its answer; octets of heap and allocations per subscription held.
//
//     cmake -S . -B build/bench -G Ninja -DSR_BUILD_TESTS=ON -DSR_BUILD_BINDINGS=OFF -DCMAKE_BUILD_TYPE=Release
//     cmake --build build/bench --target notify_cost && build/bench/tests/native/notify_cost
//
// 10,000 subscriptions, 1,000 to each of ten resources, each watcher with an address of its own, a document of 700
// octets. Reading the request's octets is counted. Figures of time are the best of three runs, as others share the
// machine.
#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <new>
#include <string>
#include <vector>

#include "events/notifier.hpp"
#include "sip/gate.hpp"
#include "sip/reply_text.hpp"

using namespace sr;

namespace {

std::size_t allocations = 0;

constexpr int kSubscriptions = 10'000;
constexpr int kResources = 10;
constexpr std::size_t kDocumentOctets = 700;

double cpu_us() {
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

struct Costs {
    double subscribe_us = std::numeric_limits<double>::max();
    double refresh_us = std::numeric_limits<double>::max();
    double notify_us = std::numeric_limits<double>::max();
    double octets = 0;
    double allocations = 0;
};

class Watchers {
  public:
    Watchers() : notifier_([this] { return ++seed_ * 0x9e3779b97f4a7c15ULL; }) {
        events::NotifierConfig config;
        config.packages = {{"dialog", {"application/dialog-info+xml"}, false}};
        config.max_subscriptions = kSubscriptions;
        notifier_.apply(config, now_ms_, out_);
        provide('a');
    }

    /// Microseconds for one, as in the next two.
    double subscribe() {
        std::vector<std::string> requests;
        for (int i = 0; i < kSubscriptions; ++i) requests.push_back(request(i, 1, {}));
        return take_all(requests);
    }

    double refresh() {
        std::vector<std::string> requests;
        for (int i = 0; i < kSubscriptions; ++i) requests.push_back(request(i, 2, tags_[static_cast<std::size_t>(i)]));
        return take_all(requests);
    }

    /// A change of every resource, told to all.
    double fan_out() {
        now_ms_ += 2'000;
        (void)notifier_.advance(now_ms_, out_);
        const double before = cpu_us();
        provide('b');
        const double own_us = settle();
        return (cpu_us() - before - own_us) / kSubscriptions;
    }

    [[nodiscard]] bool are_all_there() const { return notifier_.count() == kSubscriptions; }

  private:
    void provide(char letter) {
        for (int i = 0; i < kResources; ++i) {
            events::Document document{"application/dialog-info+xml", {std::string(kDocumentOctets, letter), 100}, {}};
            notifier_.provide({"dialog", "door" + std::to_string(i)}, {events::WatcherRule::anyone, {}},
                              std::move(document), false, now_ms_, out_);
        }
    }

    static std::string request(int number, int cseq, const std::string& tag) {
        const std::string text = std::to_string(number);
        const std::string address = "192.0.2.7:" + std::to_string(10'000 + number);
        return "SUBSCRIBE sip:door" + std::to_string(number % kResources) + "@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP " +
               address + ";rport;branch=z9hG4bK-watcher-" + text + "-" + std::to_string(cseq) +
               "\r\nMax-Forwards: 70\r\nFrom: \"Phone " + text + "\" <sip:phone" + text +
               "@192.0.2.1>;tag=as58f4201b\r\nTo: <sip:door" + std::to_string(number % kResources) + "@192.0.2.1>" +
               (tag.empty() ? "" : ";tag=" + tag) + "\r\nCall-ID: 1f2e3d4c5b6a7988-" + text +
               "@192.0.2.7\r\nCSeq: " + std::to_string(cseq) + " SUBSCRIBE\r\nContact: <sip:phone" + text + "@" +
               address +
               ">\r\nEvent: dialog\r\nAccept: application/dialog-info+xml\r\nExpires: 60\r\n"
               "User-Agent: bench\r\nContent-Length: 0\r\n\r\n";
    }

    double take_all(const std::vector<std::string>& requests) {
        double spent_us = 0;
        for (std::size_t i = 0; i < requests.size(); ++i) {
            if (i % 32 == 0) ++now_ms_;  // as fast as a NOTIFY each leaves at once
            flow_.remote = *sip::SocketAddress::parse("192.0.2.7", static_cast<std::uint16_t>(10'000 + i));
            const double before = cpu_us();
            take(requests[i]);
            spent_us += cpu_us() - before;
            settle();
        }
        return spent_us / kSubscriptions;
    }

    void take(const std::string& octets) {
        sip::inspect(octets, seen_);
        dialog::CallRequest read;
        (void)dialog::read_request(octets, seen_, flow_, read);
        const events::Watcher watcher{"phone", true};
        if (notifier_.take(read, watcher, now_ms_, out_).taken != events::Taken::initial) return;
        (void)notifier_.begin(read, watcher, {"192.0.2.1", "192.0.2.1:5060"}, now_ms_, out_);
    }

    /// Until nothing is sent any more; each NOTIFY is answered. What reading the NOTIFYs took is the bench's own.
    double settle() {
        double own_us = 0;
        do {
            const double before = cpu_us();
            const dialog::Outbox out = std::move(out_);
            out_ = {};
            std::vector<std::string_view> branches;
            for (const auto& one : out.transmissions) {
                const std::string_view text = one.octets;
                if (text.starts_with("SIP/2.0 200")) learn(text);
                const std::size_t branch = text.find("branch=") + 7;
                if (!text.starts_with("NOTIFY")) continue;
                branches.push_back(text.substr(branch, text.find("\r\n", branch) - branch));
            }
            own_us += cpu_us() - before;
            for (const std::string_view branch : branches) notifier_.take_response(branch, 200, 0, now_ms_, out_);
            if (out_.transmissions.empty()) {
                const base::TimeMs next_ms = notifier_.next_due_ms(now_ms_);
                if (next_ms > now_ms_ + 1) break;
                (void)notifier_.advance(now_ms_ = next_ms, out_);
            }
        } while (true);
        return own_us;
    }

    void learn(std::string_view answer) {
        const std::size_t to = answer.find("\r\nTo: ");
        const std::size_t tag = answer.find(";tag=", to) + 5;
        if (tags_.size() < kSubscriptions) tags_.emplace_back(answer.substr(tag, answer.find("\r\n", tag) - tag));
    }

    std::uint64_t seed_ = 0;
    events::Notifier notifier_;
    dialog::Outbox out_;
    sip::Flow flow_;
    sip::Inspection seen_;
    base::TimeMs now_ms_ = 1'000'000;
    std::vector<std::string> tags_;
};

void measure(Costs& costs) {
    Watchers watchers;
    const std::size_t octets_before = mallinfo2().uordblks;
    const std::size_t allocations_before = allocations;
    costs.subscribe_us = std::min(costs.subscribe_us, watchers.subscribe());
    // The bench's own tags are too short for a heap of their own; its vector is not counted twice.
    costs.octets = static_cast<double>(mallinfo2().uordblks - octets_before) / kSubscriptions - sizeof(std::string);
    costs.allocations = static_cast<double>(allocations - allocations_before) / kSubscriptions;
    costs.refresh_us = std::min(costs.refresh_us, watchers.refresh());
    costs.notify_us = std::min(costs.notify_us, watchers.fan_out());
    if (!watchers.are_all_there()) std::printf("a subscription was lost\n");
}

}  // namespace

void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

int main() {
    Costs costs;
    for (int i = 0; i < 3; ++i) measure(costs);
    std::printf("SUBSCRIBE, 200 and first NOTIFY  %6.2f us\n", costs.subscribe_us);
    std::printf("refresh, 200 and NOTIFY          %6.2f us\n", costs.refresh_us);
    std::printf("NOTIFY of a fan-out and its 200  %6.2f us\n", costs.notify_us);
    std::printf("held subscription                %6.0f octets\n", costs.octets);
    std::printf("allocations to begin one         %6.1f\n", costs.allocations);
}
