#include "stack/stream_framing.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "sip/ascii.hpp"

namespace sr::stack {
namespace {

constexpr std::size_t kKeptRoom = 4096;  // of an idle connection
constexpr std::string_view kBlank = " \t\r\n";

std::string_view trim_blank(std::string_view text) noexcept {
    const std::size_t first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

/// The end of the line that begins at `start`, its LF included, with the lines that are folded into it.
std::size_t line_end(std::string_view header, std::size_t start) noexcept {
    std::size_t end = header.find('\n', start);
    while (end != std::string_view::npos && end + 1 < header.size() &&
           (header[end + 1] == ' ' || header[end + 1] == '\t')) {
        end = header.find('\n', end + 1);
    }
    return end == std::string_view::npos ? header.size() : end + 1;
}

/// Behind the empty line; npos where there is none from `from` on.
std::size_t header_end(std::string_view text, std::size_t from) noexcept {
    for (std::size_t at = text.find('\n', from); at != std::string_view::npos; at = text.find('\n', at + 1)) {
        const std::string_view rest = text.substr(at + 1, 2);
        if (rest.starts_with('\n')) return at + 2;
        if (rest == "\r\n") return at + 3;
    }
    return std::string_view::npos;
}

}  // namespace

BodyLength read_body_length(std::string_view header) noexcept {
    BodyLength length{0, sip::RejectReason::length_missing};
    bool is_found = false;
    for (std::size_t start = line_end(header, 0); start < header.size();) {
        const std::size_t end = line_end(header, start);
        const std::string_view line = header.substr(start, end - start);
        start = end;
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        const std::string_view name = trim_blank(line.substr(0, colon));
        if (!sip::is_equal_ignoring_case(name, "Content-Length") && !sip::is_equal_ignoring_case(name, "l")) continue;
        if (is_found) return {0, sip::RejectReason::header_repeated};
        is_found = true;
        const std::string_view digits = trim_blank(line.substr(colon + 1));
        const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), length.octets);
        const bool is_number = !digits.empty() && digits.find_first_not_of("0123456789") == std::string_view::npos;
        if (!is_number) return {0, sip::RejectReason::number_invalid};
        length.fault = sip::RejectReason::none;
        if (read.ec != std::errc()) length.octets = SIZE_MAX;
    }
    return length;
}

void StreamFraming::append(std::string_view octets, base::TimeMs now_ms) {
    if (is_broken_) return;
    if (at_ == buffer_.size()) begun_ms_ = now_ms;
    appended_ms_ = now_ms;
    buffer_.append(octets);
}

/// False: a keep-alive was skipped.
bool StreamFraming::skip_line_ends() noexcept {
    while (at_ + 1 < buffer_.size() && buffer_[at_] == '\r' && buffer_[at_ + 1] == '\n') {
        at_ += 2;
        if (++line_ends_ < 2) continue;
        line_ends_ = 0;
        return false;
    }
    return true;
}

Frame StreamFraming::break_off(std::string_view header, sip::RejectReason fault) noexcept {
    is_broken_ = true;
    return {FrameKind::broken, header, fault};
}

void StreamFraming::forget_taken() {
    buffer_.erase(0, at_);
    at_ = 0;
    if (buffer_.empty() && buffer_.capacity() > kKeptRoom) buffer_.shrink_to_fit();
}

Frame StreamFraming::next() {
    if (is_broken_) return {};
    if (!skip_line_ends()) {
        begun_ms_ = appended_ms_;
        return {.kind = FrameKind::keep_alive};
    }
    if (whole_ == 0) {
        const Frame fault = read_header();
        if (fault.kind == FrameKind::broken) return fault;
    }
    if (whole_ == 0 || size() < whole_) {
        forget_taken();
        return {};
    }
    const std::string_view message = std::string_view(buffer_).substr(at_, whole_);
    at_ += std::exchange(whole_, 0);
    searched_ = 0;
    line_ends_ = 0;
    begun_ms_ = appended_ms_;
    return {.kind = FrameKind::message, .octets = message};
}

/// Finds how long the message is, if its header is whole.
Frame StreamFraming::read_header() {
    const std::string_view rest = std::string_view(buffer_).substr(at_);
    const std::size_t end = header_end(rest, searched_);
    if (std::min(end, rest.size()) > kMostHeaderOctets) {
        return break_off(rest.substr(0, kMostHeaderOctets), sip::RejectReason::message_too_large);
    }
    if (end == std::string_view::npos) {
        searched_ = rest.size() > 2 ? rest.size() - 2 : 0;
        return {};
    }
    const std::string_view header = rest.substr(0, end);
    const BodyLength body = read_body_length(header);
    if (body.fault != sip::RejectReason::none) return break_off(header, body.fault);
    if (body.octets > kMostMessageOctets - end) return break_off(header, sip::RejectReason::message_too_large);
    whole_ = end + body.octets;
    return {};
}

}  // namespace sr::stack
