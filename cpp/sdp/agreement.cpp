#include "sdp/agreement.hpp"

namespace sr::sdp {

std::string_view describe(AnswerFaultReason reason) noexcept {
    switch (reason) {
        case AnswerFaultReason::no_audio: return "The offer has no open audio section";
        case AnswerFaultReason::no_common_codec: return "None of the offered audio codecs is known here";
        case AnswerFaultReason::sdes_keys:
            return "SRTP keys in the clear (SDES) are refused; use DTLS-SRTP or plain RTP";
        case AnswerFaultReason::no_dtls_fingerprint: return "SRTP without a DTLS fingerprint (a=fingerprint)";
        case AnswerFaultReason::no_ice_credentials: return "DTLS-SRTP without ICE (a=ice-ufrag, a=ice-pwd)";
        case AnswerFaultReason::remote_is_ice_lite: return "Both sides are ICE-lite; one must be a full agent";
        case AnswerFaultReason::unknown_protocol: return "The transport protocol of the audio is not known here";
        case AnswerFaultReason::no_local_address: return "This server has no address or no port left for media";
        case AnswerFaultReason::dtls_on_hold: return "DTLS is not to be set up yet (a=setup:holdconn)";
        case AnswerFaultReason::transport_changed: return "A call cannot change between WebRTC and plain RTP";
        case AnswerFaultReason::section_mismatch: return "The answer's media sections are not those of the offer";
        case AnswerFaultReason::audio_refused: return "The answer refuses the audio";
    }
    return "The media cannot be agreed upon";
}

}  // namespace sr::sdp
