#include "engine/message_log.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "engine/event.hpp"
#include "sip/ascii.hpp"
#include "sip/credential_mask.hpp"
#include "sip/raw_message.hpp"
#include "sip/reject_reason_name.hpp"

namespace sr::engine {
namespace {

enum TableIndex : std::size_t { kServed, kRefused, kPings, kTables };

std::string_view octets_of(const sip::SocketAddress& address) noexcept {
    return {reinterpret_cast<const char*>(address.ip.data()), address.ip.size()};
}

bool contains(std::string_view text, std::string_view wanted) noexcept {
    const auto is_equal = [](char a, char b) { return sip::to_lower(a) == sip::to_lower(b); };
    return std::search(text.begin(), text.end(), wanted.begin(), wanted.end(), is_equal) != text.end();
}

bool matches(const MessageRecord& record, const MessageQuery& query) {
    if (query.users.empty() && query.ips.empty() && query.texts.empty()) return true;
    const auto is_user = [&](const std::string& user) { return record.user == user; };
    const auto is_ip = [&](const std::string& ip) { return record.remote_ip == ip; };
    const auto is_text = [&](const std::string& text) { return contains(record.message, text); };
    return std::ranges::any_of(query.users, is_user) || std::ranges::any_of(query.ips, is_ip) ||
           std::ranges::any_of(query.texts, is_text);
}

}  // namespace

MessageLog::MessageLog(std::uint64_t seed)
    // Not initialized: a page of it costs memory only once a message is written there.
    : hash_(seed), octets_(new char[kTables * kSets * kWays * kPlaceOctets]) {
    char* octets = octets_.get();
    for (Table& table : tables_) {
        for (Set& set : table) {
            set.octets = octets;
            octets += kWays * kPlaceOctets;
        }
    }
}

MessageLog::Set& MessageLog::set_of(const stack::Trace& trace, std::string_view user, std::uint64_t& key) noexcept {
    const std::uint64_t source = hash_(octets_of(trace.flow.remote));
    const auto mixed = [this](std::uint64_t a, std::uint64_t b) {
        const std::array<std::uint64_t, 2> both{a, b};
        return hash_({reinterpret_cast<const char*>(both.data()), sizeof both});
    };
    const bool is_refused = trace.reason != sip::RejectReason::none;
    const std::uint64_t sender = mixed(source, hash_(user));
    std::size_t table = is_refused ? kRefused : kServed;
    std::uint64_t chosen = is_refused ? source : sender;
    key = mixed(sender, hash_(trace.method) ^ static_cast<std::uint64_t>(trace.reason));
    if (trace.kind != stack::TraceKind::request) {
        table = kPings;
        chosen = source;
        key = mixed(source, trace.flow.remote.port);
    }
    if (key == 0) key = 1;
    return tables_[table][chosen % kSets];
}

std::optional<std::size_t> MessageLog::place_for(const Set& set, std::uint64_t key, std::int64_t wall_ms) noexcept {
    const auto known = std::ranges::find(set.places, key, &Place::key);
    if (known != set.places.end()) return static_cast<std::size_t>(known - set.places.begin());
    const auto oldest = std::ranges::min_element(set.places, {}, &Place::sequence);
    const bool is_fresh = wall_ms >= oldest->last_ms && wall_ms - oldest->last_ms < kShortestStay_ms;
    if (oldest->key != 0 && is_fresh) return std::nullopt;
    return static_cast<std::size_t>(oldest - set.places.begin());
}

void MessageLog::write(Place& place, char* octets, const stack::Trace& trace) noexcept {
    const std::span<char> message(octets, kMostMessageOctets);
    const std::span<char> answer(octets + kMostMessageOctets, kMostAnswerOctets);
    if (trace.kind == stack::TraceKind::ping_answer) {
        const sip::MaskedCopy copied = sip::copy_masked(trace.message, answer);
        place.answer_size = static_cast<std::uint16_t>(copied.size);
        place.is_cut = place.is_cut || copied.is_cut;
        return;
    }
    const sip::MaskedCopy said = sip::copy_masked(trace.message, message);
    const sip::MaskedCopy answered = sip::copy_masked(trace.answer, answer);
    place.message_size = static_cast<std::uint16_t>(said.size);
    place.answer_size = static_cast<std::uint16_t>(answered.size);
    place.is_cut = said.is_cut || answered.is_cut;
    place.status = trace.status;
}

void MessageLog::record(const stack::Trace& trace, std::int64_t wall_ms) noexcept {
    const std::string_view user = sip::raw_user(trace.to).substr(0, kUserOctets);
    std::uint64_t key = 0;
    Set& set = set_of(trace, user, key);
    const std::unique_lock lock(set.guard, std::try_to_lock);
    const auto at = lock.owns_lock() ? place_for(set, key, wall_ms) : std::nullopt;
    if (!at) {
        left_out_.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    Place& place = set.places[*at];
    const bool is_answer = trace.kind == stack::TraceKind::ping_answer;
    if (place.key != key) {
        if (is_answer) return;  // to a ping that has been overwritten since
        place = {};
        place.key = key;
        place.first_ms = wall_ms;
    }
    if (!is_answer) {
        place.kind = trace.kind;
        place.flow = trace.flow;
        place.reason = trace.reason;
        place.user_size = static_cast<std::uint8_t>(user.size());
        if (!user.empty()) std::memcpy(place.user.data(), user.data(), user.size());
        place.last_ms = wall_ms;
        ++place.count;
    }
    place.sequence = sequence_.fetch_add(1, std::memory_order_relaxed) + 1;
    write(place, set.octets + *at * kPlaceOctets, trace);
}

/// The places of one set, copied under its lock so that strings are built when it is free again.
struct MessageLog::Taken {
    std::array<Place, kWays> places;
    std::array<char, kWays * kPlaceOctets> octets;

    void take(const Set& set) noexcept {
        const std::lock_guard lock(set.guard);
        places = set.places;
        for (std::size_t at = 0; at < kWays; ++at) {
            char* to = octets.data() + at * kPlaceOctets;
            const char* from = set.octets + at * kPlaceOctets;
            std::memcpy(to, from, places[at].message_size);
            std::memcpy(to + kMostMessageOctets, from + kMostMessageOctets, places[at].answer_size);
        }
    }

    [[nodiscard]] MessageRecord record(std::size_t at) const {
        const Place& place = places[at];
        const char* text = octets.data() + at * kPlaceOctets;
        MessageRecord made;
        made.kind = place.kind;
        made.first_ms = place.first_ms;
        made.last_ms = place.last_ms;
        made.count = place.count;
        made.transport = transport_text(place.flow.transport);
        made.remote_ip = place.flow.remote.ip_text();
        made.remote_port = place.flow.remote.port;
        made.listener = place.flow.listener;
        made.user.assign(place.user.data(), place.user_size);
        made.status = place.status;
        if (place.reason != sip::RejectReason::none) made.cause = sip::reason_name(place.reason);
        made.is_cut = place.is_cut;
        made.message.assign(text, place.message_size);
        made.answer.assign(text + kMostMessageOctets, place.answer_size);
        return made;
    }
};

std::vector<MessageRecord> MessageLog::read(const MessageQuery& query) const {
    std::vector<std::pair<std::uint64_t, MessageRecord>> found;
    const auto taken = std::make_unique<Taken>();
    for (const Table& table : tables_) {
        for (const Set& set : table) {
            taken->take(set);
            for (std::size_t at = 0; at < kWays; ++at) {
                if (taken->places[at].key == 0) continue;
                MessageRecord record = taken->record(at);
                if (matches(record, query)) found.emplace_back(taken->places[at].sequence, std::move(record));
            }
        }
    }
    std::ranges::sort(found, {}, &std::pair<std::uint64_t, MessageRecord>::first);
    std::vector<MessageRecord> records;
    records.reserve(found.size());
    for (auto& [sequence, record] : found) records.push_back(std::move(record));
    return records;
}

}  // namespace sr::engine
