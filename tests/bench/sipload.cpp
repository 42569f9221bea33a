// sipload: offers SIP requests over loopback UDP and counts the answers.
//
//     sipload --target 127.0.0.1:5060 --domain bench.local --aors 1000 [--window 64] [--sources 1000] [--expires 3600]
//             [--instance] [--digest MD5|SHA-256 --password PASSWORD] [--user NAME] [--first-source 127.1.0.1]
//             [--answers-pings]
//
// Reads commands from standard input, one a line, `MODE COUNT [RATE]`, and answers each with one line of JSON:
//     new      each AoR registers for the first time, in order             (COUNT <= --aors)
//     refresh  the same contacts again with a higher CSeq, in scattered order, round and round
//     exchange as refresh, but each phone has forgotten its nonce: 401, then 200       (with --digest)
//     remove   Expires 0, in order
//     options  OPTIONS to the domain
//     flood    as new, but nobody waits for an answer: as fast as the kernel takes datagrams (COUNT <= --aors)
// RATE is requests per second, 0 as fast as the window allows. The phones (Call-ID, CSeq, port, source address) live as
// long as the process, so that a refresh is one. With --answers-pings they answer OPTIONS while a command runs.
//
// An answer belongs to the request whose branch it carries, in whatever order it comes. A request without one is sent
// again after 500 ms (RFC 3261 T1) and given up after seven transmissions.
//
// With --digest a phone answers a 401 once per request, with its next CSeq, and sends credentials with rising
// nonce-count from then on. The two messages count as one request, from the first octet to the last answer.

#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <vector>

#include "digest.hpp"
#include "sip_text.hpp"
#include "udp_batch.hpp"

namespace bench {
namespace {

constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr std::uint64_t kRetransmitAfterNs = kSecondNs / 2;
constexpr std::uint64_t kScanEveryNs = kSecondNs / 20;
constexpr int kMaxTransmissions = 7;
constexpr std::uint64_t kMaxLost = 64;  // a server that is gone need not be asked for each AoR

struct Options {
    std::string target_ip{"127.0.0.1"};
    std::uint16_t target_port{5060};
    std::string domain{"bench.local"};
    std::uint32_t aors{1000};
    std::uint32_t window{64};
    std::uint32_t sources{0};
    std::uint32_t expires_s{3600};
    std::uint32_t first_source{0x7f010001};  // 127.1.0.1
    std::string user{"user"};
    bool has_instance{false};
    std::string digest;
    std::string password;
    bool answers_pings{false};
};

struct Command {
    std::string mode;
    std::uint32_t count{0};
    std::uint32_t rate{0};
};

struct Slot {
    Request request;
    std::uint64_t started_ns{0};
    std::uint64_t sent_ns{0};
    int transmissions{0};
    bool is_busy{false};
    bool is_challenged{false};
    std::size_t octets{0};
};

struct Report {
    std::map<std::uint32_t, std::uint64_t> statuses;
    std::uint64_t retransmits{0};
    std::uint64_t lost{0};
    std::uint64_t incomplete{0};
    std::uint64_t strays{0};
    std::uint64_t send_errors{0};
    std::uint64_t wall_ns{0};
    std::uint64_t octets{0};
    std::uint64_t challenges{0};
    std::uint64_t challenge_octets{0};   // of the 401s
    std::uint64_t challenged_octets{0};  // of the requests that they answer
    std::uint64_t own_cpu_ns{0};
    std::vector<std::uint32_t> latencies_ns;
};

std::uint64_t now_ns() {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
            .count());
}

std::uint64_t own_cpu_ns() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto of = [](const timeval& time) {
        return static_cast<std::uint64_t>(time.tv_sec) * kSecondNs + static_cast<std::uint64_t>(time.tv_usec) * 1000;
    };
    return of(used.ru_utime) + of(used.ru_stime);
}

class Generator {
  public:
    explicit Generator(const Options& options, const sockaddr_in& target)
        : socket_(target),
          phone_{options.user, options.domain, socket_.port(), options.expires_s, options.has_instance},
          aors_(options.aors),
          sources_(options.sources),
          first_source_(options.first_source),
          answers_pings_(options.answers_pings),
          cseqs_(options.aors, 0),
          slots_(std::min(options.window, options.aors)) {
        for (std::uint32_t i = 0; i < slots_.size(); ++i) free_.push_back(i);
        if (!options.digest.empty()) {
            digest_ = std::make_unique<DigestPhones>(phone_, options.digest, options.password, options.aors);
        }
    }

    Report run(const Command& command) {
        Report report;
        report.latencies_ns.reserve(command.count);
        const auto errors_before = socket_.send_errors();
        const auto cpu_before = own_cpu_ns();
        const auto began = now_ns();
        auto last_scan = began;
        std::uint32_t started = 0;
        while (report.latencies_ns.size() + report.lost < command.count && report.lost < kMaxLost) {
            const auto now = now_ns();
            while (!free_.empty() && started < command.count && is_due(command, began, now, started)) {
                start(command, started++, now, report);
            }
            socket_.flush();
            if (now - last_scan >= kScanEveryNs) {
                retransmit(now, report);
                last_scan = now;
            }
            const auto received = socket_.receive([&](std::string_view text) { take(text, report); });
            if (received == 0) socket_.wait(patience_ns(command, began, now, started));
        }
        report.wall_ns = now_ns() - began;
        report.own_cpu_ns = own_cpu_ns() - cpu_before;
        release_all();
        report.send_errors = socket_.send_errors() - errors_before;
        return report;
    }

    Report flood(const Command& command) {
        Report report;
        const auto errors_before = socket_.send_errors();
        const auto began = now_ns();
        for (std::uint32_t aor = 0; aor < command.count; ++aor) {
            const Request request{Kind::register_contact,         aor, ++cseqs_[aor], ++sequence_, 0,
                                  first_source_ + aor % sources_, {}};
            const auto octets = write_request(socket_.next(), phone_, request);
            socket_.commit(octets, request.source_ip);
            report.octets += octets;
            if (aor % UdpBatch::kBatch == 0) count_answers(report);
        }
        socket_.flush();
        report.wall_ns = now_ns() - began;
        do {
            socket_.wait(kScanEveryNs);
        } while (count_answers(report) > 0);
        report.send_errors = socket_.send_errors() - errors_before;
        return report;
    }

  private:
    std::size_t count_answers(Report& report) {
        return socket_.receive([&](std::string_view text) {
            AnswerKey key;
            if (read_answer(text, key)) ++report.statuses[key.status];
        });
    }

    static std::uint64_t due_ns(const Command& command, std::uint64_t began, std::uint32_t index) {
        return began + index * kSecondNs / command.rate;
    }

    static bool is_due(const Command& command, std::uint64_t began, std::uint64_t now, std::uint32_t index) {
        return command.rate == 0 || now >= due_ns(command, began, index);
    }

    std::uint64_t patience_ns(const Command& command, std::uint64_t began, std::uint64_t now,
                              std::uint32_t started) const {
        if (command.rate == 0 || started >= command.count || free_.empty()) return kScanEveryNs;
        const auto due = due_ns(command, began, started);
        return due > now ? std::min(due - now, kScanEveryNs) : 0;
    }

    // Scattered: neighbours in time are no neighbours in memory, as with phones of their own clocks.
    std::uint32_t aor_of(const Command& command, std::uint32_t index) const {
        constexpr std::uint64_t kStride = 7'368'787;  // a prime above any number of AoRs here: visits each once a round
        const bool is_scattered = command.mode == "refresh" || command.mode == "exchange";
        return is_scattered ? static_cast<std::uint32_t>(index % aors_ * kStride % aors_) : index % aors_;
    }

    void start(const Command& command, std::uint32_t index, std::uint64_t now, Report& report) {
        const auto slot_index = free_.back();
        free_.pop_back();
        const auto aor = aor_of(command, index);
        const auto kind = command.mode == "options"  ? Kind::options
                          : command.mode == "remove" ? Kind::remove_contact
                                                     : Kind::register_contact;
        auto& slot = slots_[slot_index];
        if (digest_ && command.mode == "exchange") digest_->forget(aor);
        slot =
            Slot{Request{kind, aor, 0, 0, slot_index, first_source_ + aor % sources_, {}}, now, now, 0, true, false, 0};
        send_next(slot, now, report);
    }

    // The phone's next message: another CSeq and branch, with credentials where it knows how to make them.
    void send_next(Slot& slot, std::uint64_t now, Report& report) {
        auto& request = slot.request;
        request.cseq = ++cseqs_[request.aor];
        request.sequence = ++sequence_;
        const bool has_credentials = digest_ && request.kind != Kind::options && digest_->has_nonce(request.aor);
        request.authorization = has_credentials ? digest_->authorize(request.aor) : std::string{};
        slot.transmissions = 0;
        send(slot, now, report);
    }

    // True when the 401 was the first and its challenge is answered.
    [[nodiscard]] bool answer_challenge(std::string_view text, Slot& slot, Report& report) {
        if (!digest_ || slot.is_challenged || !digest_->take_challenge(text, slot.request.aor)) return false;
        slot.is_challenged = true;
        ++report.challenges;
        report.challenge_octets += text.size();
        report.challenged_octets += slot.octets;
        send_next(slot, now_ns(), report);
        return true;
    }

    void send(Slot& slot, std::uint64_t now, Report& report) {
        const auto octets = write_request(socket_.next(), phone_, slot.request);
        if (octets == 0) throw std::runtime_error("a request does not fit its datagram: the domain is too long");
        socket_.commit(octets, slot.request.source_ip);
        report.octets += octets;
        slot.octets = octets;
        slot.sent_ns = now;
        ++slot.transmissions;
    }

    void retransmit(std::uint64_t now, Report& report) {
        for (std::uint32_t i = 0; i < slots_.size(); ++i) {
            auto& slot = slots_[i];
            if (!slot.is_busy || now - slot.sent_ns < kRetransmitAfterNs) continue;
            if (slot.transmissions == kMaxTransmissions) {
                slot.is_busy = false;
                free_.push_back(i);
                ++report.lost;
                continue;
            }
            send(slot, now, report);
            ++report.retransmits;
        }
    }

    void release_all() {
        free_.clear();
        for (std::uint32_t i = 0; i < slots_.size(); ++i) {
            slots_[i].is_busy = false;
            free_.push_back(i);
        }
    }

    void take(std::string_view text, Report& report) {
        if (answers_pings_ && text.starts_with("OPTIONS ")) return answer_ping(text);
        AnswerKey key;
        if (!read_answer(text, key) || key.slot >= slots_.size() || !slots_[key.slot].is_busy ||
            slots_[key.slot].request.sequence != key.sequence) {
            ++report.strays;
            return;
        }
        if (key.status < 200) return;
        auto& slot = slots_[key.slot];
        if (key.status == 401 && answer_challenge(text, slot, report)) return;
        ++report.statuses[key.status];
        if (key.status == 200 && !is_complete_answer(text, phone_, slot.request)) ++report.incomplete;
        report.latencies_ns.push_back(
            static_cast<std::uint32_t>(std::min<std::uint64_t>(now_ns() - slot.started_ns, UINT32_MAX)));
        slot.is_busy = false;
        free_.push_back(key.slot);
    }

    // From the address that the ping was sent to, which is that of the Contact.
    void answer_ping(std::string_view ping) {
        const auto at = ping.find('@');
        if (at == std::string_view::npos) return;
        const auto source = ping.substr(at + 1, ping.find(':', at) - at - 1);
        in_addr address{};
        if (::inet_pton(AF_INET, std::string(source).c_str(), &address) != 1) return;
        const auto octets = write_ping_answer(socket_.next(), ping);
        if (octets != 0) socket_.commit(octets, ntohl(address.s_addr));
    }

    UdpBatch socket_;
    Phone phone_;
    std::unique_ptr<DigestPhones> digest_;
    std::uint32_t aors_;
    std::uint32_t sources_;
    std::uint32_t first_source_;
    bool answers_pings_;
    std::vector<std::uint32_t> cseqs_;
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> free_;
    std::uint32_t sequence_{0};
};

double quantile_us(const std::vector<std::uint32_t>& sorted, double fraction) {
    if (sorted.empty()) return 0;
    return sorted[static_cast<std::size_t>(fraction * static_cast<double>(sorted.size() - 1))] / 1e3;
}

void print(const Command& command, Report report) {
    std::sort(report.latencies_ns.begin(), report.latencies_ns.end());
    const auto answered = static_cast<double>(report.latencies_ns.size());
    const auto transmissions = static_cast<double>(command.count + report.challenges + report.retransmits);
    const auto challenges = static_cast<double>(std::max<std::uint64_t>(report.challenges, 1));
    std::string statuses;
    for (const auto& [status, count] : report.statuses) {
        statuses += (statuses.empty() ? "" : ", ") + ("\"" + std::to_string(status) + "\": ") + std::to_string(count);
    }
    std::printf(
        "{\"mode\": \"%s\", \"requests\": %u, \"offered_per_s\": %u, \"statuses\": {%s}, \"retransmits\": %lu, "
        "\"lost\": %lu, \"incomplete\": %lu, \"strays\": %lu, \"send_errors\": %lu, \"wall_s\": %.6f, "
        "\"answered_per_s\": %.1f, \"request_octets\": %.1f, \"challenges\": %lu, \"challenge_octets\": %.1f, "
        "\"challenged_octets\": %.1f, \"own_cpu_us\": %.3f, "
        "\"latency_us\": {\"p50\": %.1f, \"p99\": %.1f, \"max\": %.1f}}\n",
        command.mode.c_str(), command.count, command.rate, statuses.c_str(), report.retransmits, report.lost,
        report.incomplete, report.strays, report.send_errors, static_cast<double>(report.wall_ns) / 1e9,
        answered * 1e9 / static_cast<double>(report.wall_ns), static_cast<double>(report.octets) / transmissions,
        report.challenges, static_cast<double>(report.challenge_octets) / challenges,
        static_cast<double>(report.challenged_octets) / challenges,
        static_cast<double>(report.own_cpu_ns) / 1e3 / command.count, quantile_us(report.latencies_ns, 0.5),
        quantile_us(report.latencies_ns, 0.99), quantile_us(report.latencies_ns, 1.0));
    std::fflush(stdout);
}

// The whole command line; throws std::invalid_argument, with the sentence to show, on anything unknown.
Options parse(std::span<char* const> arguments) {
    Options options;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string_view name = arguments[i];
        if (name == "--instance" || name == "--answers-pings") {
            (name == "--instance" ? options.has_instance : options.answers_pings) = true;
            continue;
        }
        if (++i == arguments.size()) throw std::invalid_argument(std::string{name} + " needs a value");
        const std::string value = arguments[i];
        if (name == "--target") {
            const auto colon = value.rfind(':');
            if (colon == std::string::npos) throw std::invalid_argument("--target is ADDRESS:PORT");
            options.target_ip = value.substr(0, colon);
            options.target_port = static_cast<std::uint16_t>(std::stoul(value.substr(colon + 1)));
        } else if (name == "--domain") {
            options.domain = value;
        } else if (name == "--aors") {
            options.aors = static_cast<std::uint32_t>(std::stoul(value));
        } else if (name == "--window") {
            options.window = static_cast<std::uint32_t>(std::stoul(value));
        } else if (name == "--sources") {
            options.sources = static_cast<std::uint32_t>(std::stoul(value));
        } else if (name == "--digest") {
            options.digest = value;
        } else if (name == "--password") {
            options.password = value;
        } else if (name == "--expires") {
            options.expires_s = static_cast<std::uint32_t>(std::stoul(value));
        } else if (name == "--user") {
            options.user = value;
        } else if (name == "--first-source") {
            in_addr address{};
            if (::inet_pton(AF_INET, value.c_str(), &address) != 1) throw std::invalid_argument("no address: " + value);
            options.first_source = ntohl(address.s_addr);
        } else {
            throw std::invalid_argument("unknown option " + std::string{name});
        }
    }
    if (options.sources == 0) options.sources = options.aors;
    if (options.aors == 0 || options.aors > 1'000'000) throw std::invalid_argument("--aors is 1 to 1000000");
    if (options.window == 0 || options.window > 65536) throw std::invalid_argument("--window is 1 to 65536");
    return options;
}

void serve(Generator& generator, const Options& options) {
    for (std::string line; std::getline(std::cin, line);) {
        Command command;
        std::istringstream words{line};
        words >> command.mode >> command.count >> command.rate;
        const bool is_known = command.mode == "new" || command.mode == "refresh" || command.mode == "remove" ||
                              command.mode == "options" || command.mode == "flood" ||
                              (command.mode == "exchange" && !options.digest.empty());
        const bool is_once = command.mode == "new" || command.mode == "remove" || command.mode == "flood";
        if (!is_known || command.count == 0 || (is_once && command.count > options.aors)) {
            throw std::invalid_argument("not a command: " + line);
        }
        print(command, command.mode == "flood" ? generator.flood(command) : generator.run(command));
    }
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    try {
        const auto options = bench::parse({argv + 1, static_cast<std::size_t>(argc - 1)});
        sockaddr_in target{};
        target.sin_family = AF_INET;
        target.sin_port = htons(options.target_port);
        if (::inet_pton(AF_INET, options.target_ip.c_str(), &target.sin_addr) != 1 ||
            ntohl(target.sin_addr.s_addr) >> 24 != 127) {
            throw std::invalid_argument("--target is an address of 127.0.0.0/8: this tool loads its own machine only");
        }
        ::prctl(PR_SET_TIMERSLACK, 1UL);  // a paced request leaves when it is due, not 50 us later
        const auto generator = std::make_unique<bench::Generator>(options, target);
        bench::serve(*generator, options);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "sipload: %s\n", error.what());
        return 2;
    }
}
