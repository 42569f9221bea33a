// Whether the certificate that a peer shows is the one that its description announced (RFC 8122 section 6.2).
#pragma once

#include <openssl/ssl.h>

#include "webrtc/fingerprint.hpp"

namespace sr::webrtc {

/// Stands beside an SSL as its app data and outlives it.
struct AnnouncedPeer {
    enum class Verdict : std::uint8_t { unseen, right, wrong };

    Fingerprint fingerprint;
    Verdict verdict = Verdict::unseen;
};

/// Of the whole certificate; nullopt where OpenSSL refuses.
[[nodiscard]] std::optional<Fingerprint> fingerprint_of(const X509* certificate, FingerprintHash hash);

/// For SSL_CTX_set_cert_verify_callback: asked during the handshake, so that a wrong peer gets an alert and no keys.
/// X509's own rules (names, dates, issuers) do not count.
int verify_announced_peer(X509_STORE_CTX* store, void*) noexcept;

}  // namespace sr::webrtc
