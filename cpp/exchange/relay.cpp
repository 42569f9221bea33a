#include "exchange/relay.hpp"

#include <algorithm>
#include <charconv>

#include "sip/ascii.hpp"

namespace sr::exchange {
namespace {

using sip::RejectReason;

/// What an IPv4 datagram carries; an IPv6 one carries 20 octets more.
constexpr std::size_t kMostDatagramOctets = 65'507;

bool does_fit(std::string_view octets, const sip::Flow& flow) noexcept {
    return flow.transport != sip::Transport::udp || octets.size() <= kMostDatagramOctets;
}

/// The number that make_branch wrote; 0, which is nobody's, where it is none.
std::uint64_t id_of(std::string_view branch) noexcept {
    std::uint64_t id = 0;
    if (!branch.starts_with(kRelayBranchPrefix)) return id;
    branch.remove_prefix(kRelayBranchPrefix.size());
    std::from_chars(branch.data(), branch.data() + branch.size(), id);
    return id;
}

}  // namespace

std::size_t Relay::count_of(const sip::SocketAddress& sender) const {
    const auto is_of_sender = [&](const auto& journey) {
        return journey.second.message.head.flow.remote.ip == sender.ip;
    };
    return static_cast<std::size_t>(std::ranges::count_if(journeys_, is_of_sender));
}

std::string Relay::make_branch(std::uint64_t id, const RelayedMessage& message, std::size_t index) {
    std::string branch(kRelayBranchPrefix);
    branch.append(std::to_string(id)).append("-").append(std::to_string(index)).append("-");
    return branch.append(dialog::tag_text(random_())).append("-").append(message.loop_mark);
}

RejectReason Relay::begin(const dialog::CallRequest& request, std::string_view message, std::string_view realm,
                          const std::vector<RelayTarget>& targets, base::TimeMs now_ms, dialog::Outbox& out) {
    RelayedMessage relayed;
    const RejectReason fault = read_relayed(request, message, realm, loop_hash_, relayed);
    if (fault != RejectReason::none) return fault;
    const std::lock_guard guard(guard_);
    if (is_shut_) return RejectReason::shutting_down;
    if (targets.empty()) return RejectReason::unavailable;
    const std::size_t octets = targets.size() * message.size();
    if (journeys_.size() >= bounds_.messages || octets_ + octets > bounds_.octets ||
        count_of(request.flow.remote) >= bounds_.messages_of_one) {
        return RejectReason::too_many_messages;
    }
    const std::uint64_t id = next_id_++;
    const auto place = journeys_.emplace(id, Journey{std::move(relayed), request.transaction_key, {}, 0, {}}).first;
    Journey& journey = place->second;
    journey.branches.reserve(targets.size());
    for (const RelayTarget& target : targets) {
        Branch& branch = journey.branches.emplace_back();
        branch.name = make_branch(id, journey.message, journey.branches.size());
        branch.flow = target.flow;
        std::string text = write_relayed(journey.message, target, branch.name);
        if (!does_fit(text, target.flow)) {
            fail(journey, branch, 513, {});
            continue;
        }
        octets_ += branch.octets = text.size();
        branch.transaction.emplace(dialog::Transmission{target.flow, target.to, std::move(text)}, branch.name, now_ms,
                                   out);
        next_due_ms_ = std::min(next_due_ms_, branch.transaction->due_ms());
    }
    settle(place, out);
    return RejectReason::none;
}

bool Relay::take_response(std::string_view branch, std::uint16_t status, std::string_view message,
                          dialog::Outbox& out) {
    const std::uint64_t id = id_of(branch);
    if (id == 0) return false;
    const std::lock_guard guard(guard_);
    const auto place = journeys_.find(id);
    if (place == journeys_.end()) return false;
    Journey& journey = place->second;
    const auto found = std::ranges::find(journey.branches, branch, &Branch::name);
    if (found == journey.branches.end() || !found->transaction) return false;
    if (status < 200) {  // not for the sender: nothing but 100 answers a MESSAGE early (RFC 4320 section 4.1)
        found->transaction->proceed();
        return true;
    }
    if (status < 300) {
        if (!journey.is_answered) send(journey, write_passed_back(message, journey.message), out);
        end_branch(*found);
    } else {
        fail(journey, *found, status, write_passed_back(message, journey.message));
    }
    settle(place, out);
    return true;
}

void Relay::advance(base::TimeMs now_ms, dialog::Outbox& out) {
    const std::lock_guard guard(guard_);
    if (now_ms < next_due_ms_) return;
    next_due_ms_ = dialog::kNever;
    for (auto place = journeys_.begin(); place != journeys_.end();) {
        Journey& journey = place->second;
        for (Branch& branch : journey.branches) {
            if (!branch.transaction) continue;
            const bool is_due = branch.transaction->due_ms() <= now_ms;
            if (is_due && !branch.transaction->advance(now_ms, out)) {
                fail(journey, branch, 408, {});
            } else {
                next_due_ms_ = std::min(next_due_ms_, branch.transaction->due_ms());
            }
        }
        settle(place++, out);
    }
}

void Relay::lose_flow(const sip::Flow& flow, dialog::Outbox& out) {
    const std::lock_guard guard(guard_);
    for (auto place = journeys_.begin(); place != journeys_.end();) {
        for (Branch& branch : place->second.branches) {
            if (branch.transaction && branch.flow == flow) fail(place->second, branch, 480, {});
        }
        settle(place++, out);
    }
}

void Relay::shut_down(dialog::Outbox& out) {
    const std::lock_guard guard(guard_);
    is_shut_ = true;
    for (auto& [id, journey] : journeys_) {
        if (!journey.is_answered) send(journey, dialog::write_response(503, journey.message.head, {}), out);
    }
    journeys_.clear();
    octets_ = 0;
}

void Relay::reopen() {
    const std::lock_guard guard(guard_);
    is_shut_ = false;
}

std::size_t Relay::count() const {
    const std::lock_guard guard(guard_);
    return journeys_.size();
}

void Relay::send(Journey& journey, std::string octets, dialog::Outbox& out) {
    journey.is_answered = true;
    const dialog::ReplyHead& head = journey.message.head;
    out.transmissions.push_back({head.flow, head.to, std::move(octets), journey.transaction_key});
}

void Relay::fail(Journey& journey, Branch& branch, std::uint16_t status, std::string octets) {
    end_branch(branch);
    if (status == 503) {  // says that the device is overloaded; from us it would say that we are (section 16.7 step 6)
        status = 500;
        octets.clear();
    }
    if (journey.best_status != 0 && !is_better_failure(status, journey.best_status)) return;
    journey.best_status = status;
    journey.best = std::move(octets);
}

void Relay::end_branch(Branch& branch) {
    octets_ -= std::exchange(branch.octets, 0);
    branch.transaction.reset();
}

void Relay::settle(Journeys::iterator place, dialog::Outbox& out) {
    Journey& journey = place->second;
    const bool is_under_way =
        std::ranges::any_of(journey.branches, [](const Branch& branch) { return branch.transaction.has_value(); });
    if (is_under_way) return;
    if (!journey.is_answered) {
        std::string octets = std::move(journey.best);
        if (octets.empty()) octets = dialog::write_response(journey.best_status, journey.message.head, {});
        send(journey, std::move(octets), out);
    }
    journeys_.erase(place);
}

}  // namespace sr::exchange
