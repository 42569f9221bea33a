// A message of any octets; and one with a secret, before which and beside which stand the input's halves, parted by its
// first NUL.
#include "sip/credential_mask.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "fuzz_kit.hpp"

namespace sr::fuzz {
namespace {

constexpr std::string_view kSecret = "7hG9s3cr3tQ2x";

std::string masked(std::string_view message, std::size_t room_octets) {
    std::string room(room_octets, '\0');
    const sip::MaskedCopy copy = sip::copy_masked(message, room);
    require(copy.size <= room_octets, "a copy fits");
    require(!copy.is_cut || copy.size == room_octets, "only what does not fit is cut");
    room.resize(copy.size);
    return room;
}

/// Without what would end the line.
std::string on_one_line(std::string_view text) {
    std::string line(text);
    std::erase_if(line, [](char c) { return c == '\r' || c == '\n'; });
    return line;
}

std::string user_of(std::string_view text) {
    constexpr std::string_view kNotInUsers = " \t\r\n<>\"@:;,?&=/";
    std::string user(text);
    std::erase_if(user, [kNotInUsers](char c) { return kNotInUsers.find(c) != std::string_view::npos; });
    return "u" + user;
}

/// A message with the secret in a place where it must not stay, chosen by `choice`.
std::string message_with_secret(const std::string& before, const std::string& beside, unsigned choice) {
    const std::string secret(kSecret);
    const std::string field = choice % 2 == 0 ? "Authorization: Digest " : "proxy-authenticate:Digest\t";
    switch (choice / 2 % 6) {
        case 0: return before + field + beside + ",response=\"" + secret + "\"\r\n\r\n";
        case 1: return before + field + "nonce=\"" + secret + "\"," + beside + "\r\n\r\n";
        case 2: return before + field + beside + "\r\n ,response=\"" + secret + "\"\r\n\r\n";
        case 3: return before + "Authorization: Basic " + secret + "\r\n" + beside;
        case 4: return before + "Contact: <sip:" + user_of(beside) + ":" + secret + "@h>\r\n";
        default: return before + "a=ice-pwd:" + secret + beside + "\r\n";
    }
}

}  // namespace

void run(std::string_view input) {
    const std::string whole = masked(input, 4 * input.size() + 64);
    require(whole.starts_with(masked(input, input.size() / 2)), "less room shows less of the same");
    if (input.empty()) return;
    const auto choice = static_cast<unsigned char>(input.front());
    std::string before(take_until(input, '\0'));
    before += "\r\n";
    const std::string message = message_with_secret(before, on_one_line(input), choice);
    if (message.find(kSecret) != message.rfind(kSecret)) return;  // libFuzzer has guessed it
    require(masked(message, 4 * message.size() + 64).find(kSecret) == std::string::npos, "no credential is left");
}

}  // namespace sr::fuzz
