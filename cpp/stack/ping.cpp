#include "stack/ping.hpp"

#include <array>
#include <charconv>
#include <cstdint>

#include "stack/reply_writer.hpp"

namespace sr::stack {
namespace {

constexpr std::string_view kBranchPrefix = "z9hG4bKsrp-";

/// Takes a number and the hyphen that must stand behind it off `text`.
template <class Number>
bool take_hex(std::string_view& text, Number& number) noexcept {
    const auto result = std::from_chars(text.data(), text.data() + text.size(), number, 16);
    if (result.ec != std::errc()) return false;
    text.remove_prefix(static_cast<std::size_t>(result.ptr - text.data()));
    if (!text.starts_with('-')) return false;
    text.remove_prefix(1);
    return true;
}

/// The last number: to the end of `text`.
bool read_hex(std::string_view text, std::int64_t& number) noexcept {
    const auto result = std::from_chars(text.data(), text.data() + text.size(), number, 16);
    return result.ec == std::errc() && result.ptr == text.data() + text.size() && number >= 0;
}

class TokenText {
  public:
    explicit TokenText(const PingToken& token) noexcept {
        text_.hex(token.binding_id) << "-";
        text_.hex(token.nonce) << "-";
        text_.hex(static_cast<std::uint64_t>(token.sent_us));
    }

    [[nodiscard]] std::string_view view() const noexcept { return text_.text(); }

  private:
    std::array<char, 3 * 17> room_;
    base::TextBuffer text_{room_};
};

struct Host {
    std::string_view ip;
    friend base::TextBuffer& operator<<(base::TextBuffer& out, const Host& host) noexcept {
        return host.ip.find(':') == std::string_view::npos ? out << host.ip : out << "[" << host.ip << "]";
    }
};

}  // namespace

void write_ping(const PingRequest& ping, base::TextBuffer& out) noexcept {
    const TokenText token(ping.token);
    const Host host{ping.local_ip.substr(0, ping.local_ip.find('%'))};
    out << "OPTIONS " << ping.contact_uri << " SIP/2.0\r\nVia: SIP/2.0/" << sip::via_transport(ping.transport) << " "
        << host << ":" << std::uint64_t{ping.local_port} << ";rport;branch=" << kBranchPrefix << token.view()
        << "\r\nMax-Forwards: 70\r\n";
    if (!ping.path.empty()) out << "Route: " << ping.path << "\r\n";
    out << "From: <sip:" << ping.domain << ">;tag=" << token.view() << "\r\nTo: <" << ping.contact_uri
        << ">\r\nCall-ID: " << token.view() << "\r\nCSeq: 1 OPTIONS\r\nContact: <sip:" << host << ":"
        << std::uint64_t{ping.local_port} << sip::transport_parameter(ping.transport)
        << ">\r\nAccept: application/sdp\r\nUser-Agent: " << kProduct << "\r\nContent-Length: 0\r\n\r\n";
}

std::optional<PingToken> read_ping_token(std::string_view branch) noexcept {
    if (!branch.starts_with(kBranchPrefix)) return std::nullopt;
    branch.remove_prefix(kBranchPrefix.size());
    PingToken token;
    if (!take_hex(branch, token.binding_id) || !take_hex(branch, token.nonce) || !read_hex(branch, token.sent_us))
        return std::nullopt;
    return token;
}

}  // namespace sr::stack
