// One DTLS 1.2 association that agrees on the keys of SRTP (RFC 6347, RFC 5764).
//
// Theory of operation. OpenSSL reads one datagram at a time from memory and writes datagrams into an outbox; borders
// are kept. The peer's certificate is compared with the fingerprint of its description while the handshake runs, so a
// session of the wrong peer fails with an alert and never has keys. Retransmission: OpenSSL counts the time of its
// flights on the system's clock and nowhere else, so `next_timeout` translates its remaining time to the caller's
// clock; the limit of the whole handshake counts on the caller's.
#pragma once

#include <memory>
#include <optional>

#include "base/clock.hpp"
#include "webrtc/bytes.hpp"
#include "webrtc/dtls_identity.hpp"
#include "webrtc/srtp_keys.hpp"

namespace sr::webrtc {

enum class DtlsRole : std::uint8_t {
    passive,  // a=setup:passive, the server: waits
    active,   // a=setup:active, the client: speaks first
};

enum class DtlsState : std::uint8_t { handshaking, connected, failed, closed };

enum class DtlsFault : std::uint8_t {
    none,
    protocol,     // the peer broke it, sent an alert or shares no cipher with us
    fingerprint,  // the certificate is not the one that was announced
    no_profile,   // no SRTP profile in common
    timeout,      // kDtlsHandshakeMs are over, or the flights went unanswered
};

[[nodiscard]] std::string_view dtls_fault_name(DtlsFault fault) noexcept;

inline constexpr std::size_t kDtlsMtu = 1200;  // octets of a datagram's payload at the most
inline constexpr base::TimeMs kDtlsHandshakeMs = 30'000;

class DtlsSession {
  public:
    /// `peer` is what its description announced. Null where OpenSSL refuses.
    [[nodiscard]] static std::unique_ptr<DtlsSession> make(const DtlsIdentity& identity, DtlsRole role,
                                                           const Fingerprint& peer, base::TimeMs now);
    ~DtlsSession();
    DtlsSession(const DtlsSession&) = delete;
    DtlsSession& operator=(const DtlsSession&) = delete;

    /// The active side's first flight; nothing on the passive side. To be called when the path is valid.
    void start(base::TimeMs now);

    /// Takes a datagram that classify() calls dtls, whatever it holds; look at state() and outbox() after it.
    void receive(Octets datagram, base::TimeMs now);

    /// When tick() has something to do; nullopt once the handshake is over.
    [[nodiscard]] std::optional<base::TimeMs> next_timeout(base::TimeMs now) const noexcept;
    void tick(base::TimeMs now);

    /// Says close_notify once (it goes into the outbox) and ends the session; nothing on one that is over.
    void close();

    [[nodiscard]] Outbox& outbox() noexcept;
    [[nodiscard]] DtlsState state() const noexcept;
    [[nodiscard]] DtlsFault fault() const noexcept;
    /// Only while connected.
    [[nodiscard]] const std::optional<SrtpKeys>& keys() const noexcept;

  private:
    struct Impl;
    explicit DtlsSession(std::unique_ptr<Impl> impl) noexcept;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sr::webrtc
