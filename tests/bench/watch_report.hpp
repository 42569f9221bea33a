// What the watchers have seen since the answer to the last command, and how it is told: one line of JSON.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

struct WatchReport {
    std::map<std::uint32_t, std::uint64_t> statuses;
    std::uint64_t done{0};
    std::uint64_t lost{0};
    std::uint64_t retransmits{0};
    std::uint64_t incomplete{0};
    std::uint64_t strays{0};
    std::uint64_t notifies{0};  // without those repeated and disordered
    std::uint64_t notify_octets{0};
    std::uint64_t repeated{0};
    std::uint64_t disordered{0};
    std::uint64_t stale{0};  // with the same body as the watcher's NOTIFY before
    std::uint64_t bad{0};
    std::string_view complaint;  // about the last bad one
    std::vector<std::uint64_t> latencies_ns;
};

// What does not begin anew with each command.
struct WatchTotals {
    std::uint64_t drops{0};
    std::uint64_t send_errors{0};
};

inline double quantile(const std::vector<std::uint64_t>& sorted, double fraction) {
    if (sorted.empty()) return 0;
    return static_cast<double>(sorted[static_cast<std::size_t>(fraction * static_cast<double>(sorted.size() - 1))]);
}

// `since_change_ns`: when each watcher had its first NOTIFY after the last change.
inline void print_report(std::string_view mode, std::uint64_t wall_ns, WatchReport report,
                         std::vector<std::uint64_t> since_change_ns, const WatchTotals& totals) {
    std::string statuses;
    for (const auto& [status, count] : report.statuses) {
        statuses += (statuses.empty() ? "" : ", ") + ("\"" + std::to_string(status) + "\": ") + std::to_string(count);
    }
    auto& latencies = report.latencies_ns;
    std::sort(latencies.begin(), latencies.end());
    std::sort(since_change_ns.begin(), since_change_ns.end());
    const auto octets = static_cast<double>(report.notify_octets);
    const auto notifies = static_cast<double>(std::max<std::uint64_t>(report.notifies, 1));
    std::printf(
        "{\"mode\": \"%s\", \"statuses\": {%s}, \"done\": %lu, \"lost\": %lu, \"retransmits\": %lu, "
        "\"incomplete\": %lu, \"strays\": %lu, \"wall_s\": %.6f, \"p50_us\": %.1f, \"p99_us\": %.1f, ",
        std::string{mode}.c_str(), statuses.c_str(), report.done, report.lost, report.retransmits, report.incomplete,
        report.strays, static_cast<double>(wall_ns) / 1e9, quantile(latencies, 0.5) / 1e3,
        quantile(latencies, 0.99) / 1e3);
    std::printf(
        "\"notifies\": %lu, \"notify_octets\": %.1f, \"repeated\": %lu, \"disordered\": %lu, \"stale\": %lu, "
        "\"bad\": %lu, \"complaint\": \"%s\", \"notified\": %zu, \"since_p50_ms\": %.3f, \"since_last_ms\": %.3f, "
        "\"drops\": %lu, \"send_errors\": %lu}\n",
        report.notifies, octets / notifies, report.repeated, report.disordered, report.stale, report.bad,
        std::string{report.complaint}.c_str(), since_change_ns.size(), quantile(since_change_ns, 0.5) / 1e6,
        quantile(since_change_ns, 1.0) / 1e6, totals.drops, totals.send_errors);
    std::fflush(stdout);
}

}  // namespace bench
