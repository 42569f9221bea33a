// What browsers offer and must be answered: Chromium 156 by SIP.js 0.21.2, and Firefox.
//
//   browser                      this side
//     | offer sendrecv, actpass     |
//     |---------------------------->|
//     |  answer sendrecv, passive   |   version 1
//     |<----------------------------|
//     | offer sendonly (hold)       |
//     |---------------------------->|
//     |  answer recvonly            |   version 2, the same credentials and role
//     |<----------------------------|
#include <doctest/doctest.h>

#include "sdp/answer_laws.hpp"
#include "sdp/sdp_kit.hpp"

using namespace sr::sdp;
using namespace sr::sdp::testkit;

TEST_CASE("Chromium's offer is answered as it must be, line by line") {
    const std::string offer = offer_file("chromium_offer");
    LocalMedia local = our_media();
    local.codecs.resize(1);
    CHECK(answer_to(offer, local).text ==
          "v=0\r\n"
          "o=- 2476629896 1 IN IP4 192.0.2.1\r\n"
          "s=-\r\n"
          "t=0 0\r\n"
          "a=ice-lite\r\n"
          "a=group:BUNDLE 0\r\n"
          "a=msid-semantic: WMS *\r\n"
          "m=audio 42000 UDP/TLS/RTP/SAVPF 111 110\r\n"
          "c=IN IP4 192.0.2.1\r\n"
          "a=mid:0\r\n"
          "a=sendrecv\r\n"
          "a=rtcp-mux\r\n"
          "a=rtpmap:111 opus/48000/2\r\n"
          "a=fmtp:111 minptime=10;useinbandfec=1\r\n"
          "a=rtpmap:110 telephone-event/48000\r\n"
          "a=fmtp:110 0-15\r\n"
          "a=ptime:20\r\n"
          "a=ice-ufrag:oursUFRA\r\n"
          "a=ice-pwd:oursPASSWORDoursPASSWORD\r\n"
          "a=fingerprint:sha-256 "
          "B4:11:06:D9:CA:12:D0:3E:1F:5C:83:E5:5B:B4:F0:33:50:CC:33:35:0F:EA:DF:02:D3:AD:3E:F1:BF:81:59:2D\r\n"
          "a=setup:passive\r\n"
          "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
          "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
          "a=msid:sr audio\r\n"
          "a=ssrc:1619802995 cname:sr\r\n"
          "a=candidate:1 1 udp 2130706431 192.0.2.1 42000 typ host\r\n"
          "a=candidate:2 1 udp 2130706175 2001:db8::1 42000 typ host\r\n"
          "a=end-of-candidates\r\n");
}

TEST_CASE("Chromium's offer gives the media core all it acts upon") {
    const Agreement agreement = answer_to(offer_file("chromium_offer"));
    const MediaTerms& terms = agreement.terms;
    CHECK(terms.kind == LegKind::webrtc);
    CHECK(terms.direction == Direction::sendrecv);
    CHECK(terms.send == AgreedFormat{kOpus, 111, OpusParameters::parse("useinbandfec=1")});
    CHECK(payload_types(terms.receive) == std::vector{111, 9, 0, 8});
    CHECK(terms.receive_events == std::vector<AgreedEvents>{{48000, 110}, {8000, 126}});
    CHECK(terms.has_rtcp_mux);
    CHECK(terms.is_bundled);
    CHECK(terms.mid == "0");
    CHECK(terms.audio_level_extension == 1);
    CHECK(terms.mid_extension == 4);
    CHECK(terms.remote_ice == IceCredentials{"3cFL", "1sotU0lFOe8rldkLZv4tJjEH"});
    CHECK(terms.local_ice == our_media().ice);
    CHECK(terms.remote_candidates.size() == 1);
    CHECK(terms.remote_fingerprints.size() == 1);
    CHECK(terms.dtls_role == DtlsRole::server);
    CHECK(agreement.session_version == 1);
    CHECK_FALSE(agreement.is_hold);
    CHECK_FALSE(agreement.is_ice_restart);
    CHECK_FALSE(agreement.is_unchanged);
}

TEST_CASE("SIP.js holds and resumes: recvonly, then sendrecv, and nothing of ICE or DTLS changes") {
    const Agreement first = answer_to(offer_file("chromium_offer"));
    LocalMedia fresh = our_media();
    fresh.ice = {"freshUFRA", "freshPASSWORDfreshPASSWORD"};

    const std::string hold = offer_file("sipjs_hold_offer");
    const Agreement held = answer_to(hold, fresh, &first);
    CHECK(held.terms.direction == Direction::recvonly);
    CHECK(has_line(held.text, "a=recvonly"));
    CHECK(held.is_hold);
    CHECK_FALSE(held.is_ice_restart);
    CHECK_FALSE(held.is_unchanged);
    CHECK(held.session_version == 2);
    CHECK(held.terms.local_ice == first.terms.local_ice);
    CHECK(held.terms.dtls_role == first.terms.dtls_role);
    CHECK(with(with(held.text, "6 2 IN", "6 1 IN"), "a=recvonly", "a=sendrecv") == first.text);

    const Agreement still_held = answer_to(hold, fresh, &held);
    CHECK(still_held.is_hold);
    CHECK(still_held.is_unchanged);
    CHECK(still_held.text == held.text);

    const Agreement resumed = answer_to(with(hold, "a=sendonly", "a=sendrecv"), fresh, &still_held);
    CHECK(resumed.terms == first.terms);
    CHECK_FALSE(resumed.is_hold);
    CHECK(resumed.session_version == 3);
}

TEST_CASE("an offer that leaves everything as it was gets the earlier answer, octet for octet") {
    const std::string offer = offer_file("chromium_offer");
    const Agreement first = answer_to(offer);
    const Agreement second =
        answer_to(with(offer, "o=- 838987806115810793 2", "o=- 838987806115810793 3"), our_media(), &first);
    CHECK(second.is_unchanged);
    CHECK(second.text == first.text);
    CHECK(second.session_version == first.session_version);
}

TEST_CASE("RFC 8839 section 4.4.1.1.1: other credentials restart ICE with fresh ones of ours, and DTLS goes on") {
    const std::string offer = offer_file("chromium_offer");
    const Agreement first = answer_to(offer);
    LocalMedia fresh = our_media();
    fresh.ice = {"freshUFRA", "freshPASSWORDfreshPASSWORD"};
    const std::string restart = with(with(offer, "3cFL", "4dGM"), "1sotU0lF", "2tpuV1mG");
    const Agreement restarted = answer_to(restart, fresh, &first);
    CHECK(restarted.is_ice_restart);
    CHECK_FALSE(restarted.is_unchanged);
    CHECK(restarted.terms.local_ice == fresh.ice);
    CHECK(has_line(restarted.text, "a=ice-ufrag:freshUFRA"));
    CHECK(restarted.session_version == 2);
    CHECK(restarted.terms.dtls_role == first.terms.dtls_role);
}

TEST_CASE("Firefox: fingerprint at the session level, video and data bundled but refused in their places") {
    const std::string offer = offer_file("firefox_offer");
    const Agreement agreement = answer_to(offer);
    CHECK(broken_law(parsed(offer), agreement).empty());
    CHECK(agreement.terms.remote_fingerprints.size() == 1);
    CHECK(agreement.terms.send.payload_type == 109);
    CHECK(agreement.terms.send.opus.is_stereo);
    CHECK(agreement.terms.audio_level_extension == 1);
    CHECK(agreement.terms.mid_extension == 3);
    CHECK(agreement.terms.receive_events == std::vector<AgreedEvents>{{8000, 101}});
    CHECK(has_line(agreement.text, "a=group:BUNDLE 0"));
    CHECK(has_line(agreement.text, "m=video 0 UDP/TLS/RTP/SAVPF 120"));
    CHECK(has_line(agreement.text, "m=application 0 UDP/DTLS/SCTP webrtc-datachannel"));
    // SIP.js reads the first direction of a text: refused sections have none.
    CHECK(agreement.text.find("a=inactive") == std::string::npos);
}

TEST_CASE("RFC 9143 section 7.1: a bundle-only audio section uses the transport of the group's first section") {
    const std::string offer =
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE v a\r\n"
        "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:v\r\na=rtcp-mux\r\na=setup:actpass\r\n"
        "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n"
        "a=fingerprint:sha-1 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13\r\n"
        "a=candidate:1 1 udp 1 192.0.2.9 5 typ host\r\n"
        "m=audio 0 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:a\r\na=bundle-only\r\na=rtpmap:111 "
        "opus/48000/2\r\n";
    const Agreement agreement = answer_to(offer);
    CHECK(broken_law(parsed(offer), agreement).empty());
    CHECK(agreement.section == 1);
    CHECK(agreement.terms.remote_ice.ufrag == "abcd");
    CHECK(agreement.terms.remote_candidates.size() == 1);
    CHECK(agreement.terms.remote_fingerprints.front().function == HashFunction::sha_1);
    CHECK(agreement.terms.has_rtcp_mux);
    CHECK(refusal_of(without(offer, "a=bundle-only")) == AnswerFaultReason::no_audio);
}

TEST_CASE("RFC 8842 section 5.3: the offer's role decides ours; actpass keeps the association with the same peer") {
    const std::string offer = offer_file("chromium_offer");
    CHECK(answer_to(with(offer, "setup:actpass", "setup:active")).terms.dtls_role == DtlsRole::server);
    CHECK(answer_to(without(offer, "a=setup")).terms.dtls_role == DtlsRole::server);
    const Agreement client = answer_to(with(offer, "setup:actpass", "setup:passive"));
    CHECK(client.terms.dtls_role == DtlsRole::client);
    CHECK(has_line(client.text, "a=setup:active"));
    CHECK(answer_to(offer, our_media(), &client).terms.dtls_role == DtlsRole::client);
    const std::string other_peer = with(offer, "84:11:EA", "85:11:EA");
    CHECK(answer_to(other_peer, our_media(), &client).terms.dtls_role == DtlsRole::server);
    CHECK(refusal_of(with(offer, "setup:actpass", "setup:holdconn")) == AnswerFaultReason::dtls_on_hold);
}

TEST_CASE("each spelling of DTLS-SRTP is taken and answered in its own spelling") {
    const std::string offer = offer_file("chromium_offer");
    for (const std::string_view protocol :
         {"UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF", "RTP/SAVP", "TCP/DTLS/RTP/SAVPF"}) {
        CAPTURE(protocol);
        const std::string spelled = with(offer, "UDP/TLS/RTP/SAVPF", protocol);
        const Agreement agreement = answer_to(spelled);
        CHECK(agreement.terms.kind == LegKind::webrtc);
        CHECK(broken_law(parsed(spelled), agreement).empty());
    }
}

TEST_CASE("WebRTC without what it needs is refused with the reason") {
    const std::string offer = offer_file("chromium_offer");
    CHECK(refusal_of(without(offer, "a=fingerprint")) == AnswerFaultReason::no_dtls_fingerprint);
    CHECK(refusal_of(without(offer, "a=ice-ufrag")) == AnswerFaultReason::no_ice_credentials);
    CHECK(refusal_of(without(offer, "a=ice-pwd")) == AnswerFaultReason::no_ice_credentials);
    CHECK(refusal_of(with(offer, "a=group", "a=ice-lite\r\na=group")) == AnswerFaultReason::remote_is_ice_lite);
    CHECK(refusal_of(offer_file("screamrouter_webrtc_sink")) == AnswerFaultReason::no_audio);
    LocalMedia nowhere = our_media();
    nowhere.addresses.clear();
    CHECK(refusal_of(offer, nowhere) == AnswerFaultReason::no_local_address);
}

TEST_CASE("an offer over IPv6 is answered with our IPv6 address first, and zones are not written") {
    LocalMedia local = our_media();
    local.addresses.back().scope_id = 2;
    const std::string offer = with(offer_file("chromium_offer"), "c=IN IP4 127.0.0.1", "c=IN IP6 2001:db8::9");
    const std::string answer = answer_to(offer, local).text;
    CHECK(has_line(answer, "c=IN IP6 2001:db8::1"));
    CHECK(answer.find('%') == std::string::npos);
}
