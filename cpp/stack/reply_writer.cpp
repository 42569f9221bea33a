#include "stack/reply_writer.hpp"

#include <functional>

namespace sr::stack {
namespace {

constexpr std::size_t kTagOctets = 16;

/// The same for every copy of a request, so that nothing need be remembered of it.
void write_tag(const sip::RawHeaders& request, std::uint64_t tag_key, char (&digits)[kTagOctets]) noexcept {
    constexpr std::hash<std::string_view> hash;
    std::uint64_t tag = (tag_key ^ hash(request.call_id)) * 0x9e3779b97f4a7c15ULL ^ hash(request.cseq);
    for (char& digit : digits) {
        digit = "0123456789abcdef"[tag & 15];
        tag >>= 4;
    }
}

}  // namespace

std::uint16_t write_reply(const sip::RawHeaders& request, const ReplySource& source, const sip::Reply& reply,
                          std::uint64_t tag_key, base::TextBuffer& out) noexcept {
    char tag[kTagOctets];
    write_tag(request, tag_key, tag);
    out << "SIP/2.0 " << std::uint64_t{reply.line.status} << " " << reply.line.phrase << "\r\n";
    const std::uint16_t port = sip::write_copied_fields(request, source, {tag, sizeof tag}, out);
    out << reply.headers.text() << "Server: " << kProduct << "\r\nContent-Length: 0\r\n\r\n";
    if (reply.headers.is_overflown()) out.set_overflown();
    return port;
}

}  // namespace sr::stack
