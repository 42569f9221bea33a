// ICE for an agent with a public or LAN address (RFC 8445 section 2.5): it answers checks and never sends one.
//
// Theory of operation. The peer is full ICE, therefore controlling, and checks each of its addresses against our one.
// An address is believed from its first check with a right MESSAGE-INTEGRITY on. Media goes to the selected path: the
// first that is valid, then whatever the peer nominates. Browsers repeat USE-CANDIDATE in every check of the pair they
// use, other agents send it once, and old ones (aggressive nomination) send it on all pairs all the time; so a
// nominated check moves the path, unless the present path is being nominated as well and has the higher priority.
// Should that one be dead, the second check in a row of the same challenger moves the path. Valid checks are also the
// peer's consent to receive (RFC 7675): browsers send one every 2.5 s at the most.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "sip/flow.hpp"
#include "webrtc/stun.hpp"

namespace sr::webrtc {

/// Silence after which a peer no longer consents (RFC 7675 section 5.1).
inline constexpr base::TimeMs kConsentMs = 30'000;

struct IceCredentials {
    std::string ufrag;
    std::string pwd;

    /// 8 and 24 characters from the system's generator (RFC 8445 section 5.3 wants 24 and 128 bits of randomness).
    [[nodiscard]] static IceCredentials generate();

    bool operator==(const IceCredentials&) const = default;
};

enum class IceVerdict : std::uint8_t {
    valid,            // answered with success; the source is believed
    unauthenticated,  // answered with 400 or 401; believe nothing
    refused,          // authentic, answered with 420 or 487; the source is not believed
    ignored,          // no answer: not a Binding request, or not STUN at all
};

struct IceOutcome {
    IceVerdict verdict = IceVerdict::ignored;
    bool is_new_address = false;   // the first valid check from this source: known by its address from now on
    bool is_path_changed = false;  // selected() is another than before
    Octets reply;                  // to be sent to the source; a view of the room given; empty: nothing
};

class IceLite {
  public:
    /// Enough for every reply.
    static constexpr std::size_t kReplyRoom = 160;
    using ReplyRoom = std::array<std::uint8_t, kReplyRoom>;

    /// `now` starts the time in which the first valid check must come. `remote.ufrag` may be empty while it is not
    /// known: then any is taken.
    IceLite(IceCredentials local, IceCredentials remote, base::TimeMs now);

    [[nodiscard]] IceOutcome receive(Octets datagram, const sip::SocketAddress& source, base::TimeMs now,
                                     ReplyRoom& room) noexcept;

    /// Where media goes; nullopt before the first valid check.
    [[nodiscard]] std::optional<sip::SocketAddress> selected() const noexcept;

    /// Whether a valid check came from there since the last restart that took effect. At most kPaths are remembered.
    [[nodiscard]] bool is_known(const sip::SocketAddress& source) const noexcept;
    static constexpr std::size_t kPaths = 8;

    /// When the peer's consent ends, or has ended; every valid check moves it.
    [[nodiscard]] base::TimeMs consent_until() const noexcept { return last_valid_at_ + kConsentMs; }

    /// RFC 8445 section 9; counts as consent, as the peer's description asked for it or answers it. The old credentials
    /// and the old path hold until the first valid check with the new ones.
    void restart(IceCredentials local, IceCredentials remote, base::TimeMs now);

    [[nodiscard]] const IceCredentials& local() const noexcept { return current_.local; }
    [[nodiscard]] const IceCredentials& remote() const noexcept { return current_.remote; }
    /// The local name before a restart while it still holds, so that checks may be routed by it; empty: none.
    [[nodiscard]] const std::string& previous_ufrag() const noexcept { return previous_.local.ufrag; }

  private:
    struct Generation {
        IceCredentials local;
        IceCredentials remote;
    };
    struct Path {
        sip::SocketAddress address;
        base::TimeMs last_valid_at = 0;
        std::uint32_t priority = 0;
        bool is_nominating = false;  // its latest check carried USE-CANDIDATE
    };

    static constexpr std::size_t kNone = kPaths;

    [[nodiscard]] const Generation* find_generation(std::string_view username) const noexcept;
    [[nodiscard]] std::size_t find_path(const sip::SocketAddress& source) const noexcept;
    [[nodiscard]] std::size_t add_path(const sip::SocketAddress& source) noexcept;
    void accept(const StunMessage& check, const sip::SocketAddress& source, base::TimeMs now,
                IceOutcome& outcome) noexcept;
    void nominate(std::size_t path) noexcept;
    void finish_restart() noexcept;

    Generation current_;
    Generation previous_;  // during a restart; empty otherwise
    std::array<Path, kPaths> paths_{};
    std::size_t path_count_ = 0;
    std::size_t selected_ = kNone;
    std::size_t challenger_ = kNone;  // was nominated against a better selected path that has not been heard since
    base::TimeMs last_valid_at_;
    bool is_restarting_ = false;
};

}  // namespace sr::webrtc
