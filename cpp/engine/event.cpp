#include "engine/event.hpp"

namespace sr::engine {
namespace {

std::string_view transport_text(sip::Transport transport) noexcept {
    switch (transport) {
        case sip::Transport::udp: return "udp";
        case sip::Transport::tcp: return "tcp";
        case sip::Transport::tls: return "tls";
        case sip::Transport::ws: return "ws";
        case sip::Transport::wss: return "wss";
    }
    return "udp";
}

}  // namespace

BindingRecord record(std::string_view aor_key, const sip::BindingView& binding, base::TimeMs now_ms) {
    BindingRecord record;
    record.binding_id = binding.id;
    record.aor_key = aor_key;
    if (!binding.device.is_nil()) record.device_uuid = binding.device.text();
    record.contact_uri = binding.contact_uri;
    record.call_id = binding.call_id;
    record.cseq = binding.cseq;
    record.transport = transport_text(binding.flow.transport);
    record.flow_ip = binding.flow.remote.ip_text();
    record.flow_port = binding.flow.remote.port;
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
