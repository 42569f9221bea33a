// How the stack reaches peers: datagrams by its sockets, streams by the connections that somebody else keeps.
#include <array>
#include <string>

#include "stack/stack.hpp"
#include "stack/worker_room.hpp"

namespace sr::stack {
namespace {

void count(std::atomic<std::uint64_t>& counter) noexcept { counter.fetch_add(1, std::memory_order_relaxed); }

bool is_only_line_ends(std::string_view octets) noexcept {
    return octets.find_first_not_of("\r\n") == std::string_view::npos;
}

}  // namespace

bool Stack::transmit(const sip::Flow& flow, const sip::SocketAddress& to, std::string_view octets) noexcept {
    // RFC 3261 section 18.2.2: an answer goes back by its connection, whatever its Via says.
    if (flow.transport != sip::Transport::udp) return streams_.send(flow.connection, octets);
    return sockets_.send(flow.listener, to, octets);
}

bool Stack::send(const sip::Flow& flow, const sip::SocketAddress& to, std::string_view octets) noexcept {
    const bool is_sent = transmit(flow, to, octets);
    if (octets.starts_with("SIP/2.0")) count(is_sent ? counters_.replies : counters_.dropped);
    return is_sent;
}

std::pair<std::string, std::uint16_t> Stack::local_address(const sip::Flow& flow) const noexcept {
    if (flow.transport != sip::Transport::udp) {
        const auto connection = streams_.find(flow.connection);
        const sip::SocketAddress local = connection ? connection->local : sip::SocketAddress{};
        return {local.ip_text(), local.port};
    }
    const auto listeners = sockets_.all();
    if (flow.listener >= listeners.size()) return {"127.0.0.1", 5060};
    return {sockets_.local_ip_towards(flow.listener, flow.remote), listeners[flow.listener].address.port};
}

void Stack::send_ping(const PingToken& token, const sip::Flow& flow, const sip::SocketAddress& to,
                      std::string_view contact_uri, std::string_view path, std::string_view domain) noexcept {
    sip::Flow target = flow;
    target.remote = to;
    const bool is_datagram = flow.transport == sip::Transport::udp;
    if (is_datagram && flow.listener >= sockets_.all().size()) return;
    const auto [local_ip, local_port] = local_address(target);
    std::array<char, 4096> room;
    base::TextBuffer text(room);
    write_ping({token, contact_uri, path, local_ip, local_port, domain, flow.transport}, text);
    if (text.is_overflown() || !transmit(flow, to, text.text())) return;
    count(counters_.pings);
    handler_.on_trace({.kind = TraceKind::ping, .message = text.text(), .to = contact_uri, .flow = target});
}

std::uint64_t Stack::open_flow(const sip::Flow& flow, const sip::SocketAddress& local) {
    return streams_.open(flow, local, base::monotonic_now_ms());
}

FlowOutput Stack::receive(std::uint64_t number, std::string_view octets) {
    const auto connection = streams_.find(number);
    if (!connection) return {.connection = number};
    const std::lock_guard receiving(connection->receiving);
    if (connection->is_closed) return {.connection = number};
    streams_.begin_receiving(*connection);
    {
        const std::lock_guard reading(reader_guard_);
        if (is_receiving_) {
            pj::register_thread(symbols_);
            read_stream(*connection, octets);
        }
    }
    return streams_.end_receiving(number, *connection);
}

void Stack::read_stream(Connection& connection, std::string_view octets) {
    const base::TimeMs now_ms = base::monotonic_now_ms();
    StreamFraming& framing = connection.framing;
    const auto hear = [&] {
        connection.heard_ms = now_ms;
        connection.has_spoken = true;
    };
    if (is_message_based(connection.flow.transport)) {
        if (octets.size() > kMostMessageOctets) {
            return answer_broken(connection.flow, {FrameKind::broken, octets.substr(0, kMostHeaderOctets),
                                                   sip::RejectReason::message_too_large});
        }
        hear();
        return is_only_line_ends(octets) ? answer_keep_alive(connection.flow) : read_message(connection.flow, octets);
    }
    framing.append(octets, now_ms);
    for (Frame frame = framing.next(); frame.kind != FrameKind::none; frame = framing.next()) {
        if (frame.kind == FrameKind::broken) return answer_broken(connection.flow, frame);
        hear();
        if (frame.kind == FrameKind::keep_alive) answer_keep_alive(connection.flow);
        if (frame.kind == FrameKind::message) read_message(connection.flow, frame.octets);
    }
    connection.half_since_ms = framing.half_since_ms();
}

/// RFC 5626 section 3.5.1, RFC 7118 section 6: CR LF twice is answered by CR LF once.
void Stack::answer_keep_alive(const sip::Flow& flow) noexcept {
    handler_.on_heard(flow);
    streams_.send(flow.connection, "\r\n");
}

/// Nobody knows where the next message would begin: the last that the connection carries is why.
void Stack::answer_broken(const sip::Flow& flow, const Frame& frame) noexcept {
    count(counters_.requests);
    look_at(frame.octets);
    const Knock knock = handler_.on_knock(flow);
    if (knock.is_withheld) {
        count(counters_.dropped);
    } else {
        const sip::RejectReason reason = knock.reason != sip::RejectReason::none ? knock.reason : frame.fault;
        const std::string ip = flow.remote.ip_text();
        refuse(std::string_view(ip).substr(0, ip.find('%')), flow, reason);
    }
    streams_.end(flow.connection);
}

void Stack::read_message(const sip::Flow& flow, std::string_view message) noexcept {
    pj::RxData& packet = reader_->read(message, flow);
    if (!reader_->is_sound()) return answer_unreadable(packet, reader_->text());
    note_source_in_via(packet);
    symbols_.pjsip_endpt_process_rx_data(packet.transport->endpoint, &packet, nullptr, nullptr);
}

}  // namespace sr::stack
