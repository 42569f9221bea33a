// This side of every call of the tests, offers from tests/data/sdp, and what holds for each answer.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sdp/answer.hpp"
#include "sdp/offer.hpp"

namespace sr::sdp::testkit {

inline constexpr Codec kL16Stereo{CodecName::l16, 48000, 2};
inline constexpr Codec kL16Wideband{CodecName::l16, 16000, 1};

inline sip::SocketAddress address(const std::string& ip, std::uint16_t port) {
    return sip::SocketAddress::parse(ip, port).value();
}

inline LocalMedia our_media() {
    LocalMedia local;
    local.addresses = {address("192.0.2.1", 42000), address("2001:db8::1", 42000)};
    local.rtp_port = 42002;
    local.ice = {"oursUFRA", "oursPASSWORDoursPASSWORD"};
    local.fingerprint =
        "sha-256 B4:11:06:D9:CA:12:D0:3E:1F:5C:83:E5:5B:B4:F0:33:50:CC:33:35:0F:EA:DF:02:D3:AD:3E:F1:BF:81:59:2D";
    local.session_id = 2476629896;
    local.session_version = 1;
    local.cname = "sr";
    local.ssrc = 1619802995;
    OpusParameters opus;
    opus.use_inband_fec = true;
    local.codecs = {{kOpus, opus}, {kL16Stereo, {}}, {kG722, {}}, {kPcmu, {}}, {kPcma, {}}, {kL16Wideband, {}}};
    return local;
}

inline std::filesystem::path data_folder() { return std::filesystem::path(SR_TEST_DATA) / "sdp"; }

inline std::string read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    REQUIRE_MESSAGE(file.good(), path.string());
    return {std::istreambuf_iterator<char>(file), {}};
}

inline std::string offer_file(const std::string& name) { return read_file(data_folder() / (name + ".sdp")); }

inline std::vector<std::filesystem::path> all_files() {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(data_folder())) {
        if (entry.path().extension() == ".sdp") paths.push_back(entry.path());
    }
    std::ranges::sort(paths);
    return paths;
}

/// Views into `text`.
inline SessionDescription parsed(const std::string& text) {
    auto read = parse(text);
    const auto* const fault = std::get_if<SdpFault>(&read);
    if (fault != nullptr) FAIL("line " << fault->line_number << " is not " << fault->expected << " in\n" << text);
    return std::get<SessionDescription>(std::move(read));
}

inline Agreement agreed(const std::variant<Agreement, AnswerFault>& result) {
    const auto* const fault = std::get_if<AnswerFault>(&result);
    if (fault != nullptr) FAIL(describe(fault->reason));
    return std::get<Agreement>(result);
}

inline Agreement answer_to(const std::string& offer, const LocalMedia& local = our_media(),
                           const Agreement* previous = nullptr) {
    return agreed(negotiate(parsed(offer), local, previous));
}

inline AnswerFaultReason refusal_of(const std::string& offer, const LocalMedia& local = our_media(),
                                    const Agreement* previous = nullptr) {
    const auto result = negotiate(parsed(offer), local, previous);
    const auto* const fault = std::get_if<AnswerFault>(&result);
    if (fault == nullptr) FAIL("agreed:\n" << std::get<Agreement>(result).text);
    CHECK_FALSE(describe(fault->reason).empty());
    return fault->reason;
}

/// `text` with each `from` turned into `to`; there must be one.
inline std::string with(std::string text, std::string_view from, std::string_view to) {
    std::size_t at = text.find(from);
    REQUIRE_MESSAGE(at != std::string::npos, from);
    for (; at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
    return text;
}

inline std::string without(std::string text, std::string_view line_start) {
    const std::size_t start = text.find("\n" + std::string(line_start));
    REQUIRE_MESSAGE(start != std::string::npos, line_start);
    return text.erase(start + 1, text.find('\n', start + 1) - start);
}

inline bool has_line(const std::string& text, std::string_view line) {
    return text.find("\r\n" + std::string(line) + "\r\n") != std::string::npos;
}

/// A phone's offer in lines of the tests' own.
inline std::string plain_offer(std::string_view media, std::string_view session = "c=IN IP4 192.0.2.9\n") {
    return "v=0\no=- 1 1 IN IP4 192.0.2.9\ns=-\n" + std::string(session) + "t=0 0\n" + std::string(media);
}

inline std::vector<int> payload_types(const std::vector<AgreedFormat>& formats) {
    std::vector<int> types;
    for (const AgreedFormat& format : formats) types.push_back(format.payload_type);
    return types;
}

}  // namespace sr::sdp::testkit
