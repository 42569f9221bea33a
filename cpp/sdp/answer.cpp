#include "sdp/answer.hpp"

#include <algorithm>
#include <utility>

#include "sdp/description_writer.hpp"
#include "sdp/remote_media.hpp"

namespace sr::sdp {
namespace {

struct Choice {
    std::size_t section = 0;
    LegKind kind = LegKind::webrtc;
    std::vector<AgreedFormat> theirs;  // with their wishes, in our order
};

/// The offered formats that our policy takes, in its order.
std::vector<AgreedFormat> accepted_formats(const MediaSection& section, std::span<const CodecPolicy> policies) {
    const std::vector<AgreedFormat> offered = formats_of(section);
    std::vector<AgreedFormat> accepted;
    for (const CodecPolicy& policy : policies) {
        std::ranges::copy_if(offered, std::back_inserter(accepted),
                             [&policy](const AgreedFormat& format) { return format.codec == policy.codec; });
    }
    return accepted;
}

std::variant<Choice, AnswerFault> try_section(const SessionDescription& offer, std::size_t index,
                                              std::span<const CodecPolicy> codecs) {
    if (index >= offer.media.size() || !is_open_audio(offer, offer.media[index])) {
        return AnswerFault{AnswerFaultReason::no_audio};
    }
    const MediaSection& section = offer.media[index];
    const auto kind = kind_of(offer, section);
    if (const auto* const fault = std::get_if<AnswerFault>(&kind)) return *fault;
    Choice choice{index, std::get<LegKind>(kind), accepted_formats(section, codecs)};
    if (choice.theirs.empty()) return AnswerFault{AnswerFaultReason::no_common_codec};
    return choice;
}

/// The section in use before if it can still be used, else the first that can. The fault is that of the first open one.
std::variant<Choice, AnswerFault> choose(const SessionDescription& offer, std::span<const CodecPolicy> codecs,
                                         const Agreement* previous) {
    AnswerFault first_fault{AnswerFaultReason::no_audio};
    std::vector<std::size_t> order;
    if (previous != nullptr) order.push_back(previous->section);
    for (std::size_t index = 0; index < offer.media.size(); ++index) order.push_back(index);
    for (const std::size_t index : order) {
        auto tried = try_section(offer, index, codecs);
        const auto* const fault = std::get_if<AnswerFault>(&tried);
        if (fault == nullptr) return tried;
        if (first_fault.reason == AnswerFaultReason::no_audio) first_fault = *fault;
    }
    return first_fault;
}

/// Of the family that the other side uses if there is one. Else the first: linphone writes an IPv6 address in calls
/// over IPv4 and listens on both, and a leg sends to where packets come from.
const sip::SocketAddress* own_address(const LocalMedia& local, const Connection* theirs) noexcept {
    if (local.addresses.empty()) return nullptr;
    const auto same = std::ranges::find_if(local.addresses, [theirs](const sip::SocketAddress& address) {
        return theirs == nullptr || address.is_ipv6 == theirs->is_ipv6;
    });
    return same == local.addresses.end() ? &local.addresses.front() : &*same;
}

/// RFC 8842 section 5.3: the offer decides, and actpass leaves an association with the same peer as it is.
DtlsRole answered_role(Setup setup, const MediaTerms& terms, const Agreement* previous) noexcept {
    if (setup == Setup::passive) return DtlsRole::client;
    if (setup == Setup::active) return DtlsRole::server;
    const bool is_same_peer = previous != nullptr && previous->terms.remote_fingerprints == terms.remote_fingerprints;
    return is_same_peer ? previous->terms.dtls_role : DtlsRole::server;
}

void fill_formats(MediaTerms& terms, const MediaSection& section, const Choice& choice,
                  std::span<const CodecPolicy> codecs) {
    terms.send = choice.theirs.front();
    terms.receive = choice.theirs;
    for (AgreedFormat& format : terms.receive) {
        const auto policy = std::ranges::find(codecs, format.codec, &CodecPolicy::codec);
        format.opus = policy->opus;  // there, since accepted_formats took the format from it
    }
    terms.receive_events = terms.send_events = matching_events(events_of(section), terms.receive);
    terms.ptime_ms = packet_time_ms(terms.send.codec, section.ptime_ms, section.maxptime_ms);
}

void fill_transport(MediaTerms& terms, Setup setup, const LocalMedia& local, const Agreement* previous) {
    if (terms.kind == LegKind::rtp) return;
    const bool goes_on = previous != nullptr && previous->terms.remote_ice == terms.remote_ice;
    terms.local_ice = goes_on ? previous->terms.local_ice : local.ice;
    terms.dtls_role = answered_role(setup, terms, previous);
}

std::string write_body(const SessionDescription& offer, const Agreement& agreement, const LocalMedia& local,
                       const sip::SocketAddress& address) {
    const MediaTerms& terms = agreement.terms;
    std::string body;
    for (std::size_t index = 0; index < offer.media.size(); ++index) {
        const MediaSection& section = offer.media[index];
        if (index != agreement.section) {
            write_refusal(body, section, terms.kind);
            continue;
        }
        const std::string_view setup = terms.dtls_role == DtlsRole::server ? "passive" : "active";
        write_audio(body, {section.protocol, setup, terms, local, address});
    }
    return body;
}

/// RFC 3264 section 8: the earlier text and version if nothing differs, else a version higher by one.
void write_text(Agreement& agreement, Head head, const std::string& body, const Agreement* previous) {
    const std::uint64_t lowest = head.session_version;
    if (previous != nullptr) head.session_version = previous->session_version;
    write_head(agreement.text, head);
    agreement.text += body;
    if (previous != nullptr && agreement.text != previous->text) {
        head.session_version = std::max(lowest, previous->session_version + 1);
        agreement.text.clear();
        write_head(agreement.text, head);
        agreement.text += body;
    }
    agreement.session_version = head.session_version;
}

}  // namespace

std::variant<LegKind, AnswerFault> offered_kind(const SessionDescription& offer, std::span<const CodecPolicy> codecs,
                                                const Agreement* previous) {
    const auto chosen = choose(offer, codecs, previous);
    if (const auto* const fault = std::get_if<AnswerFault>(&chosen)) return *fault;
    return std::get<Choice>(chosen).kind;
}

std::variant<Agreement, AnswerFault> negotiate(const SessionDescription& offer, const LocalMedia& local,
                                               const Agreement* previous) {
    const auto chosen = choose(offer, local.codecs, previous);
    if (const auto* const fault = std::get_if<AnswerFault>(&chosen)) return *fault;
    const auto& choice = std::get<Choice>(chosen);
    if (previous != nullptr && previous->terms.kind != choice.kind) {
        return AnswerFault{AnswerFaultReason::transport_changed};
    }
    const MediaSection& section = offer.media[choice.section];
    const Connection* const connection = offer.connection_of(section);
    const sip::SocketAddress* const address = own_address(local, connection);
    const bool has_port = choice.kind == LegKind::webrtc || local.rtp_port != 0;
    if (address == nullptr || !has_port) return AnswerFault{AnswerFaultReason::no_local_address};

    Agreement agreement;
    agreement.section = choice.section;
    MediaTerms& terms = agreement.terms;
    terms = remote_terms(offer, section, choice.kind);
    terms.direction = answered(terms.remote_direction, local.wanted);
    fill_formats(terms, section, choice, local.codecs);
    fill_transport(terms, setup_of(offer, section), local, previous);
    const Head head{terms.kind, local.session_id, local.session_version,
                    *address,   offer.timing,     terms.is_bundled ? std::string_view(terms.mid) : std::string_view{}};
    write_text(agreement, head, write_body(offer, agreement, local, *address), previous);
    mark_changes(agreement, connection, previous);
    return agreement;
}

}  // namespace sr::sdp
