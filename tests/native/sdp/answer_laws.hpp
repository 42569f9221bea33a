// What holds for each answer to each offer, whoever wrote it (RFC 3264 section 6, RFC 8829 section 5.3, RFC 9143).
#pragma once

#include <algorithm>
#include <string_view>
#include <variant>

#include "sdp/answer.hpp"
#include "sip/ascii.hpp"

namespace sr::sdp::testkit {

inline bool is_subset(const auto& part, const auto& whole) {
    return std::ranges::all_of(part,
                               [&whole](const auto& value) { return std::ranges::find(whole, value) != whole.end(); });
}

/// The law that the accepted section breaks; empty if none.
inline std::string_view broken_law_of_section(const SessionDescription& offer, const MediaSection& offered,
                                              const SessionDescription& answer, const MediaSection& answered,
                                              const Agreement& agreement) {
    const MediaTerms& terms = agreement.terms;
    if (answered.port == 0) return "the accepted section has a port";
    if (answered.payload_types.empty()) return "the accepted section has a format";
    if (!is_subset(answered.payload_types, offered.payload_types)) return "payload types are the offer's";
    if (!answered.direction || answer.direction) return "the direction stands at the media level, and there alone";
    const Direction asked = offer.direction_of(offered);
    if (sends(*answered.direction) && !receives(asked)) return "nothing is sent to who does not receive";
    if (receives(*answered.direction) && !sends(asked)) return "nothing is received from who does not send";
    if (answered.direction != terms.direction) return "text and terms have one direction";
    if (answered.has_rtcp_mux && terms.kind == LegKind::rtp && !offered.has_rtcp_mux) return "rtcp-mux was offered";
    for (const ExtensionMap& extension : answered.extensions) {
        const auto is_it = [&extension](const ExtensionMap& other) {
            return other.id == extension.id && other.uri == extension.uri;
        };
        if (std::ranges::none_of(offered.extensions, is_it) && std::ranges::none_of(offer.extensions, is_it)) {
            return "header extensions are the offer's";
        }
    }
    const auto is_sent = [&terms](std::uint8_t type) { return type == terms.send.payload_type; };
    if (std::ranges::none_of(offered.payload_types, is_sent)) return "what is sent was offered";
    if (terms.receive.empty() || terms.ptime_ms == 0 || terms.ptime_ms > 120) return "the terms can be played";
    if (terms.kind == LegKind::rtp) return {};
    if (!answer.is_ice_lite || answered.candidates.empty() || !answered.has_end_of_candidates) return "we are ICE-lite";
    if (answered.transport.ice_ufrag != terms.local_ice.ufrag) return "text and terms have one ufrag";
    if (terms.remote_ice.ufrag.empty() || terms.remote_ice.pwd.empty()) return "their credentials are known";
    if (terms.remote_fingerprints.empty() || answered.transport.fingerprints.empty()) return "both have a fingerprint";
    const Setup role = terms.dtls_role == DtlsRole::server ? Setup::passive : Setup::active;
    if (answered.transport.setup != role) return "text and terms have one DTLS role";
    return {};
}

/// The law that an answer breaks; empty if none.
inline std::string_view broken_law(const SessionDescription& offer, const Agreement& agreement) {
    const auto read = parse(agreement.text);
    const auto* const answer = std::get_if<SessionDescription>(&read);
    if (answer == nullptr) return "an answer can be read";
    if (answer->media.size() != offer.media.size()) return "as many sections as offered";
    if (answer->timing != offer.timing) return "the time is the offer's";
    if (!is_subset(answer->bundle, offer.bundle)) return "bundled is what was offered bundled";
    if (agreement.section >= offer.media.size()) return "the section in use is one of them";
    for (std::size_t index = 0; index < offer.media.size(); ++index) {
        const MediaSection& offered = offer.media[index];
        const MediaSection& answered = answer->media[index];
        if (!sip::is_equal_ignoring_case(offered.kind, answered.kind)) return "kinds are in the offer's order";
        if (offered.protocol != answered.protocol) return "protocols are the offer's";
        if (offered.mid != answered.mid) return "mids are the offer's";
        if (index != agreement.section) {
            if (answered.port != 0) return "other sections are refused";
            if (answer->is_bundled(answered) && answered.mid != answer->media[agreement.section].mid) {
                return "a refused section is not bundled";
            }
            continue;
        }
        const auto broken = broken_law_of_section(offer, offered, *answer, answered, agreement);
        if (!broken.empty()) return broken;
    }
    return {};
}

}  // namespace sr::sdp::testkit
