// The connections that stand, by number: what of each has been received, and what waits to be sent down it. The sockets
// are somebody else's, who brings octets to `Stack::receive` and drains what is to be sent.
//
// Theory of operation. Any thread sends; one at a time receives on one connection. What is sent to a connection while
// it is received on goes back with that very call (`Receiving`), which is how a request is answered without a detour;
// everything else waits here, and the descriptor says so. A connection whose peer takes nothing ends by itself when too
// much waits for it, and no other is touched.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "sip/flow.hpp"
#include "stack/stream_framing.hpp"

namespace sr::stack {

inline constexpr std::size_t kMostWaitingOctets = 1024 * 1024;  // of one connection
inline constexpr base::TimeMs kFirstMessageMs = 30'000;         // from the handshake on
inline constexpr base::TimeMs kIdleMs = 120'000;                // without a binding; RFC 5626 section 4.4.1's interval

/// What is to be sent down a connection, in order: one piece of a byte stream, or whole WebSocket messages.
struct FlowOutput {
    std::uint64_t connection = 0;
    std::vector<std::string> octets{};
    bool is_ended = false;  // to be closed once that is sent
};

[[nodiscard]] constexpr bool is_message_based(sip::Transport transport) noexcept {
    return transport == sip::Transport::ws || transport == sip::Transport::wss;
}

struct Connection {
    sip::Flow flow;
    sip::SocketAddress local;

    std::mutex receiving;  // guards `framing`; `close` waits for it
    StreamFraming framing;
    bool is_closed = false;

    // Written by whoever receives, read by `sweep`.
    std::atomic<base::TimeMs> heard_ms{0};  // the last whole message or keep-alive; until then the opening
    std::atomic<base::TimeMs> half_since_ms{kNothingBegun};
    std::atomic<bool> has_spoken{false};

    // Under StreamFlows::guard_.
    std::vector<std::string> waiting;
    std::size_t waiting_octets = 0;
    bool is_listed = false;
    bool is_received_on = false;
    bool is_ended = false;
    bool is_end_told = false;
};

class StreamFlows {
  public:
    StreamFlows();
    ~StreamFlows();
    StreamFlows(const StreamFlows&) = delete;
    StreamFlows& operator=(const StreamFlows&) = delete;

    /// The flow's number: `flow` with that as its connection is what bindings remember. `local` is our own address.
    std::uint64_t open(const sip::Flow& flow, const sip::SocketAddress& local, base::TimeMs now_ms);

    /// The connection is no more; waits for a message of it that is being read. Its flow, or nothing when it is
    /// unknown.
    std::optional<sip::Flow> close(std::uint64_t number);

    [[nodiscard]] std::shared_ptr<Connection> find(std::uint64_t number) const noexcept;

    /// Whether it will be sent, unless the connection breaks. Any thread; never blocks.
    bool send(std::uint64_t number, std::string_view octets) noexcept;

    /// What waits is still sent, then the connection is to be closed. Any thread.
    void end(std::uint64_t number) noexcept;

    /// From `begin_receiving` to `end_receiving` what is sent to this connection is kept for the latter to return.
    void begin_receiving(Connection& connection) noexcept;
    [[nodiscard]] FlowOutput end_receiving(std::uint64_t number, Connection& connection);

    /// Readable while `drain` has something.
    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] std::vector<FlowOutput> drain(std::size_t most);

    /// Ends the connections that keep a message half sent, and those that are idle and for which `is_in_use(flow)` is
    /// false; returns how many.
    template <class InUse>
    std::size_t sweep(base::TimeMs now_ms, const InUse& is_in_use) {
        std::size_t ended = 0;
        for (const auto& connection : stale(now_ms)) {
            const bool is_half = now_ms - connection->half_since_ms.load() >= kMessageTimeMs;
            if (!is_half && is_in_use(connection->flow)) continue;
            end(connection->flow.connection);
            ++ended;
        }
        return ended;
    }

    [[nodiscard]] std::size_t size() const noexcept;

  private:
    [[nodiscard]] std::vector<std::shared_ptr<Connection>> stale(base::TimeMs now_ms) const;
    [[nodiscard]] static FlowOutput take(std::uint64_t number, Connection& connection);
    void list(std::uint64_t number, Connection& connection) noexcept;

    const int fd_;
    mutable std::mutex guard_;
    std::unordered_map<std::uint64_t, std::shared_ptr<Connection>> connections_;
    std::vector<std::uint64_t> listed_;  // have something for `drain`, or had when they were listed
    std::uint64_t next_number_ = 1;
    bool is_signalled_ = false;
};

}  // namespace sr::stack
