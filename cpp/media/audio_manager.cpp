#include "media/audio_manager.hpp"

#include <sys/random.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "sdp/candidate.hpp"
#include "sdp/session_description.hpp"
#include "sip/native_address.hpp"
#include "webrtc/ice_lite.hpp"

namespace sr::media {
namespace {

/// Best first: full band, wide band, telephone.
std::vector<sdp::CodecPolicy> codec_policy() {
    const sdp::OpusParameters opus{.use_inband_fec = true, .use_dtx = true, .is_stereo = true};
    return {{sdp::kOpus, opus},
            {{sdp::CodecName::l16, 48000, 2}, {}},
            {{sdp::CodecName::l16, 48000, 1}, {}},
            {{sdp::CodecName::l16, 44100, 2}, {}},
            {{sdp::CodecName::l16, 44100, 1}, {}},
            {sdp::kG722, {}},
            {{sdp::CodecName::l16, 16000, 1}, {}},
            {sdp::kPcmu, {}},
            {sdp::kPcma, {}}};
}

sdp::Direction wanted_direction(TargetKind kind) noexcept {
    return kind == TargetKind::source ? sdp::Direction::recvonly : sdp::Direction::sendrecv;
}

/// Of the kernel: std::random_device asks the processor for four octets at a time, which takes microseconds.
std::uint64_t random_number() noexcept {
    std::uint64_t number = 0;
    if (getrandom(&number, sizeof number, 0) != sizeof number) std::abort();
    return number;
}

/// A name without meaning beyond this leg (RFC 7022 section 4.2).
std::string random_token() {
    constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";
    constexpr std::size_t kHalf = 8;  // digits, of which a number has enough
    std::string token;
    for (std::uint64_t number : {random_number(), random_number()}) {
        for (std::size_t i = 0; i < kHalf; ++i, number /= kDigits.size()) token += kDigits[number % kDigits.size()];
    }
    return token;
}

MediaRefusal refusal_of(const sdp::SdpFault& fault) {
    return {400, "line " + std::to_string(fault.line_number) + " of the session description: expected " +
                     std::string(fault.expected)};
}

MediaRefusal refusal_of(const sdp::AnswerFault& fault) { return {488, std::string(sdp::describe(fault.reason))}; }

MediaRefusal no_such_leg() { return {481, "there is no such leg"}; }

}  // namespace

AudioManager::AudioManager(LegListener& listener) : listener_(listener) {}

AudioManager::~AudioManager() { stop(); }

std::optional<std::string> AudioManager::start(const MediaConfig& config) {
    identity_ = webrtc::DtlsIdentity::make();
    if (!identity_) return "OpenSSL made no certificate for DTLS";
    auto loop = std::make_unique<MediaLoop>(*identity_, listener_);
    if (auto fault = loop->start(config.port, {config.silence_ms, config.connect_ms})) return fault;
    const std::lock_guard lock(mutex_);
    config_ = config;
    ports_.emplace(config.first_rtp_port, config.last_rtp_port);
    loop_ = std::move(loop);
    return std::nullopt;
}

void AudioManager::stop() noexcept {
    std::unique_ptr<MediaLoop> loop;
    {
        const std::lock_guard lock(mutex_);
        loop = std::move(loop_);
        legs_.clear();
    }
    if (loop) loop->stop();
}

std::uint16_t AudioManager::port() const noexcept { return loop_ ? loop_->port() : std::uint16_t{0}; }

void AudioManager::set_addresses(std::vector<sip::SocketAddress> addresses) {
    const std::lock_guard lock(mutex_);
    config_.addresses = std::move(addresses);
}

void AudioManager::set_routes(std::vector<Route> routes) {
    const std::lock_guard lock(mutex_);
    if (loop_) loop_->set_routes(std::move(routes));
}

MediaAnswer AudioManager::open_leg(const LegRequest& request, std::string_view offer) {
    const std::lock_guard lock(mutex_);
    if (!loop_) return MediaRefusal{503, "the audio of this server is not running"};
    if (const auto known = legs_.find(request.leg_id); known != legs_.end()) return answer(known->second, offer);
    sdp::LegKind kind = sdp::LegKind::rtp;  // who leaves the offer to us is a telephone, no browser
    if (!offer.empty()) {
        const auto parsed = sdp::parse(offer);
        if (const auto* fault = std::get_if<sdp::SdpFault>(&parsed)) return refusal_of(*fault);
        const auto offered = sdp::offered_kind(std::get<sdp::SessionDescription>(parsed), codec_policy(), nullptr);
        if (const auto* fault = std::get_if<sdp::AnswerFault>(&offered)) return refusal_of(*fault);
        kind = std::get<sdp::LegKind>(offered);
    }
    auto made = make_record(request, kind);
    if (auto* refusal = std::get_if<MediaRefusal>(&made)) return *refusal;
    Record& record = legs_.emplace(request.leg_id, std::get<Record>(std::move(made))).first->second;
    MediaAnswer said = answer(record, offer);
    if (std::holds_alternative<MediaRefusal>(said)) legs_.erase(request.leg_id);
    return said;
}

std::variant<AudioManager::Record, MediaRefusal> AudioManager::make_record(const LegRequest& request,
                                                                           sdp::LegKind kind) {
    Record record;
    record.request = request;
    const std::uint64_t numbers = random_number();
    record.seeds = {static_cast<std::uint32_t>(random_number() | 1), static_cast<std::uint16_t>(numbers),
                    static_cast<std::uint32_t>(numbers >> 32)};
    record.local.fingerprint = identity_->fingerprint().text();
    record.local.session_id = random_number() >> 2;  // o= is often read as a signed number
    record.local.cname = random_token();
    record.local.ssrc = record.seeds.ssrc;
    record.local.wanted = wanted_direction(request.target.kind);
    record.local.codecs = codec_policy();
    if (kind == sdp::LegKind::webrtc) {
        record.local.addresses = offered_addresses(request.peer);
        return record;
    }
    sip::SocketAddress any{.is_ipv6 = request.peer.is_ipv6};
    if (!any.is_ipv6) any.ip[10] = any.ip[11] = 0xFF;
    record.ports = ports_->open(any);
    if (!record.ports) {
        return MediaRefusal{503, "all ports of media.rtp_ports are in use"};
    }
    record.local.rtp_port = record.ports->rtp.address().port;
    if (const auto own = sip::local_address_towards(request.peer)) record.local.addresses.push_back(*own);
    return record;
}

/// First the address that faces the peer, since there its packets can surely come.
std::vector<sip::SocketAddress> AudioManager::offered_addresses(const sip::SocketAddress& peer) const {
    std::vector<sip::SocketAddress> offered;
    const auto offer = [&](sip::SocketAddress address) {
        if (address.is_ipv6 && !loop_->has_ipv6()) return;
        address.port = loop_->port();
        address.scope_id = 0;
        if (std::find(offered.begin(), offered.end(), address) == offered.end()) offered.push_back(address);
    };
    if (const auto facing = sip::local_address_towards(peer)) offer(*facing);
    for (const sip::SocketAddress& address : config_.addresses) offer(address);
    return offered;
}

MediaAnswer AudioManager::update_leg(const std::string& leg_id, std::string_view offer) {
    const std::lock_guard lock(mutex_);
    const auto known = legs_.find(leg_id);
    return known != legs_.end() ? answer(known->second, offer) : no_such_leg();
}

MediaAnswer AudioManager::answer(Record& record, std::string_view offer) {
    const webrtc::IceCredentials fresh = webrtc::IceCredentials::generate();
    record.local.ice = {fresh.ufrag, fresh.pwd};
    const sdp::Agreement* previous = record.agreement ? &*record.agreement : nullptr;
    if (offer.empty()) {
        record.offer = previous != nullptr ? sdp::make_reoffer(*previous, record.local.wanted)
                                           : sdp::make_offer(record.local, sdp::LegKind::rtp);
        return record.offer->text;
    }
    const auto parsed = sdp::parse(offer);
    if (const auto* fault = std::get_if<sdp::SdpFault>(&parsed)) return refusal_of(*fault);
    auto agreed = sdp::negotiate(std::get<sdp::SessionDescription>(parsed), record.local, previous);
    if (const auto* fault = std::get_if<sdp::AnswerFault>(&agreed)) return refusal_of(*fault);
    take(record, std::get<sdp::Agreement>(std::move(agreed)));
    return record.agreement->text;
}

std::optional<MediaRefusal> AudioManager::complete_leg(const std::string& leg_id, std::string_view answer) {
    const std::lock_guard lock(mutex_);
    const auto known = legs_.find(leg_id);
    if (known == legs_.end() || !known->second.offer) return no_such_leg();
    Record& record = known->second;
    const auto parsed = sdp::parse(answer);
    if (const auto* fault = std::get_if<sdp::SdpFault>(&parsed)) return refusal_of(*fault);
    const sdp::Agreement* previous = record.agreement ? &*record.agreement : nullptr;
    auto agreed = sdp::accept(*record.offer, std::get<sdp::SessionDescription>(parsed), previous);
    if (const auto* fault = std::get_if<sdp::AnswerFault>(&agreed)) return refusal_of(*fault);
    take(record, std::get<sdp::Agreement>(std::move(agreed)));
    record.offer.reset();
    return std::nullopt;
}

void AudioManager::take(Record& record, sdp::Agreement agreement) {
    const bool is_new = !record.agreement;
    const bool is_changed = !agreement.is_unchanged;
    record.agreement = std::move(agreement);
    record.local.session_version = record.agreement->session_version;
    const sdp::MediaTerms& terms = record.agreement->terms;
    const LegRequest& request = record.request;
    if (is_new) {
        loop_->open({.leg_id = request.leg_id,
                     .device = request.device,
                     .target = request.target,
                     .terms = terms,
                     .is_held = record.agreement->is_hold,
                     .cname = record.local.cname,
                     .seeds = record.seeds},
                    std::exchange(record.ports, std::nullopt));
    } else if (is_changed) {
        loop_->update(request.leg_id, terms, record.agreement->is_hold);
    }
}

bool AudioManager::add_candidate(const std::string& leg_id, std::string_view candidate) {
    const std::lock_guard lock(mutex_);
    return legs_.contains(leg_id) && !std::holds_alternative<sdp::CandidateFault>(sdp::parse_candidate(candidate));
}

void AudioManager::close_leg(const std::string& leg_id) {
    const std::lock_guard lock(mutex_);
    if (legs_.erase(leg_id) > 0 && loop_) loop_->close(leg_id);
}

std::vector<LegStatistics> AudioManager::legs() {
    std::unique_lock lock(mutex_);
    return loop_ ? loop_->statistics() : std::vector<LegStatistics>{};
}

}  // namespace sr::media
