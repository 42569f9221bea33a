// Two URIs, a line each.
#include "sip/uri.hpp"

#include <optional>
#include <string>

#include "fuzz_kit.hpp"

namespace sr::fuzz {
namespace {

std::string print(const sip::Uri& uri) {
    std::string text = uri.is_secure ? "sips:" : "sip:";
    text += uri.user;
    if (uri.password.data() != nullptr) text.append(":").append(uri.password);
    if (!uri.user.empty()) text += '@';
    text.append(uri.is_ipv6 ? "[" : "").append(uri.host).append(uri.is_ipv6 ? "]" : "");
    if (uri.port) text.append(":").append(std::to_string(*uri.port));
    if (!uri.parameters.empty()) text.append(";").append(uri.parameters);
    if (!uri.headers.empty()) text.append("?").append(uri.headers);
    return text;
}

void require_read(std::string_view text) {
    const auto uri = sip::Uri::parse(text);
    if (!uri) return;
    for (const std::string_view part : {uri->user, uri->password, uri->host, uri->parameters, uri->headers}) {
        require(is_within(part, text), "the parts lie within the text");
    }
    require(!uri->host.empty(), "a URI has a host");
    const std::string printed = print(*uri);
    const auto again = sip::Uri::parse(printed);
    require(again && again->user == uri->user && again->password == uri->password && again->host == uri->host &&
                again->port == uri->port && again->parameters == uri->parameters && again->headers == uri->headers &&
                again->is_secure == uri->is_secure && again->is_ipv6 == uri->is_ipv6,
            "a URI printed is the same when it is read");
    require(are_equal(*uri, *again), "a URI equals itself");
    const auto transport = uri->parameter("transport");
    require(!transport || is_within(*transport, uri->parameters), "a parameter lies within the parameters");
}

}  // namespace

void run(std::string_view input) {
    const std::string_view a = take_until(input, '\n');
    const std::string_view b = take_until(input, '\n');
    require_read(a);
    require_read(b);
    require(sip::are_equal(a, b) == sip::are_equal(b, a), "equality is symmetric");
}

}  // namespace sr::fuzz
