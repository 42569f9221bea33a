// What two sides agree upon by offer and answer (RFC 3264), and what this side brings to it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sdp/candidate.hpp"
#include "sdp/codec.hpp"
#include "sdp/direction.hpp"
#include "sdp/fingerprint.hpp"
#include "sip/flow.hpp"

namespace sr::sdp {

/// webrtc: ICE, DTLS and SRTP. rtp: plain RTP to an address (RTP/AVP, RTP/AVPF).
enum class LegKind : std::uint8_t { webrtc, rtp };

/// Secret; not for logs.
struct IceCredentials {
    std::string ufrag;
    std::string pwd;

    bool operator==(const IceCredentials&) const = default;
};

/// A codec that this side takes, and for Opus what it wishes to receive.
struct CodecPolicy {
    Codec codec;
    OpusParameters opus;
};

/// This side of a leg. Nothing here is made up by the room: it knows no random numbers and no interfaces.
struct LocalMedia {
    /// Where this side is reached. webrtc: the host candidates with their ports, best first. rtp: only the IPs count,
    /// and the first of the other side's family is taken, or the first of all.
    std::vector<sip::SocketAddress> addresses;
    std::uint16_t rtp_port = 0;  // of a plain leg; RTCP is the next one unless both share
    /// Fresh ones at each call; they are taken for a new leg and for an ICE restart only. See MediaTerms::local_ice.
    IceCredentials ice;
    std::string fingerprint;            // of our certificate, as in the attribute: "sha-256 AB:CD:..."
    std::uint64_t session_id = 1;       // of our o= line
    std::uint64_t session_version = 1;  // the lowest that may be written
    std::string cname;                  // a token (RFC 7022); names the stream in msid too
    std::uint32_t ssrc = 1;
    Direction wanted = Direction::sendrecv;  // what the sink or service allows, seen from this side
    std::vector<CodecPolicy> codecs;         // best first: this order decides, since it is the order of sound quality
};

enum class DtlsRole : std::uint8_t { client, server };

/// A payload type as it stands in RTP packets.
struct AgreedFormat {
    Codec codec;
    std::uint8_t payload_type = 0;
    OpusParameters opus;  // in `send` the other side's wishes, in `receive` ours

    bool operator==(const AgreedFormat&) const = default;
};

/// Digits as RTP events (RFC 4733).
struct AgreedEvents {
    std::uint32_t clock_hz = 8000;
    std::uint8_t payload_type = 0;

    bool operator==(const AgreedEvents&) const = default;
};

/// All that a media leg acts upon. Two that are equal need no change of the leg.
struct MediaTerms {
    LegKind kind = LegKind::webrtc;
    Direction direction = Direction::inactive;         // seen from this side
    Direction remote_direction = Direction::inactive;  // what the other side said, a null address counted as hold
    AgreedFormat send;
    std::vector<AgreedFormat> receive;      // every payload type that may arrive, best first
    std::vector<AgreedEvents> send_events;  // empty: digits go by INFO
    std::vector<AgreedEvents> receive_events;
    std::uint16_t ptime_ms = 20;  // to send with
    bool has_rtcp_mux = false;
    bool is_bundled = false;
    std::uint8_t audio_level_extension = 0;  // RFC 6464; 0: none
    std::uint8_t mid_extension = 0;          // RFC 9143 section 15; 0: none
    std::string mid;                         // empty: none

    // webrtc
    IceCredentials local_ice;  // in force: those of LocalMedia or the earlier ones
    IceCredentials remote_ice;
    std::vector<Candidate> remote_candidates;
    std::vector<Fingerprint> remote_fingerprints;  // one of them must match (RFC 8122 section 5)
    DtlsRole dtls_role = DtlsRole::server;

    // rtp
    /// Nullopt when the other side named a host or a null address: wait for its first packet.
    std::optional<sip::SocketAddress> remote_rtp;
    std::optional<sip::SocketAddress> remote_rtcp;

    bool operator==(const MediaTerms&) const = default;
};

struct Agreement {
    MediaTerms terms;
    std::string text;  // our description, lines ended by CRLF: the answer, or the offer that was accepted
    std::uint64_t session_version = 0;  // of our o= line
    std::size_t section = 0;            // the m= line that is in use, from 0
    bool is_hold = false;               // the other side listened before and does not now, or gave a null address
    bool is_ice_restart = false;        // other remote credentials than before
    bool is_unchanged = false;          // terms and text are those of before: nothing is to be done
};

enum class AnswerFaultReason : std::uint8_t {
    no_audio,  // no audio section that is not closed
    no_common_codec,
    sdes_keys,  // RTP/SAVP with a=crypto, keys in clear text
    no_dtls_fingerprint,
    no_ice_credentials,  // DTLS without ICE
    remote_is_ice_lite,  // two lite agents never check, so never connect
    unknown_protocol,    // no RTP profile that we know
    no_local_address,    // LocalMedia without address, or without port for a plain leg
    dtls_on_hold,        // a=setup:holdconn
    transport_changed,   // a re-offer turns a WebRTC leg into a plain one or back
    section_mismatch,    // an answer whose m= lines are not those of our offer
    audio_refused,       // an answer that closes our audio
};

/// Why there is no agreement.
struct AnswerFault {
    AnswerFaultReason reason = AnswerFaultReason::no_audio;
};

/// A sentence that a person can act on, for Warning and Reason header fields and logs. The status is 488 for each.
[[nodiscard]] std::string_view describe(AnswerFaultReason reason) noexcept;

}  // namespace sr::sdp
