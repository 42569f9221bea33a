#include "stack/stream_flows.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace sr::stack {

StreamFlows::StreamFlows() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

StreamFlows::~StreamFlows() { ::close(fd_); }

std::uint64_t StreamFlows::open(const sip::Flow& flow, const sip::SocketAddress& local, base::TimeMs now_ms) {
    auto connection = std::make_shared<Connection>();
    connection->flow = flow;
    connection->local = local;
    connection->heard_ms = now_ms;
    const std::lock_guard lock(guard_);
    const std::uint64_t number = connection->flow.connection = next_number_++;
    connections_.emplace(number, std::move(connection));
    return number;
}

std::optional<sip::Flow> StreamFlows::close(std::uint64_t number) {
    const auto connection = find(number);
    if (!connection) return std::nullopt;
    const std::lock_guard receiving(connection->receiving);
    const std::lock_guard lock(guard_);
    if (std::exchange(connection->is_closed, true)) return std::nullopt;
    connections_.erase(number);
    return connection->flow;
}

std::shared_ptr<Connection> StreamFlows::find(std::uint64_t number) const noexcept {
    const std::lock_guard lock(guard_);
    const auto found = connections_.find(number);
    return found == connections_.end() ? nullptr : found->second;
}

std::size_t StreamFlows::size() const noexcept {
    const std::lock_guard lock(guard_);
    return connections_.size();
}

void StreamFlows::list(std::uint64_t number, Connection& connection) noexcept {
    if (connection.is_received_on || std::exchange(connection.is_listed, true)) return;
    listed_.push_back(number);
    if (!std::exchange(is_signalled_, true)) eventfd_write(fd_, 1);
}

bool StreamFlows::send(std::uint64_t number, std::string_view octets) noexcept {
    const std::lock_guard lock(guard_);
    const auto found = connections_.find(number);
    if (found == connections_.end() || found->second->is_ended) return false;
    Connection& connection = *found->second;
    if (connection.waiting_octets + octets.size() > kMostWaitingOctets) {
        connection.waiting.clear();
        connection.waiting_octets = 0;
        connection.is_ended = true;
        list(number, connection);
        return false;
    }
    connection.waiting_octets += octets.size();
    if (connection.waiting.empty() || is_message_based(connection.flow.transport)) {
        connection.waiting.emplace_back(octets);
    } else {
        connection.waiting.back().append(octets);
    }
    list(number, connection);
    return true;
}

void StreamFlows::end(std::uint64_t number) noexcept {
    const std::lock_guard lock(guard_);
    const auto found = connections_.find(number);
    if (found == connections_.end() || std::exchange(found->second->is_ended, true)) return;
    list(number, *found->second);
}

FlowOutput StreamFlows::take(std::uint64_t number, Connection& connection) {
    FlowOutput output;
    output.connection = number;
    output.octets.swap(connection.waiting);
    connection.waiting_octets = 0;
    output.is_ended = connection.is_ended && !std::exchange(connection.is_end_told, connection.is_ended);
    return output;
}

void StreamFlows::begin_receiving(Connection& connection) noexcept {
    const std::lock_guard lock(guard_);
    connection.is_received_on = true;
}

FlowOutput StreamFlows::end_receiving(std::uint64_t number, Connection& connection) {
    const std::lock_guard lock(guard_);
    connection.is_received_on = false;
    return take(number, connection);
}

std::vector<FlowOutput> StreamFlows::drain(std::size_t most) {
    std::vector<FlowOutput> outputs;
    const std::lock_guard lock(guard_);
    const auto end = listed_.begin() + static_cast<std::ptrdiff_t>(std::min(most, listed_.size()));
    for (auto number = listed_.begin(); number != end; ++number) {
        const auto found = connections_.find(*number);
        if (found == connections_.end()) continue;
        Connection& connection = *found->second;
        connection.is_listed = false;
        if (connection.is_received_on) continue;  // `end_receiving` takes it
        FlowOutput output = take(*number, connection);
        if (!output.octets.empty() || output.is_ended) outputs.push_back(std::move(output));
    }
    listed_.erase(listed_.begin(), end);
    eventfd_t count = 0;
    if (listed_.empty() && std::exchange(is_signalled_, false)) eventfd_read(fd_, &count);
    return outputs;
}

std::vector<std::shared_ptr<Connection>> StreamFlows::stale(base::TimeMs now_ms) const {
    std::vector<std::shared_ptr<Connection>> found;
    const std::lock_guard lock(guard_);
    for (const auto& [number, connection] : connections_) {
        const base::TimeMs silent_ms = now_ms - connection->heard_ms.load();
        const bool is_idle = silent_ms >= (connection->has_spoken ? kIdleMs : kFirstMessageMs);
        const bool is_half = now_ms - connection->half_since_ms.load() >= kMessageTimeMs;
        if ((is_idle || is_half) && !connection->is_ended) found.push_back(connection);
    }
    return found;
}

}  // namespace sr::stack
