// RTP with its header extensions, digits, and the jitter buffer behind it.
#include "audio/rtp_packet.hpp"

#include <algorithm>

#include "audio/codec.hpp"
#include "audio/playout.hpp"
#include "audio/telephone_event.hpp"
#include "fuzz_kit.hpp"

namespace sr::fuzz {
namespace {

bool is_within_octets(audio::Octets part, audio::Octets whole) {
    const auto text = [](audio::Octets octets) {
        return std::string_view(reinterpret_cast<const char*>(octets.data()), octets.size());
    };
    return is_within(text(part), text(whole));
}

}  // namespace

void run(std::string_view input) {
    audio::Playout playout(audio::make_decoder({.name = "PCMU", .clock_rate_hz = 8000, .channels = 1}), {});
    audio::DigitReceiver digits(8000);
    audio::AudioFrame frame;
    audio::TimeUs now_us = 1'000'000;
    // Packets of a length that the octet before them tells, one every 7 ms.
    while (input.size() > 1) {
        const std::size_t size = std::min<std::size_t>(static_cast<unsigned char>(input.front()), input.size() - 1);
        const audio::Octets packet(reinterpret_cast<const std::uint8_t*>(input.data()) + 1, size);
        input.remove_prefix(size + 1);
        now_us += 7'000;
        const auto view = audio::RtpView::parse(packet);
        if (!view) continue;
        require(is_within_octets(view->payload(), packet), "the payload lies within the packet");
        for (std::uint8_t id = 1; id < 15; ++id) {
            const auto data = view->extension(id);
            require(!data || is_within_octets(*data, packet), "an extension lies within the packet");
        }
        static_cast<void>(digits.receive(*view));
        playout.insert(*view, now_us);
        static_cast<void>(playout.pop(now_us, frame));
        require(playout.statistics().delay_ms < 2000, "nothing waits for seconds");
    }
}

}  // namespace sr::fuzz
