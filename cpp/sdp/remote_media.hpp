// What an audio section of the other side's description says, offers and answers alike.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "sdp/agreement.hpp"
#include "sdp/session_description.hpp"

namespace sr::sdp {

inline constexpr std::string_view kAudioLevelUri = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
inline constexpr std::string_view kMidUri = "urn:ietf:params:rtp-hdrext:sdes:mid";

/// Audio that is not closed by port 0; a bundle-only section (RFC 9143 section 6) has port 0 and is open.
[[nodiscard]] bool is_open_audio(const SessionDescription& session, const MediaSection& section) noexcept;

/// What kind of leg the section can become, or why none.
[[nodiscard]] std::variant<LegKind, AnswerFault> kind_of(const SessionDescription& session,
                                                         const MediaSection& section) noexcept;

/// The payload types whose codec is known, in the section's order, with the writer's wishes.
[[nodiscard]] std::vector<AgreedFormat> formats_of(const MediaSection& section);

/// The payload types of telephone-event, in the section's order.
[[nodiscard]] std::vector<AgreedEvents> events_of(const MediaSection& section);

/// Those of `events` whose clock is one of the formats'; all when there is none such, as phones write 8000 beside any.
[[nodiscard]] std::vector<AgreedEvents> matching_events(const std::vector<AgreedEvents>& events,
                                                        const std::vector<AgreedFormat>& formats);

/// The a=setup that holds for the section.
[[nodiscard]] Setup setup_of(const SessionDescription& session, const MediaSection& section) noexcept;

/// The terms as far as the other side alone decides them: its direction, addresses, credentials, fingerprints,
/// extensions and mid. Formats and our side are for the caller to fill in.
[[nodiscard]] MediaTerms remote_terms(const SessionDescription& session, const MediaSection& section, LegKind kind);

/// Sets the three claims at the end of an agreement whose terms and text are complete; `connection` is the other
/// side's.
void mark_changes(Agreement& agreement, const Connection* connection, const Agreement* previous) noexcept;

}  // namespace sr::sdp
