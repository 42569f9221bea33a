// Answers offers and holds the legs that come of them (RFC 3264, RFC 8829): the only door to the audio of the core.
//
// An answer is made at once, on the caller's thread: candidates, credentials, certificate and ports are known
// beforehand. The media thread then gets the leg; nothing here waits for it but `legs`.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "media/leg_values.hpp"
#include "media/media_loop.hpp"
#include "media/port_pool.hpp"
#include "sdp/answer.hpp"
#include "sdp/offer.hpp"
#include "webrtc/dtls_identity.hpp"

namespace sr::media {

struct LegRequest {
    std::string leg_id;
    std::string device;  // the caller's key in config.yaml; empty: unknown
    LegTarget target;
    /// Where the signalling comes from: a plain leg is offered the address of ours that faces it.
    sip::SocketAddress peer;
};

/// Why there is no leg, or no change of it: a status code of SIP with a sentence.
struct MediaRefusal {
    std::uint16_t status = 488;
    std::string reason;
};

using MediaAnswer = std::variant<std::string, MediaRefusal>;

/// For several threads at once.
class AudioManager {
  public:
    explicit AudioManager(LegListener& listener);
    ~AudioManager();
    AudioManager(const AudioManager&) = delete;
    AudioManager& operator=(const AudioManager&) = delete;

    /// Binds the media port and starts the thread. A sentence says why not.
    [[nodiscard]] std::optional<std::string> start(const MediaConfig& config);
    /// Ends all legs. Idempotent.
    void stop() noexcept;
    [[nodiscard]] std::uint16_t port() const noexcept;

    /// For legs to come: the addresses that are offered.
    void set_addresses(std::vector<sip::SocketAddress> addresses);
    void set_routes(std::vector<Route> routes);

    /// The description for the peer: an answer or, where `offer` is empty, our offer, which `complete_leg` ends. A leg
    /// of that id that stands already is asked as by `update_leg`.
    [[nodiscard]] MediaAnswer open_leg(const LegRequest& request, std::string_view offer);
    /// The same within a leg; refused, it stays as it was.
    [[nodiscard]] MediaAnswer update_leg(const std::string& leg_id, std::string_view offer);
    /// The peer's answer to our offer.
    [[nodiscard]] std::optional<MediaRefusal> complete_leg(const std::string& leg_id, std::string_view answer);
    /// A trickled candidate: read, and not needed, since the peer checks us (RFC 8445 section 2.5). False: no such leg,
    /// or no candidate.
    [[nodiscard]] bool add_candidate(const std::string& leg_id, std::string_view candidate);
    void close_leg(const std::string& leg_id);

    [[nodiscard]] std::vector<LegStatistics> legs();

  private:
    struct Record {
        LegRequest request;
        sdp::LocalMedia local;
        StreamSeeds seeds;
        std::optional<PortPair> ports;  // until the media thread has them
        std::optional<sdp::Agreement> agreement;
        std::optional<sdp::Offer> offer;  // of ours, that waits for its answer
    };

    [[nodiscard]] std::variant<Record, MediaRefusal> make_record(const LegRequest& request, sdp::LegKind kind);
    [[nodiscard]] MediaAnswer answer(Record& record, std::string_view offer);
    void take(Record& record, sdp::Agreement agreement);
    [[nodiscard]] std::vector<sip::SocketAddress> offered_addresses(const sip::SocketAddress& peer) const;

    LegListener& listener_;
    std::unique_ptr<const webrtc::DtlsIdentity> identity_;
    std::unique_ptr<MediaLoop> loop_;
    std::mutex mutex_;
    MediaConfig config_;
    std::optional<PortPool> ports_;
    std::unordered_map<std::string, Record> legs_;
};

}  // namespace sr::media
