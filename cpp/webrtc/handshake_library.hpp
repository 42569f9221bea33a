// OpenSSL for handshakes. Its 3.0 looks at every decoder and every type of key that it has, whatever they are for, each
// time it reads a certificate: a third of a whole handshake. Where it finds only those that a browser may show, the
// handshake takes a fifth less time.
#pragma once

#include <openssl/types.h>

namespace sr::webrtc {

/// What keys, certificates and contexts of DTLS are made with; null is OpenSSL's own, where it lets us have no other.
/// Made once and never freed.
[[nodiscard]] OSSL_LIB_CTX* handshake_library() noexcept;

}  // namespace sr::webrtc
