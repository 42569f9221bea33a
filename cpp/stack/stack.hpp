// The core's place in PJSIP: joins the endpoint that pjsua2 created, with a filter and modules of its own.
//
// Priorities: filter 10, REGISTER 12, OPTIONS 13, the last answer 14 - all before PJSIP's transaction layer (16). Every
// request ends here: answered statelessly (RFC 3261 section 8.2.7), or by the calls of cpp/dialog, the subscriptions
// of cpp/events and the messages of cpp/exchange, which keep transactions and dialogs of their own. Of PJSIP only
// transport and parser ever meet the network.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sip/flow.hpp"
#include "sip/raw_message.hpp"
#include "stack/ping.hpp"
#include "stack/pj_symbols.hpp"
#include "stack/request_handler.hpp"
#include "stack/stream_flows.hpp"
#include "stack/stream_reader.hpp"
#include "stack/udp_sockets.hpp"

namespace sr::stack {

struct StackCounters {
    std::atomic<std::uint64_t> requests{0};
    std::atomic<std::uint64_t> replies{0};
    std::atomic<std::uint64_t> dropped{0};
    std::atomic<std::uint64_t> pings{0};
};

/// PJSIP prints to standard output from its first call on, before pjsua2 lets anybody configure that. A sentence when
/// it cannot be told to be silent.
[[nodiscard]] std::optional<std::string> silence_pjsip(const std::string& library_path);

/// At most one is attached per process, as there is one pjsua endpoint.
class Stack {
  public:
    Stack(RequestHandler& handler, std::uint64_t tag_key);
    ~Stack();
    Stack(const Stack&) = delete;
    Stack& operator=(const Stack&) = delete;

    /// Runs the self-test, then registers the modules; before the endpoint has any transport. A sentence says why not.
    [[nodiscard]] std::optional<std::string> attach(const std::string& library_path);

    /// Takes the transport bound to this address into use for pings; a sentence when there is none.
    [[nodiscard]] std::optional<std::string> open(const std::string& ip, std::uint16_t port);

    /// Unregisters the modules; no callback runs when it returns. Idempotent.
    void detach() noexcept;

    /// One OPTIONS to `to` down `flow`'s socket, from any thread. `domain` names us in From.
    void send_ping(const PingToken& token, const sip::Flow& flow, const sip::SocketAddress& to,
                   std::string_view contact_uri, std::string_view path, std::string_view domain) noexcept;

    /// A connection stands that SIP is spoken over; `flow` but for its number, which is returned, and our own address.
    [[nodiscard]] std::uint64_t open_flow(const sip::Flow& flow, const sip::SocketAddress& local);

    /// Octets of a connection: any piece of a byte stream, or one WebSocket message. Returns what is to be sent at
    /// once.
    [[nodiscard]] FlowOutput receive(std::uint64_t connection, std::string_view octets);

    /// The connection is no more, and nothing of it is read any more. Its flow, unless it was closed already.
    std::optional<sip::Flow> close_flow(std::uint64_t connection) { return streams_.close(connection); }

    [[nodiscard]] StreamFlows& streams() noexcept { return streams_; }

    /// A whole message down a flow, over UDP to `to`; from any thread. Whether it left.
    bool send(const sip::Flow& flow, const sip::SocketAddress& to, std::string_view octets) noexcept;

    /// Our address as the peer of a flow sees it, without brackets, and the port that it speaks to.
    [[nodiscard]] std::pair<std::string, std::uint16_t> local_address(const sip::Flow& flow) const noexcept;

    [[nodiscard]] const StackCounters& counters() const noexcept { return counters_; }
    [[nodiscard]] int receive_buffer() const noexcept { return sockets_.receive_buffer(); }

    /// As of UdpSockets; from any thread while it is attached.
    [[nodiscard]] double fullness() const noexcept { return sockets_.fullness(); }
    bool limit_strangers(std::span<const sip::SocketAddress> known, std::uint32_t share) const {
        return sockets_.limit_strangers(known, share);
    }
    void admit_all() const noexcept { sockets_.admit_all(); }

  private:
    class Modules;

    bool filter_request(const pj::RxData& packet) noexcept;
    bool filter_response(const pj::RxData& packet) noexcept;
    bool answer_register(const pj::RxData& packet) noexcept;
    bool answer_options(const pj::RxData& packet) noexcept;
    bool answer_rest(const pj::RxData& packet) noexcept;
    void answer_unreadable(const pj::DroppedData& dropped) noexcept;
    void answer_unreadable(pj::RxData& packet, std::string_view message) noexcept;
    void read_stream(Connection& connection, std::string_view octets);
    void read_message(const sip::Flow& flow, std::string_view message) noexcept;
    void answer_broken(const sip::Flow& flow, const Frame& frame) noexcept;
    void answer_keep_alive(const sip::Flow& flow) noexcept;
    bool transmit(const sip::Flow& flow, const sip::SocketAddress& to, std::string_view octets) noexcept;

    [[nodiscard]] sip::Flow flow_of(const pj::RxData& packet) const noexcept;
    void send_reply(std::string_view source_ip, const sip::Flow& flow, const sip::Reply& reply) noexcept;
    void drop(const sip::Flow& flow, sip::RejectReason reason) noexcept;
    bool refuse(std::string_view source_ip, const sip::Flow& flow, sip::RejectReason reason) noexcept;
    bool answer_other(const pj::RxData& packet) noexcept;

    RequestHandler& handler_;
    const std::uint64_t tag_key_;
    pj::Symbols symbols_{};
    UdpSockets sockets_;
    StreamFlows streams_;
    std::mutex reader_guard_;
    std::unique_ptr<StreamReader> reader_;  // while attached; under the guard, but for whose packets they are
    bool is_receiving_ = false;             // under the guard
    StackCounters counters_;
    std::unique_ptr<Modules> modules_;
};

}  // namespace sr::stack
