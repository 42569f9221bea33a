// A stream of any octets, in pieces as long as its own octets say: the first of each piece is its length.
#include "stack/stream_framing.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "fuzz_kit.hpp"

namespace sr::fuzz {
namespace {

using stack::Frame;
using stack::FrameKind;

struct Taken {
    std::vector<std::string> messages;
    std::size_t keep_alives = 0;
    bool is_broken = false;

    bool operator==(const Taken&) const = default;
};

void take_all(stack::StreamFraming& framing, Taken& taken) {
    for (Frame frame = framing.next(); frame.kind != FrameKind::none; frame = framing.next()) {
        require(!taken.is_broken, "nothing comes out of a broken stream");
        require((frame.fault == sip::RejectReason::none) == (frame.kind != FrameKind::broken),
                "only a fault breaks it");
        if (frame.kind == FrameKind::keep_alive) ++taken.keep_alives;
        if (frame.kind == FrameKind::broken) {
            taken.is_broken = true;
            require(frame.octets.size() <= stack::kMostHeaderOctets, "a broken header is cut at its limit");
        }
        if (frame.kind != FrameKind::message) continue;
        require(frame.octets.size() <= stack::kMostMessageOctets, "no message goes beyond its limit");
        require(!frame.octets.starts_with("\r\n"), "line ends before a message are skipped");
        const std::size_t end = std::min(frame.octets.find("\n\n"), frame.octets.find("\n\r\n"));
        require(end != std::string_view::npos, "a message has an empty line");
        taken.messages.emplace_back(frame.octets);
    }
    require(framing.size() <= stack::kMostMessageOctets || taken.is_broken, "no more is kept than a message may have");
    require(framing.size() > 0 || framing.half_since_ms() == stack::kNothingBegun, "nothing is begun where nothing is");
}

}  // namespace

void run(std::string_view input) {
    stack::StreamFraming whole;
    Taken at_once;
    std::string stream;
    stack::StreamFraming cut;
    Taken in_pieces;
    while (!input.empty()) {
        const std::string_view piece = input.substr(1, static_cast<unsigned char>(input.front()));
        input.remove_prefix(1 + piece.size());
        stream.append(piece);
        cut.append(piece, 1);
        take_all(cut, in_pieces);
    }
    whole.append(stream, 1);
    take_all(whole, at_once);
    require(at_once == in_pieces, "where a stream is cut does not matter");
    require(whole.size() == cut.size() || at_once.is_broken, "nor for what is left of it");
}

}  // namespace sr::fuzz
