// A request whose answer is written and inspected.
#include "stack/reply_writer.hpp"

#include <array>
#include <memory>

#include "fuzz_kit.hpp"
#include "sip/gate.hpp"

namespace sr::fuzz {

void run(std::string_view request) {
    static std::array<char, 65536> room;
    static const auto asked = std::make_unique<sip::Inspection>();
    static const auto answered = std::make_unique<sip::Inspection>();
    static const auto reply = std::make_unique<sip::Reply>();
    sip::inspect(request, *asked);
    if (!asked->is_answerable()) return;
    base::TextBuffer out(room);
    const std::uint16_t port = stack::write_reply(asked->headers, {"192.0.2.9", 5099}, *reply, 7, out);
    require(port != 0, "an answer has a port to go to");
    require(out.is_overflown() || out.text().ends_with("\r\n\r\n"), "an answer ends");
    if (out.is_overflown() || asked->fault != sip::RejectReason::none) return;
    sip::inspect(out.text(), *answered);
    const sip::RawHeaders& from = asked->headers;
    const sip::RawHeaders& to = answered->headers;
    require(answered->is_response &&
                (answered->fault == sip::RejectReason::none || answered->fault == sip::RejectReason::field_too_long),
            "the answer to a sound request is sound");
    require(to.from == from.from && to.call_id == from.call_id && to.cseq == from.cseq && to.to.starts_with(from.to) &&
                to.via_count == from.via_count,
            "an answer copies what RFC 3261 section 8.2.6.2 says");
    require(sip::has_tag(to.to), "an answer has a tag in To");
    for (std::size_t i = 1; i < from.via_count; ++i) {
        require(to.via_values[i] == from.via_values[i], "the Vias behind the first are copied");
    }
}

}  // namespace sr::fuzz
