// MESSAGE between registered devices (RFC 3428), relayed as a transaction-stateful proxy does (RFC 3261 section 16).
//
// Theory of operation. As dialog::Calls: one mutex, every entry takes what has come and the time and leaves in the
// outbox what is to be sent. A message goes to every binding of its addressee at once, a *branch* each, and is repeated
// over UDP until that binding answers. The first 2xx goes back to the sender; without any the best failure does, when
// the last branch has answered or timer F has ended it (408). So a sender hears 200 when a device said it, and not
// before. The number of messages under way and their octets are bounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/text_hash.hpp"
#include "dialog/call_event.hpp"
#include "dialog/call_request.hpp"
#include "dialog/client_transaction.hpp"
#include "dialog/random_text.hpp"
#include "dialog/timers.hpp"
#include "exchange/relayed_message.hpp"
#include "sip/reject_reason.hpp"

namespace sr::exchange {

/// Safe from any thread.
class Relay {
  public:
    struct Bounds {
        std::size_t messages = 1'000;
        std::size_t messages_of_one = 250;           // from one IP address, or one device could silence all
        std::size_t octets = std::size_t{32} << 20;  // as they are sent, each binding's
    };

    /// `random` makes branches that nobody can guess.
    explicit Relay(dialog::Random random) : random_(std::move(random)), loop_hash_(random_()) {}
    Relay(dialog::Random random, const Bounds& bounds)
        : bounds_(bounds), random_(std::move(random)), loop_hash_(random_()) {}
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

    /// A MESSAGE that was let in at the door and is no copy of another, for the bindings that its addressee has; nobody
    /// is `unavailable`. Unless a reason is returned it is answered later.
    [[nodiscard]] sip::RejectReason begin(const dialog::CallRequest& request, std::string_view message,
                                          std::string_view realm, const std::vector<RelayTarget>& targets,
                                          base::TimeMs now_ms, dialog::Outbox& out);

    /// A response that the gate has let through; false: to no message of ours.
    bool take_response(std::string_view branch, std::uint16_t status, std::string_view message, dialog::Outbox& out);

    void advance(base::TimeMs now_ms, dialog::Outbox& out);

    /// The connection is gone: whoever was to be reached over it is not (RFC 5626 section 5.3).
    void lose_flow(const sip::Flow& flow, dialog::Outbox& out);

    /// 503 to every sender that has no answer yet, and to whoever comes until `reopen`.
    void shut_down(dialog::Outbox& out);
    void reopen();

    [[nodiscard]] std::size_t count() const;

  private:
    struct Branch {
        std::optional<dialog::ClientTransaction> transaction;  // none: it has its final answer
        std::string name;
        sip::Flow flow;
        std::size_t octets = 0;
    };
    struct Journey {
        RelayedMessage message;
        std::string transaction_key;  // of the sender's request
        std::vector<Branch> branches;
        std::uint16_t best_status = 0;  // 0: no failure yet
        std::string best;               // as it goes back; empty: written when it does
        bool is_answered = false;
    };
    using Journeys = std::map<std::uint64_t, Journey>;

    /// How many are under way from the IP address.
    [[nodiscard]] std::size_t count_of(const sip::SocketAddress& sender) const;
    [[nodiscard]] std::string make_branch(std::uint64_t id, const RelayedMessage& message, std::size_t index);
    void send(Journey& journey, std::string octets, dialog::Outbox& out);
    void fail(Journey& journey, Branch& branch, std::uint16_t status, std::string octets);
    void end_branch(Branch& branch);
    /// After any step: the sender is answered when the last branch is over, and the journey forgotten.
    void settle(Journeys::iterator journey, dialog::Outbox& out);

    mutable std::mutex guard_;
    const Bounds bounds_{};
    dialog::Random random_;
    const base::TextHash loop_hash_;
    Journeys journeys_;
    std::uint64_t next_id_ = 1;
    std::size_t octets_ = 0;
    base::TimeMs next_due_ms_ = dialog::kNever;
    bool is_shut_ = false;
};

}  // namespace sr::exchange
