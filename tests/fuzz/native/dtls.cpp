// The entry of DTLS: datagrams of anybody who has passed ICE, each as long as the two octets before it tell.
#include "webrtc/dtls_session.hpp"

#include <algorithm>
#include <memory>

#include "fuzz_kit.hpp"

namespace sr::fuzz {

void run(std::string_view input) {
    static const auto identity = webrtc::DtlsIdentity::make();
    const auto session = webrtc::DtlsSession::make(*identity, webrtc::DtlsRole::passive, identity->fingerprint(), 0);
    base::TimeMs now_ms = 0;
    while (input.size() > 2) {
        const std::size_t wanted =
            static_cast<std::size_t>(static_cast<unsigned char>(input[0])) << 8 | static_cast<unsigned char>(input[1]);
        const std::size_t size = std::min(wanted, input.size() - 2);
        session->receive({reinterpret_cast<const std::uint8_t*>(input.data()) + 2, size}, ++now_ms);
        session->outbox().drain(
            [](webrtc::Octets datagram) { require(datagram.size() <= webrtc::kDtlsMtu, "a datagram fits the path"); });
        input.remove_prefix(2 + size);
    }
    require(!session->keys(), "nobody gets keys without a handshake");
}

}  // namespace sr::fuzz
