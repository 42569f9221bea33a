#include <string>

#include "fuzz_kit.hpp"
#include "sip/flow.hpp"

namespace sr::fuzz {

void run(std::string_view input) {
    const auto address = sip::SocketAddress::parse(std::string(input), 5060);
    if (!address) return;
    require(input.find('\0') == std::string_view::npos, "no NUL ends an address");
    const std::string text = address->ip_text();
    require(!text.empty() && sip::SocketAddress::parse(text, 5060) == address, "an address printed is the same");
    require(sip::Flow{.remote = *address}.hash() == sip::Flow{.remote = *address}.hash(), "a flow has one hash");
}

}  // namespace sr::fuzz
