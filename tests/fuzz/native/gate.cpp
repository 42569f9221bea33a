#include "sip/gate.hpp"

#include <memory>

#include "fuzz_kit.hpp"
#include "sip/ascii.hpp"

namespace sr::fuzz {
namespace {

void require_views_within(const sip::Inspection& seen, std::string_view message) {
    const sip::RawHeaders& headers = seen.headers;
    for (const std::string_view view : {headers.start_line, headers.from, headers.to, headers.call_id, headers.cseq,
                                        seen.method, seen.request_uri, seen.expires}) {
        require(is_within(view, message), "what was found lies within the message");
    }
    for (const std::string_view via : headers.vias()) {
        require(!via.empty() && is_within(via, message), "a Via has octets, within the message");
    }
    for (const std::string_view value : seen.authorizations()) {
        require(is_within(value, message), "credentials lie within the message");
    }
}

void require_same(const sip::Inspection& a, const sip::Inspection& b) {
    require(a.fault == b.fault && a.is_response == b.is_response && a.has_sip_scheme == b.has_sip_scheme &&
                a.has_unknown_credentials == b.has_unknown_credentials &&
                a.authorization_count == b.authorization_count && a.expires == b.expires && a.method == b.method &&
                a.request_uri == b.request_uri && a.headers.via_count == b.headers.via_count &&
                a.headers.from == b.headers.from && a.headers.to == b.headers.to &&
                a.headers.call_id == b.headers.call_id && a.headers.cseq == b.headers.cseq &&
                a.is_answerable() == b.is_answerable(),
            "an Inspection may be used again and again");
}

/// What PJSIP and the answers take on trust.
void require_sound(const sip::Inspection& seen) {
    const sip::RawHeaders& headers = seen.headers;
    require(!headers.start_line.empty() && !headers.from.empty() && !headers.to.empty() && !headers.call_id.empty() &&
                !headers.cseq.empty() && headers.via_count > 0,
            "a sound message has what RFC 3261 section 8.1.1 asks for");
    for (const std::string_view value :
         {headers.start_line, headers.from, headers.to, headers.call_id, headers.cseq, headers.via_values[0]}) {
        for (std::size_t at = 0; at < value.size(); ++at) {
            if (value[at] != '\n') continue;
            require(at > 0 && value[at - 1] == '\r', "a sound message's lines end in CRLF");
            require(at + 1 < value.size() && (value[at + 1] == ' ' || value[at + 1] == '\t'), "a value is one field's");
        }
    }
    require(seen.is_response || headers.cseq.ends_with(seen.method), "CSeq names the method");
}

}  // namespace

void run(std::string_view message) {
    static const auto used = std::make_unique<sip::Inspection>();
    const auto fresh = std::make_unique<sip::Inspection>();
    sip::inspect(message, *used);
    sip::inspect(message, *fresh);
    require_views_within(*used, message);
    require_same(*used, *fresh);
    if (used->fault == sip::RejectReason::none) require_sound(*used);
    if (used->is_answerable()) {
        require(!used->is_response && !sip::is_equal_ignoring_case(used->method, "ACK"),
                "no response and no ACK is answered");
    }
}

}  // namespace sr::fuzz
