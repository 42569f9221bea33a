// The last messages of each peer, and the last refusals, for whoever asks why a device is not there.
//
// Theory of operation. Three tables of fixed size: requests that were served, requests that were refused, pings. Each
// is a hash table of sets with eight places; a message that repeats one of its set (same sender, user, method and
// reason) takes that one's place and counts on, another one takes the place that was used longest ago. So a refresh
// overwrites its own device's place, and never a refusal. Served requests choose their set by sender and user, refusals
// by the sender's address alone: whoever floods us with nonsense overwrites eight places, its own. The hash is keyed.
// A place is not given to another message within a second, so that full tables cost at most 512 copies a second each,
// however much comes: what is left out then would have been overwritten before anybody could read it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text_hash.hpp"
#include "stack/request_handler.hpp"

namespace sr::engine {

inline constexpr std::size_t kMostMessageOctets = 2048;
inline constexpr std::size_t kMostAnswerOctets = 1024;

/// One place of the log as it is read; octets are masked (sip::copy_masked).
struct MessageRecord {
    stack::TraceKind kind = stack::TraceKind::request;  // request, or ping: `answer` is then the peer's
    std::int64_t first_ms = 0;                          // wall clock, as last_ms
    std::int64_t last_ms = 0;
    std::uint32_t count = 0;  // messages since first_ms that took the same place
    std::string transport;
    std::string remote_ip;
    std::uint16_t remote_port = 0;
    std::uint8_t listener = 0;
    std::string user;  // of To, as written
    std::uint16_t status = 0;
    std::string_view cause;  // sip::reason_name; empty: served
    bool is_cut = false;     // of either text
    std::string message;
    std::string answer;
};

/// What matches one of these; all records where everything is empty.
struct MessageQuery {
    std::vector<std::string> users;
    std::vector<std::string> ips;
    std::vector<std::string> texts;  // anywhere in the message, in any case
};

class MessageLog {
  public:
    explicit MessageLog(std::uint64_t seed);

    /// Any thread. Copies at most 3 KB; allocates nothing and waits for nobody: while somebody else is at the same set,
    /// or while all its places are fresh, the message is left out and counted.
    void record(const stack::Trace& trace, std::int64_t wall_ms) noexcept;

    /// Any thread; newest last.
    [[nodiscard]] std::vector<MessageRecord> read(const MessageQuery& query) const;

    [[nodiscard]] std::uint64_t left_out() const noexcept { return left_out_.load(std::memory_order_relaxed); }

  private:
    static constexpr std::size_t kWays = 8;
    static constexpr std::size_t kSets = 64;
    static constexpr std::size_t kUserOctets = 64;
    static constexpr std::int64_t kShortestStay_ms = 1000;
    static constexpr std::size_t kPlaceOctets = kMostMessageOctets + kMostAnswerOctets;

    struct Place {
        std::uint64_t key = 0;  // 0: empty
        std::uint64_t sequence = 0;
        std::int64_t first_ms = 0;
        std::int64_t last_ms = 0;
        sip::Flow flow;
        std::uint32_t count = 0;
        std::uint16_t status = 0;
        std::uint16_t message_size = 0;
        std::uint16_t answer_size = 0;
        stack::TraceKind kind = stack::TraceKind::request;
        sip::RejectReason reason = sip::RejectReason::none;
        bool is_cut = false;
        std::uint8_t user_size = 0;
        std::array<char, kUserOctets> user{};
    };

    struct Set {
        mutable std::mutex guard;
        std::array<Place, kWays> places;
        char* octets = nullptr;  // kWays * kPlaceOctets
    };

    using Table = std::array<Set, kSets>;
    struct Taken;

    [[nodiscard]] Set& set_of(const stack::Trace& trace, std::string_view user, std::uint64_t& key) noexcept;
    [[nodiscard]] static std::optional<std::size_t> place_for(const Set& set, std::uint64_t key,
                                                              std::int64_t wall_ms) noexcept;
    static void write(Place& place, char* octets, const stack::Trace& trace) noexcept;

    const base::TextHash hash_;
    std::array<Table, 3> tables_;  // served, refused, pings
    std::unique_ptr<char[]> octets_;
    std::atomic<std::uint64_t> sequence_{0};
    std::atomic<std::uint64_t> left_out_{0};
};

}  // namespace sr::engine
