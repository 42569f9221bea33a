// The command line of notifyload.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace bench {

struct WatchOptions {
    sockaddr_in target{};
    std::string domain{"bench.local"};
    std::uint32_t watchers{1000};
    std::uint32_t desks{1};
    std::uint32_t window{32};
    std::uint32_t per_socket{40};
    std::uint32_t expires_s{3600};
};

// ADDRESS:PORT, of this machine only; throws std::invalid_argument.
inline sockaddr_in loopback(const std::string& text) {
    const auto colon = text.rfind(':');
    sockaddr_in target{};
    target.sin_family = AF_INET;
    if (colon == std::string::npos || ::inet_pton(AF_INET, text.substr(0, colon).c_str(), &target.sin_addr) != 1 ||
        ntohl(target.sin_addr.s_addr) >> 24 != 127) {
        throw std::invalid_argument("--target is ADDRESS:PORT of 127.0.0.0/8: this tool loads its own machine only");
    }
    target.sin_port = htons(static_cast<std::uint16_t>(std::stoul(text.substr(colon + 1))));
    return target;
}

// The whole command line; throws std::invalid_argument, with the sentence to show, on anything unknown.
inline WatchOptions parse_options(std::span<char* const> arguments) {
    WatchOptions options;
    const std::map<std::string_view, std::uint32_t WatchOptions::*> numbers{{"--watchers", &WatchOptions::watchers},
                                                                            {"--desks", &WatchOptions::desks},
                                                                            {"--window", &WatchOptions::window},
                                                                            {"--per-socket", &WatchOptions::per_socket},
                                                                            {"--expires", &WatchOptions::expires_s}};
    for (std::size_t i = 0; i < arguments.size(); i += 2) {
        const std::string_view name = arguments[i];
        if (i + 1 == arguments.size()) throw std::invalid_argument(std::string{name} + " needs a value");
        const std::string value = arguments[i + 1];
        if (const auto number = numbers.find(name); number != numbers.end()) {
            options.*number->second = static_cast<std::uint32_t>(std::stoul(value));
            if (options.*number->second == 0) throw std::invalid_argument(std::string{name} + " is 1 at least");
        } else if (name == "--target") {
            options.target = loopback(value);
        } else if (name == "--domain") {
            options.domain = value;
        } else {
            throw std::invalid_argument("unknown option " + std::string{name});
        }
    }
    if (std::max(options.watchers, options.desks) > 1'000'000) throw std::invalid_argument("1000000 at most");
    if (options.window > 65536) throw std::invalid_argument("--window is 65536 at most");
    return options;
}

}  // namespace bench
