// Who we are in every DTLS handshake: a P-256 key with a certificate signed by itself, and the settings of OpenSSL.
#pragma once

#include <memory>

#include "webrtc/fingerprint.hpp"

struct ssl_ctx_st;

namespace sr::webrtc {

/// Made once per process and shared by all threads; sessions keep what they need of it alive.
class DtlsIdentity {
  public:
    /// A new key, a certificate of thirty years. Null where OpenSSL refuses, which is the installation's fault.
    [[nodiscard]] static std::unique_ptr<const DtlsIdentity> make();
    ~DtlsIdentity();
    DtlsIdentity(const DtlsIdentity&) = delete;
    DtlsIdentity& operator=(const DtlsIdentity&) = delete;

    /// sha-256, for the a=fingerprint line.
    [[nodiscard]] const Fingerprint& fingerprint() const noexcept { return fingerprint_; }

    /// For DtlsSession only.
    [[nodiscard]] ssl_ctx_st* context() const noexcept { return context_; }

  private:
    DtlsIdentity(ssl_ctx_st* context, const Fingerprint& fingerprint) noexcept;

    ssl_ctx_st* context_;
    Fingerprint fingerprint_;
};

}  // namespace sr::webrtc
