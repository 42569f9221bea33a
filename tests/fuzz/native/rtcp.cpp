// Compound RTCP, and what is believed of its reports.
#include "audio/rtcp.hpp"

#include "audio/reception.hpp"
#include "fuzz_kit.hpp"

namespace sr::fuzz {

void run(std::string_view input) {
    const audio::Octets octets(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
    audio::Reception reception(7, 48000);
    audio::Transmission transmission(7, 48000);
    for (const bool may_be_reduced : {false, true}) {
        auto compound = audio::RtcpCompound::parse(octets, may_be_reduced);
        if (!compound) continue;
        std::size_t count = 0;
        while (const auto packet = compound->next()) {
            require(++count <= octets.size() / 4, "a packet has four octets at least");
            require(is_within(packet->cname(), input), "the name lies within the compound");
            const bool is_sender = packet->type() == audio::RtcpType::SenderReport;
            if (is_sender) reception.receive_sender_report(packet->sender_info(), 1'000'000);
            if (packet->type() == audio::RtcpType::Bye) {
                for (std::size_t i = 0; i < packet->count(); ++i) static_cast<void>(packet->leaving_ssrc(i));
            }
            if (!is_sender && packet->type() != audio::RtcpType::ReceiverReport) continue;
            for (std::size_t i = 0; i < packet->count(); ++i) transmission.receive_report(packet->report(i), 2'000'000);
        }
    }
    const auto round_trip = transmission.round_trip_ms();
    require(!round_trip, "a report that answers nothing of ours gives no round trip");
}

}  // namespace sr::fuzz
