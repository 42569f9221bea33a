// The server transactions of requests other than INVITE (RFC 3261 section 17.2.2), for whoever answers them later.
//
// Theory of operation. Over UDP a request may come again until its answer has arrived: while it is in progress its
// copies are swallowed, and for 64*T1 (timer J) after its final answer they get that answer's octets. Over a reliable
// transport nothing is repeated and nothing is kept (timer J is 0). What is bounded forgets its oldest answer first; a
// copy that comes later still is taken for a new request.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"
#include "dialog/call_event.hpp"
#include "dialog/call_request.hpp"

namespace sr::dialog {

/// Safe from any thread.
class AnsweredRequests {
  public:
    struct Bounds {
        std::size_t entries = 16'384;
        std::size_t octets = std::size_t{16} << 20;
    };

    AnsweredRequests() = default;
    explicit AnsweredRequests(const Bounds& bounds) noexcept : bounds_(bounds) {}
    AnsweredRequests(const AnsweredRequests&) = delete;
    AnsweredRequests& operator=(const AnsweredRequests&) = delete;

    /// Whether the request is new, and so to be answered; of two copies at once one is. An answered one's answer is in
    /// the outbox.
    [[nodiscard]] bool begin(const CallRequest& request, base::TimeMs now_ms, Outbox& out);

    /// A final answer leaves that `answers` a request.
    void keep(const Transmission& answer, base::TimeMs now_ms);

    /// It is answered by somebody who answers every copy in the same way.
    void forget(const std::string& transaction_key);

    /// Forgets what is over.
    void advance(base::TimeMs now_ms);

    [[nodiscard]] std::size_t count() const;

  private:
    struct Entry {
        std::string key;
        Transmission answer;  // no octets: in progress
        base::TimeMs end_at_ms = 0;
    };
    using Entries = std::list<Entry>;

    void drop(Entries& entries, Entries::iterator entry);
    void keep_bounds();

    mutable std::mutex guard_;
    const Bounds bounds_{};
    Entries open_;      // in progress, the oldest first
    Entries answered_;  // by the time of their answers
    std::unordered_map<std::string_view, Entries::iterator> by_key_;
    std::size_t octets_ = 0;
};

}  // namespace sr::dialog
