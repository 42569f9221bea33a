// The legs of one media thread, how packets find them, and the mixes they meet in.
//
// Who speaks and who listens in a mix is planned when that changes, and only for the mixes that it concerns: the set-up
// of a call costs the same beside one other and beside a thousand.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "media/beat.hpp"
#include "media/leg.hpp"
#include "media/mix.hpp"
#include "media/rtp_transport.hpp"
#include "media/webrtc_transport.hpp"
#include "webrtc/packet_kind.hpp"

namespace sr::media {

class LegTable {
  public:
    struct Entry;

    LegTable() = default;
    LegTable(const LegTable&) = delete;
    LegTable& operator=(const LegTable&) = delete;

    void add(std::unique_ptr<Leg> leg);
    [[nodiscard]] Leg* find(const std::string& leg_id) noexcept;
    /// The leg is destroyed.
    void remove(const std::string& leg_id);
    void set_routes(std::vector<Route> routes);
    /// The leg's description changed: its direction, its codec or its ICE credentials.
    void follow_update(const std::string& leg_id);

    [[nodiscard]] bool is_empty() const noexcept { return legs_.empty(); }

    /// Whose packet it is; null: nobody's. Checks are found by the name they call, everything else by its source.
    [[nodiscard]] Entry* find_owner(const Arrival& arrival, int descriptor) noexcept;
    /// Packets from there are this leg's from now on, once its transport knows the address.
    void learn(Entry& entry, const sip::SocketAddress& source);

    /// Passes on what a leg said to those who hear it as it is.
    void pass_on(Entry& from, const LegReceiver::Heard& heard, audio::TimeUs now_us, SendBatch& out) noexcept;

    /// Puts in force what was changed since the last time; before the next packet.
    void settle();

    /// 20 ms of every mix that is due.
    void mix(audio::TimeUs now_us, SendBatch& out);
    /// When the next mix is due; nothing while there is none.
    [[nodiscard]] std::optional<audio::TimeUs> next_due_us() const noexcept;

    template <class Visit>
    void each(Visit&& visit) {
        for (auto& [leg_id, entry] : legs_) visit(*entry.leg);
    }
    /// Legs whose time-outs and reports are due; `visit` says when they are next.
    template <class Visit>
    void each_due(audio::TimeUs now_us, Visit&& visit) {
        for (auto& [leg_id, entry] : legs_) {
            if (entry.due_us <= now_us) entry.due_us = visit(*entry.leg);
        }
    }

    /// Where legs meet.
    struct Meeting {
        explicit Meeting(LegTarget meant) : target(std::move(meant)), mix(target.kind) {}

        LegTarget target;
        Mix mix;
        std::vector<Entry*> members;
        std::vector<Entry*> speakers;  // as planned
        Beat beat;
        bool is_shared = false;  // somebody who speaks here speaks elsewhere too: all such meetings have one beat
        bool is_stale = false;
    };

    /// A leg with what its table knows of it. It stays where it is until it is removed.
    struct Entry {
        std::unique_ptr<Leg> leg;
        WebRtcTransport* webrtc = nullptr;  // either this
        RtpTransport* rtp = nullptr;        // or that
        std::vector<sip::SocketAddress> sources;
        std::vector<std::string> ufrags;
        Meeting* meeting = nullptr;  // whose member it is; null: it hears nothing
        std::vector<Meeting*> speaks_in;
        bool is_decoded = false;
        audio::TimeUs pulled_us = 0;
        audio::TimeUs due_us = 0;  // its time-outs and reports
    };

  private:
    struct AddressHash {
        std::size_t operator()(const sip::SocketAddress& address) const noexcept;
    };
    void join(Entry& entry);
    void leave(Entry& entry);
    void mark_stale(Meeting& meeting);
    void mark_stale(const Entry& entry);
    void plan(Meeting& meeting);
    [[nodiscard]] std::vector<Contribution> gather_speakers(Meeting& meeting) const;
    void follow_plan(Meeting& meeting, const std::vector<Entry*>& concerned);
    static void meet(Entry& from, audio::TimeUs now_us) noexcept;
    static void mix_on(Beat& beat, std::span<Meeting* const> meetings, audio::TimeUs now_us, SendBatch& out);
    void learn_ufrag(Entry& entry);

    std::unordered_map<std::string, Entry> legs_;
    std::unordered_map<sip::SocketAddress, Entry*, AddressHash> by_source_;
    std::unordered_map<std::string, Entry*> by_ufrag_;
    std::unordered_map<int, Entry*> by_descriptor_;
    std::unordered_multimap<std::string, Entry*> by_device_;
    std::map<std::string, Meeting> meetings_;
    std::vector<Meeting*> stale_;
    std::vector<Meeting*> mixing_;   // those that have something to do every 20 ms
    std::vector<Meeting*> sharing_;  // of these, in the tick at hand
    Beat shared_beat_;
    std::vector<Route> routes_;
};

}  // namespace sr::media
