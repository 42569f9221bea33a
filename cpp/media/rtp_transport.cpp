#include "media/rtp_transport.hpp"

#include <utility>

#include "audio/rtp_packet.hpp"

namespace sr::media {
namespace {

constexpr audio::TimeUs kSilenceUs = 2'000'000;

}  // namespace

void Latch::expect(const std::optional<sip::SocketAddress>& announced) noexcept {
    if (announced == announced_) return;
    announced_ = announced;
    former_ = path_;
    is_latched_ = false;
    path_.reset();
    if (announced) path_ = Path{*announced, {.is_ipv6 = announced->is_ipv6}};
}

bool Latch::accept(const Path& path, audio::TimeUs now_us) noexcept {
    const bool is_busy = now_us - heard_us_ < kSilenceUs;
    // What was on its way when the peer moved is heard, but does not say where the peer is now.
    if (!is_latched_ && is_busy && former_ && former_->remote == path.remote) return true;
    const bool is_expected = path_ && path_->remote == path.remote;
    const bool is_announced = announced_ && *announced_ == path.remote;
    if (is_latched_ && is_busy && !is_expected && !is_announced) return false;
    is_latched_ = true;
    path_ = path;
    heard_us_ = now_us;
    return true;
}

RtpTransport::RtpTransport(PortPair ports, const sdp::MediaTerms& terms) noexcept : ports_(std::move(ports)) {
    RtpTransport::update(terms);
}

void RtpTransport::update(const sdp::MediaTerms& terms) {
    has_rtcp_mux_ = terms.has_rtcp_mux;
    rtp_.expect(terms.remote_rtp);
    rtcp_.expect(has_rtcp_mux_ ? terms.remote_rtp : terms.remote_rtcp);
}

Unwrapped RtpTransport::receive(const Arrival& arrival, int descriptor, audio::TimeUs now_us, SendBatch&) noexcept {
    const bool is_control = descriptor == ports_.rtcp.descriptor() || audio::is_rtcp(arrival.octets);
    // Only what looks like RTP may decide where to send: anything may meet an open port.
    if (!is_control && !audio::RtpView::parse(arrival.octets)) return {};
    if (!(is_control ? rtcp_ : rtp_).accept(arrival.path, now_us)) return {};
    return {is_control ? Content::rtcp : Content::rtp, arrival.octets};
}

std::size_t RtpTransport::send_rtp(std::size_t octets, SendBatch& out) noexcept {
    if (!rtp_.path()) return 0;
    out.commit(ports_.rtp.descriptor(), *rtp_.path(), octets);
    return octets;
}

std::size_t RtpTransport::send_rtcp(std::size_t octets, SendBatch& out) noexcept {
    if (!rtcp_.path()) return 0;
    out.commit((has_rtcp_mux_ ? ports_.rtp : ports_.rtcp).descriptor(), *rtcp_.path(), octets);
    return octets;
}

sip::SocketAddress RtpTransport::remote() const noexcept {
    return rtp_.path() ? rtp_.path()->remote : sip::SocketAddress{};
}

}  // namespace sr::media
