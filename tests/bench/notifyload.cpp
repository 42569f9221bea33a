// notifyload: watchers (RFC 6665) over loopback UDP that subscribe, answer every NOTIFY at once and count what arrives.
//
//     notifyload --target 127.0.0.1:5060 [--domain bench.local] [--watchers 1000] [--desks 1] [--window 32]
//                [--per-socket 40] [--expires 3600]
//
// Watcher i watches desk i modulo --desks, from an address of its own. So many watchers share a socket that one NOTIFY
// to each of them fits the receive buffer that the kernel gives by default: that one is never enlarged here.
//
// Reads commands from standard input, one a line, and answers each with one line of JSON:
//     register COUNT         the first desks register
//     publish COUNT          the first desks publish, in turn that they are busy and that they are away
//     fetch COUNT            watchers that have not subscribed ask once (Expires 0)
//     subscribe COUNT        the next watchers subscribe; each is done with its 200 and its first NOTIFY
//     await-notify COUNT MS  waits until as many watchers have had a NOTIFY since the last publish, or for MS
// NOTIFYs and pings are answered at any time, between commands as well. "since" times count from the last publish; the
// other figures of NOTIFYs are those since the answer to the last command.
//
// A request without an answer is sent again after 500 ms (RFC 3261 T1) and given up after seven transmissions; a
// subscriber that gets no NOTIFY is given up after five seconds.

#include <sys/prctl.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <sstream>
#include <vector>

#include "udp_batch.hpp"
#include "watch_options.hpp"
#include "watch_report.hpp"
#include "watch_state.hpp"
#include "watch_text.hpp"

namespace bench {
namespace {

constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr std::uint64_t kRetransmitAfterNs = kSecondNs / 2;
constexpr std::uint64_t kScanEveryNs = kSecondNs / 20;
constexpr std::uint64_t kNotifyWithinNs = 5 * kSecondNs;
constexpr int kMaxTransmissions = 7;
constexpr std::uint32_t kFirstWatcherIp = 0x7f010001;  // 127.1.0.1
constexpr std::uint32_t kFirstDeskIp = 0x7f800001;     // 127.128.0.1

struct Command {
    std::string mode;
    std::uint32_t count{0};
    std::uint64_t limit_ns{0};
    std::uint64_t began_ns{0};
};

std::uint64_t now_ns() {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
            .count());
}

class Watchers {
  public:
    explicit Watchers(const WatchOptions& options)
        : options_(options), watchers_(options.watchers), desks_(options.desks), slots_(options.window) {
        const auto parties = std::max(options.watchers, options.desks);
        for (std::uint32_t first = 0; first < parties; first += options.per_socket) {
            sockets_.push_back(std::make_unique<UdpBatch>(options.target, ReceiveBuffer::kernel_default));
            polled_.push_back({sockets_.back()->descriptor(), POLLIN, 0});
        }
        polled_.push_back({STDIN_FILENO, POLLIN, 0});
    }

    // Until standard input ends.
    void serve() {
        while (true) {
            if (!command_ && !read_command()) return;
            const auto now = now_ns();
            if (command_) advance(now);
            for (auto& socket : sockets_) socket->flush();
            polled_.back().fd = command_ ? -1 : STDIN_FILENO;
            const timespec limit{0, static_cast<long>(kScanEveryNs)};
            ::ppoll(polled_.data(), polled_.size(), &limit, nullptr);
            receive();
        }
    }

  private:
    bool is_request() const { return command_->mode != "await-notify"; }
    bool is_of_desks() const { return command_->mode == "register" || command_->mode == "publish"; }
    bool is_of_watchers() const { return command_->mode == "subscribe" || command_->mode == "fetch"; }
    UdpBatch& socket_of(std::uint32_t number) { return *sockets_[number / options_.per_socket]; }

    // Takes the next line when one is there; false at the end of standard input.
    bool read_command() {
        if (lines_.find('\n') == std::string::npos && (polled_.back().revents & (POLLIN | POLLHUP)) != 0) {
            std::array<char, 4096> room{};
            const auto octets = ::read(STDIN_FILENO, room.data(), room.size());
            if (octets <= 0) return false;
            lines_.append(room.data(), static_cast<std::size_t>(octets));
        }
        const auto end = lines_.find('\n');
        if (end == std::string::npos) return true;
        const std::string line = lines_.substr(0, end);
        lines_.erase(0, end + 1);
        begin(line);
        return true;
    }

    void begin(const std::string& line) {
        Command command;
        std::istringstream words{line};
        std::uint64_t limit_ms = 0;
        words >> command.mode >> command.count >> limit_ms;
        command.limit_ns = limit_ms * 1'000'000;
        command.began_ns = now_ns();
        command_ = command;
        const auto most = is_of_desks() ? options_.desks : options_.watchers - (is_of_watchers() ? subscribed_ : 0);
        const bool is_known = is_of_desks() || is_of_watchers() || !is_request();
        if (!is_known || command.count > most || (is_request() && command.count == 0)) {
            throw std::invalid_argument("not a command: " + line);
        }
        started_ = 0;
        if (command.mode == "publish") {
            ++change_;
            changed_ns_ = command.began_ns;
            since_change_ns_.clear();
        }
    }

    void advance(std::uint64_t now) {
        if (!is_request()) {
            const bool is_over =
                since_change_ns_.size() >= command_->count || now - command_->began_ns > command_->limit_ns;
            if (is_over) finish(now);
            return;
        }
        for (std::uint32_t i = 0; i < slots_.size() && started_ < command_->count; ++i) {
            if (!slots_[i].is_busy) start(i, now);
        }
        for (std::uint32_t i = 0; i < slots_.size(); ++i) {
            if (slots_[i].is_busy) look_after(i, now);
        }
        if (report_.done + report_.lost >= command_->count) finish(now);
    }

    void start(std::uint32_t index, std::uint64_t now) {
        auto& slot = slots_[index];
        slot = Slot{started_++ + (is_of_watchers() ? subscribed_ : 0), ++sequence_, now, now, 0, true, false, true};
        if (is_of_watchers()) {
            auto& watcher = watchers_[slot.number];
            const bool is_fetch = command_->mode == "fetch";
            watcher = Watcher{watcher.call + 1, 1, static_cast<std::int32_t>(index), is_fetch, change_};
            slot.is_notified = false;
        } else {
            ++desks_[slot.number].cseq;
            if (command_->mode == "publish") ++desks_[slot.number].turn;
        }
        send(index, now);
    }

    // The last request of a watcher's, which names the dialog.
    Envelope envelope_of_watcher(std::uint32_t number) {
        const auto& watcher = watchers_[number];
        return {"SUBSCRIBE",
                options_.domain,
                kWatcher,
                number,
                number % options_.desks,
                watcher.call,
                watcher.cseq,
                0,
                0,
                kFirstWatcherIp + number,
                socket_of(number).port(),
                watcher.is_fetch ? 0 : options_.expires_s};
    }

    Envelope envelope_of_desk(std::uint32_t number, bool is_publish) {
        const std::string_view method = is_publish ? "PUBLISH" : "REGISTER";
        return {method,
                options_.domain,
                kDesk,
                number,
                number,
                is_publish ? 1U : 0U,
                desks_[number].cseq,
                0,
                0,
                kFirstDeskIp + number,
                socket_of(number).port(),
                options_.expires_s};
    }

    void send(std::uint32_t index, std::uint64_t now) {
        auto& slot = slots_[index];
        auto& socket = socket_of(slot.number);
        const bool is_publish = command_->mode == "publish";
        auto request = is_of_watchers() ? envelope_of_watcher(slot.number) : envelope_of_desk(slot.number, is_publish);
        request.sequence = slot.sequence;
        request.slot = index;
        const auto room = socket.next();
        const auto octets = is_of_watchers() ? write_subscribe(room, request)
                            : is_publish
                                ? write_publish(room, request, desks_[slot.number].etag, desks_[slot.number].turn)
                                : write_register(room, request);
        if (octets == 0) throw std::runtime_error("a request does not fit its datagram: the domain is too long");
        socket.commit(octets, request.source_ip);
        slot.sent_ns = now;
        if (++slot.transmissions > 1) ++report_.retransmits;
    }

    void look_after(std::uint32_t index, std::uint64_t now) {
        auto& slot = slots_[index];
        const bool is_unanswered = !slot.is_answered && slot.transmissions == kMaxTransmissions;
        const bool is_due = now - slot.sent_ns >= kRetransmitAfterNs;
        if ((is_unanswered && is_due) || (slot.is_answered && now - slot.started_ns >= kNotifyWithinNs)) {
            ++report_.lost;
            release(slot);
        } else if (!slot.is_answered && is_due) {
            send(index, now);
        }
    }

    void release(Slot& slot) {
        slot.is_busy = false;
        if (is_of_watchers()) watchers_[slot.number].slot = -1;
    }

    void finish_if_done(Slot& slot) {
        if (!slot.is_answered || !slot.is_notified) return;
        ++report_.done;
        report_.latencies_ns.push_back(now_ns() - slot.started_ns);
        release(slot);
    }

    void receive() {
        for (std::size_t i = 0; i < sockets_.size(); ++i) {
            if ((polled_[i].revents & POLLIN) == 0) continue;
            sockets_[i]->receive([&](std::string_view text) {
                if (text.starts_with("SIP/2.0 ")) {
                    take_answer(text);
                } else if (text.starts_with("NOTIFY ")) {
                    take_notify(text, *sockets_[i]);
                } else {
                    answer(text, *sockets_[i], "200 OK");
                }
            });
            sockets_[i]->flush();
        }
    }

    // From the address that the request was sent to, which is that of the Contact.
    void answer(std::string_view request, UdpBatch& socket, std::string_view status) {
        const auto at = request.find('@');
        in_addr address{};
        if (at == std::string_view::npos) return;
        const std::string source{request.substr(at + 1, request.find_first_of(":; ", at) - at - 1)};
        if (::inet_pton(AF_INET, source.c_str(), &address) != 1) return;
        const auto octets = write_answer(socket.next(), request, status);
        if (octets != 0) socket.commit(octets, ntohl(address.s_addr));
    }

    void take_answer(std::string_view text) {
        AnswerKey key;
        const bool is_read = command_ && is_request() && read_answer(text, key) && key.slot < slots_.size();
        if (!is_read || !slots_[key.slot].is_busy || slots_[key.slot].sequence != key.sequence ||
            slots_[key.slot].is_answered) {
            ++report_.strays;
            return;
        }
        if (key.status < 200) return;
        auto& slot = slots_[key.slot];
        slot.is_answered = true;
        ++report_.statuses[key.status];
        const bool is_accepted = key.status < 300;
        bool is_complete = header_of(text, "To").find(";tag=") != std::string_view::npos;
        if (is_of_watchers()) is_complete = is_complete && !header_of(text, "Expires").empty();
        if (command_->mode == "publish") {
            desks_[slot.number].etag = header_of(text, "SIP-ETag");
            is_complete = is_complete && !desks_[slot.number].etag.empty();
        }
        if (is_accepted && !is_complete) ++report_.incomplete;
        if (!is_accepted) slot.is_notified = true;  // nothing will come
        finish_if_done(slot);
    }

    void take_notify(std::string_view text, UdpBatch& socket) {
        std::uint32_t number = 0;
        if (!read_watcher(text, number) || number >= watchers_.size() ||
            !is_in_dialog(text, envelope_of_watcher(number))) {
            ++report_.strays;
            return answer(text, socket, "481 Subscription Does Not Exist");
        }
        answer(text, socket, "200 OK");
        auto& watcher = watchers_[number];
        std::uint32_t cseq = 0;
        const auto order = read_number(header_of(text, "CSeq"), 10, cseq) ? watcher.take_cseq(cseq) : Order::disordered;
        if (order != Order::next) {
            ++(order == Order::repeated ? report_.repeated : report_.disordered);
            return;
        }
        judge(text, watcher, number);
        if (watcher.told_of != change_) {
            watcher.told_of = change_;
            since_change_ns_.push_back(now_ns() - changed_ns_);
        }
        if (watcher.slot < 0) return;
        auto& slot = slots_[static_cast<std::size_t>(watcher.slot)];
        slot.is_notified = true;
        finish_if_done(slot);
    }

    void judge(std::string_view text, Watcher& watcher, std::uint32_t number) {
        ++report_.notifies;
        report_.notify_octets += text.size();
        const auto complaint =
            complaint_about(text, watcher.is_fetch ? "terminated" : "active", number % options_.desks);
        if (!complaint.empty()) {
            ++report_.bad;
            report_.complaint = complaint;
        }
        const auto hash = hash_of(body_of(text));
        if (hash == watcher.body_hash) ++report_.stale;
        watcher.body_hash = hash;
    }

    void finish(std::uint64_t now) {
        if (command_->mode == "subscribe") subscribed_ += command_->count;
        print(now);
        report_ = {};
        command_.reset();
    }

    void print(std::uint64_t now) {
        WatchTotals totals;
        for (const auto& socket : sockets_) {
            totals.drops += socket->drops();
            totals.send_errors += socket->send_errors();
        }
        print_report(command_->mode, now - command_->began_ns, report_, since_change_ns_, totals);
    }

    WatchOptions options_;
    std::vector<Watcher> watchers_;
    std::vector<Desk> desks_;
    std::vector<Slot> slots_;
    std::vector<std::unique_ptr<UdpBatch>> sockets_;
    std::vector<pollfd> polled_;
    std::string lines_;
    std::optional<Command> command_;
    WatchReport report_;
    std::vector<std::uint64_t> since_change_ns_;
    std::uint64_t changed_ns_{0};
    std::uint32_t change_{0};
    std::uint32_t started_{0};
    std::uint32_t subscribed_{0};
    std::uint32_t sequence_{0};
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    try {
        const auto options = bench::parse_options({argv + 1, static_cast<std::size_t>(argc - 1)});
        ::prctl(PR_SET_TIMERSLACK, 1UL);
        bench::Watchers{options}.serve();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "notifyload: %s\n", error.what());
        return 2;
    }
}
