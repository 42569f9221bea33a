// Theory: one pass over the lines, which are passed by and copied together. A line costs three searches by memchr; only
// one whose name speaks of authorization or authentication, an `@` with a password before it, a `?` or a key of SDP is
// taken apart. Whatever is in doubt there is masked: a value is shown only if it is on the list below *and* could not
// hide another one.

#include "sip/credential_mask.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>

#include "sip/ascii.hpp"

namespace sr::sip {
namespace {

constexpr std::string_view kMask = "***";
constexpr std::string_view kLineEnds = "\r\n";
constexpr std::string_view kBeyondUserinfo = " \t<>\"\r\n";
constexpr std::size_t kShortestName = 13;  // Authorization
constexpr std::array<std::string_view, 7> kShown{"username", "realm", "algorithm", "qop", "nc", "stale", "uri"};
constexpr std::array<std::string_view, 6> kNamed{"nonce", "cnonce", "response", "opaque", "rspauth", "nextnonce"};
constexpr std::array<std::string_view, 2> kMarks{"authoriz", "authenti"};
constexpr std::array<std::string_view, 3> kSchemes{"sip:", "sips:", "://"};
constexpr std::array<std::string_view, 3> kSdpKeys{"a=crypto:", "a=ice-pwd:", "k="};

std::size_t find(std::string_view text, char wanted, std::size_t from) noexcept {
    if (from >= text.size()) return text.size();
    const void* found = std::memchr(text.data() + from, wanted, text.size() - from);
    return found == nullptr ? text.size() : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

std::size_t find_ignoring_case(std::string_view text, std::string_view lower) noexcept {
    for (std::size_t at = 0; at + lower.size() <= text.size(); ++at) {
        if (is_equal_ignoring_case(text.substr(at, lower.size()), lower)) return at;
    }
    return std::string_view::npos;
}

template <std::size_t Count>
bool is_among(const std::array<std::string_view, Count>& names, std::string_view name) noexcept {
    return std::ranges::any_of(names, [name](std::string_view one) { return is_equal_ignoring_case(one, name); });
}

bool speaks_of_credentials(std::string_view text) noexcept {
    return text.size() >= kMarks[0].size() && std::ranges::any_of(kMarks, [text](std::string_view mark) {
               return find_ignoring_case(text, mark) != std::string_view::npos;
           });
}

bool is_token(std::string_view text) noexcept {
    const auto is_token_octet = [](char c) {
        return (c >= '0' && c <= '9') || (to_lower(c) >= 'a' && to_lower(c) <= 'z') || c == '-' || c == '.' || c == '_';
    };
    return !text.empty() && std::ranges::all_of(text, is_token_octet);
}

/// Whether a value is one value and no more: neither a lost quote nor a fold can have drawn another one into it.
bool is_unmistakable(std::string_view value) noexcept {
    if (is_token(value)) return true;
    if (value.size() < 2 || value.front() != '"' || value.back() != '"') return false;
    return std::ranges::none_of(value.substr(1, value.size() - 2), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '=' || c == ',' || c == '\\';
    });
}

class Writer {
  public:
    explicit Writer(std::span<char> room) noexcept : room_(room) {}

    void put(std::string_view text) noexcept {
        const std::size_t taken = std::min(text.size(), room_.size() - copy_.size);
        if (taken != 0) std::memcpy(room_.data() + copy_.size, text.data(), taken);
        copy_.size += taken;
        copy_.is_cut = copy_.is_cut || taken < text.size();
    }

    [[nodiscard]] bool has_room_beyond(std::size_t octets) const noexcept {
        return octets <= room_.size() - copy_.size;
    }
    [[nodiscard]] const MaskedCopy& result() const noexcept { return copy_; }

  private:
    std::span<char> room_;
    MaskedCopy copy_;
};

/// The end of the first parameter: a comma outside quotes.
std::size_t parameter_end(std::string_view text) noexcept {
    bool is_quoted = false;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (is_quoted && text[at] == '\\') {
            ++at;
        } else if (text[at] == '"') {
            is_quoted = !is_quoted;
        } else if (text[at] == ',' && !is_quoted) {
            return at;
        }
    }
    return text.size();
}

void write_parameters(std::string_view parameters, Writer& out) noexcept {
    for (bool is_first = true; !parameters.empty(); is_first = false) {
        const std::size_t end = parameter_end(parameters);
        const std::string_view parameter = parameters.substr(0, end);
        parameters.remove_prefix(std::min(end + 1, parameters.size()));
        const std::size_t equals = std::min(parameter.find('='), parameter.size());
        const std::string_view name = trim(parameter.substr(0, equals));
        const std::string_view value = trim(parameter.substr(std::min(equals + 1, parameter.size())));
        if (!is_first) out.put(", ");
        const bool is_shown = is_among(kShown, name) && is_unmistakable(value);
        if (is_shown || is_among(kNamed, name) || is_among(kShown, name)) {
            out.put(name);
            out.put("=");
        }
        out.put(is_shown ? value : kMask);
    }
}

/// The value of a header field, folds included.
void write_credentials(std::string_view name, std::string_view value, Writer& out) noexcept {
    value = trim(value);
    out.put(name);
    out.put(": ");
    const std::size_t blank = std::min(value.find_first_of(" \t\r\n"), value.size());
    const std::string_view scheme = value.substr(0, blank);
    if (find_ignoring_case(name, "-info") != std::string_view::npos) {
        write_parameters(value, out);
    } else if (is_equal_ignoring_case(scheme, "digest")) {
        out.put(scheme);
        out.put(" ");
        write_parameters(trim(value.substr(blank)), out);
    } else {
        if (blank < value.size() && is_token(scheme)) {
            out.put(scheme);
            out.put(" ");
        }
        out.put(kMask);
    }
}

class Masker {
  public:
    Masker(std::string_view message, Writer& out) noexcept
        : message_(message),
          out_(out),
          next_cr_(find(message, '\r', 0)),
          next_lf_(find(message, '\n', 0)),
          next_at_(find(message, '@', 0)),
          next_question_(find(message, '?', 0)) {}

    void run() noexcept {
        while (at_ < message_.size() && out_.has_room_beyond(at_ - copied_)) {
            const std::size_t end = line_end(at_);
            const std::string_view line = message_.substr(at_, end - at_);
            if (line.empty()) {
                is_beside_credentials_ = false;
            } else if (const std::size_t colon = find(line, ':', 0);
                       !may_be_special(line, colon) || !mask_special(line, colon)) {
                mask_within(end);
            }
            if (at_ < end) at_ = end;
            at_ += message_.substr(at_).starts_with(kLineEnds) ? 2 : 1;
        }
        at_ = std::min(at_, message_.size());
        copy_to(at_);
    }

  private:
    std::size_t line_end(std::size_t from) noexcept {
        if (next_cr_ < from) next_cr_ = find(message_, '\r', from);
        if (next_lf_ < from) next_lf_ = find(message_, '\n', from);
        return std::min(next_cr_, next_lf_);
    }

    /// Copies what was passed by and needs no mask.
    void copy_to(std::size_t end) noexcept {
        if (copied_ < end) out_.put(message_.substr(copied_, end - copied_));
        copied_ = std::max(copied_, end);
    }

    void mask_to(std::size_t end) noexcept {
        out_.put(kMask);
        copied_ = at_ = end;
    }

    /// What nearly every line of a message is not.
    [[nodiscard]] bool may_be_special(std::string_view line, std::size_t colon) const noexcept {
        return colon >= kShortestName || is_beside_credentials_ || (line.size() > 1 && line[1] == '=');
    }

    /// Credentials, keys and what stands in doubt beside them.
    bool mask_special(std::string_view line, std::size_t colon) noexcept {
        const std::string_view name = trim(line.substr(0, colon));
        const bool is_field = colon < line.size() && is_token(name) && line.front() != ' ' && line.front() != '\t';
        const bool is_status = at_ == 0 && line.starts_with("SIP/2.0 ");  // 401 Unauthorized
        if (!is_status && colon >= kShortestName && speaks_of_credentials(name)) {
            is_beside_credentials_ = true;
            mask_field(is_field, name, colon);
            return true;
        }
        if (is_beside_credentials_ && !is_field) {
            copy_to(at_);
            mask_to(at_ + line.size());
            return true;
        }
        is_beside_credentials_ = false;
        const auto key = std::ranges::find_if(kSdpKeys, [line](std::string_view one) { return line.starts_with(one); });
        if (key == kSdpKeys.end()) return false;
        copy_to(at_ + key->size());
        mask_to(at_ + line.size());
        return true;
    }

    void mask_field(bool is_field, std::string_view name, std::size_t colon) noexcept {
        copy_to(at_);
        std::size_t end = line_end(at_);
        for (std::size_t next = after_fold(end); next != 0; next = after_fold(end)) end = line_end(next);
        if (!is_field) return mask_to(end);
        write_credentials(name, message_.substr(at_ + colon + 1, end - at_ - colon - 1), out_);
        copied_ = at_ = end;
    }

    /// The start of the line behind `end` if that line goes on with the field; else 0.
    [[nodiscard]] std::size_t after_fold(std::size_t end) const noexcept {
        if (end >= message_.size()) return 0;
        const std::size_t next = end + (message_.substr(end).starts_with(kLineEnds) ? 2 : 1);
        return next < message_.size() && (message_[next] == ' ' || message_[next] == '\t') ? next : 0;
    }

    /// Passwords in the URIs of an ordinary line, and credentials in their header part.
    void mask_within(std::size_t end) noexcept {
        const std::size_t start = at_;
        if (next_at_ < start) next_at_ = find(message_, '@', start);
        while (next_at_ < end) {
            mask_userinfo(end);
            next_at_ = find(message_, '@', at_);
        }
        if (next_question_ < start) next_question_ = find(message_, '?', start);
        if (next_question_ < end && speaks_of_credentials(message_.substr(next_question_, end - next_question_))) {
            at_ = std::max(next_question_ + 1, copied_);
            copy_to(at_);
            mask_to(end);
        }
    }

    /// Passes by the next `@`, and by the last one of the same word where there is a password before it.
    void mask_userinfo(std::size_t line_end) noexcept {
        const std::string_view before = message_.substr(at_, next_at_ - at_);
        const std::size_t password = password_start(before);
        if (password == std::string_view::npos) {
            at_ = next_at_ + 1;
            return;
        }
        copy_to(at_ + password);
        const std::string_view rest = message_.substr(next_at_, line_end - next_at_);
        mask_to(next_at_ + rest.substr(0, rest.find_first_of(kBeyondUserinfo)).rfind('@'));
        ++at_;
    }

    /// Behind `scheme:user:` in the last word; npos where there is no password.
    static std::size_t password_start(std::string_view before) noexcept {
        const std::size_t last_colon = before.rfind(':');
        if (last_colon == std::string_view::npos || is_scheme_only(before.substr(0, last_colon))) {
            return std::string_view::npos;
        }
        const std::size_t blank = before.find_last_of(kBeyondUserinfo);
        const std::size_t word = blank == std::string_view::npos ? 0 : blank + 1;
        const std::string_view text = before.substr(word);
        for (const std::string_view scheme : kSchemes) {
            const std::size_t found = find_ignoring_case(text, scheme);
            if (found == std::string_view::npos) continue;
            const std::size_t colon = text.find(':', found + scheme.size());
            if (colon != std::string_view::npos) return word + colon + 1;
        }
        return std::string_view::npos;
    }

    /// Whether the last colon before an `@` is that of `<sip:`, as it nearly always is.
    static bool is_scheme_only(std::string_view text) noexcept {
        const std::size_t size = text.size();
        if (size < 4 || !is_equal_ignoring_case(text.substr(size - 3), "sip")) return false;
        return kBeyondUserinfo.find(text[size - 4]) != std::string_view::npos;
    }

    std::string_view message_;
    Writer& out_;
    std::size_t at_ = 0;      // read up to here
    std::size_t copied_ = 0;  // written up to here
    std::size_t next_cr_;
    std::size_t next_lf_;
    std::size_t next_at_;
    std::size_t next_question_;
    bool is_beside_credentials_ = false;
};

}  // namespace

MaskedCopy copy_masked(std::string_view message, std::span<char> room) noexcept {
    Writer out(room);
    Masker(message, out).run();
    return out.result();
}

}  // namespace sr::sip
