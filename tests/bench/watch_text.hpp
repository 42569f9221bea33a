// The SIP text of watchers and of those they watch: SUBSCRIBE, PUBLISH and REGISTER, and the checks that make a NOTIFY
// count. Watchers are called user000000, user000001, ..., presentities desk000000, ...
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "sip_text.hpp"

namespace bench {

inline constexpr std::string_view kWatcher = "user";
inline constexpr std::string_view kDesk = "desk";
inline constexpr std::string_view kPidf = "application/pidf+xml";

// One request of a watcher or presentity. A retransmission has the same fields, hence the same bytes.
struct Envelope {
    std::string_view method;
    std::string_view domain;
    std::string_view from;  // kWatcher or kDesk
    std::uint32_t from_number{};
    std::uint32_t to_number{};  // of a desk
    std::uint32_t call{};       // a dialog of the watcher's, or 0
    std::uint32_t cseq{};
    std::uint32_t sequence{};
    std::uint32_t slot{};
    std::uint32_t source_ip{};  // host byte order
    std::uint16_t port{};
    std::uint32_t expires_s{};
};

inline Writer& write_name(Writer& out, std::string_view kind, std::uint32_t number) {
    return out.text(kind).padded(number, 6, 10);
}

inline Writer& write_tag(Writer& out, std::uint32_t number, std::uint32_t call) {
    return out.text("8f2c").padded(call, 4, 16).padded(number, 6, 16);
}

inline Writer& write_call_id(Writer& out, const Envelope& request) {
    out.padded(request.from_number, 6, 10).text("-").padded(request.call, 4, 16).text("7be1c0a94d52f3");
    return out.text(request.from).text("@").address(request.source_ip);
}

inline void write_head(Writer& out, const Envelope& request) {
    out.text(request.method).text(" sip:");
    if (request.method != "REGISTER") write_name(out, kDesk, request.to_number).text("@");
    out.text(request.domain).text(" SIP/2.0\r\nVia: SIP/2.0/UDP ").address(request.source_ip).text(":");
    out.number(request.port).text(";rport;").text(kBranchPrefix).padded(request.sequence, 8, 16).text("s");
    out.padded(request.slot, 4, 16).text("\r\nMax-Forwards: 70\r\nFrom: <sip:");
    write_name(out, request.from, request.from_number).text("@").text(request.domain).text(">;tag=");
    write_tag(out, request.from_number, request.call).text("\r\nTo: <sip:");
    write_name(out, kDesk, request.to_number).text("@").text(request.domain).text(">\r\nCall-ID: ");
    write_call_id(out, request).text("\r\nCSeq: ").number(request.cseq).text(" ").text(request.method);
    out.text("\r\nContact: <sip:");
    write_name(out, request.from, request.from_number).text("@").address(request.source_ip).text(":");
    out.number(request.port).text(";transport=udp>\r\nExpires: ").number(request.expires_s);
    out.text("\r\nUser-Agent: Bench Phone 2.4.1 (linux x86_64)\r\n");
}

// Each returns the length in octets; 0 when the buffer is too small.
[[nodiscard]] inline std::size_t write_register(std::span<char> buffer, const Envelope& request) {
    Writer out{buffer};
    write_head(out, request);
    out.text("Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, NOTIFY, MESSAGE\r\nContent-Length: 0\r\n\r\n");
    return out.overflowed() ? 0 : out.size();
}

[[nodiscard]] inline std::size_t write_subscribe(std::span<char> buffer, const Envelope& request) {
    Writer out{buffer};
    write_head(out, request);
    out.text("Event: presence\r\nAccept: ").text(kPidf).text("\r\nContent-Length: 0\r\n\r\n");
    return out.overflowed() ? 0 : out.size();
}

// `turn`: even ones say busy, odd ones away. `etag` empty: the first publication.
[[nodiscard]] inline std::size_t write_publish(std::span<char> buffer, const Envelope& request, std::string_view etag,
                                               std::uint32_t turn) {
    std::array<char, 1024> room{};
    Writer body{room};
    body.text("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" ");
    body.text("xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" ");
    body.text("entity=\"sip:");
    write_name(body, kDesk, request.to_number).text("@").text(request.domain).text("\">\r\n<tuple id=\"t1\"><status>");
    body.text("<basic>open</basic></status></tuple>\r\n<dm:person id=\"p1\"><rpid:activities>");
    body.text(turn % 2 == 0 ? "<rpid:busy/>" : "<rpid:away/>");
    body.text("</rpid:activities></dm:person>\r\n</presence>\r\n");
    Writer out{buffer};
    write_head(out, request);
    out.text("Event: presence\r\n");
    if (!etag.empty()) out.text("SIP-If-Match: ").text(etag).text("\r\n");
    out.text("Content-Type: ").text(kPidf).text("\r\nContent-Length: ");
    out.number(static_cast<std::uint32_t>(body.size())).text("\r\n\r\n").text({room.data(), body.size()});
    return out.overflowed() || body.overflowed() ? 0 : out.size();
}

// The value of the first header of that name, as the servers here spell it; empty when there is none.
[[nodiscard]] inline std::string_view header_of(std::string_view text, std::string_view name) {
    const auto end = text.find("\r\n\r\n");
    const auto head = text.substr(0, end == std::string_view::npos ? end : end + 2);
    for (auto at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n", at + 2)) {
        const auto line = head.substr(at + 2);
        if (!line.starts_with(name) || !line.substr(name.size()).starts_with(": ")) continue;
        const auto value = line.substr(name.size() + 2);
        return value.substr(0, value.find("\r\n"));
    }
    return {};
}

[[nodiscard]] inline std::string_view body_of(std::string_view text) {
    const auto end = text.find("\r\n\r\n");
    return end == std::string_view::npos ? std::string_view{} : text.substr(end + 4);
}

// An answer without contact and body, to any request of the server's; 0 when it has no Via, From, To, Call-ID or CSeq.
[[nodiscard]] inline std::size_t write_answer(std::span<char> buffer, std::string_view request,
                                              std::string_view status) {
    constexpr std::array<std::string_view, 5> kCopied{"Via", "From", "To", "Call-ID", "CSeq"};
    Writer out{buffer};
    out.text("SIP/2.0 ").text(status).text("\r\n");
    for (const std::string_view name : kCopied) {
        const auto value = header_of(request, name);
        if (value.empty()) return 0;
        const bool lacks_tag = name == "To" && value.find(";tag=") == std::string_view::npos;
        out.text(name).text(": ").text(value).text(lacks_tag ? ";tag=bench\r\n" : "\r\n");
    }
    out.text("Content-Length: 0\r\n\r\n");
    return out.overflowed() ? 0 : out.size();
}

// Which watcher a NOTIFY's Request-URI names; false when none.
[[nodiscard]] inline bool read_watcher(std::string_view notify, std::uint32_t& watcher) {
    constexpr std::string_view kStart = "NOTIFY sip:user";
    return notify.starts_with(kStart) && read_number(notify.substr(kStart.size(), 6), 10, watcher);
}

// Whether a NOTIFY belongs to the dialog that `request` has begun (RFC 6665 section 4.1.3).
[[nodiscard]] inline bool is_in_dialog(std::string_view notify, const Envelope& request) {
    std::array<char, 128> room{};
    Writer expected{room};
    write_call_id(expected, request);
    if (header_of(notify, "Call-ID") != std::string_view{room.data(), expected.size()}) return false;
    Writer tag{room};
    write_tag(tag.text(";tag="), request.from_number, request.call);
    return header_of(notify, "To").ends_with(std::string_view{room.data(), tag.size()});
}

// What is wrong with a NOTIFY that should bring `desk`'s state; empty when nothing is.
[[nodiscard]] inline std::string_view complaint_about(std::string_view notify, std::string_view state,
                                                      std::uint32_t desk) {
    if (!header_of(notify, "Event").starts_with("presence")) return "Event is not presence";
    if (!header_of(notify, "Subscription-State").starts_with(state)) return "another Subscription-State";
    if (header_of(notify, "From").find(";tag=") == std::string_view::npos) return "no From tag";
    if (!header_of(notify, "Contact").starts_with("<sip:")) return "no Contact";
    if (header_of(notify, "Content-Type") != kPidf) return "no PIDF";
    auto body = body_of(notify);
    std::uint32_t length = 0;
    if (!read_number(header_of(notify, "Content-Length"), 10, length) || length != body.size()) return "another length";
    if (!body.starts_with("<?xml") && !body.starts_with("<presence")) return "the body does not begin as PIDF does";
    while (!body.empty() && static_cast<unsigned char>(body.back()) <= ' ') body.remove_suffix(1);
    if (!body.ends_with("</presence>")) return "the body does not end as PIDF does";
    std::array<char, 16> room{};
    Writer name{room};
    write_name(name, kDesk, desk).text("@");
    if (body.find(std::string_view{room.data(), name.size()}) == std::string_view::npos) return "of somebody else";
    return {};
}

}  // namespace bench
