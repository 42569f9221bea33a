// OpenSSL's view of a datagram transport that is two pieces of memory: borders are kept, nothing is copied on its way
// in.
#pragma once

#include <openssl/bio.h>

#include "webrtc/bytes.hpp"

namespace sr::webrtc {

/// What the BIO reads and writes; it must outlive the BIO.
struct DatagramPort {
    Octets incoming;  // the one datagram that is there to be read; empty: none
    Outbox outgoing;
};

/// A BIO over `port`; null where OpenSSL refuses.
[[nodiscard]] BIO* make_datagram_bio(DatagramPort& port) noexcept;

}  // namespace sr::webrtc
