#include "engine/event.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sr::engine {
namespace {

constexpr std::array<std::pair<sip::Transport, std::string_view>, 5> kTransports{{{sip::Transport::udp, "udp"},
                                                                                  {sip::Transport::tcp, "tcp"},
                                                                                  {sip::Transport::tls, "tls"},
                                                                                  {sip::Transport::ws, "ws"},
                                                                                  {sip::Transport::wss, "wss"}}};

}  // namespace

std::optional<sip::Transport> read_transport(std::string_view text) noexcept {
    const auto* found = std::ranges::find(kTransports, text, &decltype(kTransports)::value_type::second);
    return found == kTransports.end() ? std::nullopt : std::optional(found->first);
}

std::string_view transport_text(sip::Transport transport) noexcept {
    const auto* found = std::ranges::find(kTransports, transport, &decltype(kTransports)::value_type::first);
    return found == kTransports.end() ? std::string_view("udp") : found->second;
}

std::optional<sip::BindingView> view_of(const BindingRecord& record, base::TimeMs now_ms) {
    const auto source = sip::SocketAddress::parse(record.flow_ip, record.flow_port);
    const auto target = sip::SocketAddress::parse(record.target_ip, record.target_port);
    const auto transport = read_transport(record.transport);
    const auto device = record.device_uuid.empty() ? sip::Uuid{} : sip::Uuid::parse(record.device_uuid);
    if (!source || !target || !transport || !device) return std::nullopt;
    return sip::BindingView{.number = record.number,
                            .contact_uri = record.contact_uri,
                            .call_id = record.call_id,
                            .instance = record.instance,
                            .path = record.path,
                            .user_agent = record.user_agent,
                            .content_type = record.content_type,
                            .body = record.body,
                            .device = *device,
                            .flow = {.remote = *source, .transport = *transport, .listener = record.listener},
                            .target = *target,
                            .expires_at_ms = now_ms + record.expires_in_ms,
                            .last_heard_ms = now_ms - record.heard_before_ms,
                            .cseq = record.cseq,
                            .reg_id = record.reg_id,
                            .q_thousandths = record.q_thousandths};
}

BindingRecord record(std::string_view aor_key, const sip::BindingView& binding, base::TimeMs now_ms) {
    BindingRecord record;
    record.binding_id = binding.id;
    record.number = binding.number;
    record.aor_key = aor_key;
    if (!binding.device.is_nil()) record.device_uuid = binding.device.text();
    record.contact_uri = binding.contact_uri;
    record.call_id = binding.call_id;
    record.cseq = binding.cseq;
    record.transport = transport_text(binding.flow.transport);
    record.flow_ip = binding.flow.remote.ip_text();
    record.flow_port = binding.flow.remote.port;
    record.listener = binding.flow.listener;
    record.target_ip = binding.target.ip_text();
    record.target_port = binding.target.port;
    record.expires_in_ms = binding.expires_at_ms - now_ms;
    record.heard_before_ms = now_ms - binding.last_heard_ms;
    record.rtt_us = binding.rtt_us;
    record.reg_id = binding.reg_id;
    record.q_thousandths = binding.q_thousandths;
    record.is_reachable = binding.is_reachable;
    record.instance = binding.instance;
    record.path = binding.path;
    record.user_agent = binding.user_agent;
    record.content_type = binding.content_type;
    record.body = binding.body;
    return record;
}

}  // namespace sr::engine
