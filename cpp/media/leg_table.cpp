#include "media/leg_table.hpp"

#include <algorithm>
#include <utility>

#include "webrtc/bytes.hpp"
#include "webrtc/stun.hpp"

namespace sr::media {
namespace {

/// The name of the meeting, which no device can have where it is made up: it has a NUL.
std::string meeting_key(const Leg& leg) {
    const LegTarget& target = leg.setup().target;
    switch (target.kind) {
        case TargetKind::echo: return std::string("echo\0", 5) + leg.setup().leg_id;
        case TargetKind::tone: return std::string("tone\0", 5);
        case TargetKind::mix: return target.name;
        case TargetKind::source: return {};
    }
    return {};
}

}  // namespace

std::size_t LegTable::AddressHash::operator()(const sip::SocketAddress& address) const noexcept {
    // Multiplied by 2^64 over the golden ratio, so that neighbours lie far apart.
    constexpr std::uint64_t kSpread = 0x9E3779B97F4A7C15;
    std::uint64_t hash = webrtc::read_u64(address.ip.data()) ^ address.port;
    hash = hash * kSpread ^ webrtc::read_u64(address.ip.data() + 8);
    hash *= kSpread;
    return hash ^ hash >> 32;
}

void LegTable::add(std::unique_ptr<Leg> leg) {
    const std::string leg_id = leg->setup().leg_id;
    remove(leg_id);
    Entry& entry = legs_[leg_id];
    entry.webrtc = dynamic_cast<WebRtcTransport*>(&leg->transport());
    entry.rtp = dynamic_cast<RtpTransport*>(&leg->transport());
    entry.leg = std::move(leg);
    if (entry.webrtc != nullptr) learn_ufrag(entry);
    if (entry.rtp != nullptr) {
        by_descriptor_[entry.rtp->ports().rtp.descriptor()] = &entry;
        by_descriptor_[entry.rtp->ports().rtcp.descriptor()] = &entry;
    }
    join(entry);
}

Leg* LegTable::find(const std::string& leg_id) noexcept {
    const auto found = legs_.find(leg_id);
    return found != legs_.end() ? found->second.leg.get() : nullptr;
}

void LegTable::remove(const std::string& leg_id) {
    const auto found = legs_.find(leg_id);
    if (found == legs_.end()) return;
    Entry& entry = found->second;
    for (const auto& source : entry.sources) {
        const auto known = by_source_.find(source);
        if (known != by_source_.end() && known->second == &entry) by_source_.erase(known);
    }
    for (const auto& ufrag : entry.ufrags) by_ufrag_.erase(ufrag);
    if (entry.rtp != nullptr) {
        by_descriptor_.erase(entry.rtp->ports().rtp.descriptor());
        by_descriptor_.erase(entry.rtp->ports().rtcp.descriptor());
    }
    leave(entry);
    legs_.erase(found);
}

void LegTable::set_routes(std::vector<Route> routes) {
    routes_ = std::move(routes);
    for (auto& [key, meeting] : meetings_) mark_stale(meeting);
}

void LegTable::follow_update(const std::string& leg_id) {
    const auto found = legs_.find(leg_id);
    if (found == legs_.end()) return;
    if (found->second.webrtc != nullptr) learn_ufrag(found->second);
    mark_stale(found->second);
}

void LegTable::learn_ufrag(Entry& entry) {
    const std::string& ufrag = entry.webrtc->local_ufrag();
    if (!entry.ufrags.empty() && entry.ufrags.back() == ufrag) return;
    by_ufrag_[ufrag] = &entry;
    entry.ufrags.push_back(ufrag);
    // During an ICE restart the name before still counts (RFC 8445 section 9), none that is older.
    if (entry.ufrags.size() > 2) {
        by_ufrag_.erase(entry.ufrags.front());
        entry.ufrags.erase(entry.ufrags.begin());
    }
}

LegTable::Entry* LegTable::find_owner(const Arrival& arrival, int descriptor) noexcept {
    if (!by_descriptor_.empty()) {
        if (const auto own = by_descriptor_.find(descriptor); own != by_descriptor_.end()) return own->second;
    }
    if (webrtc::classify(arrival.octets) == webrtc::PacketKind::stun) {
        const auto named = by_ufrag_.find(std::string(webrtc::find_local_ufrag(arrival.octets)));
        return named != by_ufrag_.end() ? named->second : nullptr;
    }
    const auto known = by_source_.find(arrival.path.remote);
    return known != by_source_.end() ? known->second : nullptr;
}

void LegTable::learn(Entry& entry, const sip::SocketAddress& source) {
    if (entry.webrtc == nullptr || !entry.webrtc->is_known(source)) return;
    Entry*& owner = by_source_[source];
    if (owner == &entry) return;
    owner = &entry;
    entry.sources.push_back(source);
}

void LegTable::pass_on(Entry& from, const LegReceiver::Heard& heard, audio::TimeUs now_us, SendBatch& out) noexcept {
    if (!heard.audio) return;
    if (from.is_decoded) meet(from, now_us);
    for (Meeting* meeting : from.speaks_in) {
        if (meeting->mix.pass_on(*from.leg, heard, now_us, out)) continue;
        from.leg->forbid_forwarding();
        mark_stale(*meeting);
    }
}

/// A mix in which nobody is heard begins with the first who is, at once.
void LegTable::meet(Entry& from, audio::TimeUs now_us) noexcept {
    if (from.speaks_in.size() != 1) return;
    Meeting& meeting = *from.speaks_in.front();
    if (meeting.is_shared || !meeting.mix.is_silent() || !from.leg->is_heard(now_us)) return;
    if (const auto ready_us = from.leg->ready_us()) meeting.beat.meet(*ready_us);
}

void LegTable::mix(audio::TimeUs now_us, SendBatch& out) {
    settle();
    sharing_.clear();
    for (Meeting*& meeting : mixing_) {
        meeting->beat.begin(now_us);
        if (meeting->is_shared) {
            sharing_.push_back(meeting);
        } else if (meeting->beat.due_us() <= now_us) {
            mix_on(meeting->beat, {&meeting, 1}, now_us, out);
        }
    }
    if (sharing_.empty()) return;
    shared_beat_.begin(now_us);
    if (shared_beat_.due_us() <= now_us) mix_on(shared_beat_, sharing_, now_us, out);
}

/// 20 ms of all mixes of one beat; nobody who speaks in several is asked twice.
void LegTable::mix_on(Beat& beat, std::span<Meeting* const> meetings, audio::TimeUs now_us, SendBatch& out) {
    std::optional<audio::TimeUs> spare_us;
    for (Meeting* meeting : meetings) {
        for (Entry* speaker : meeting->speakers) {
            if (!speaker->is_decoded || std::exchange(speaker->pulled_us, now_us) == now_us) continue;
            speaker->leg->pull(now_us);
            const auto own_us = speaker->leg->spare_us();
            if (own_us) spare_us = std::min(*own_us, spare_us.value_or(*own_us));
        }
    }
    for (Meeting* meeting : meetings) meeting->mix.tick(now_us, out);
    beat.advance(now_us, spare_us);
}

std::optional<audio::TimeUs> LegTable::next_due_us() const noexcept {
    std::optional<audio::TimeUs> next_us;
    for (const Meeting* meeting : mixing_) {
        const audio::TimeUs due_us = (meeting->is_shared ? shared_beat_ : meeting->beat).due_us();
        next_us = std::min(due_us, next_us.value_or(due_us));
    }
    return next_us;
}

void LegTable::join(Entry& entry) {
    const LegSetup& setup = entry.leg->setup();
    if (setup.target.kind != TargetKind::source) {
        entry.meeting = &meetings_.try_emplace(meeting_key(*entry.leg), setup.target).first->second;
        entry.meeting->members.push_back(&entry);
    }
    if (!setup.device.empty()) by_device_.emplace(setup.device, &entry);
    mark_stale(entry);
}

void LegTable::leave(Entry& entry) {
    mark_stale(entry);
    const auto [first, last] = by_device_.equal_range(entry.leg->setup().device);
    const auto own = std::find_if(first, last, [&](const auto& one) { return one.second == &entry; });
    if (own != last) by_device_.erase(own);
    if (entry.meeting != nullptr) std::erase(entry.meeting->members, &entry);
    // No mix may know a leg that is gone, not even until the next tick.
    settle();
    if (entry.meeting == nullptr || !entry.meeting->members.empty()) return;
    for (Entry* speaker : entry.meeting->speakers) std::erase(speaker->speaks_in, entry.meeting);
    meetings_.erase(meeting_key(*entry.leg));
}

void LegTable::mark_stale(Meeting& meeting) {
    if (!std::exchange(meeting.is_stale, true)) stale_.push_back(&meeting);
}

/// All that this leg is heard in or hears, or may be as things are now.
void LegTable::mark_stale(const Entry& entry) {
    if (entry.meeting != nullptr) mark_stale(*entry.meeting);
    for (Meeting* meeting : entry.speaks_in) mark_stale(*meeting);
    const std::string& device = entry.leg->setup().device;
    if (device.empty()) return;
    for (const Route& route : routes_) {
        if (route.source != device) continue;
        if (const auto sink = meetings_.find(route.sink); sink != meetings_.end()) mark_stale(sink->second);
    }
}

void LegTable::settle() {
    for (Meeting* meeting : std::exchange(stale_, {})) plan(*meeting);
}

void LegTable::plan(Meeting& meeting) {
    meeting.is_stale = false;
    std::vector<Entry*> concerned = std::exchange(meeting.speakers, {});
    for (Entry* speaker : concerned) std::erase(speaker->speaks_in, &meeting);
    std::vector<Contribution> contributors = gather_speakers(meeting);
    for (Entry* speaker : meeting.speakers) speaker->speaks_in.push_back(&meeting);

    std::vector<Leg*> listeners;
    for (const Entry* member : meeting.members) {
        if (member->leg->listens()) listeners.push_back(member->leg.get());
    }
    meeting.mix.plan(std::move(contributors), listeners);
    for (Leg* listener : listeners) listener->set_forwarded(meeting.mix.forwards_to(*listener));

    concerned.insert(concerned.end(), meeting.speakers.begin(), meeting.speakers.end());
    follow_plan(meeting, concerned);
}

/// What others must know of a plan: `concerned` speak in the meeting, or did before.
void LegTable::follow_plan(Meeting& meeting, const std::vector<Entry*>& concerned) {
    std::erase(mixing_, &meeting);
    if (meeting.mix.has_audience()) mixing_.push_back(&meeting);
    const auto is_in_several = [](const Entry* speaker) { return speaker->speaks_in.size() > 1; };
    const auto follow = [&](Meeting& one) { one.is_shared = std::ranges::any_of(one.speakers, is_in_several); };
    follow(meeting);
    for (Entry* speaker : concerned) {
        for (Meeting* one : speaker->speaks_in) {
            if (one != &meeting) follow(*one);
        }
        const auto decodes = [&](const Meeting* one) { return one->mix.decodes(*speaker->leg); };
        speaker->is_decoded = std::any_of(speaker->speaks_in.begin(), speaker->speaks_in.end(), decodes);
        speaker->leg->set_decoded(speaker->is_decoded);
    }
}

/// Members that speak, then those whom a route leads here, each once.
std::vector<Contribution> LegTable::gather_speakers(Meeting& meeting) const {
    std::vector<Contribution> contributors;
    if (meeting.target.kind == TargetKind::tone) return contributors;
    const auto gather = [&](Entry* entry, audio::Gain gain) {
        if (!entry->leg->speaks()) return;
        contributors.push_back({entry->leg.get(), gain});
        meeting.speakers.push_back(entry);
    };
    for (Entry* member : meeting.members) gather(member, audio::Gain());
    if (meeting.target.kind != TargetKind::mix) return contributors;
    std::vector<const Entry*> routed;
    for (const Route& route : routes_) {
        if (route.sink != meeting.target.name) continue;
        const auto [first, last] = by_device_.equal_range(route.source);
        for (auto found = first; found != last; ++found) {
            Entry* entry = found->second;
            if (entry->meeting == &meeting || std::find(routed.begin(), routed.end(), entry) != routed.end()) continue;
            routed.push_back(entry);
            gather(entry, audio::Gain(route.volume));
        }
    }
    return contributors;
}

}  // namespace sr::media
