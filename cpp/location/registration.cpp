#include "location/registration.hpp"

#include "location/target.hpp"

namespace sr::location {
namespace {

// Shown to people, never given back to the peer: longer ones are cut off.
constexpr std::size_t kLongestUserAgent = 256;
constexpr std::size_t kLongestContentType = 128;

std::string_view bounded(std::string_view text, std::size_t longest = PackedTexts::kLongest) noexcept {
    return text.substr(0, longest);
}

}  // namespace

Registration::Registration(std::string_view aor_key, const sip::RegisterRequest& request,
                           const sip::RequestedContact& contact, const sip::Uuid& device_uuid,
                           base::TimeMs until_ms) noexcept
    : flow(request.flow),
      device(device_uuid),
      expires_at_ms(until_ms),
      cseq(request.cseq),
      reg_id(contact.reg_id),
      q_thousandths(contact.q_thousandths.value_or(sip::kNoQ)) {
    texts[Field::aor_key] = bounded(aor_key);
    texts[Field::contact_uri] = bounded(contact.uri);
    texts[Field::call_id] = bounded(request.call_id);
    texts[Field::instance] = bounded(contact.instance);
    texts[Field::path] = bounded(request.path);
    texts[Field::user_agent] = bounded(request.user_agent, kLongestUserAgent);
    if (has_body(request)) {
        texts[Field::content_type] = bounded(request.content_type, kLongestContentType);
        texts[Field::body] = request.body;
    }
    aim_at(target_of(request, contact.uri));
}

Registration::Registration(std::string_view aor_key, const sip::BindingView& stored) noexcept
    : flow(stored.flow),
      device(stored.device),
      expires_at_ms(stored.expires_at_ms),
      cseq(stored.cseq),
      reg_id(stored.reg_id),
      q_thousandths(stored.q_thousandths) {
    texts[Field::aor_key] = bounded(aor_key);
    texts[Field::contact_uri] = bounded(stored.contact_uri);
    texts[Field::call_id] = bounded(stored.call_id);
    texts[Field::instance] = bounded(stored.instance);
    texts[Field::path] = bounded(stored.path);
    texts[Field::user_agent] = bounded(stored.user_agent);
    texts[Field::content_type] = bounded(stored.content_type);
    texts[Field::body] = bounded(stored.body);
    aim_at(stored.target);
}

bool Registration::has_body(const sip::RegisterRequest& request) noexcept {
    return !request.body.empty() && request.body.size() <= PackedTexts::kLongest;  // half a body is worse than none
}

std::size_t Registration::text_octets(std::string_view aor_key, const sip::RegisterRequest& request,
                                      const sip::RequestedContact& contact) noexcept {
    std::size_t octets = bounded(request.user_agent, kLongestUserAgent).size();
    for (const std::string_view text : {aor_key, contact.uri, request.call_id, contact.instance, request.path}) {
        octets += bounded(text).size();
    }
    if (has_body(request)) octets += bounded(request.content_type, kLongestContentType).size() + request.body.size();
    return octets;
}

void Registration::aim_at(const sip::SocketAddress& target) noexcept {
    if (target == flow.remote) return;
    target_room_ = pack(target);
    texts[Field::target] = {target_room_.data(), target_room_.size()};
}

}  // namespace sr::location
