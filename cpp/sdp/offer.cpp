#include "sdp/offer.hpp"

#include <algorithm>
#include <array>

#include "sdp/description_writer.hpp"
#include "sdp/remote_media.hpp"
#include "sdp/token.hpp"

namespace sr::sdp {
namespace {

// The dynamic payload types that browsers and phones use for the same; others would do as well.
constexpr std::uint8_t kOpusType = 111;
constexpr std::uint8_t kFirstOfOthers = 96;
constexpr std::array kEventTypes{AgreedEvents{48000, 110}, AgreedEvents{8000, 101}};
constexpr std::size_t kMostOthers = 5;  // 96 to 100, below the events' 101

/// Each codec once with its payload type. Codecs beyond what has room are left out: the policy's last ones.
std::vector<AgreedFormat> proposed_formats(std::span<const CodecPolicy> policies) {
    std::vector<AgreedFormat> formats;
    std::uint8_t others = 0;
    for (const CodecPolicy& policy : policies) {
        if (std::ranges::find(formats, policy.codec, &AgreedFormat::codec) != formats.end()) continue;
        auto payload_type = static_payload_type(policy.codec);
        if (policy.codec == kOpus) payload_type = kOpusType;
        if (!payload_type && others == kMostOthers) continue;
        if (!payload_type) payload_type = static_cast<std::uint8_t>(kFirstOfOthers + others++);
        formats.push_back({policy.codec, *payload_type, policy.opus});
    }
    return formats;
}

/// What an offer proposes, in the shape of terms: `receive` and what we write of ourselves.
MediaTerms proposed_terms(const LocalMedia& local, LegKind kind) {
    MediaTerms terms;
    terms.kind = kind;
    terms.direction = local.wanted;
    terms.receive = proposed_formats(local.codecs);
    for (const AgreedEvents& events : kEventTypes) {
        const auto has_clock = [&events](const AgreedFormat& format) {
            return format.codec.clock_hz == events.clock_hz;
        };
        if (std::ranges::any_of(terms.receive, has_clock)) terms.receive_events.push_back(events);
    }
    if (!terms.receive.empty()) terms.ptime_ms = packet_time_ms(terms.receive.front().codec, 0, 0);
    if (kind == LegKind::rtp) return terms;
    terms.mid = "0";
    terms.is_bundled = true;
    terms.has_rtcp_mux = true;
    terms.audio_level_extension = 1;
    terms.mid_extension = 4;
    terms.local_ice = local.ice;
    return terms;
}

/// A text of ours with the direction of one section changed.
std::string with_direction(std::string_view text, std::size_t section, Direction direction) {
    std::string changed;
    std::size_t sections = 0;
    while (!text.empty()) {
        const std::string_view line = take_until(text, '\n');
        if (line.starts_with("m=")) ++sections;
        const bool is_direction =
            line == "a=sendrecv\r" || line == "a=sendonly\r" || line == "a=recvonly\r" || line == "a=inactive\r";
        if (is_direction && sections == section + 1) {
            changed.append("a=").append(name_of(direction)).append("\r\n");
        } else {
            changed.append(line).append("\n");
        }
    }
    return changed;
}

/// A text of ours with another version in its o= line, the fourth word of "o=- <id> <version> IN ...".
std::string with_version(const std::string& text, std::uint64_t version) {
    const std::size_t id = text.find(' ', text.find("\r\no=")) + 1;
    const std::size_t start = text.find(' ', id) + 1;
    return std::string(text).replace(start, text.find(' ', start) - start, std::to_string(version));
}

struct Formats {
    std::vector<AgreedFormat> send;
    std::vector<AgreedFormat> receive;
};

/// RFC 3264 section 7: each side sends under the other's numbers; what is not in the answer is not used.
Formats common_formats(const MediaSection& ours, const MediaSection& theirs) {
    Formats common;
    const std::vector<AgreedFormat> offered = formats_of(ours);
    for (const AgreedFormat& format : formats_of(theirs)) {
        const auto own = std::ranges::find(offered, format.codec, &AgreedFormat::codec);
        if (own == offered.end()) continue;
        common.send.push_back(format);
        if (std::ranges::find(common.receive, *own) == common.receive.end()) common.receive.push_back(*own);
    }
    return common;
}

/// An id that the offer did not propose does not count.
std::uint8_t only_proposed(std::uint8_t answered, std::uint8_t proposed) noexcept {
    return answered == proposed ? answered : std::uint8_t{0};
}

DtlsRole accepted_role(Setup ours, Setup theirs) noexcept {
    if (theirs == Setup::passive) return DtlsRole::client;
    if (theirs == Setup::active) return DtlsRole::server;
    return ours == Setup::active ? DtlsRole::client : DtlsRole::server;  // RFC 4145 section 4 allows no third answer
}

std::vector<AgreedEvents> common_events(const std::vector<AgreedEvents>& events,
                                        const std::vector<AgreedEvents>& others) {
    std::vector<AgreedEvents> common;
    std::ranges::copy_if(events, std::back_inserter(common), [&others](const AgreedEvents& event) {
        return std::ranges::find(others, event.clock_hz, &AgreedEvents::clock_hz) != others.end();
    });
    return common;
}

/// Completes what the answer says by what we had offered; false if no codec is left.
bool fill_terms(MediaTerms& terms, const SessionDescription& ours, const Offer& offer, const MediaSection& theirs) {
    const MediaSection& own = ours.media[offer.section];
    Formats formats = common_formats(own, theirs);
    if (formats.send.empty()) return false;
    terms.send = formats.send.front();
    terms.receive = std::move(formats.receive);
    terms.send_events = common_events(events_of(theirs), events_of(own));
    terms.receive_events = common_events(events_of(own), events_of(theirs));
    terms.ptime_ms = packet_time_ms(terms.send.codec, theirs.ptime_ms, theirs.maxptime_ms);
    terms.direction = answered(terms.remote_direction, offer.direction);
    const MediaTerms proposed = remote_terms(ours, own, offer.kind);
    terms.audio_level_extension = only_proposed(terms.audio_level_extension, proposed.audio_level_extension);
    terms.mid_extension = only_proposed(terms.mid_extension, proposed.mid_extension);
    terms.has_rtcp_mux = terms.has_rtcp_mux && proposed.has_rtcp_mux;
    terms.local_ice = offer.ice;
    return true;
}

}  // namespace

Offer make_offer(const LocalMedia& local, LegKind kind) {
    const MediaTerms terms = proposed_terms(local, kind);
    const sip::SocketAddress address = local.addresses.empty() ? sip::SocketAddress{} : local.addresses.front();
    Offer offer{{}, kind, local.wanted, terms.local_ice, local.session_version, 0};
    write_head(offer.text, {kind, local.session_id, local.session_version, address, "0 0", terms.mid});
    const std::string_view protocol = kind == LegKind::webrtc ? "UDP/TLS/RTP/SAVPF" : "RTP/AVP";
    write_audio(offer.text, {protocol, "actpass", terms, local, address});
    return offer;
}

Offer make_reoffer(const Agreement& previous, Direction wanted) {
    const MediaTerms& terms = previous.terms;
    Offer offer{with_direction(previous.text, previous.section, wanted),
                terms.kind,
                wanted,
                terms.local_ice,
                previous.session_version,
                previous.section};
    if (offer.text == previous.text) return offer;
    offer.text = with_version(offer.text, ++offer.session_version);
    return offer;
}

std::variant<Agreement, AnswerFault> accept(const Offer& offer, const SessionDescription& answer,
                                            const Agreement* previous) {
    using enum AnswerFaultReason;
    const auto parsed = parse(offer.text);
    const auto* const ours = std::get_if<SessionDescription>(&parsed);
    if (ours == nullptr || ours->media.size() != answer.media.size() || offer.section >= answer.media.size()) {
        return AnswerFault{section_mismatch};
    }
    const MediaSection& section = answer.media[offer.section];
    if (section.port == 0) return AnswerFault{audio_refused};
    if (!is_open_audio(answer, section)) return AnswerFault{section_mismatch};
    const auto kind = kind_of(answer, section);
    if (const auto* const fault = std::get_if<AnswerFault>(&kind)) return *fault;
    if (std::get<LegKind>(kind) != offer.kind) return AnswerFault{transport_changed};

    Agreement agreement;
    agreement.terms = remote_terms(answer, section, offer.kind);
    if (!fill_terms(agreement.terms, *ours, offer, section)) return AnswerFault{no_common_codec};
    if (offer.kind == LegKind::webrtc) {
        const Setup own = setup_of(*ours, ours->media[offer.section]);
        agreement.terms.dtls_role = accepted_role(own, setup_of(answer, section));
    }
    agreement.text = offer.text;
    agreement.session_version = offer.session_version;
    agreement.section = offer.section;
    mark_changes(agreement, answer.connection_of(section), previous);
    return agreement;
}

}  // namespace sr::sdp
