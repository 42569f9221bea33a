// Connections: opened, received on and closed by whoever keeps the sockets.
#include "base/clock.hpp"
#include "engine/engine.hpp"

namespace sr::engine {
namespace {

constexpr base::TimeMs kSweepMs = 500;

}  // namespace

std::optional<std::uint64_t> Engine::open_flow(const FlowOpening& opening) {
    const auto transport = read_transport(opening.transport);
    const auto remote = sip::SocketAddress::parse(opening.remote_ip, opening.remote_port);
    const auto local = sip::SocketAddress::parse(opening.local_ip, opening.local_port);
    if (!transport || *transport == sip::Transport::udp || !remote || !local) return std::nullopt;
    return stack_.open_flow({.remote = *remote, .transport = *transport}, *local);
}

stack::FlowOutput Engine::receive(std::uint64_t connection, std::string_view octets) {
    return stack_.receive(connection, octets);
}

void Engine::close_flow(std::uint64_t connection) {
    const auto flow = stack_.close_flow(connection);
    if (!flow) return;
    location_.end_flow(*flow);
    dialog::Outbox out;
    const base::TimeMs now_ms = base::monotonic_now_ms();
    calls_.lose_flow(*flow, now_ms, out);
    notifier_.lose_flow(*flow, now_ms, out);
    relay_.lose_flow(*flow, out);
    perform(out);
    wake_clock_at(notifier_.next_due_ms(now_ms));
}

/// A connection that is of no use makes room for others.
void Engine::sweep_flows(base::TimeMs now_ms) {
    if (now_ms - swept_ms_ < kSweepMs) return;
    swept_ms_ = now_ms;
    stack_.streams().sweep(now_ms, [this](const sip::Flow& flow) {
        return location_.is_bound(flow) || calls_.uses(flow) || notifier_.uses(flow);
    });
}

}  // namespace sr::engine
