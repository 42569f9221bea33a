#include "stack/message_reader.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>
#include <span>

#include "sip/ascii.hpp"
#include "sip/raw_message.hpp"

namespace sr::stack {
namespace {

using sip::is_equal_ignoring_case;
using sip::trim;

constexpr std::size_t kMostUserAgentOctets = 200;  // it is shown to people, and stored

std::string_view without_brackets(std::string_view host) noexcept {
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') return host.substr(1, host.size() - 2);
    return host;
}

std::string_view without_quotes(std::string_view value) noexcept {
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
    if (value.size() >= 2 && value.front() == '<' && value.back() == '>') value = value.substr(1, value.size() - 2);
    return value;
}

bool is_sip_scheme(const pj::Str* scheme) noexcept {
    return is_equal_ignoring_case(scheme->view(), "sip") || is_equal_ignoring_case(scheme->view(), "sips");
}

/// Up to the end of the header field, folded lines included (RFC 3261 section 7.3.1).
std::string_view header_rest(std::string_view text) noexcept {
    std::size_t end = text.find('\n');
    while (end < text.size() && end + 1 < text.size() && (text[end + 1] == ' ' || text[end + 1] == '\t')) {
        end = text.find('\n', end + 1);
    }
    return text.substr(0, end);
}

/// The number, or the largest there is; nullopt for anything but digits.
std::optional<std::uint32_t> read_seconds(std::string_view digits) noexcept {
    if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
    std::uint32_t seconds = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
    return result.ec == std::errc() ? seconds : std::numeric_limits<std::uint32_t>::max();
}

/// The text of a Contact parameter as it stands in the packet, nullopt where it is not there. PJSIP keeps numbers only:
/// 0 may mean 0, absent (q) or malformed (expires).
std::optional<std::string_view> written_parameter(std::string_view name, const pj::SipUri* uri,
                                                  const pj::RxData& packet) noexcept {
    const std::string_view text(packet.message_text, static_cast<std::size_t>(packet.message_size));
    if (uri == nullptr || uri->host.ptr < text.data() || uri->host.ptr >= text.data() + text.size())
        return std::nullopt;
    std::string_view rest = header_rest(text.substr(static_cast<std::size_t>(uri->host.ptr - text.data())));
    rest = rest.substr(0, sip::first_value_length(rest));
    // The URI's own parameters end with the bracket; one within quotes is the value of a parameter.
    const std::size_t bracket = rest.find_first_of(">\"");
    if (bracket != std::string_view::npos && rest[bracket] == '>') rest.remove_prefix(bracket + 1);
    for (std::size_t at = rest.find(';'); at != std::string_view::npos; at = rest.find(';', at + 1)) {
        const std::string_view parameter = rest.substr(at + 1, rest.find(';', at + 1) - at - 1);
        const std::size_t equals = parameter.find('=');
        if (equals == std::string_view::npos || !is_equal_ignoring_case(trim(parameter.substr(0, equals)), name))
            continue;
        return trim(parameter.substr(equals + 1));
    }
    return std::nullopt;
}

/// RFC 3261 section 20.10: a malformed expires parameter counts as 3600. PJSIP takes the digits it begins with, or 0,
/// which would unregister.
std::uint32_t sound_expires(const pj::ContactHeader& contact, const pj::SipUri* uri,
                            const pj::RxData& packet) noexcept {
    const auto written = written_parameter("expires", uri, packet);
    if (!written) return contact.expires_s;
    return read_seconds(*written).value_or(3600);
}

void read_array(const pj::ArrayHeader& header, std::array<std::string_view, 32>& values, std::size_t& count) noexcept {
    for (unsigned i = 0; i < header.count && i < 32 && count < values.size(); ++i) {
        if (!header.values[i].view().empty()) values[count++] = header.values[i].view();
    }
}

std::string_view lower_case_media_type(std::string_view type, std::string_view subtype,
                                       base::TextBuffer& text) noexcept {
    const std::span<char> room = text.free();
    const std::size_t before = text.text().size();
    text << type << "/" << subtype;
    const std::size_t size = text.text().size() - before;
    for (char& c : room.first(size)) c = sip::to_lower(c);
    return {room.data(), size};
}

/// The body's octets; what a datagram has beyond its Content-Length is discarded (RFC 3261 section 18.3). Of a
/// multipart body PJSIP keeps the parts only, so its octets are taken from the packet.
std::string_view body_text(const pj::Body& body, const pj::RxData& packet) noexcept {
    std::string_view text;
    if (is_equal_ignoring_case(body.type.view(), "multipart")) {
        const std::string_view message(packet.message_text, static_cast<std::size_t>(packet.message_size));
        const std::size_t end_of_head = message.find("\r\n\r\n");
        if (end_of_head != std::string_view::npos) text = message.substr(end_of_head + 4);
    } else {
        text = {static_cast<const char*>(body.data), body.size};
    }
    return packet.content_length != nullptr ? text.substr(0, packet.content_length->value) : text;
}

template <class Visit>
void for_each_header(const pj::RxData& packet, Visit visit) noexcept {
    const pj::Header* head = &packet.message->headers;
    for (const pj::Header* header = head->next; header != head; header = header->next) visit(*header);
}

bool is_user_agent(std::string_view name) noexcept {
    return name.size() == 10 && is_equal_ignoring_case(name, "user-agent");
}

std::string_view user_agent_in(const pj::Header& header) noexcept {
    return reinterpret_cast<const pj::StringHeader&>(header).value.view().substr(0, kMostUserAgentOctets);
}

std::string_view user_agent_of(const pj::RxData& packet) noexcept {
    std::string_view found;
    for_each_header(packet, [&](const pj::Header& header) {
        if (header.type == pj::HeaderType::other && is_user_agent(header.name.view())) found = user_agent_in(header);
    });
    return found;
}

}  // namespace

sip::SocketAddress read_address(const pj::SocketName& name) noexcept {
    sip::SocketAddress address;
    address.port = ntohs(name.port);
    if (name.family == AF_INET) {
        address.ip[10] = address.ip[11] = 0xFF;
        std::memcpy(address.ip.data() + 12, name.address, 4);
    } else {
        std::memcpy(address.ip.data(), name.address + 4, 16);
        std::memcpy(&address.scope_id, name.address + 20, 4);
        address.is_ipv6 = true;
    }
    return address;
}

const pj::SipUri* sip_uri_of(pj::Uri* uri) noexcept {
    if (uri == nullptr) return nullptr;
    auto* inner = static_cast<pj::Uri*>(uri->vtable->inner(uri));
    if (inner == nullptr || !is_sip_scheme(inner->vtable->scheme(inner))) return nullptr;
    return reinterpret_cast<const pj::SipUri*>(inner);
}

std::string_view RequestRoom::user_of(const pj::SipUri& uri) noexcept {
    const std::string_view user = uri.user.view();
    const auto is_escaped = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '%'; };
    if (std::none_of(user.begin(), user.end(), is_escaped)) return user;
    const std::span<char> room = text_buffer_.free();
    const std::size_t before = text_buffer_.text().size();
    for (const char& c : user) {
        if (is_escaped(c)) {
            const auto octet = static_cast<unsigned char>(c);
            text_buffer_ << (octet < 0x10 ? "%0" : "%");
            text_buffer_.hex(octet);
        } else {
            text_buffer_ << std::string_view(&c, 1);
        }
    }
    return {room.data(), text_buffer_.text().size() - before};
}

std::string_view RequestRoom::print_uri(pj::Uri* uri) noexcept {
    void* inner = uri->vtable->inner(uri);
    const auto room = text_buffer_.free();
    const std::ptrdiff_t size =
        static_cast<pj::Uri*>(inner)->vtable->print(pj::UriContext::contact, inner, room.data(), room.size());
    if (size <= 0) return {};
    text_buffer_.grow(static_cast<std::size_t>(size));
    return {room.data(), static_cast<std::size_t>(size)};
}

void RequestRoom::read_contact(const pj::ContactHeader& contact, const pj::RxData& packet) noexcept {
    if (contact.star != 0) {
        register_.is_star = true;
        return;
    }
    if (contact_count_ == contacts_.size()) return;
    sip::RequestedContact& wanted = contacts_[contact_count_++];
    wanted = {};
    const pj::SipUri* uri = sip_uri_of(contact.uri);
    // PJSIP reads a URI without a host and aborts when it prints one.
    if (uri != nullptr && !uri->host.view().empty()) wanted.uri = print_uri(contact.uri);
    if (contact.expires_s != pj::kExpiresAbsent) wanted.expires_s = sound_expires(contact, uri, packet);
    const bool has_q = contact.q_thousandths != 0 || written_parameter("q", uri, packet).has_value();
    if (has_q && contact.q_thousandths >= 0 && contact.q_thousandths <= 1000) {
        wanted.q_thousandths = static_cast<std::uint16_t>(contact.q_thousandths);
    }
    for (const pj::Param* param = contact.params.next; param != &contact.params; param = param->next) {
        if (is_equal_ignoring_case(param->name.view(), "+sip.instance")) {
            wanted.instance = without_quotes(param->value.view());
        } else if (is_equal_ignoring_case(param->name.view(), "reg-id")) {
            const std::string_view digits = param->value.view();
            std::from_chars(digits.data(), digits.data() + digits.size(), wanted.reg_id);
        }
    }
}

void RequestRoom::read_headers(const pj::RxData& packet, std::string_view expires) noexcept {
    base::TextBuffer& text = text_buffer_;
    for_each_header(packet, [&](const pj::Header& header) {
        switch (header.type) {
            case pj::HeaderType::contact:
                read_contact(reinterpret_cast<const pj::ContactHeader&>(header), packet);
                break;
            case pj::HeaderType::expires:
                register_.expires_s =
                    read_seconds(expires).value_or(reinterpret_cast<const pj::IntHeader&>(header).value);
                break;
            case pj::HeaderType::supported:
                read_array(reinterpret_cast<const pj::ArrayHeader&>(header), supported_, supported_count_);
                break;
            case pj::HeaderType::other: {
                const std::string_view name = header.name.view();
                if (name.size() == 4 && is_equal_ignoring_case(name, "path")) {
                    const std::string_view value = reinterpret_cast<const pj::StringHeader&>(header).value.view();
                    if (register_.path.empty()) {
                        register_.path = value;
                    } else {
                        const char* start = text.free().data();
                        const std::size_t before = text.text().size();
                        text << register_.path << ", " << value;
                        register_.path = {start, text.text().size() - before};
                    }
                } else if (is_user_agent(name)) {
                    register_.user_agent = user_agent_in(header);
                }
                break;
            }
            default: break;
        }
    });
}

void RequestRoom::read_require(const pj::RxData& packet) noexcept {
    require_count_ = 0;
    if (packet.require == nullptr) return;
    for_each_header(packet, [&](const pj::Header& header) {
        if (header.type == pj::HeaderType::require) {
            read_array(reinterpret_cast<const pj::ArrayHeader&>(header), require_, require_count_);
        }
    });
}

const sip::RegisterRequest& RequestRoom::read_register(const pj::RxData& packet, const sip::Flow& flow,
                                                       const sip::Inspection& seen) noexcept {
    register_ = {};
    text_buffer_.clear();
    contact_count_ = supported_count_ = 0;
    register_.flow = flow;
    const pj::SipUri* request_uri = sip_uri_of(packet.message->request.uri);
    const pj::SipUri* to = sip_uri_of(packet.to->uri);
    const pj::SipUri* from = sip_uri_of(packet.from->uri);
    register_.has_sip_scheme = request_uri != nullptr && to != nullptr;
    if (request_uri != nullptr) register_.request_host = without_brackets(request_uri->host.view());
    if (to != nullptr) {
        register_.to_user = user_of(*to);
        register_.to_host = without_brackets(to->host.view());
    }
    if (from != nullptr) {
        register_.from_user = user_of(*from);
        register_.from_host = without_brackets(from->host.view());
    }
    register_.call_id = packet.call_id->id.view();
    register_.cseq = static_cast<std::uint32_t>(packet.cseq->cseq);
    register_.is_symmetric = packet.via->rport >= 0;
    register_.request_uri = seen.request_uri;
    register_.authorizations = seen.authorizations();
    register_.message = {packet.message_text, static_cast<std::size_t>(packet.message_size)};
    read_headers(packet, seen.expires);
    read_require(packet);
    register_.contacts = {contacts_.data(), contact_count_};
    register_.supported = {supported_.data(), supported_count_};
    register_.require = {require_.data(), require_count_};
    if (const pj::Body* body = packet.message->body; body != nullptr && body->data != nullptr) {
        register_.content_type = lower_case_media_type(body->type.view(), body->subtype.view(), text_buffer_);
        register_.body = body_text(*body, packet);
    }
    return register_;
}

const OtherRequest& RequestRoom::read_other(const pj::RxData& packet, const sip::Flow& flow,
                                            const sip::Inspection& seen) noexcept {
    other_ = {};
    text_buffer_.clear();
    other_.flow = flow;
    other_.method = packet.message->request.method.name.view();
    const pj::SipUri* request_uri = sip_uri_of(packet.message->request.uri);
    other_.has_sip_scheme = request_uri != nullptr;
    if (request_uri != nullptr) {
        other_.request_user = user_of(*request_uri);
        other_.request_host = without_brackets(request_uri->host.view());
    }
    other_.has_to_tag = !packet.to->tag.view().empty();
    read_require(packet);
    other_.require = {require_.data(), require_count_};
    other_.call_id = packet.call_id->id.view();
    other_.cseq = static_cast<std::uint32_t>(packet.cseq->cseq);
    other_.user_agent = user_agent_of(packet);
    other_.request_uri = seen.request_uri;
    other_.authorizations = seen.authorizations();
    other_.message = {packet.message_text, static_cast<std::size_t>(packet.message_size)};
    return other_;
}

}  // namespace sr::stack
