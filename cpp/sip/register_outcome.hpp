// What the registrar decides about one REGISTER: a refusal, or the changes to one address-of-record.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/clock.hpp"
#include "sip/reject_reason.hpp"
#include "sip/uuid.hpp"

namespace sr::sip {

inline constexpr std::size_t kMostContacts = 32;  // the ceiling of registrar.max_contacts

/// An `update` keeps the binding's id and liveness and takes everything else from the request and its contact: usually
/// only CSeq, expiry and what was heard, but the contact's URI, instance, reg-id, q, path, flow and Call-ID may be
/// others too (a device that came back from another port, known by its instance). `remove` with is_replacement is for
/// what that device had beyond the first.
enum class BindingAction : std::uint8_t { add, update, remove };

struct BindingChange {
    BindingAction action = BindingAction::add;
    bool is_replacement = false;  // remove: another contact of the same instance took its place (RFC 5626 section 6)
    std::uint8_t binding = 0;     // update, remove: index into the bindings shown to the decider
    std::uint8_t contact = 0;     // add, update: index into the request's contacts
    std::uint32_t expires_s = 0;  // add, update: granted
};

/// At most one change per present binding and one per contact; fixed room, no heap.
class ChangeSet {
  public:
    void push(const BindingChange& change) noexcept { changes_[size_++] = change; }
    void clear() noexcept { size_ = 0; }
    [[nodiscard]] std::span<const BindingChange> all() const noexcept { return {changes_.data(), size_}; }
    [[nodiscard]] bool is_empty() const noexcept { return size_ == 0; }

  private:
    std::array<BindingChange, 2 * kMostContacts> changes_;
    std::size_t size_ = 0;
};

struct RegisterOutcome {
    RejectReason reason = RejectReason::none;
    /// For 420: the option tags not supported, comma-separated; else what exactly is wrong (which two identities
    /// contradict, which field is too long). A view into the request, static text, or this thread's room until its next
    /// identify().
    std::string_view detail;
    /// For 423.
    std::uint32_t min_expires_s = 0;
    /// For 503: when to come again; 0 says nothing of it.
    std::uint32_t retry_after_s = 0;
    ChangeSet changes;
};

/// A request that removed bindings a short while ago: its retransmission must not act again, an older one must fail.
struct RemovalNote {
    std::uint64_t call_id_hash = 0;
    std::uint32_t cseq = 0;
    base::TimeMs at_ms = 0;
};

/// Who a REGISTER is from: the key its bindings are kept under, and the device behind them.
struct Identity {
    RejectReason reason = RejectReason::none;
    std::string_view detail;
    /// The user part of the address-of-record, or, for To: screamrouter, the device's UUID (then `key_text` holds it).
    std::array<char, 36> key_text{};
    std::string_view user_key;
    bool is_key_uuid = false;
    Uuid device;

    [[nodiscard]] std::string_view key() const noexcept {
        return is_key_uuid ? std::string_view(key_text.data(), key_text.size()) : user_key;
    }
};

}  // namespace sr::sip
