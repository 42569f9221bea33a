// One call in which we are the called side: its dialog, its INVITE, whatever changes it, and its end.
//
// Theory of operation. A decider: each entry takes what has come and the time and leaves in the outbox what is to be
// sent and told. The phases are those of the first INVITE's transaction; `is_over` stands beside them, since a call is
// over for its owner (its end is told, at once and once) before the last answer has been repeated often enough:
//
//     undecided --ring--> ringing --answer--> answered --ACK--> confirmed --BYE, hang_up--> over
//         '--reject, CANCEL, time--> over          '--no ACK--> over
//
// Within the call only what its tags and its order admit is heard (section 12.2.2). At most one change of the session
// (re-INVITE or UPDATE with an offer) waits for the owner.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "dialog/call_event.hpp"
#include "dialog/call_request.hpp"
#include "dialog/client_transaction.hpp"
#include "dialog/invite_transaction.hpp"
#include "dialog/message_text.hpp"
#include "dialog/random_text.hpp"
#include "dialog/session_timer.hpp"

namespace sr::dialog {

/// Events of one call that may wait to be drained, beside its beginning, its confirmations and its end.
inline constexpr int kMostWaitingEvents = 32;

class Call {
  public:
    using Random = dialog::Random;

    /// Sends 100 and tells of the call. `request` is an INVITE that `session` admits.
    Call(CallId id, const CallRequest& request, const LocalAddress& local, const SessionTerms& session,
         const Random& random);
    void begin(const CallRequest& request, base::TimeMs now_ms, Outbox& out);

    [[nodiscard]] CallId id() const noexcept { return id_; }
    [[nodiscard]] const sip::Flow& flow() const noexcept { return path_.flow; }
    [[nodiscard]] const std::string& local_tag() const noexcept { return path_.local_tag; }
    /// Whether the request is of this dialog (section 12.2.2); its To tag is known to be ours.
    [[nodiscard]] bool is_of_dialog(const CallRequest& request) const noexcept;

    /// A copy of the INVITE that made the call.
    void repeat_answer(Outbox& out) const { invite_.repeat(out); }
    /// A CANCEL that names it, or a re-INVITE of it (section 9.2).
    void take_cancel(const CallRequest& request, base::TimeMs now_ms, Outbox& out);
    /// Any other request with our tag. None: the answer, if there is one, is in the outbox.
    [[nodiscard]] sip::RejectReason take(const CallRequest& request, base::TimeMs now_ms, Outbox& out);
    /// A response to a request of ours; false where it is to none.
    [[nodiscard]] bool take_response(std::string_view branch, std::uint16_t status, base::TimeMs now_ms, Outbox& out);

    [[nodiscard]] bool ring(base::TimeMs now_ms, Outbox& out);
    [[nodiscard]] bool answer(std::string_view sdp, base::TimeMs now_ms, Outbox& out);
    [[nodiscard]] bool reject(std::uint16_t status, std::string_view reason, base::TimeMs now_ms, Outbox& out);
    [[nodiscard]] bool answer_update(std::string_view sdp, base::TimeMs now_ms, Outbox& out);
    [[nodiscard]] bool reject_update(std::uint16_t status, std::string_view reason, base::TimeMs now_ms, Outbox& out);
    [[nodiscard]] bool hang_up(std::string_view reason, base::TimeMs now_ms, Outbox& out);
    /// The daemon ends: without waiting for an ACK.
    void shut_down(base::TimeMs now_ms, Outbox& out);
    /// The connection is gone that every message of the call takes.
    void lose_flow(Outbox& out);

    void advance(base::TimeMs now_ms, Outbox& out);
    [[nodiscard]] base::TimeMs due_ms() const noexcept;

    /// Its end was told.
    [[nodiscard]] bool is_over() const noexcept { return is_over_; }
    /// Nothing more is owed to the peer.
    [[nodiscard]] bool is_forgettable(base::TimeMs now_ms) const noexcept;
    /// A BYE of ours waits for its answer.
    [[nodiscard]] bool is_saying_bye() const noexcept { return is_over_ && client_.has_value(); }
    /// One of its waiting events was drained.
    void note_drained() noexcept { --waiting_events_; }

  private:
    /// A re-INVITE or UPDATE that waits for the owner.
    struct Change {
        ReplyHead head;
        std::string key;
        SessionTerms session;
        base::TimeMs decide_by_ms;
        bool is_reinvite;
        bool has_offer;
    };

    /// What a copy of a request other than INVITE gets.
    struct Given {
        std::string key;  // of transaction and method
        std::string octets;
    };

    [[nodiscard]] bool is_early() const noexcept { return invite_.state() == InviteTransaction::State::proceeding; }
    [[nodiscard]] bool is_confirmed() const noexcept {
        return invite_.state() == InviteTransaction::State::acknowledged;
    }

    void take_ack(const CallRequest& request, base::TimeMs now_ms, Outbox& out);
    [[nodiscard]] sip::RejectReason take_ordered(const CallRequest& request, base::TimeMs now_ms, Outbox& out);
    void take_bye(const CallRequest& request, base::TimeMs now_ms, Outbox& out);
    [[nodiscard]] sip::RejectReason take_reinvite(const CallRequest& request, base::TimeMs now_ms, Outbox& out);
    [[nodiscard]] sip::RejectReason take_update(const CallRequest& request, base::TimeMs now_ms, Outbox& out);
    [[nodiscard]] sip::RejectReason take_info(const CallRequest& request, Outbox& out);
    [[nodiscard]] sip::RejectReason take_prack(const CallRequest& request, Outbox& out);
    [[nodiscard]] sip::RejectReason judge_change(const CallRequest& request, bool is_reinvite,
                                                 SessionTerms& session) const;
    [[nodiscard]] bool repeat_given(const CallRequest& request, Outbox& out) const;
    void give(const CallRequest& request, std::uint16_t status, std::string_view lines, Outbox& out);
    void remember(std::string key, const std::string& octets);

    [[nodiscard]] std::string success_lines(const SessionTerms& session) const;
    void take_session(const SessionTerms& session, base::TimeMs now_ms) noexcept;
    void refuse_change(std::uint16_t status, std::string_view lines, base::TimeMs now_ms, Outbox& out);
    void refuse_invite(std::uint16_t status, std::string_view lines, base::TimeMs now_ms, Outbox& out);
    void end(EndCause cause, std::uint16_t status, std::string_view reason, Outbox& out);
    void say_bye(std::string_view reason, base::TimeMs now_ms, Outbox& out);
    void end_with_bye(EndCause cause, std::string_view reason, base::TimeMs now_ms, Outbox& out);
    void begin_request(std::string_view method, std::string_view lines, base::TimeMs now_ms, Outbox& out);
    void tell(CallEvent event, Outbox& out);

    void advance_invite(base::TimeMs now_ms, Outbox& out);
    void advance_owner(base::TimeMs now_ms, Outbox& out);
    void advance_client(base::TimeMs now_ms, Outbox& out);
    void advance_session(base::TimeMs now_ms, Outbox& out);

    const CallId id_;
    Random random_;
    DialogPath path_;
    std::string record_routes_;  // as lines: every answer that makes or keeps the dialog copies them (section 12.1.1)
    InviteTransaction invite_;
    std::optional<InviteTransaction> reinvite_;
    std::optional<Change> change_;
    std::optional<ClientTransaction> client_;
    std::deque<Given> given_;
    SessionTerms session_;
    SessionTerms granted_;  // by the 2xx that waits for its ACK
    std::string bye_reason_;
    base::TimeMs decide_by_ms_ = kNever;
    base::TimeMs progress_at_ms_ = kNever;
    base::TimeMs refresh_at_ms_ = kNever;
    base::TimeMs session_end_ms_ = kNever;
    base::TimeMs linger_until_ms_ = 0;
    std::uint32_t rseq_ = 0;
    int waiting_events_ = 0;
    bool has_offer_ = false;
    bool is_reliable_required_ = false;
    bool is_ringing_ = false;
    bool is_over_ = false;
    bool is_bye_due_ = false;     // over, but the ACK has not come (section 15)
    bool is_answer_due_ = false;  // the offer was ours, and the ACK brings the answer
};

}  // namespace sr::dialog
