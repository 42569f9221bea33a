#include "media/leg_table.hpp"

#include <algorithm>
#include <utility>

#include "webrtc/stun.hpp"

namespace sr::media {

std::size_t LegTable::AddressHash::operator()(const sip::SocketAddress& address) const noexcept {
    std::size_t hash = address.port;
    for (const std::uint8_t octet : address.ip) hash = hash * 31 + octet;
    return hash;
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
        by_descriptor_[entry.rtp->ports().rtp.descriptor()] = entry.leg.get();
        by_descriptor_[entry.rtp->ports().rtcp.descriptor()] = entry.leg.get();
    }
    is_plan_stale_ = true;
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
        if (known != by_source_.end() && known->second == entry.leg.get()) by_source_.erase(known);
    }
    for (const auto& ufrag : entry.ufrags) by_ufrag_.erase(ufrag);
    if (entry.rtp != nullptr) {
        by_descriptor_.erase(entry.rtp->ports().rtp.descriptor());
        by_descriptor_.erase(entry.rtp->ports().rtcp.descriptor());
    }
    const std::unique_ptr<Leg> leg = std::move(entry.leg);
    legs_.erase(found);
    // No mix may know a leg that is gone, not even until the next tick.
    plan();
}

void LegTable::set_routes(std::vector<Route> routes) {
    routes_ = std::move(routes);
    is_plan_stale_ = true;
}

LegTable::Entry* LegTable::entry_of(const Leg& leg) noexcept {
    const auto found = legs_.find(leg.setup().leg_id);
    return found != legs_.end() ? &found->second : nullptr;
}

void LegTable::learn_ufrag(Entry& entry) {
    const std::string& ufrag = entry.webrtc->local_ufrag();
    if (!entry.ufrags.empty() && entry.ufrags.back() == ufrag) return;
    by_ufrag_[ufrag] = entry.leg.get();
    entry.ufrags.push_back(ufrag);
    // During an ICE restart the name before still counts (RFC 8445 section 9), none that is older.
    if (entry.ufrags.size() > 2) {
        by_ufrag_.erase(entry.ufrags.front());
        entry.ufrags.erase(entry.ufrags.begin());
    }
}

Leg* LegTable::find_owner(const Arrival& arrival, int descriptor) noexcept {
    if (const auto own = by_descriptor_.find(descriptor); own != by_descriptor_.end()) return own->second;
    if (webrtc::classify(arrival.octets) == webrtc::PacketKind::stun) {
        const auto named = by_ufrag_.find(std::string(webrtc::find_local_ufrag(arrival.octets)));
        return named != by_ufrag_.end() ? named->second : nullptr;
    }
    const auto known = by_source_.find(arrival.path.remote);
    return known != by_source_.end() ? known->second : nullptr;
}

void LegTable::learn(Leg& leg, const sip::SocketAddress& source) {
    Entry* entry = entry_of(leg);
    if (entry == nullptr || entry->webrtc == nullptr || !entry->webrtc->is_known(source)) return;
    Leg*& owner = by_source_[source];
    if (owner == &leg) return;
    owner = &leg;
    entry->sources.push_back(source);
}

void LegTable::pass_on(Leg& from, const LegReceiver::Heard& heard, audio::TimeUs now_us, SendBatch& out) noexcept {
    if (!heard.audio) return;
    Entry* entry = entry_of(from);
    if (entry == nullptr) return;
    for (Mix* mix : entry->speaks_in) {
        if (mix->pass_on(from, heard, now_us, out)) continue;
        from.forbid_forwarding();
        is_plan_stale_ = true;
    }
}

void LegTable::mix(audio::TimeUs now_us, SendBatch& out) {
    settle();
    for (auto& [leg_id, entry] : legs_) {
        if (entry.is_decoded) entry.leg->pull(now_us);
    }
    for (auto& [key, mix] : mixes_) mix.tick(now_us, out);
}

std::string LegTable::mix_key(const Leg& leg) const {
    const LegTarget& target = leg.setup().target;
    switch (target.kind) {
        // A NUL keeps what we make up apart from the names of devices.
        case TargetKind::echo: return std::string("echo\0", 5) + leg.setup().leg_id;
        case TargetKind::tone: return std::string("tone\0", 5);
        case TargetKind::mix: return target.name;
        case TargetKind::source: return {};
    }
    return {};
}

void LegTable::plan() {
    is_plan_stale_ = false;
    std::map<std::string, LegTarget> wanted;
    for (auto& [leg_id, entry] : legs_) {
        entry.speaks_in.clear();
        if (entry.webrtc != nullptr) learn_ufrag(entry);
        if (entry.leg->setup().target.kind != TargetKind::source) {
            wanted.emplace(mix_key(*entry.leg), entry.leg->setup().target);
        }
    }
    std::erase_if(mixes_, [&](const auto& one) { return !wanted.contains(one.first); });
    for (const auto& [key, target] : wanted) {
        plan_mix(key, target, mixes_.try_emplace(key, target.kind).first->second);
    }
    for (auto& [leg_id, entry] : legs_) {
        const auto decodes = [&](const Mix* mix) { return mix->decodes(*entry.leg); };
        entry.is_decoded = std::any_of(entry.speaks_in.begin(), entry.speaks_in.end(), decodes);
        entry.leg->set_decoded(entry.is_decoded);
    }
}

void LegTable::plan_mix(const std::string& key, const LegTarget& target, Mix& mix) {
    std::vector<Contribution> contributors;
    std::vector<Leg*> listeners;
    for (auto& [leg_id, entry] : legs_) {
        Leg& leg = *entry.leg;
        const bool is_member = leg.setup().target == target && mix_key(leg) == key;
        if (is_member && leg.listens()) listeners.push_back(&leg);
        if (!leg.speaks()) continue;
        if (is_member && target.kind != TargetKind::tone) {
            contributors.push_back({&leg, audio::Gain()});
        } else if (target.kind == TargetKind::mix && !leg.setup().device.empty()) {
            const auto route = std::find_if(routes_.begin(), routes_.end(), [&](const Route& one) {
                return one.source == leg.setup().device && one.sink == target.name;
            });
            if (route == routes_.end()) continue;
            contributors.push_back({&leg, audio::Gain(route->volume)});
        } else {
            continue;
        }
        entry.speaks_in.push_back(&mix);
    }
    mix.plan(std::move(contributors), listeners);
    for (Leg* listener : listeners) listener->set_forwarded(mix.forwards_to(*listener));
}

}  // namespace sr::media
