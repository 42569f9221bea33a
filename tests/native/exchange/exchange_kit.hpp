// Requests outside of dialogs as the engine gives them to the rooms, and what comes of them, as text.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dialog/call_event.hpp"
#include "dialog/call_request.hpp"
#include "sip/gate.hpp"

namespace sr::exchange::testkit {

/// A request that the gate has let through, with all that its views point to.
class Received {
  public:
    Received(std::string octets, const sip::Flow& flow) : octets_(std::move(octets)) {
        sip::inspect(octets_, seen_);
        REQUIRE(seen_.fault == sip::RejectReason::none);
        REQUIRE(dialog::read_request(octets_, seen_, flow, request_) == sip::RejectReason::none);
    }
    Received(const Received&) = delete;
    Received& operator=(const Received&) = delete;

    [[nodiscard]] const dialog::CallRequest& request() const { return request_; }
    [[nodiscard]] std::string_view message() const { return octets_; }

  private:
    std::string octets_;
    sip::Inspection seen_;
    dialog::CallRequest request_;
};

inline sip::Flow flow_at(const std::string& ip, std::uint16_t port, sip::Transport transport = sip::Transport::udp) {
    sip::Flow flow;
    flow.remote = *sip::SocketAddress::parse(ip, port);
    flow.transport = transport;
    flow.connection = transport == sip::Transport::udp ? 0 : port;
    return flow;
}

/// What a request has otherwise than by default; `lines` each end in CR LF.
struct Ask {
    std::string_view lines = "Max-Forwards: 70\r\n";
    std::string_view body = "hello";
    std::string_view branch = "z9hG4bKsender";
    std::string_view uri = "sip:bob@house.local";
    std::string_view vias{};  // below the sender's own
};

inline const sip::Flow kAlice = flow_at("192.0.2.7", 5070);

inline std::string write_ask(std::string_view method, const Ask& ask = {}) {
    std::string text(method);
    text.append(" ").append(ask.uri).append(" SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5060;rport;branch=");
    text.append(ask.branch).append("\r\n").append(ask.vias).append(ask.lines);
    text.append("From: <sip:alice@house.local>;tag=hers\r\nTo: <sip:bob@house.local>\r\nCall-ID: call-1\r\nCSeq: 7 ");
    text.append(method).append("\r\nContent-Type: text/plain\r\nContent-Length: ");
    return text.append(std::to_string(ask.body.size())).append("\r\n\r\n").append(ask.body);
}

inline std::unique_ptr<Received> received(std::string_view method, const Ask& ask = {},
                                          const sip::Flow& flow = kAlice) {
    return std::make_unique<Received>(write_ask(method, ask), flow);
}

/// The first such header's value, empty where there is none.
inline std::string field(std::string_view octets, std::string_view name) {
    const std::string wanted = "\r\n" + std::string(name) + ": ";
    const std::size_t at = octets.find(wanted);
    if (at == std::string_view::npos || at > octets.find("\r\n\r\n")) return {};
    const std::size_t start = at + wanted.size();
    return std::string(octets.substr(start, octets.find("\r\n", start) - start));
}

inline int count_of(std::string_view octets, std::string_view wanted) {
    int count = 0;
    for (std::size_t at = octets.find(wanted); at != std::string_view::npos; at = octets.find(wanted, at + 1)) ++count;
    return count;
}

inline std::string body_of(std::string_view octets) { return std::string(octets.substr(octets.find("\r\n\r\n") + 4)); }

inline int status_of(std::string_view octets) {
    return octets.starts_with("SIP/2.0 ") ? std::stoi(std::string(octets.substr(8, 3))) : 0;
}

/// The one message that left.
inline dialog::Transmission only(const dialog::Outbox& out) {
    REQUIRE(out.transmissions.size() == 1);
    return out.transmissions.front();
}

}  // namespace sr::exchange::testkit
