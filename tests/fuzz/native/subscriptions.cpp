// The notifier under whatever comes in whatever order. Each line of the input is a step, its first letter says which:
//
//     sLINES   a SUBSCRIBE with these header lines, separated by "|"        rNLINES  the same within the Nth dialog
//     pNTEXT   policy provides resource N     xN  refuses it                aCN      the oldest NOTIFY is answered
//     C00+N tN       time passes: 2^N ms            lN  connection N is lost      z, o     shut down, reopen
#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "dialog/timers.hpp"
#include "events/notifier.hpp"
#include "events/subscribe_request.hpp"
#include "fuzz_kit.hpp"
#include "sip/gate.hpp"
#include "sip/reply_text.hpp"

namespace sr::fuzz {
namespace {

constexpr std::size_t kMostSubscriptions = 6;
constexpr base::TimeMs kLongest = 200'000;  // beyond every timer: 60 s, then 32 s for the last NOTIFY, then 30 s

/// The first such field of a message of ours.
std::string field(std::string_view octets, std::string_view name) {
    const std::string wanted = "\r\n" + std::string(name) + ": ";
    const std::size_t at = octets.find(wanted);
    if (at == std::string_view::npos) return {};
    return std::string(octets.substr(at + wanted.size(), octets.find("\r\n", at + 2) - at - wanted.size()));
}

unsigned digit_of(std::string_view& text) {
    if (text.empty()) return 0;
    const unsigned digit = static_cast<unsigned char>(text.front()) % 10;
    text.remove_prefix(1);
    return digit;
}

class Walk {
  public:
    Walk() : notifier_([this] { return ++chance_ * 0x9e3779b97f4a7c15ULL; }) {
        events::NotifierConfig config;
        config.packages = {{"dialog", {"application/dialog-info+xml"}, true},
                           {"reg", {"application/reginfo+xml"}, false}};
        config.max_subscriptions = kMostSubscriptions;
        step([&](auto& out) { notifier_.apply(config, now_ms_, out); });
    }

    void take(std::string_view line) {
        if (line.empty()) return;
        const char what = line.front();
        line.remove_prefix(1);
        switch (what) {
            case 's': subscribe(line, {}); break;
            case 'r': refresh(line); break;
            case 'p': provide(line); break;
            case 'x': step([&](auto& out) { notifier_.refuse(resource(digit_of(line)), line, now_ms_, out); }); break;
            case 'a': answer(line); break;
            case 't': pass(base::TimeMs{1} << (digit_of(line) * 2)); break;
            case 'l': lose(digit_of(line)); break;
            case 'z': step([&](auto& out) { notifier_.shut_down(now_ms_, out); }); break;
            case 'o': notifier_.reopen(); break;
            default: break;
        }
        require(notifier_.count() <= kMostSubscriptions, "there are no more subscriptions than allowed");
        require(notifier_.report(now_ms_).size() <= notifier_.count(), "what is reported is there");
    }

    void end() {
        step([&](auto& out) { notifier_.shut_down(now_ms_, out); });
        pass(kLongest);
        require(notifier_.count() == 0, "nothing outlives the shutdown, answered or not");
        require(notifier_.next_due_ms(now_ms_) == dialog::kNever, "nothing is due when nothing is left");
    }

  private:
    struct Dialog {
        std::string tags;  // of From and To, as we write them
        unsigned long cseq = 0;
        std::string unanswered;  // the branch
        bool is_over = false;
    };

    static events::Resource resource(unsigned number) {
        return {number % 2 == 0 ? "dialog" : "reg", "user" + std::to_string(number % 4)};
    }

    void subscribe(std::string_view lines, std::string_view to_tag, std::string_view call_id = {}) {
        const unsigned number = digit_of(lines);
        std::string text =
            "SUBSCRIBE sip:user" + std::to_string(number % 4) + "@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK";
        text += std::to_string(++branches_) + "\r\nMax-Forwards: 70\r\nFrom: <sip:a@h>;tag=f\r\nTo: <sip:b@h>";
        if (!to_tag.empty()) text.append(";tag=").append(to_tag);
        text += "\r\nCall-ID: " + (call_id.empty() ? std::to_string(branches_) : std::string(call_id));
        text += "\r\nCSeq: " + std::to_string(branches_) + " SUBSCRIBE\r\nContact: <sip:a@h>\r\n";
        while (!lines.empty()) text.append(take_until(lines, '|')).append("\r\n");
        give(text + "Content-Length: 0\r\n\r\n", number);
    }

    void refresh(std::string_view line) {
        const unsigned number = digit_of(line);
        if (dialogs_.empty()) return;
        const auto known = std::next(dialogs_.begin(), number % static_cast<long>(dialogs_.size()));
        const std::string call_id = known->first.substr(0, known->first.find('\n'));
        subscribe(line, known->second.tags, call_id);
    }

    void give(const std::string& octets, unsigned number) {
        sip::inspect(octets, *seen_);
        if (seen_->fault != sip::RejectReason::none) return;
        sip::Flow flow;
        flow.remote.port = static_cast<std::uint16_t>(5060 + number % 2);
        flow.connection = number >= 5 ? number : 0;
        flow.transport = number >= 5 ? sip::Transport::tcp : sip::Transport::udp;
        dialog::CallRequest read;
        if (dialog::read_request(octets, *seen_, flow, read) != sip::RejectReason::none) return;
        step([&](auto& out) {
            const events::Watcher watcher{"a", number % 3 != 0};
            const events::TakenRequest taken = notifier_.take(read, watcher, now_ms_, out);
            if (taken.taken != events::Taken::initial) return;
            const sip::RejectReason reason = notifier_.begin(read, watcher, {"h", "h:1"}, now_ms_, out);
            if (reason != sip::RejectReason::none) (void)notifier_.refusal_lines(reason);
        });
    }

    void provide(std::string_view line) {
        const unsigned number = digit_of(line);
        const bool is_list = digit_of(line) == 1;
        const unsigned rule = digit_of(line);
        events::Audience audience{rule == 0 ? events::WatcherRule::registered : events::WatcherRule::anyone, {}};
        if (rule == 1) audience = {events::WatcherRule::listed, {"a", "b"}};
        events::Document document{"t/x", {"full " + std::string(line), 5}, {"part " + std::string(line), 5}};
        step([&](auto& out) {
            notifier_.provide(resource(number), audience, std::move(document), is_list, now_ms_, out);
        });
    }

    void answer(std::string_view line) {
        const unsigned hundreds = digit_of(line);
        const auto status = static_cast<std::uint16_t>(100 * std::clamp(hundreds, 1U, 6U) + digit_of(line));
        const auto retry_after_s = static_cast<std::uint32_t>(digit_of(line));
        if (notifies_.empty()) return;
        const std::string branch = notifies_.front().first;
        Dialog& known = dialogs_[notifies_.front().second];
        if (status >= 200) {
            notifies_.pop_front();
            if (known.unanswered == branch) known.unanswered.clear();
        }
        step([&](auto& out) { (void)notifier_.take_response(branch, status, retry_after_s, now_ms_, out); });
    }

    void lose(unsigned number) {
        sip::Flow flow;
        flow.connection = number;
        flow.transport = sip::Transport::tcp;
        step([&](auto& out) { notifier_.lose_flow(flow, now_ms_, out); });
    }

    void pass(base::TimeMs duration_ms) {
        const base::TimeMs end = now_ms_ + duration_ms;
        while (now_ms_ < end) {
            now_ms_ = std::clamp(notifier_.next_due_ms(now_ms_), now_ms_ + 1, end);
            step([&](auto& out) { require(notifier_.advance(now_ms_, out) > now_ms_, "what is due has been done"); });
        }
    }

    template <class Step>
    void step(Step perform) {
        dialog::Outbox out;
        perform(out);
        for (const dialog::Transmission& one : out.transmissions) look(one);
        (void)notifier_.drain(100);
    }

    void look(const dialog::Transmission& one) {
        const std::string_view octets = one.octets;
        require(octets.find("\r\n\r\n") != std::string_view::npos, "a message has a header");
        require(octets.substr(octets.find("\r\n\r\n") + 4).size() == std::stoul(field(octets, "Content-Length")),
                "a body is as long as is said");
        if (octets.starts_with("SIP/2.0 ")) {
            require(!one.answers.empty(), "an answer names its transaction");
            require(++answered_[one.answers] == 1, "a request is answered once");
            return;
        }
        require(octets.starts_with("NOTIFY "), "nothing else is sent");
        look_at_notify(octets);
    }

    void look_at_notify(std::string_view octets) {
        const std::string tag(sip::parameter_of(field(octets, "From"), "tag"));
        const std::string branch(sip::parameter_of(field(octets, "Via"), "branch"));
        const std::string key = field(octets, "Call-ID") + "\n" + tag;
        Dialog& known = dialogs_[key];
        known.tags = tag;
        if (known.unanswered == branch) return;  // a repetition
        const unsigned long cseq = std::stoul(field(octets, "CSeq"));
        require(cseq == known.cseq + 1, "CSeq rises by one");
        require(!known.is_over, "nothing follows the last NOTIFY");
        known.cseq = cseq;
        known.unanswered = branch;
        known.is_over = field(octets, "Subscription-State").starts_with("terminated");
        notifies_.emplace_back(branch, key);
    }

    std::uint64_t chance_ = 0;
    events::Notifier notifier_;
    std::unique_ptr<sip::Inspection> seen_ = std::make_unique<sip::Inspection>();
    base::TimeMs now_ms_ = 1'000'000;
    unsigned branches_ = 0;
    std::map<std::string, Dialog> dialogs_;
    std::deque<std::pair<std::string, std::string>> notifies_;  // branch and dialog
    std::map<std::string, int> answered_;
};

}  // namespace

void run(std::string_view input) {
    const events::EventField event = events::read_event(input);
    require(is_within(event.package, input) && is_within(event.id.value_or(input), input), "an event lies within");
    const std::string_view lines[] = {input};
    (void)events::is_type_accepted(lines, "application/dialog-info+xml");
    Walk walk;
    while (!input.empty()) walk.take(take_until(input, '\n'));
    walk.end();
}

}  // namespace sr::fuzz
