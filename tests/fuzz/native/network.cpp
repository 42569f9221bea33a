#include "auth/network.hpp"

#include <string>

#include "fuzz_kit.hpp"

namespace sr::fuzz {

void run(std::string_view input) {
    const auto network = auth::Network::parse(input);
    const auto named = auth::read_networks(input);
    require(!network || (named && named->size() == 1), "what is a prefix is a network by name");
    if (!network) return;
    require(network->prefix_length() <= 128, "a prefix has 128 bits at most");
    require(input.find('\0') == std::string_view::npos, "no NUL ends a prefix");
    const std::string_view address_text = input.substr(0, input.find('/'));
    const auto address = sip::SocketAddress::parse(std::string(address_text), 0);
    require(address && network->contains(auth::AddressBits::of(*address)), "a network holds its own address");
    if (input.find('/') == std::string_view::npos) require(network->prefix_length() == 128, "an address is one host");
}

}  // namespace sr::fuzz
