// Attributes (RFC 8866 section 6 and the RFCs that add to it), read into the level at which they stand.
#pragma once

#include <optional>
#include <string_view>

#include "sdp/session_description.hpp"

namespace sr::sdp {

/// Takes the value of an a= line before the first m= line.
void read_session_attribute(std::string_view attribute, SessionDescription& session);

/// Takes the value of an a= line behind an m= line.
void read_media_attribute(std::string_view attribute, MediaSection& media);

/// The value of a c= line, or the rest of an a=rtcp line.
[[nodiscard]] std::optional<Connection> read_connection(std::string_view value) noexcept;

}  // namespace sr::sdp
