// What the rooms send, and what is answered to it: to each its own, by the prefix of the branch.
#include <charconv>
#include <chrono>
#include <limits>

#include "dialog/field_lines.hpp"
#include "engine/engine.hpp"
#include "engine/status_code.hpp"
#include "sip/reply_text.hpp"

namespace sr::engine {
namespace {

constexpr auto kFarewell = std::chrono::milliseconds(1000);  // a BYE or NOTIFY, one repetition and its answer

/// RFC 3261 section 20.33, without its comment and parameters; 0 where a response has none.
std::uint32_t retry_after_of(std::string_view response) {
    std::uint32_t seconds = 0;
    dialog::for_each_field(response, [&](const dialog::FieldLine& field) {
        if (!field.is("retry-after")) return;
        const char* end = field.value.data() + field.value.size();
        const auto result = std::from_chars(field.value.data(), end, seconds);
        if (result.ec == std::errc::result_out_of_range) seconds = std::numeric_limits<std::uint32_t>::max();
    });
    return seconds;
}

}  // namespace

void Engine::on_response(std::string_view message, const sip::Inspection& seen, const sip::Flow&) noexcept {
    if (seen.headers.via_count == 0) return;
    dialog::Outbox out;
    const base::TimeMs now_ms = base::monotonic_now_ms();
    const std::string_view branch = sip::parameter_of(seen.headers.via_values[0], "branch");
    const std::uint16_t status = status_of(seen.headers.start_line);
    const bool is_of_call = calls_.take_response(branch, status, now_ms, out);
    const bool is_relayed = !is_of_call && relay_.take_response(branch, status, message, out);
    const std::uint32_t retry_after_s = is_of_call || is_relayed || status < 300 ? 0 : retry_after_of(message);
    const bool is_of_watcher =
        !is_of_call && !is_relayed && notifier_.take_response(branch, status, retry_after_s, now_ms, out);
    perform(out);
    if (is_of_watcher) wake_clock_at(notifier_.next_due_ms(now_ms));
    if (!is_of_call && !is_of_watcher) return;
    const std::lock_guard guard(farewell_guard_);
    farewell_.notify_all();
}

void Engine::perform(const dialog::Outbox& out) noexcept {
    const base::TimeMs now_ms = base::monotonic_now_ms();
    for (const dialog::Transmission& sent : out.transmissions) {
        if (!sent.answers.empty()) answered_.keep(sent, now_ms);
        stack_.send(sent.flow, sent.to, sent.octets);
    }
    wake_for_events();
}

void Engine::wake_for_events() noexcept {
    if (calls_.has_events() || notifier_.has_events() || publications_.has_events()) events_.wake();
}

/// Whoever waits for an answer gets one; watchers learn that their subscriptions end, at the notifier's pace.
void Engine::say_farewell() noexcept {
    dialog::Outbox out;
    const base::TimeMs now_ms = base::monotonic_now_ms();
    publications_.shut_down(out);
    relay_.shut_down(out);
    notifier_.shut_down(now_ms, out);
    calls_.shut_down(now_ms, out);
    perform(out);
    wake_clock_at(notifier_.next_due_ms(now_ms));
    std::unique_lock guard(farewell_guard_);
    farewell_.wait_for(guard, kFarewell, [this] { return calls_.is_quiet() && notifier_.is_quiet(); });
    calls_.forget_all();
}

}  // namespace sr::engine
