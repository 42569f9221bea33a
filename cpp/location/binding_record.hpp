// A binding as it lies in memory: one record that holds the texts of a usual phone too, so that a refresh waits for
// memory once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/clock.hpp"
#include "location/flow_index.hpp"
#include "location/slab.hpp"
#include "sip/binding.hpp"
#include "sip/flow.hpp"
#include "sip/uuid.hpp"

namespace sr::location {

/// A target in octets that compare as it does.
using PackedAddress = std::array<char, 23>;
[[nodiscard]] PackedAddress pack(const sip::SocketAddress& address) noexcept;
[[nodiscard]] sip::SocketAddress unpack(std::string_view packed) noexcept;

enum class Field : std::uint8_t {
    aor_key,
    contact_uri,
    call_id,
    target,
    instance,
    path,
    user_agent,
    content_type,
    body
};
inline constexpr std::size_t kFields = 9;

/// A binding's texts by field. `target` is a PackedAddress, empty where it is the flow's source.
struct Texts {
    std::array<std::string_view, kFields> fields;

    [[nodiscard]] std::string_view& operator[](Field field) noexcept { return fields[static_cast<std::size_t>(field)]; }
    [[nodiscard]] std::string_view operator[](Field field) const noexcept {
        return fields[static_cast<std::size_t>(field)];
    }
};

/// Texts of at most 65,535 octets each: the first fields within the object as far as they fit, the others in a block of
/// the heap.
class PackedTexts {
  public:
    static constexpr std::size_t kLongest = UINT16_MAX;
    static constexpr std::size_t kRoom = 165;  // makes the record 288 octets

    /// `texts` may be views into what is replaced.
    void assign(const Texts& texts);
    void clear() noexcept;

    /// Views that live until the next assign or clear.
    [[nodiscard]] Texts texts() const noexcept;
    /// Their octets, without the target's.
    [[nodiscard]] std::size_t size() const noexcept;
    [[nodiscard]] std::string_view aor_key() const noexcept {
        return {near_fields_ == 0 ? far_.get() : room_.data(), lengths_[static_cast<std::size_t>(Field::aor_key)]};
    }

  private:
    std::unique_ptr<char[]> far_;
    std::array<std::uint16_t, kFields> lengths_{};
    std::uint8_t near_fields_ = 0;  // how many are in the room
    std::array<char, kRoom> room_{};
};

struct alignas(32) BindingRecord {
    static constexpr std::uint16_t kNoBucket = UINT16_MAX;

    base::TimeMs expires_at_ms = 0;
    base::TimeMs last_heard_ms = 0;  // by REGISTER and ping; the flow has its own
    base::TimeMs next_ping_ms = 0;
    FlowRecord* flow = nullptr;  // null while the record is free

    sip::Uuid device;
    std::uint32_t cseq = 0;
    std::uint32_t reg_id = 0;
    std::uint32_t rtt_us = 0;
    std::uint32_t nonce = 0;       // of the ping that is outstanding; 0: none
    std::uint32_t generation = 1;  // counts the users of this record; never 0
    std::uint32_t number_low = 0;
    std::uint32_t link = kNoIndex;  // the next younger binding of the address-of-record
    std::uint32_t timer_before = kNoIndex;
    std::uint32_t timer_after = kNoIndex;
    std::uint16_t timer_bucket = kNoBucket;
    std::uint16_t q_thousandths = sip::kNoQ;
    std::uint16_t number_high = 0;
    bool is_reachable = false;
    PackedTexts texts;

    /// As in BindingView; 48 bits.
    [[nodiscard]] std::uint64_t number() const noexcept { return std::uint64_t{number_high} << 32 | number_low; }
    void set_number(std::uint64_t number) noexcept {
        number_low = static_cast<std::uint32_t>(number);
        number_high = static_cast<std::uint16_t>(number >> 32);
    }
    [[nodiscard]] bool is_taken() const noexcept { return flow != nullptr; }
    /// The later of what the binding and its flow heard.
    [[nodiscard]] base::TimeMs heard_ms() const noexcept;
};
static_assert(sizeof(BindingRecord) == 288);

[[nodiscard]] sip::BindingView view_of(const BindingRecord& record, std::uint64_t id) noexcept;

}  // namespace sr::location
