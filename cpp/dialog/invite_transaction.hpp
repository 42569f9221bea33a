// The server transaction of one INVITE or re-INVITE (RFC 3261 sections 13.3.1.4 and 17.2.1, RFC 6026, RFC 3262).
//
// Theory of operation. One function per thing that happens, one state at a time:
//
//     proceeding --fail--> failed --ACK--> absorbing --T4--> over
//         |                  '-----64*T1 without ACK-------> over
//         '----succeed--> succeeded --ACK--> acknowledged
//                            '-----64*T1 without ACK: the dialog's owner must say BYE
//
// A 2xx is repeated whatever the transport, since a proxy may have lost it; a refusal over UDP only. A copy of the
// INVITE gets again what was sent last.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.hpp"
#include "dialog/call_event.hpp"
#include "dialog/message_text.hpp"
#include "dialog/timers.hpp"

namespace sr::dialog {

class InviteTransaction {
  public:
    enum class State : std::uint8_t { proceeding, succeeded, acknowledged, failed, absorbing, over };

    /// What has run out.
    enum class Due : std::uint8_t { nothing, ack_missing, prack_missing };

    InviteTransaction(const CallRequest& request, std::string_view local_tag);

    [[nodiscard]] State state() const noexcept { return state_; }
    [[nodiscard]] std::uint32_t cseq() const noexcept { return cseq_; }
    [[nodiscard]] const ReplyHead& head() const noexcept { return head_; }
    [[nodiscard]] bool is_same(const CallRequest& request) const noexcept { return request.transaction_key == key_; }

    /// A provisional answer; a copy of the INVITE gets it again.
    void progress(std::string octets, Outbox& out);

    /// One that is repeated until its PRACK comes (RFC 3262 section 3).
    void progress_reliably(std::string octets, base::TimeMs now_ms, Outbox& out);
    [[nodiscard]] bool is_progress_open() const noexcept { return is_progress_open_; }
    void close_progress() noexcept { is_progress_open_ = false; }

    void succeed(std::string octets, base::TimeMs now_ms, Outbox& out);
    void fail(std::string octets, base::TimeMs now_ms, Outbox& out);

    /// The same INVITE came again.
    void repeat(Outbox& out) const;

    /// An ACK to this INVITE came; whether it is the first for a 2xx.
    bool acknowledge(base::TimeMs now_ms) noexcept;

    [[nodiscard]] Due advance(base::TimeMs now_ms, Outbox& out);

    /// When `advance` has something to do; kNever: on its own, nothing.
    [[nodiscard]] base::TimeMs due_ms() const noexcept;

    [[nodiscard]] bool is_finished() const noexcept { return state_ == State::over || state_ == State::acknowledged; }

  private:
    void send(Outbox& out) const;
    void begin_repeating(base::TimeMs now_ms) noexcept;

    const std::string key_;
    const ReplyHead head_;
    const std::uint32_t cseq_;
    const bool is_reliable_;
    State state_ = State::proceeding;
    bool is_progress_open_ = false;
    std::string last_;  // what was sent last
    base::TimeMs repeat_at_ms_ = kNever;
    base::TimeMs repeat_after_ms_ = kT1;
    base::TimeMs end_at_ms_ = kNever;
};

}  // namespace sr::dialog
