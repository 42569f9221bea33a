// What the stack asks of whoever stands above it. The stack declares it; the engine implements it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "sip/flow.hpp"
#include "sip/gate.hpp"
#include "sip/register_request.hpp"
#include "sip/reply.hpp"

namespace sr::stack {

/// A request other than REGISTER; views into the message.
struct OtherRequest {
    std::string_view method;
    std::string_view request_user;  // unescaped, empty where the URI has none
    std::string_view request_host;  // no brackets
    bool has_sip_scheme = true;
    bool has_to_tag = false;
    std::span<const std::string_view> require;
    std::string_view call_id;
    std::uint32_t cseq = 0;
    std::string_view user_agent;
    std::string_view request_uri;                      // as written
    std::span<const std::string_view> authorizations;  // the values of Authorization as written
    std::string_view message;                          // all of it, as received
    sip::Flow flow;
};

/// What comes back in an answer to a ping.
struct PingToken {
    std::uint64_t binding_id = 0;
    std::uint32_t nonce = 0;
    std::int64_t sent_us = 0;  // on the monotonic clock
};

enum class TraceKind : std::uint8_t { request, ping, ping_answer };

/// A message of a peer's with our answer, or a ping of ours; views that live as long as the call.
struct Trace {
    TraceKind kind = TraceKind::request;
    std::string_view message{};  // as it was received, or sent (ping)
    std::string_view answer{};   // request: as it was sent; empty: none was
    std::string_view method{};
    std::string_view to{};     // the value of To
    std::uint16_t status = 0;  // request: of the answer
    sip::RejectReason reason = sip::RejectReason::none;
    sip::Flow flow{};  // whom it came from, or goes to
};

/// What becomes of a request before anybody reads it.
struct Knock {
    sip::RejectReason reason = sip::RejectReason::none;
    bool is_withheld = false;  // not even a refusal is sent
};

/// What becomes of a request that may begin a call or a subscription, be of one, or be carried on.
enum class CallRuling : std::uint8_t {
    not_a_call,  // nor any of the others: for `on_request` to answer
    done,        // answered by `Stack::send`, or never to be answered
    reply,       // the reply is sent as it is left
};

/// Called on PJSIP's workers, several at once, without the GIL. Must not block.
class RequestHandler {
  public:
    /// A request came, of which nothing but the source is known yet.
    [[nodiscard]] virtual Knock on_knock(const sip::Flow& flow) noexcept = 0;

    virtual void on_register(const sip::RegisterRequest& request, sip::Reply& reply) noexcept = 0;

    /// Any other request but ACK that is of no call; the reply is sent as it is left.
    virtual void on_request(const OtherRequest& request, sip::Reply& reply) noexcept = 0;

    /// A request but REGISTER, or OPTIONS outside of dialogs; `message` is whole and `seen` what the gate found in it.
    [[nodiscard]] virtual CallRuling on_call_request(std::string_view message, const sip::Inspection& seen,
                                                     const sip::Flow& flow, sip::Reply& reply) noexcept = 0;

    /// A response that the gate let through and that answers no ping; as of `on_call_request`.
    virtual void on_response(std::string_view message, const sip::Inspection& seen, const sip::Flow& flow) noexcept = 0;

    /// A valid message came on a flow (every one but a REGISTER, which speaks for itself).
    virtual void on_heard(const sip::Flow& flow) noexcept = 0;

    virtual void on_ping_answer(const PingToken& token, const sip::Flow& flow) noexcept = 0;

    /// A request was refused before anybody understood it (bad syntax, too large, CSeq of another method).
    virtual void on_unreadable(const sip::Flow& flow, sip::RejectReason reason) noexcept = 0;

    /// Something was sent or received and is done with; also called on the engine's own thread (pings).
    virtual void on_trace(const Trace& trace) noexcept = 0;

  protected:
    ~RequestHandler() = default;
};

}  // namespace sr::stack
