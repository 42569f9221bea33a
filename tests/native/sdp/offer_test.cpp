// Offers of this side: after an INVITE without a body, and within a call.
//
//   this side                    the other side
//     |          INVITE (no body)   |
//     |<----------------------------|
//     | 200 with our offer          |
//     |---------------------------->|
//     |          ACK with the answer|
//     |<----------------------------|
#include "sdp/offer.hpp"

#include <doctest/doctest.h>

#include "sdp/answer_laws.hpp"
#include "sdp/sdp_kit.hpp"

using namespace sr::sdp;
using namespace sr::sdp::testkit;

namespace {

/// The other side of a WebRTC call of ours: it takes everything, under other addresses and keys.
LocalMedia their_media() {
    LocalMedia local = our_media();
    local.addresses = {address("192.0.2.9", 50000)};
    local.rtp_port = 50002;
    local.ice = {"theirUFRA", "theirPASSWORDtheirPASSWORD"};
    local.fingerprint = with(local.fingerprint, "B4:11", "B5:11");
    return local;
}

/// An answer by this room itself; it writes a=ice-lite, which a full agent does not.
std::string answer_of(const std::string& offer, const LocalMedia& local = their_media()) {
    const std::string from_full_agent = without(offer, "a=ice-lite");
    return without(answer_to(from_full_agent, local).text, "a=ice-lite");
}

std::string plain_answer_of(const std::string& offer) { return answer_to(offer, their_media()).text; }

AnswerFaultReason fault_of(const Offer& offer, const std::string& answer) {
    const auto result = accept(offer, parsed(answer), nullptr);
    REQUIRE(std::holds_alternative<AnswerFault>(result));
    return std::get<AnswerFault>(result).reason;
}

}  // namespace

TEST_CASE("our WebRTC offer has all that a browser asks for, and can be read") {
    const Offer offer = make_offer(our_media(), LegKind::webrtc);
    const SessionDescription read = parsed(offer.text);
    REQUIRE(read.media.size() == 1);
    CHECK(read.is_ice_lite);
    CHECK(read.bundle == std::vector<std::string_view>{"0"});
    CHECK(read.media[0].protocol == "UDP/TLS/RTP/SAVPF");
    CHECK(read.media[0].payload_types == std::vector<std::uint8_t>{111, 96, 9, 0, 8, 97, 110, 101});
    CHECK(read.media[0].transport.setup == Setup::actpass);
    CHECK(read.media[0].has_rtcp_mux);
    CHECK(read.media[0].candidates.size() == 2);
    CHECK(read.media[0].direction == Direction::sendrecv);
}

TEST_CASE("our plain offer is answered, and the answer says where to send") {
    const Offer offer = make_offer(our_media(), LegKind::rtp);
    CHECK(has_line(offer.text, "m=audio 42002 RTP/AVP 111 96 9 0 8 97 110 101"));
    CHECK(offer.text.find("ice") == std::string::npos);
    const Agreement agreement = agreed(accept(offer, parsed(plain_answer_of(offer.text)), nullptr));
    CHECK(agreement.terms.remote_rtp == address("192.0.2.9", 50002));
    CHECK(agreement.terms.remote_rtcp == address("192.0.2.9", 50003));
    CHECK(agreement.text == offer.text);
    CHECK(agreement.session_version == 1);
    CHECK_FALSE(agreement.is_hold);
}

TEST_CASE("an answer to our WebRTC offer gives both sides' credentials, the role and the extension ids") {
    const Offer offer = make_offer(our_media(), LegKind::webrtc);
    const std::string answer = answer_of(offer.text);
    const Agreement agreement = agreed(accept(offer, parsed(answer), nullptr));
    CHECK(agreement.terms.kind == LegKind::webrtc);
    CHECK(agreement.terms.local_ice == our_media().ice);
    CHECK(agreement.terms.remote_ice == their_media().ice);
    CHECK(agreement.terms.dtls_role == DtlsRole::client);  // the answer was passive
    CHECK(agreement.terms.audio_level_extension == 1);
    CHECK(agreement.terms.mid_extension == 4);
    CHECK(agreement.terms.has_rtcp_mux);
    const std::string active = with(answer, "setup:passive", "setup:active");
    CHECK(agreed(accept(offer, parsed(active), nullptr)).terms.dtls_role == DtlsRole::server);
    const std::string other_id = with(answer, "extmap:1 ", "extmap:7 ");
    CHECK(agreed(accept(offer, parsed(other_id), nullptr)).terms.audio_level_extension == 0);
}

TEST_CASE("RFC 3264 section 6.1: the answerer may number a codec otherwise; each sends under the other's number") {
    const Offer offer = make_offer(our_media(), LegKind::rtp);
    const std::string answer = plain_offer(
        "m=audio 4000 RTP/AVP 120 0 121\na=rtpmap:120 opus/48000/2\na=fmtp:120 stereo=1\n"
        "a=rtpmap:121 telephone-event/48000\na=recvonly\n");
    const MediaTerms terms = agreed(accept(offer, parsed(answer), nullptr)).terms;
    CHECK(terms.send.payload_type == 120);
    CHECK(terms.send.opus.is_stereo);
    CHECK(payload_types(terms.receive) == std::vector{111, 0});
    CHECK(terms.send_events == std::vector<AgreedEvents>{{48000, 121}});
    CHECK(terms.receive_events == std::vector<AgreedEvents>{{48000, 110}});
    CHECK(terms.direction == Direction::sendonly);
}

TEST_CASE("the order of the answer decides what we send") {
    const Offer offer = make_offer(our_media(), LegKind::rtp);
    const MediaTerms terms = agreed(accept(offer, parsed(plain_offer("m=audio 4000 RTP/AVP 8 0\n")), nullptr)).terms;
    CHECK(terms.send == AgreedFormat{kPcma, 8, {}});
}

TEST_CASE("an answer that is none of our offer is refused with the reason") {
    using enum AnswerFaultReason;
    const Offer offer = make_offer(our_media(), LegKind::rtp);
    CHECK(fault_of(offer, plain_offer("m=audio 0 RTP/AVP 0\n")) == audio_refused);
    CHECK(fault_of(offer, plain_offer("m=audio 4000 RTP/AVP 18\n")) == no_common_codec);
    CHECK(fault_of(offer, plain_offer("m=video 4000 RTP/AVP 31\n")) == section_mismatch);
    CHECK(fault_of(offer, plain_offer("")) == section_mismatch);
    CHECK(fault_of(offer, plain_offer("m=audio 4000 RTP/AVP 0\nm=audio 4000 RTP/AVP 0\n")) == section_mismatch);
    CHECK(fault_of(make_offer(our_media(), LegKind::webrtc), plain_offer("m=audio 4000 RTP/AVP 0\n")) ==
          transport_changed);
    const Offer webrtc = make_offer(our_media(), LegKind::webrtc);
    CHECK(fault_of(webrtc, without(answer_of(webrtc.text), "a=fingerprint")) == no_dtls_fingerprint);
    CHECK(fault_of(webrtc, answer_to(without(webrtc.text, "a=ice-lite")).text) == remote_is_ice_lite);
}

TEST_CASE("a refresh offers what we last said, under the same version; the same answer changes nothing") {
    const Offer offer = make_offer(our_media(), LegKind::rtp);
    const std::string answer = plain_answer_of(offer.text);
    const Agreement first = agreed(accept(offer, parsed(answer), nullptr));
    const Offer refresh = make_reoffer(first, first.terms.direction);
    CHECK(refresh.text == offer.text);
    CHECK(refresh.session_version == 1);
    CHECK(agreed(accept(refresh, parsed(answer), &first)).is_unchanged);
}

TEST_CASE("we hold and resume: the direction of our section and the version change, and nothing else") {
    const std::string two_sections = offer_file("firefox_offer");
    const Agreement first = answer_to(two_sections);
    const Offer hold = make_reoffer(first, Direction::sendonly);
    CHECK(hold.text == with(with(first.text, "6 1 IN", "6 2 IN"), "a=sendrecv", "a=sendonly"));
    CHECK(hold.ice == first.terms.local_ice);
    const std::string held_answer =
        with(with(two_sections, "a=setup:actpass", "a=setup:active"), "a=sendrecv", "a=recvonly");
    const Agreement held = agreed(accept(hold, parsed(held_answer), &first));
    CHECK(held.terms.direction == Direction::sendonly);
    CHECK(held.terms.dtls_role == DtlsRole::server);
    CHECK_FALSE(held.is_ice_restart);
    CHECK_FALSE(held.is_hold);  // it is we who hold
    const Offer resume = make_reoffer(held, Direction::sendrecv);
    CHECK(resume.session_version == 3);
    CHECK(has_line(resume.text, "a=sendrecv"));
    CHECK(parsed(resume.text).media.size() == 3);
}

TEST_CASE("after our offer their re-offers are answered with versions that go on rising") {
    const Offer offer = make_offer(our_media(), LegKind::rtp);
    const Agreement first = agreed(accept(offer, parsed(plain_answer_of(offer.text)), nullptr));
    const Agreement second = answer_to(plain_offer("m=audio 4000 RTP/AVP 0\na=sendonly\n"), our_media(), &first);
    CHECK(second.session_version == 2);
    CHECK(second.is_hold);
    LocalMedia later = our_media();
    later.session_version = 9;  // an offer of ours was refused in between
    CHECK(answer_to(plain_offer("m=audio 4000 RTP/AVP 0\n"), later, &second).session_version == 9);
}
