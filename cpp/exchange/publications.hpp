// PUBLISH (RFC 3903) as far as it needs no judgement: what is let in waits here for whoever keeps publications, and is
// answered in his words.
//
// Theory of operation. As dialog::Calls: one mutex, every entry takes what has come and the time and leaves in the
// outbox what is to be sent. A PUBLISH that is not refused at once (section 6 steps 2 to 4) becomes an event and waits
// for `answer`, 5 s at most. What waits is bounded, drained or not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "dialog/call_event.hpp"
#include "dialog/call_request.hpp"
#include "dialog/message_text.hpp"
#include "dialog/random_text.hpp"
#include "sip/flow.hpp"

namespace sr::exchange {

using PublishId = std::uint64_t;

inline constexpr std::size_t kMostPublishedOctets = 32 * 1024;  // of one body
inline constexpr std::size_t kMostWaitingPublications = 256;
inline constexpr base::TimeMs kAnswerPublishWithin = 5'000;

/// domain.watching.PublishReceived.
struct PublishReceived {
    PublishId id = 0;
    std::string package;
    std::string address;
    std::string publisher;
    sip::Flow flow;
    std::optional<std::uint32_t> expires_s;  // 2^32 - 1 stands for all that is longer
    std::string etag;
    std::string content_type;  // in lower case, without parameters
    std::string body;
};

struct PublishAccepted {
    std::string etag;
    std::uint32_t expires_s = 0;
};

/// domain.watching.PublishFault.
enum class PublishFault : std::uint8_t {
    bad_event,
    condition_failed,
    too_brief,
    bad_body,
    unsupported_type,
    forbidden,
    not_found,
    too_many,
};

struct PublishRefused {
    PublishFault fault = PublishFault::bad_body;
    std::string reason;
};

using PublishAnswer = std::variant<PublishAccepted, PublishRefused>;

struct PublishedPackage {
    std::string name;
    std::vector<std::string> content_types;
};

struct PublicationRules {
    std::vector<PublishedPackage> packages;
    std::uint32_t min_expires_s = 0;
};

/// Who publishes whose state; user parts, unescaped.
struct PublishParties {
    std::string publisher;
    std::string address;
};

/// Safe from any thread.
class Publications {
  public:
    /// `random` makes tags.
    explicit Publications(dialog::Random random) : random_(std::move(random)) {}
    Publications(const Publications&) = delete;
    Publications& operator=(const Publications&) = delete;

    void apply(PublicationRules rules);

    /// A PUBLISH that was let in at the door and is no copy of another: refused at once, or told of.
    void take(const dialog::CallRequest& request, std::string_view message, const PublishParties& parties,
              base::TimeMs now_ms, dialog::Outbox& out);

    /// False where none of that id waits.
    bool answer(PublishId id, const PublishAnswer& answer, dialog::Outbox& out);

    /// Answers 500 to whoever has waited for too long.
    void advance(base::TimeMs now_ms, dialog::Outbox& out);

    /// 503 to whoever waits, and to whoever comes until `reopen`.
    void shut_down(dialog::Outbox& out);
    void reopen();

    [[nodiscard]] std::vector<PublishReceived> drain(std::size_t most);
    [[nodiscard]] bool has_events() const;

  private:
    struct Waiting {
        dialog::ReplyHead head;
        std::string transaction_key;
        std::string package;
        base::TimeMs end_at_ms = 0;
    };

    [[nodiscard]] std::string lines_of(const PublishRefused& refused, std::string_view package) const;
    void send(std::uint16_t status, const Waiting& waiting, std::string_view lines, dialog::Outbox& out) const;
    void forget(std::map<PublishId, Waiting>::iterator waiting);

    mutable std::mutex guard_;
    dialog::Random random_;
    PublicationRules rules_;
    std::map<PublishId, Waiting> waiting_;  // the oldest first
    std::deque<PublishReceived> events_;    // of those that wait
    PublishId next_id_ = 1;
    bool is_shut_ = false;
};

}  // namespace sr::exchange
