// What phones offer over plain RTP: baresip 1.0, linphone 5.1 and SIPp 3.6 as they wrote it, and the examples of RFC
// 3264.
#include <doctest/doctest.h>

#include "sdp/answer_laws.hpp"
#include "sdp/sdp_kit.hpp"

using namespace sr::sdp;
using namespace sr::sdp::testkit;

TEST_CASE("RFC 3264 section 10.1: the audio is answered and both videos refused, in the offer's order") {
    CHECK(answer_to(offer_file("rfc3264_offer")).text ==
          "v=0\r\n"
          "o=- 2476629896 1 IN IP4 192.0.2.1\r\n"
          "s=-\r\n"
          "c=IN IP4 192.0.2.1\r\n"
          "t=0 0\r\n"
          "m=audio 42002 RTP/AVP 0\r\n"
          "a=sendrecv\r\n"
          "a=rtpmap:0 PCMU/8000\r\n"
          "a=ptime:20\r\n"
          "m=video 0 RTP/AVP 31\r\n"
          "m=video 0 RTP/AVP 32\r\n");
}

TEST_CASE("SIPp's offer gives an address to send to, and RTCP on the next port") {
    const Agreement agreement = answer_to(offer_file("sipp_offer"));
    CHECK(agreement.terms.kind == LegKind::rtp);
    CHECK(agreement.terms.send == AgreedFormat{kPcmu, 0, {}});
    CHECK(agreement.terms.remote_rtp == address("127.0.0.1", 6000));
    CHECK(agreement.terms.remote_rtcp == address("127.0.0.1", 6001));
    CHECK(agreement.terms.receive_events.empty());
    CHECK_FALSE(agreement.terms.has_rtcp_mux);
}

TEST_CASE("baresip's plain offer: Opus in stereo, then L16, then G.711, as our order of codecs has it") {
    const Agreement agreement = answer_to(offer_file("baresip_offer"));
    CHECK(payload_types(agreement.terms.receive) == std::vector{96, 97, 0, 8});
    CHECK(agreement.terms.send.opus.is_stereo);
    CHECK(agreement.terms.receive.front().opus.use_inband_fec);
    CHECK(has_line(agreement.text, "m=audio 42002 RTP/AVP 96 97 0 8 101"));
    CHECK(has_line(agreement.text, "a=rtpmap:97 L16/48000/2"));
}

TEST_CASE("our order of codecs decides, not the offer's") {
    const std::string offer = plain_offer("m=audio 4000 RTP/AVP 0 8 9\n");
    CHECK(answer_to(offer).terms.send.codec == kG722);
    LocalMedia local = our_media();
    std::ranges::reverse(local.codecs);
    CHECK(payload_types(answer_to(offer, local).terms.receive) == std::vector{8, 0, 9});
}

TEST_CASE("baresip with DTLS and ICE is a WebRTC leg; with SDES it is refused with the reason") {
    const std::string dtls = offer_file("baresip_dtls_offer");
    const Agreement agreement = answer_to(dtls);
    CHECK(agreement.terms.kind == LegKind::webrtc);
    CHECK_FALSE(agreement.terms.has_rtcp_mux);
    CHECK_FALSE(agreement.terms.is_bundled);
    CHECK(agreement.text.find("BUNDLE") == std::string::npos);
    CHECK(broken_law(parsed(dtls), agreement).empty());
    CHECK(refusal_of(offer_file("baresip_sdes_offer")) == AnswerFaultReason::sdes_keys);
}

TEST_CASE("linphone's ICE over RTP/AVP is answered as plain RTP, without a word of ICE") {
    const std::string offer = offer_file("linphone_ice_offer");
    const Agreement agreement = answer_to(offer);
    CHECK(agreement.terms.kind == LegKind::rtp);
    CHECK(agreement.terms.remote_candidates.empty());
    CHECK(agreement.text.find("ice") == std::string::npos);
    CHECK(agreement.text.find("candidate") == std::string::npos);
    CHECK(agreement.terms.remote_rtcp == address("192.0.2.30", 7079));
    CHECK(has_line(agreement.text, "m=video 0 RTP/AVP 96"));
    // telephone-event/16000 would belong to speex, which is not taken.
    CHECK(answer_to(offer_file("linphone_offer")).terms.receive_events ==
          std::vector<AgreedEvents>{{48000, 99}, {8000, 101}});
}

TEST_CASE("a phone that writes IPv6 to a side with IPv4 only is answered all the same") {
    LocalMedia local = our_media();
    CHECK(has_line(answer_to(offer_file("linphone_offer"), local).text, "c=IN IP6 2001:db8::1"));
    local.addresses.resize(1);
    CHECK(has_line(answer_to(offer_file("linphone_offer"), local).text, "c=IN IP4 192.0.2.1"));
}

TEST_CASE("RFC 3551: static payload types need no rtpmap, and an rtpmap has the last word") {
    const Agreement agreement = answer_to(plain_offer("m=audio 4000 RTP/AVP 8 0 13 9\n"));
    CHECK(payload_types(agreement.terms.receive) == std::vector{9, 0, 8});
    CHECK(has_line(agreement.text, "a=rtpmap:9 G722/8000"));
    LocalMedia local = our_media();
    local.codecs = {{{CodecName::l16, 44100, 2}, {}}, {{CodecName::l16, 44100, 1}, {}}};
    CHECK(payload_types(answer_to(plain_offer("m=audio 4000 RTP/AVP 11 10\n"), local).terms.receive) ==
          std::vector{10, 11});
    CHECK(refusal_of(plain_offer("m=audio 4000 RTP/AVP 0\na=rtpmap:0 GSM/8000\n")) ==
          AnswerFaultReason::no_common_codec);
}

TEST_CASE("RFC 3264 section 6.1: each direction offered, against each wanted") {
    using enum Direction;
    struct Row {
        Direction offered;
        Direction wanted;
        Direction answer;
    };
    for (const auto& [offered, wanted, answer] :
         {Row{sendrecv, sendrecv, sendrecv}, Row{sendonly, sendrecv, recvonly}, Row{recvonly, sendrecv, sendonly},
          Row{inactive, sendrecv, inactive}, Row{sendrecv, recvonly, recvonly}, Row{sendrecv, sendonly, sendonly},
          Row{sendonly, sendonly, inactive}, Row{recvonly, recvonly, inactive}, Row{sendrecv, inactive, inactive},
          Row{recvonly, sendonly, sendonly}}) {
        LocalMedia local = our_media();
        local.wanted = wanted;
        const std::string line = "a=" + std::string(name_of(offered)) + "\n";
        for (const auto& offer : {plain_offer("m=audio 4000 RTP/AVP 0\n" + line),
                                  plain_offer("m=audio 4000 RTP/AVP 0\n", "c=IN IP4 192.0.2.9\n" + line)}) {
            const Agreement agreement = answer_to(offer, local);
            CHECK(agreement.terms.direction == answer);
            CHECK(agreement.terms.remote_direction == offered);
            CHECK(has_line(agreement.text, "a=" + std::string(name_of(answer))));
            CHECK_FALSE(agreement.is_hold);  // who never listened holds nobody
        }
    }
}

TEST_CASE("RFC 3264 section 8.4: a null address is the old hold, of both families, and there is nowhere to send to") {
    const Agreement first = answer_to(plain_offer("m=audio 4000 RTP/AVP 0\n"));
    for (const std::string_view null : {"c=IN IP4 0.0.0.0\n", "c=IN IP6 ::\n"}) {
        const Agreement held = answer_to(plain_offer("m=audio 4000 RTP/AVP 0\n", null), our_media(), &first);
        CHECK(held.terms.direction == Direction::recvonly);
        CHECK(held.is_hold);
        CHECK_FALSE(held.terms.remote_rtp);
        CHECK_FALSE(held.terms.remote_rtcp);
    }
}

TEST_CASE("hold by inactive is answered inactive and remembered until the other side listens again") {
    const Agreement first = answer_to(plain_offer("m=audio 4000 RTP/AVP 0\n"));
    const Agreement held = answer_to(plain_offer("m=audio 4000 RTP/AVP 0\na=inactive\n"), our_media(), &first);
    CHECK(held.terms.direction == Direction::inactive);
    CHECK(held.is_hold);
    const Agreement sendonly = answer_to(plain_offer("m=audio 4000 RTP/AVP 0\na=sendonly\n"), our_media(), &held);
    CHECK(sendonly.is_hold);
    const Agreement resumed = answer_to(plain_offer("m=audio 4000 RTP/AVP 0\n"), our_media(), &sendonly);
    CHECK_FALSE(resumed.is_hold);
    CHECK(resumed.session_version == 4);
}

TEST_CASE("rtcp-mux over plain RTP is taken where it is offered (RFC 5761 section 5.1.1)") {
    const Agreement agreement = answer_to(plain_offer("m=audio 4000 RTP/AVP 0\na=rtcp-mux\n"));
    CHECK(has_line(agreement.text, "a=rtcp-mux"));
    CHECK(agreement.terms.remote_rtcp == address("192.0.2.9", 4000));
}

TEST_CASE("nobody's word makes this side send to a group, a name or a port that is none") {
    for (const std::string_view session :
         {"c=IN IP4 224.2.17.12/127\n", "c=IN IP6 ff02::1\n", "c=IN IP4 phone.example\n", ""}) {
        CAPTURE(session);
        CHECK_FALSE(answer_to(plain_offer("m=audio 4000 RTP/AVP 0\n", session)).terms.remote_rtp);
    }
    CHECK_FALSE(answer_to(plain_offer("m=audio 65535 RTP/AVP 0\n")).terms.remote_rtcp);
}

TEST_CASE("an offer that cannot be answered is refused with the reason") {
    using enum AnswerFaultReason;
    CHECK(refusal_of(plain_offer("")) == no_audio);
    CHECK(refusal_of(plain_offer("m=audio 0 RTP/AVP 0\n")) == no_audio);
    CHECK(refusal_of(plain_offer("m=video 4000 RTP/AVP 31\n")) == no_audio);
    CHECK(refusal_of(plain_offer("m=audio 4000 RTP/AVP 18 13 101\na=rtpmap:101 telephone-event/8000\n")) ==
          no_common_codec);
    CHECK(refusal_of(plain_offer("m=audio 4000 udp 0\n")) == unknown_protocol);
    CHECK(refusal_of(plain_offer("m=audio 4000 RTP/SAVP 0\n")) == no_dtls_fingerprint);
    LocalMedia local = our_media();
    local.rtp_port = 0;
    CHECK(refusal_of(plain_offer("m=audio 4000 RTP/AVP 0\n"), local) == no_local_address);
}

TEST_CASE("SDES beside plain RTP: the section with the keys is refused and the plain one taken") {
    const std::string offer = plain_offer(
        "m=audio 4000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:ugQf4UvlpdklGECa5ivITO0KIzGbVb+GKJ6TgZGT\n"
        "m=audio 4002 RTP/AVP 0\nm=audio 4004 RTP/AVP 0\n");
    const Agreement agreement = answer_to(offer);
    CHECK(agreement.section == 1);
    CHECK(broken_law(parsed(offer), agreement).empty());
    const Agreement again = answer_to(with(offer, "m=audio 4002", "m=audio 0"), our_media(), &agreement);
    CHECK(again.section == 2);
}

TEST_CASE("the section in use stays in use even when one before it opens") {
    const std::string two = "m=audio 0 RTP/AVP 0\nm=audio 4002 RTP/AVP 0\n";
    const Agreement first = answer_to(plain_offer(two));
    CHECK(answer_to(plain_offer(with(two, "audio 0 ", "audio 4000 ")), our_media(), &first).section == 1);
}

TEST_CASE("a call does not turn from WebRTC into plain RTP or back") {
    const Agreement webrtc = answer_to(offer_file("chromium_offer"));
    CHECK(refusal_of(offer_file("sipp_offer"), our_media(), &webrtc) == AnswerFaultReason::transport_changed);
    const Agreement plain = answer_to(offer_file("sipp_offer"));
    CHECK(refusal_of(offer_file("chromium_offer"), our_media(), &plain) == AnswerFaultReason::transport_changed);
}

TEST_CASE("offered_kind tells the leg before its port is taken, and why there is none") {
    const LocalMedia local = our_media();
    const auto kind = [&local](const std::string& offer) { return offered_kind(parsed(offer), local.codecs, nullptr); };
    CHECK(std::get<LegKind>(kind(offer_file("chromium_offer"))) == LegKind::webrtc);
    CHECK(std::get<LegKind>(kind(offer_file("baresip_offer"))) == LegKind::rtp);
    CHECK(std::get<AnswerFault>(kind(offer_file("baresip_sdes_offer"))).reason == AnswerFaultReason::sdes_keys);
}

TEST_CASE("what we wish to receive in Opus stands in our fmtp") {
    LocalMedia local = our_media();
    local.codecs = {{kOpus, {true, true, true, true, 64000, 24000}}};
    CHECK(has_line(
        answer_to(offer_file("baresip_offer"), local).text,
        "a=fmtp:96 minptime=10;useinbandfec=1;usedtx=1;stereo=1;cbr=1;maxaveragebitrate=64000;maxplaybackrate=24000"));
}
