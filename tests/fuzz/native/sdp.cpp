// Session descriptions and trickled candidates: any octets are read or refused, and each answer keeps the laws.
#include <string>
#include <string_view>
#include <variant>

#include "../../native/sdp/answer_laws.hpp"
#include "fuzz_kit.hpp"
#include "sdp/answer.hpp"
#include "sdp/offer.hpp"

namespace sr::fuzz {
namespace {

using namespace sr::sdp;

LocalMedia our_media() {
    LocalMedia local;
    local.addresses = {*sr::sip::SocketAddress::parse("192.0.2.1", 42000),
                       *sr::sip::SocketAddress::parse("2001:db8::1", 42000)};
    local.rtp_port = 42002;
    local.ice = {"oursUFRA", "oursPASSWORDoursPASSWORD"};
    local.fingerprint = "sha-1 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13";
    local.cname = "sr";
    local.codecs = {{kOpus, {}}, {{CodecName::l16, 48000, 2}, {}}, {kG722, {}}, {kPcmu, {}}, {kPcma, {}}};
    return local;
}

void require_laws(const SessionDescription& offer, const Agreement& agreement) {
    const std::string broken(testkit::broken_law(offer, agreement));
    require(broken.empty(), broken.c_str());
}

void answer(const SessionDescription& offer, const LocalMedia& local, const Agreement& earlier) {
    const auto result = negotiate(offer, local, nullptr);
    const auto* const first = std::get_if<Agreement>(&result);
    const auto kind = offered_kind(offer, local.codecs, nullptr);
    require(std::holds_alternative<LegKind>(kind) == (first != nullptr), "offered_kind and negotiate say the same");
    if (first == nullptr) return;
    require_laws(offer, *first);
    const auto again = negotiate(offer, local, first);
    require(std::get<Agreement>(again).is_unchanged, "asked again, nothing changes");
    const Offer hold = make_reoffer(*first, Direction::inactive);
    require(std::holds_alternative<SessionDescription>(parse(hold.text)), "our own offer can be read");
    const auto later = negotiate(offer, local, &earlier);
    if (const auto* const agreement = std::get_if<Agreement>(&later)) require_laws(offer, *agreement);
}

}  // namespace

void run(std::string_view input) {
    static const LocalMedia local = our_media();
    static const Offer offers[] = {make_offer(local, LegKind::webrtc), make_offer(local, LegKind::rtp)};
    static const auto earlier = [] {
        const auto read = parse("v=0\nc=IN IP4 192.0.2.9\nm=audio 4000 RTP/AVP 0\n");
        return std::get<Agreement>(negotiate(std::get<SessionDescription>(read), local, nullptr));
    }();
    static_cast<void>(parse_candidate(input));
    const auto read = parse(input);
    const auto* const description = std::get_if<SessionDescription>(&read);
    if (description == nullptr) {
        require(!std::get<SdpFault>(read).expected.empty(), "a fault says what was expected");
        return;
    }
    answer(*description, local, earlier);
    for (const Offer& offer : offers) static_cast<void>(accept(offer, *description, nullptr));
}

}  // namespace sr::fuzz
