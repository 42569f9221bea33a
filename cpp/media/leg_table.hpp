// The legs of one media thread, how packets find them, and the mixes they meet in.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "media/leg.hpp"
#include "media/mix.hpp"
#include "media/rtp_transport.hpp"
#include "media/webrtc_transport.hpp"
#include "webrtc/packet_kind.hpp"

namespace sr::media {

class LegTable {
  public:
    void add(std::unique_ptr<Leg> leg);
    [[nodiscard]] Leg* find(const std::string& leg_id) noexcept;
    /// The leg is destroyed.
    void remove(const std::string& leg_id);
    void set_routes(std::vector<Route> routes);
    /// A leg's direction or codec changed.
    void replan() noexcept { is_plan_stale_ = true; }

    [[nodiscard]] bool is_empty() const noexcept { return legs_.empty(); }

    /// Whose packet it is; null: nobody's. Checks are found by the name they call, everything else by its source.
    [[nodiscard]] Leg* find_owner(const Arrival& arrival, int descriptor) noexcept;
    /// Packets from there are this leg's from now on, once its transport knows the address.
    void learn(Leg& leg, const sip::SocketAddress& source);

    /// Passes on what a leg said to those who hear it as it is.
    void pass_on(Leg& from, const LegReceiver::Heard& heard, audio::TimeUs now_us, SendBatch& out) noexcept;

    /// Puts in force what was changed since the last time; before the next packet.
    void settle() {
        if (is_plan_stale_) plan();
    }

    /// 20 ms of every mix.
    void mix(audio::TimeUs now_us, SendBatch& out);

    template <class Visit>
    void each(Visit&& visit) {
        for (auto& [leg_id, entry] : legs_) visit(*entry.leg);
    }

  private:
    struct AddressHash {
        std::size_t operator()(const sip::SocketAddress& address) const noexcept;
    };
    struct Entry {
        std::unique_ptr<Leg> leg;
        WebRtcTransport* webrtc = nullptr;  // either this
        RtpTransport* rtp = nullptr;        // or that
        std::vector<sip::SocketAddress> sources;
        std::vector<std::string> ufrags;
        std::vector<Mix*> speaks_in;
        bool is_decoded = false;
    };

    void plan();
    void plan_mix(const std::string& key, const LegTarget& target, Mix& mix);
    [[nodiscard]] std::string mix_key(const Leg& leg) const;
    void learn_ufrag(Entry& entry);
    [[nodiscard]] Entry* entry_of(const Leg& leg) noexcept;

    std::unordered_map<std::string, Entry> legs_;
    std::unordered_map<sip::SocketAddress, Leg*, AddressHash> by_source_;
    std::unordered_map<std::string, Leg*> by_ufrag_;
    std::unordered_map<int, Leg*> by_descriptor_;
    std::map<std::string, Mix> mixes_;
    std::vector<Route> routes_;
    bool is_plan_stale_ = false;
};

}  // namespace sr::media
