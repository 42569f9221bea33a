// What comes to the media port before anybody is known there: a check, read, authenticated and answered.
#include "webrtc/stun.hpp"

#include <vector>

#include "fuzz_kit.hpp"
#include "webrtc/ice_lite.hpp"
#include "webrtc/packet_kind.hpp"

namespace sr::fuzz {

void run(std::string_view input) {
    const webrtc::Octets datagram(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
    static_cast<void>(webrtc::classify(datagram));
    require(is_within(webrtc::find_local_ufrag(datagram), input), "the name lies within the datagram");
    webrtc::IceLite ice({"local", "0123456789012345678901"}, {"remote", "abcdefghijklmnopqrstuv"}, 0);
    webrtc::IceLite::ReplyRoom room;
    const auto source = *sip::SocketAddress::parse("192.0.2.7", 40000);
    const webrtc::IceOutcome outcome = ice.receive(datagram, source, 1, room);
    require(outcome.reply.size() <= room.size(), "an answer fits its room");
    require(outcome.reply.size() <= datagram.size() + webrtc::IceLite::kReplyRoom, "no amplification worth having");
    require((outcome.verdict == webrtc::IceVerdict::valid) == ice.selected().has_value(),
            "an address is believed when its check was authentic, and then only");
}

}  // namespace sr::fuzz
