// What the engine tells Python, with strings of its own: it outlives the lock and the message it speaks of.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "location/location.hpp"
#include "sip/binding.hpp"
#include "sip/reject_reason.hpp"

namespace sr::engine {

struct BindingRecord {
    std::uint64_t binding_id = 0;
    std::uint64_t number = 0;
    std::string aor_key;
    std::string device_uuid;  // empty: the device is known by its address-of-record
    std::string contact_uri;
    std::string call_id;
    std::uint32_t cseq = 0;
    std::string transport;
    std::string flow_ip;
    std::uint16_t flow_port = 0;
    std::uint8_t listener = 0;
    std::string target_ip;
    std::uint16_t target_port = 0;
    std::int64_t expires_in_ms = 0;    // from the moment of recording; negative once over
    std::int64_t heard_before_ms = 0;  // how long ago
    std::uint32_t rtt_us = 0;          // 0: none yet
    std::uint32_t reg_id = 0;          // 0: none
    std::uint16_t q_thousandths = sip::kNoQ;
    bool is_reachable = false;
    std::string instance;
    std::string path;
    std::string user_agent;
    std::string content_type;
    std::string body;
};

/// The view of a record, which must outlive it; nothing when its addresses, transport or UUID cannot be read.
[[nodiscard]] std::optional<sip::BindingView> view_of(const BindingRecord& record, base::TimeMs now_ms);

[[nodiscard]] std::optional<sip::Transport> read_transport(std::string_view text) noexcept;
[[nodiscard]] std::string_view transport_text(sip::Transport transport) noexcept;

[[nodiscard]] BindingRecord record(std::string_view aor_key, const sip::BindingView& binding, base::TimeMs now_ms);

enum class EventKind : std::uint8_t { added, changed, removed, reachable, unreachable, refused };

struct Refusal {
    std::uint16_t status = 0;
    std::string_view cause;  // the reason's name (sip::reason_name)
    std::string reason;
};

/// As it waits in the queue: small, since ten thousand devices may register at once.
struct QueuedEvent {
    EventKind kind = EventKind::added;
    location::RemovalReason removal = location::RemovalReason::unregistered;  // removed only
    std::uint64_t binding_id = 0;
    /// removed: the last state; refused: what is known of the peer (flow, contact, user agent, address-of-record as
    /// asked for). Otherwise null: the binding is read when the event is drained, so Python sees it as it is then.
    std::unique_ptr<BindingRecord> binding;
    std::unique_ptr<Refusal> refusal;  // refused only
};

/// As Python takes it.
struct Event {
    EventKind kind = EventKind::added;
    location::RemovalReason removal = location::RemovalReason::unregistered;
    BindingRecord binding;
    Refusal refusal;
};

}  // namespace sr::engine
