#include <array>
#include <optional>

#include "fuzz_kit.hpp"
#include "stack/ping.hpp"

namespace sr::fuzz {
namespace {

bool is_same(const stack::PingToken& a, const stack::PingToken& b) {
    return a.binding_id == b.binding_id && a.nonce == b.nonce && a.sent_us == b.sent_us;
}

}  // namespace

void run(std::string_view branch) {
    const auto token = stack::read_ping_token(branch);
    if (!token) return;
    std::array<char, 1024> room;
    base::TextBuffer out(room);
    stack::write_ping({*token, "sip:a@192.0.2.1", "", "192.0.2.5", 5060, "home"}, out);
    const std::string_view ping = out.text();
    const std::size_t at = ping.find("branch=") + 7;
    const std::string_view written = ping.substr(at, ping.find("\r\n", at) - at);
    const auto again = stack::read_ping_token(written);
    require(again && is_same(*token, *again), "a token printed is the same");
    require(written.size() <= branch.size(), "and has nothing that was not in the branch");
}

}  // namespace sr::fuzz
