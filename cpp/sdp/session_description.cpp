#include "sdp/session_description.hpp"

#include <algorithm>

#include "sdp/attribute_reader.hpp"
#include "sdp/token.hpp"

namespace sr::sdp {
namespace {

constexpr std::string_view kExpectedOrigin = "'o=<user> <id> <version> <network> <address type> <address>'";
constexpr std::string_view kExpectedMedia = "'m=<media> <port> <protocol> <format> ...', with at most 128 formats";
constexpr std::string_view kExpectedConnection = "'c=IN IP4 <address>' or 'c=IN IP6 <address>'";

using Expected = std::string_view;  // empty: nothing is wrong

std::optional<Origin> read_origin(std::string_view value) noexcept {
    const std::string_view user = take_token(value);
    const auto id = read_number<std::uint64_t>(take_token(value), UINT64_MAX);
    const auto version = read_number<std::uint64_t>(take_token(value), UINT64_MAX);
    const std::string_view network = take_token(value);
    const std::string_view type = take_token(value);
    const std::string_view address = take_token(value);
    if (user.empty() || !id || !version || network.empty() || type.empty() || address.empty() || !value.empty()) {
        return std::nullopt;
    }
    return Origin{*id, *version};
}

/// False when there are none or too many.
bool read_formats(std::string_view formats, MediaSection& media) {
    media.formats = formats;
    std::size_t count = 0;
    for (; !formats.empty(); ++count) {
        if (count == kMaxFormats) return false;
        const auto payload_type = read_number<std::uint8_t>(take_token(formats), 127);
        const bool is_new =
            payload_type && std::ranges::find(media.payload_types, *payload_type) == media.payload_types.end();
        if (is_new) media.payload_types.push_back(*payload_type);
    }
    return count > 0;
}

std::optional<MediaSection> read_media(std::string_view value) {
    MediaSection media;
    media.kind = take_token(value);
    std::string_view ports = take_token(value);
    const auto port = read_number<std::uint16_t>(take_until(ports, '/'), 65535);
    const auto count = ports.empty() ? 1 : read_number<std::uint16_t>(ports, 65535);
    media.protocol = take_token(value);
    if (!port || !count || *count == 0 || media.protocol.empty() || !read_formats(value, media)) return std::nullopt;
    media.port = *port;
    return media;
}

class Reader {
  public:
    /// What was expected instead of this line; empty when it is right.
    Expected take(char letter, std::string_view value) {
        if (!has_begun_) {
            has_begun_ = letter == 'v' && trim_blanks(value) == "0";
            return has_begun_ ? Expected{} : "'v=0' first";
        }
        switch (letter) {
            case 'v': return "one v= line";
            case 'o': return take_origin(value);
            case 's': return take_name();
            case 'c': return take_connection(value);
            case 't': return take_timing(value);
            case 'm': return take_media(value);
            case 'a': take_attribute(value); return {};
            default: return {};
        }
    }

    [[nodiscard]] bool has_begun() const noexcept { return has_begun_; }
    [[nodiscard]] SessionDescription& session() noexcept { return session_; }

  private:
    Expected take_origin(std::string_view value) {
        const auto origin = read_origin(value);
        if (has_origin_ || !session_.media.empty()) return "one o= line, before the first m= line";
        if (!origin) return kExpectedOrigin;
        session_.origin = *origin;
        has_origin_ = true;
        return {};
    }

    Expected take_name() {
        if (has_name_ || !session_.media.empty()) return "one s= line, before the first m= line";
        has_name_ = true;
        return {};
    }

    Expected take_connection(std::string_view value) {
        const auto connection = read_connection(value);
        if (!connection) return kExpectedConnection;
        auto& place = session_.media.empty() ? session_.connection : session_.media.back().connection;
        if (!place) place = connection;  // further ones are the layers of hierarchical multicast
        return {};
    }

    Expected take_timing(std::string_view value) noexcept {
        std::string_view rest = value;
        const auto start = read_number<std::uint64_t>(take_token(rest), UINT64_MAX);
        const auto stop = read_number<std::uint64_t>(rest, UINT64_MAX);
        if (!has_timing_ && start && stop) session_.timing = trim_blanks(value);
        has_timing_ = true;
        return {};
    }

    Expected take_media(std::string_view value) {
        if (session_.media.size() == kMaxMediaSections) return "at most 64 m= lines";
        auto media = read_media(value);
        if (!media) return kExpectedMedia;
        session_.media.push_back(std::move(*media));
        return {};
    }

    void take_attribute(std::string_view value) {
        if (session_.media.empty()) return read_session_attribute(value, session_);
        read_media_attribute(value, session_.media.back());
    }

    SessionDescription session_;
    bool has_begun_ = false;
    bool has_origin_ = false;
    bool has_name_ = false;
    bool has_timing_ = false;
};

bool has_control_character(std::string_view line) noexcept {
    return std::ranges::any_of(line, [](char c) {
        const auto octet = static_cast<unsigned char>(c);
        return (octet < ' ' && c != '\t') || octet == 0x7F;
    });
}

bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace

Direction SessionDescription::direction_of(const MediaSection& section) const noexcept {
    return section.direction.value_or(direction.value_or(Direction::sendrecv));
}

const Connection* SessionDescription::connection_of(const MediaSection& section) const noexcept {
    if (section.connection) return &*section.connection;
    return connection ? &*connection : nullptr;
}

bool SessionDescription::is_bundled(const MediaSection& section) const noexcept {
    return !section.mid.empty() && std::ranges::find(bundle, section.mid) != bundle.end();
}

std::variant<SessionDescription, SdpFault> parse(std::string_view text) {
    if (text.size() > kMaxOctets) return SdpFault{0, "at most 65535 octets"};
    Reader reader;
    for (std::size_t number = 1; !text.empty(); ++number) {
        if (number > kMaxLines) return SdpFault{number, "at most 2000 lines"};
        std::string_view line = take_until(text, '\n');
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (trim_blanks(line).empty()) continue;
        if (has_control_character(line)) return SdpFault{number, "a line without control characters"};
        if (line.size() < 2 || !is_letter(line[0]) || line[1] != '=') return SdpFault{number, "'<letter>=<value>'"};
        const Expected expected = reader.take(line[0], line.substr(2));
        if (!expected.empty()) return SdpFault{number, expected};
    }
    if (!reader.has_begun()) return SdpFault{0, "'v=0' first"};
    return std::move(reader.session());
}

}  // namespace sr::sdp
