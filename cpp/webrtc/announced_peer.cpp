#include "webrtc/announced_peer.hpp"

#include <vector>

namespace sr::webrtc {

std::optional<Fingerprint> fingerprint_of(const X509* certificate, FingerprintHash hash) {
    const int size = certificate == nullptr ? 0 : i2d_X509(certificate, nullptr);
    if (size <= 0) return std::nullopt;
    std::vector<std::uint8_t> der(static_cast<std::size_t>(size));
    unsigned char* end = der.data();
    i2d_X509(certificate, &end);
    return Fingerprint::of_certificate(der, hash);
}

int verify_announced_peer(X509_STORE_CTX* store, void*) noexcept {
    const auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* peer = static_cast<AnnouncedPeer*>(SSL_get_app_data(ssl));
    const auto shown = fingerprint_of(X509_STORE_CTX_get0_cert(store), peer->fingerprint.hash);
    const bool is_right = shown && *shown == peer->fingerprint;
    peer->verdict = is_right ? AnnouncedPeer::Verdict::right : AnnouncedPeer::Verdict::wrong;
    if (!is_right) X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    return is_right ? 1 : 0;
}

}  // namespace sr::webrtc
