#include "webrtc/srtp.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "webrtc/replay_window.hpp"
#include "webrtc/srtp_cipher.hpp"

namespace sr::webrtc {
namespace {

constexpr std::size_t kRtpHeader = 12;
constexpr std::size_t kRtcpHeader = 8;  // of the first packet of a compound: it stays in clear
constexpr std::size_t kRtcpIndex = 4;
constexpr std::uint32_t kEncryptedFlag = 0x80000000;
constexpr std::uint64_t kRtpIndexes = std::uint64_t{1} << 48;
constexpr std::uint64_t kRtcpIndexes = std::uint64_t{1} << 31;
constexpr std::size_t kRtpWindow = 512;  // ten seconds of packets of 20 ms
constexpr std::size_t kRtcpWindow = 128;

constexpr SrtpResult fail(SrtpFault fault) noexcept { return {0, fault}; }

/// Octets of the fixed header, the CSRCs and the header extension (RFC 3550 section 5.1); 0 where they do not fit.
std::size_t rtp_header_size(Octets packet) noexcept {
    if (packet.size() < kRtpHeader || packet[0] >> 6 != 2) return 0;
    std::size_t size = kRtpHeader + 4 * std::size_t{packet[0] & 0x0FU};
    if ((packet[0] & 0x10) != 0) {
        if (packet.size() < size + 4) return 0;
        size += 4 + 4 * std::size_t{read_u16(&packet[size + 2])};
    }
    return size <= packet.size() ? size : 0;
}

bool is_rtcp(Octets packet) noexcept { return packet.size() >= kRtcpHeader && packet[0] >> 6 == 2; }

/// RFC 3711 section 3.3.1: the index nearest to the highest one that ends in this sequence number. Before the first
/// half round there is no earlier one, so that all numbers belong to round 0.
template <std::size_t Size>
std::uint64_t estimate_index(const ReplayWindow<Size>& window, std::uint16_t sequence) noexcept {
    constexpr std::uint64_t kHalf = 0x8000;
    constexpr std::uint64_t kRound = 0x10000;
    if (!window.has_any() || window.highest() <= kHalf) return sequence;
    const std::uint64_t latest = window.highest() % kRound;
    const std::uint64_t index = window.highest() - latest + sequence;
    if (latest < kHalf) return sequence > latest + kHalf ? index - kRound : index;
    return sequence < latest - kHalf ? index + kRound : index;
}

template <std::size_t Size>
struct Source {
    std::uint32_t ssrc;
    ReplayWindow<Size> window;
};

/// A session has few sources and mostly hears one; the one of the last packet is looked at first.
template <std::size_t Size>
class SourceTable {
  public:
    [[nodiscard]] Source<Size>* find(std::uint32_t ssrc) noexcept {
        if (latest_ < sources_.size() && sources_[latest_].ssrc == ssrc) return &sources_[latest_];
        for (std::size_t i = 0; i < sources_.size(); ++i) {
            if (sources_[i].ssrc == ssrc) return &sources_[latest_ = i];
        }
        return nullptr;
    }

    [[nodiscard]] bool is_full() const noexcept { return sources_.size() >= kMostSources; }

    [[nodiscard]] Source<Size>& add(std::uint32_t ssrc) {
        latest_ = sources_.size();
        return sources_.emplace_back(Source<Size>{ssrc, {}});
    }

  private:
    std::vector<Source<Size>> sources_;
    std::size_t latest_ = 0;
};

std::array<std::uint8_t, 4> octets_of(std::uint32_t value) noexcept {
    std::array<std::uint8_t, 4> octets;
    write_u32(octets.data(), value);
    return octets;
}

/// What both directions have.
struct Contexts {
    SrtpCipher rtp;
    SrtpCipher rtcp;
    SourceTable<kRtpWindow> rtp_sources;
    SourceTable<kRtcpWindow> rtcp_sources;
};

std::optional<Contexts> make_contexts(SrtpProfile profile, const SrtpMaster& master, SrtpDirection direction) {
    const auto rtp_keys = derive_session_keys(profile, master, SrtpKind::rtp);
    const auto rtcp_keys = derive_session_keys(profile, master, SrtpKind::rtcp);
    if (!rtp_keys || !rtcp_keys) return std::nullopt;
    auto rtp = SrtpCipher::make(profile, *rtp_keys, direction, SrtpKind::rtp);
    auto rtcp = SrtpCipher::make(profile, *rtcp_keys, direction, SrtpKind::rtcp);
    if (!rtp || !rtcp) return std::nullopt;
    return Contexts{std::move(*rtp), std::move(*rtcp), {}, {}};
}

}  // namespace

std::string_view srtp_fault_name(SrtpFault fault) noexcept {
    switch (fault) {
        case SrtpFault::none: return "none";
        case SrtpFault::malformed: return "malformed";
        case SrtpFault::no_room: return "no_room";
        case SrtpFault::replayed: return "replayed";
        case SrtpFault::forged: return "forged";
        case SrtpFault::too_many_sources: return "too_many_sources";
        case SrtpFault::exhausted: return "exhausted";
        case SrtpFault::unencrypted: return "unencrypted";
        case SrtpFault::unavailable: return "unavailable";
    }
    return "none";
}

struct SrtpSender::State : Contexts {};
struct SrtpReceiver::State : Contexts {};

SrtpSender::SrtpSender(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
SrtpSender::~SrtpSender() = default;

std::unique_ptr<SrtpSender> SrtpSender::make(SrtpProfile profile, const SrtpMaster& master) {
    auto contexts = make_contexts(profile, master, SrtpDirection::protect);
    if (!contexts) return nullptr;
    return std::unique_ptr<SrtpSender>(new SrtpSender(std::make_unique<State>(State{std::move(*contexts)})));
}

SrtpResult SrtpSender::protect(MutableOctets room, std::size_t length) noexcept {
    SrtpCipher& cipher = state_->rtp;
    if (length > room.size()) return fail(SrtpFault::malformed);
    const MutableOctets packet = room.first(length);
    const std::size_t header = rtp_header_size(packet);
    if (header == 0) return fail(SrtpFault::malformed);
    if (room.size() - length < cipher.tag_size()) return fail(SrtpFault::no_room);

    const std::uint32_t ssrc = read_u32(&packet[8]);
    auto* source = state_->rtp_sources.find(ssrc);
    if (source == nullptr && state_->rtp_sources.is_full()) return fail(SrtpFault::too_many_sources);
    if (source == nullptr) source = &state_->rtp_sources.add(ssrc);
    const std::uint64_t index = estimate_index(source->window, read_u16(&packet[2]));
    if (index >= kRtpIndexes) return fail(SrtpFault::exhausted);
    if (!source->window.is_fresh(index)) return fail(SrtpFault::replayed);
    source->window.mark(index);

    const auto rollover = octets_of(static_cast<std::uint32_t>(index >> 16));
    if (!cipher.seal({ssrc, index}, packet, header, rollover, room.data() + length)) {
        return fail(SrtpFault::unavailable);
    }
    return {length + cipher.tag_size()};
}

SrtpResult SrtpSender::protect_rtcp(MutableOctets room, std::size_t length) noexcept {
    SrtpCipher& cipher = state_->rtcp;
    if (length > room.size() || !is_rtcp(room.first(length))) return fail(SrtpFault::malformed);
    if (room.size() - length < cipher.tag_size() + kRtcpIndex) return fail(SrtpFault::no_room);

    const std::uint32_t ssrc = read_u32(&room[4]);
    auto* source = state_->rtcp_sources.find(ssrc);
    if (source == nullptr && state_->rtcp_sources.is_full()) return fail(SrtpFault::too_many_sources);
    if (source == nullptr) source = &state_->rtcp_sources.add(ssrc);
    const std::uint64_t index = source->window.has_any() ? source->window.highest() + 1 : 0;
    if (index >= kRtcpIndexes) return fail(SrtpFault::exhausted);
    source->window.mark(index);

    const auto index_word = octets_of(kEncryptedFlag | static_cast<std::uint32_t>(index));
    // The index stands behind GCM's tag (RFC 7714 section 9.2) and before the other (RFC 3711 section 3.4).
    const std::size_t tag_at = length + (cipher.is_aead() ? 0 : kRtcpIndex);
    const std::size_t index_at = length + (cipher.is_aead() ? cipher.tag_size() : 0);
    if (!cipher.seal({ssrc, index}, room.first(length), kRtcpHeader, index_word, room.data() + tag_at)) {
        return fail(SrtpFault::unavailable);
    }
    std::copy(index_word.begin(), index_word.end(), room.data() + index_at);
    return {length + cipher.tag_size() + kRtcpIndex};
}

SrtpReceiver::SrtpReceiver(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
SrtpReceiver::~SrtpReceiver() = default;

std::unique_ptr<SrtpReceiver> SrtpReceiver::make(SrtpProfile profile, const SrtpMaster& master) {
    auto contexts = make_contexts(profile, master, SrtpDirection::unprotect);
    if (!contexts) return nullptr;
    return std::unique_ptr<SrtpReceiver>(new SrtpReceiver(std::make_unique<State>(State{std::move(*contexts)})));
}

SrtpResult SrtpReceiver::unprotect(MutableOctets packet) noexcept {
    SrtpCipher& cipher = state_->rtp;
    if (packet.size() < cipher.tag_size()) return fail(SrtpFault::malformed);
    const MutableOctets message = packet.first(packet.size() - cipher.tag_size());
    const std::size_t header = rtp_header_size(message);
    if (header == 0) return fail(SrtpFault::malformed);

    const std::uint32_t ssrc = read_u32(&message[8]);
    auto* source = state_->rtp_sources.find(ssrc);
    if (source == nullptr && state_->rtp_sources.is_full()) return fail(SrtpFault::too_many_sources);
    const std::uint16_t sequence = read_u16(&message[2]);
    const std::uint64_t index = source != nullptr ? estimate_index(source->window, sequence) : sequence;
    if (index >= kRtpIndexes) return fail(SrtpFault::exhausted);
    if (source != nullptr && !source->window.is_fresh(index)) return fail(SrtpFault::replayed);

    const auto rollover = octets_of(static_cast<std::uint32_t>(index >> 16));
    if (!cipher.open({ssrc, index}, message, header, rollover, packet.subspan(message.size()))) {
        return fail(SrtpFault::forged);
    }
    if (source == nullptr) source = &state_->rtp_sources.add(ssrc);
    source->window.mark(index);
    return {message.size()};
}

SrtpResult SrtpReceiver::unprotect_rtcp(MutableOctets packet) noexcept {
    SrtpCipher& cipher = state_->rtcp;
    const std::size_t growth = cipher.tag_size() + kRtcpIndex;
    if (packet.size() < kRtcpHeader + growth || !is_rtcp(packet)) return fail(SrtpFault::malformed);
    const MutableOctets message = packet.first(packet.size() - growth);
    const std::size_t index_at = cipher.is_aead() ? packet.size() - kRtcpIndex : message.size();
    const std::size_t tag_at = cipher.is_aead() ? message.size() : message.size() + kRtcpIndex;
    const Octets index_word = packet.subspan(index_at, kRtcpIndex);
    const Octets tag = packet.subspan(tag_at, cipher.tag_size());
    const std::uint32_t flagged_index = read_u32(index_word.data());
    if ((flagged_index & kEncryptedFlag) == 0) return fail(SrtpFault::unencrypted);

    const std::uint32_t ssrc = read_u32(&message[4]);
    auto* source = state_->rtcp_sources.find(ssrc);
    if (source == nullptr && state_->rtcp_sources.is_full()) return fail(SrtpFault::too_many_sources);
    const std::uint64_t index = flagged_index & ~kEncryptedFlag;
    if (source != nullptr && !source->window.is_fresh(index)) return fail(SrtpFault::replayed);

    if (!cipher.open({ssrc, index}, message, kRtcpHeader, index_word, tag)) return fail(SrtpFault::forged);
    if (source == nullptr) source = &state_->rtcp_sources.add(ssrc);
    source->window.mark(index);
    return {message.size()};
}

}  // namespace sr::webrtc
