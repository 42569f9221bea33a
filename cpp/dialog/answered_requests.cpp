#include "dialog/answered_requests.hpp"

#include <iterator>
#include <utility>

#include "dialog/timers.hpp"

namespace sr::dialog {
namespace {

/// An answer that is not there after twice a transaction's life never comes.
constexpr base::TimeMs kLongestProgress = 2 * kTransactionLife;

}  // namespace

bool AnsweredRequests::begin(const CallRequest& request, base::TimeMs now_ms, Outbox& out) {
    if (request.is_reliable_transport()) return true;
    const std::lock_guard guard(guard_);
    if (const auto known = by_key_.find(request.transaction_key); known != by_key_.end()) {
        const Entry& entry = *known->second;
        if (!entry.answer.octets.empty()) out.transmissions.push_back(entry.answer);
        return false;
    }
    open_.push_back({request.transaction_key, {}, now_ms + kLongestProgress});
    by_key_.emplace(open_.back().key, std::prev(open_.end()));
    octets_ += open_.back().key.size();
    keep_bounds();
    return true;
}

void AnsweredRequests::keep(const Transmission& answer, base::TimeMs now_ms) {
    const std::lock_guard guard(guard_);
    const auto known = by_key_.find(answer.answers);
    if (known == by_key_.end() || !known->second->answer.octets.empty()) return;
    Entry& entry = *known->second;
    entry.answer = {answer.flow, answer.to, answer.octets};
    entry.end_at_ms = now_ms + kTransactionLife;
    octets_ += entry.answer.octets.size();
    answered_.splice(answered_.end(), open_, known->second);
    keep_bounds();
}

void AnsweredRequests::forget(const std::string& transaction_key) {
    const std::lock_guard guard(guard_);
    const auto known = by_key_.find(transaction_key);
    if (known == by_key_.end()) return;
    const bool is_open = known->second->answer.octets.empty();
    drop(is_open ? open_ : answered_, known->second);
}

void AnsweredRequests::advance(base::TimeMs now_ms) {
    const std::lock_guard guard(guard_);
    for (Entries* entries : {&open_, &answered_}) {
        while (!entries->empty() && entries->front().end_at_ms <= now_ms) drop(*entries, entries->begin());
    }
}

std::size_t AnsweredRequests::count() const {
    const std::lock_guard guard(guard_);
    return by_key_.size();
}

void AnsweredRequests::drop(Entries& entries, Entries::iterator entry) {
    octets_ -= entry->key.size() + entry->answer.octets.size();
    by_key_.erase(entry->key);
    entries.erase(entry);
}

void AnsweredRequests::keep_bounds() {
    while (by_key_.size() > bounds_.entries || octets_ > bounds_.octets) {
        Entries& entries = answered_.empty() ? open_ : answered_;
        if (entries.empty()) return;
        drop(entries, entries.begin());
    }
}

}  // namespace sr::dialog
