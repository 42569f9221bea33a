#include "webrtc/dtls_identity.hpp"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <string>

#include "webrtc/announced_peer.hpp"
#include "webrtc/evp.hpp"
#include "webrtc/handshake_library.hpp"
#include "webrtc/srtp_keys.hpp"

namespace sr::webrtc {
namespace {

constexpr long kDayS = 86'400;
constexpr long kLifeDays = 30 * 365;

// What protects a handshake of two kilobytes matters little; the shortest comes first, as browsers have it too.
constexpr const char* kCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

using Context = std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>>;

/// Signed by itself: nobody looks at its names and dates, peers compare its hash.
Certificate make_certificate(EVP_PKEY* key) noexcept {
    Certificate certificate(X509_new_ex(handshake_library(), nullptr));
    std::uint64_t serial = 0;
    if (certificate == nullptr || RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) != 1) return {};
    X509* const x509 = certificate.get();
    X509_NAME* const name = X509_get_subject_name(x509);
    const auto* const common_name = reinterpret_cast<const unsigned char*>("WebRTC");
    // A day of slack for peers whose clock is behind. The serial number is positive: one bit less.
    const bool is_made = X509_set_version(x509, X509_VERSION_3) == 1 &&
                         ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), serial >> 1 | 1) == 1 &&
                         X509_gmtime_adj(X509_getm_notBefore(x509), -kDayS) != nullptr &&
                         X509_gmtime_adj(X509_getm_notAfter(x509), kLifeDays * kDayS) != nullptr &&
                         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common_name, -1, -1, 0) == 1 &&
                         X509_set_issuer_name(x509, name) == 1 && X509_set_pubkey(x509, key) == 1 &&
                         X509_sign(x509, key, EVP_sha256()) > 0;
    if (!is_made) return {};
    return certificate;
}

/// "SRTP_AEAD_AES_128_GCM:...", the preferred first.
std::string srtp_profiles() {
    std::string names;
    for (const SrtpProfile profile :
         {SrtpProfile::aead_aes_128_gcm, SrtpProfile::aead_aes_256_gcm, SrtpProfile::aes128_cm_sha1_80}) {
        if (!names.empty()) names += ':';
        names += traits_of(profile).openssl_name;
    }
    return names;
}

Context make_context(EVP_PKEY* key, X509* certificate) {
    Context context(SSL_CTX_new_ex(handshake_library(), nullptr, DTLS_method()));
    if (context == nullptr) return {};
    SSL_CTX* const ctx = context.get();
    // OpenSSL must not ask the transport for its MTU; every association is new, so that sessions would only cost.
    SSL_CTX_set_options(
        ctx, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_cert_verify_callback(ctx, verify_announced_peer, nullptr);
    // X25519 for the speed; P-256 for the certificate, without which the peer finds no cipher in common.
    const bool is_made = SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION) == 1 &&
                         SSL_CTX_set_cipher_list(ctx, kCiphers) == 1 &&
                         SSL_CTX_set1_groups_list(ctx, "X25519:P-256") == 1 &&
                         SSL_CTX_use_certificate(ctx, certificate) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1 &&
                         SSL_CTX_set_tlsext_use_srtp(ctx, srtp_profiles().c_str()) == 0;  // 0 is its success
    if (!is_made) return {};
    return context;
}

}  // namespace

DtlsIdentity::DtlsIdentity(ssl_ctx_st* context, const Fingerprint& fingerprint) noexcept
    : context_(context), fingerprint_(fingerprint) {}

DtlsIdentity::~DtlsIdentity() { SSL_CTX_free(context_); }

std::unique_ptr<const DtlsIdentity> DtlsIdentity::make() {
    ERR_clear_error();
    const PrivateKey key(EVP_PKEY_Q_keygen(handshake_library(), nullptr, "EC", "P-256"));
    if (key == nullptr) return nullptr;
    const Certificate certificate = make_certificate(key.get());
    if (certificate == nullptr) return nullptr;
    Context context = make_context(key.get(), certificate.get());
    const auto fingerprint = fingerprint_of(certificate.get(), FingerprintHash::sha256);
    if (context == nullptr || !fingerprint) return nullptr;
    return std::unique_ptr<const DtlsIdentity>(new DtlsIdentity(context.release(), *fingerprint));
}

}  // namespace sr::webrtc
