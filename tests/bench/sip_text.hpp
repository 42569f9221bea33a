// The SIP text of the load generator: requests of one phone per AoR, and the checks that make an answer count.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace bench {

enum class Kind : std::uint8_t { register_contact, remove_contact, options };

// One request on the wire. A retransmission has the same fields, hence the same bytes.
struct Request {
    Kind kind{};
    std::uint32_t aor{};
    std::uint32_t cseq{};
    std::uint32_t sequence{};
    std::uint32_t slot{};
    std::uint32_t source_ip{};  // host byte order
    std::string authorization;  // the whole header line, or empty
};

struct Phone {
    std::string user;  // the number follows
    std::string domain;
    std::uint16_t port{};
    std::uint32_t expires_s{3600};
    bool has_instance{false};
};

// Appends to a fixed buffer; what does not fit sets `overflowed` and nothing is written past the end.
class Writer {
  public:
    explicit Writer(std::span<char> buffer) : buffer_(buffer) {}

    Writer& text(std::string_view part) {
        if (part.size() > buffer_.size() - used_) {
            overflowed_ = true;
            return *this;
        }
        std::memcpy(buffer_.data() + used_, part.data(), part.size());
        used_ += part.size();
        return *this;
    }

    Writer& number(std::uint32_t value) {
        std::array<char, 10> digits{};
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
        return text({digits.data(), static_cast<std::size_t>(end - digits.data())});
    }

    // Exactly `width` lower-case digits of the base, zeros in front.
    Writer& padded(std::uint32_t value, std::size_t width, std::uint32_t base) {
        std::array<char, 10> digits{};
        for (std::size_t i = width; i-- > 0; value /= base) digits[i] = "0123456789abcdef"[value % base];
        return text({digits.data(), width});
    }

    Writer& address(std::uint32_t ip) {
        return number(ip >> 24)
            .text(".")
            .number(ip >> 16 & 255)
            .text(".")
            .number(ip >> 8 & 255)
            .text(".")
            .number(ip & 255);
    }

    Writer& user(const Phone& phone, std::uint32_t aor) { return text(phone.user).padded(aor, 6, 10); }

    [[nodiscard]] std::size_t size() const { return used_; }
    [[nodiscard]] bool overflowed() const { return overflowed_; }

  private:
    std::span<char> buffer_;
    std::size_t used_{0};
    bool overflowed_{false};
};

inline constexpr std::string_view kBranchPrefix = "branch=z9hG4bKld";

inline void write_contact(Writer& out, const Phone& phone, const Request& request) {
    out.text("Contact: <sip:")
        .user(phone, request.aor)
        .text("@")
        .address(request.source_ip)
        .text(":")
        .number(phone.port);
    out.text(";transport=udp>");
    if (phone.has_instance) {
        out.text(";+sip.instance=\"<urn:uuid:5c7ea2f0-6d1b-4c59-9a3e-").padded(request.aor, 8, 16).text("b0a7>\"");
    }
    out.text("\r\nExpires: ").number(request.kind == Kind::remove_contact ? 0 : phone.expires_s).text("\r\n");
}

// Writes the request and returns its length in octets; 0 when the buffer is too small.
[[nodiscard]] inline std::size_t write_request(std::span<char> buffer, const Phone& phone, const Request& request) {
    Writer out{buffer};
    const std::string_view method = request.kind == Kind::options ? "OPTIONS" : "REGISTER";
    out.text(method).text(" sip:").text(phone.domain).text(" SIP/2.0\r\nVia: SIP/2.0/UDP ");
    out.address(request.source_ip).text(":").number(phone.port).text(";rport;").text(kBranchPrefix);
    out.padded(request.sequence, 8, 16).text("s").padded(request.slot, 4, 16).text("\r\nMax-Forwards: 70\r\n");
    out.text("From: <sip:")
        .user(phone, request.aor)
        .text("@")
        .text(phone.domain)
        .text(">;tag=8f2c")
        .padded(request.aor, 6, 16);
    if (request.kind == Kind::options) {
        out.text("\r\nTo: <sip:").text(phone.domain);
    } else {
        out.text("\r\nTo: <sip:").user(phone, request.aor).text("@").text(phone.domain);
    }
    out.text(">\r\nCall-ID: ").padded(request.aor, 6, 10).text("-7be1c0a94d52f3@").address(request.source_ip);
    out.text("\r\nCSeq: ").number(request.cseq).text(" ").text(method).text("\r\n");
    if (request.kind == Kind::options) {
        out.text("Contact: <sip:")
            .user(phone, request.aor)
            .text("@")
            .address(request.source_ip)
            .text(":")
            .number(phone.port);
        out.text(">\r\nAccept: application/sdp\r\n");
    } else {
        write_contact(out, phone, request);
    }
    out.text(request.authorization);
    out.text("User-Agent: Bench Phone 2.4.1 (linux x86_64)\r\n");
    out.text("Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, NOTIFY, MESSAGE\r\nContent-Length: 0\r\n\r\n");
    return out.overflowed() ? 0 : out.size();
}

// 200 to an OPTIONS of the server's: what it wrote in Via, From, To, Call-ID and CSeq, and a To tag; 0 when the buffer
// is too small.
[[nodiscard]] inline std::size_t write_ping_answer(std::span<char> buffer, std::string_view ping) {
    constexpr std::array<std::string_view, 5> kCopied{"Via: ", "From: ", "To: ", "Call-ID: ", "CSeq: "};
    Writer out{buffer};
    out.text("SIP/2.0 200 OK\r\n");
    for (const std::string_view name : kCopied) {
        const auto at = ping.find(name);
        if (at == std::string_view::npos) return 0;
        out.text(ping.substr(at, ping.find("\r\n", at) - at));
        out.text(name == "To: " ? ";tag=bench\r\n" : "\r\n");
    }
    out.text("Content-Length: 0\r\n\r\n");
    return out.overflowed() ? 0 : out.size();
}

struct AnswerKey {
    std::uint32_t status{};
    std::uint32_t sequence{};
    std::uint32_t slot{};
};

// Reads an unsigned number at `text`'s begin; false when there is none.
[[nodiscard]] inline bool read_number(std::string_view text, int base, std::uint32_t& value) {
    return std::from_chars(text.data(), text.data() + text.size(), value, base).ec == std::errc{};
}

// Status code and the branch's sequence and slot; false when the bytes are no answer of ours.
[[nodiscard]] inline bool read_answer(std::string_view text, AnswerKey& key) {
    if (!text.starts_with("SIP/2.0 ") || text.size() < 12) return false;
    const auto at = text.find(kBranchPrefix);
    if (at == std::string_view::npos || text.size() < at + kBranchPrefix.size() + 13) return false;
    const auto branch = text.substr(at + kBranchPrefix.size());
    return read_number(text.substr(8, 3), 10, key.status) && read_number(branch.substr(0, 8), 16, key.sequence) &&
           read_number(branch.substr(9, 4), 16, key.slot);
}

// Whether a 200 says what a phone needs: own Call-ID and CSeq, a To tag and, for a registration, the own contact with
// its time to live. The same strictness for every server.
[[nodiscard]] inline bool is_complete_answer(std::string_view text, const Phone& phone, const Request& request) {
    std::array<char, 128> line{};
    Writer call_id{line};
    call_id.text("\r\nCall-ID: ").padded(request.aor, 6, 10).text("-7be1c0a94d52f3@");
    if (text.find(std::string_view{line.data(), call_id.size()}) == std::string_view::npos) return false;
    Writer cseq{line};
    cseq.text("\r\nCSeq: ").number(request.cseq).text(request.kind == Kind::options ? " OPTIONS" : " REGISTER");
    if (text.find(std::string_view{line.data(), cseq.size()}) == std::string_view::npos) return false;
    const auto to = text.find("\r\nTo: ");
    if (to == std::string_view::npos) return false;
    if (text.substr(to, text.find("\r\n", to + 2) - to).find(";tag=") == std::string_view::npos) return false;
    if (request.kind == Kind::options) return true;
    Writer contact{line};
    contact.text("<sip:").user(phone, request.aor).text("@").address(request.source_ip).text(":").number(phone.port);
    const auto at = text.find(std::string_view{line.data(), contact.size()});
    if (request.kind == Kind::remove_contact) return at == std::string_view::npos;
    return at != std::string_view::npos && text.find(";expires=", at) != std::string_view::npos;
}

}  // namespace bench
