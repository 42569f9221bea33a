#include "location/binding_record.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

namespace sr::location {

PackedAddress pack(const sip::SocketAddress& address) noexcept {
    PackedAddress packed;
    char* out = packed.data();
    const auto put = [&out](const void* data, std::size_t size) {
        std::memcpy(out, data, size);
        out += size;
    };
    const char is_ipv6 = address.is_ipv6 ? 1 : 0;
    put(address.ip.data(), address.ip.size());
    put(&address.scope_id, sizeof address.scope_id);
    put(&address.port, sizeof address.port);
    put(&is_ipv6, sizeof is_ipv6);
    return packed;
}

sip::SocketAddress unpack(std::string_view packed) noexcept {
    sip::SocketAddress address;
    const auto get = [&packed](void* data, std::size_t size) {
        std::memcpy(data, packed.data(), size);
        packed.remove_prefix(size);
    };
    get(address.ip.data(), address.ip.size());
    get(&address.scope_id, sizeof address.scope_id);
    get(&address.port, sizeof address.port);
    address.is_ipv6 = packed.front() != 0;
    return address;
}

void PackedTexts::assign(const Texts& texts) {
    std::array<char, kRoom> room;
    std::size_t near_size = 0;
    std::size_t near_fields = 0;
    for (; near_fields < kFields && texts.fields[near_fields].size() <= kRoom - near_size; ++near_fields) {
        const std::string_view text = texts.fields[near_fields];
        std::copy(text.begin(), text.end(), room.data() + near_size);
        near_size += text.size();
    }
    std::size_t far_size = 0;
    for (std::size_t i = near_fields; i < kFields; ++i) far_size += texts.fields[i].size();
    auto far = far_size == 0 ? nullptr : std::make_unique_for_overwrite<char[]>(far_size);
    char* out = far.get();
    for (std::size_t i = near_fields; i < kFields; ++i)
        out = std::copy(texts.fields[i].begin(), texts.fields[i].end(), out);

    for (std::size_t i = 0; i < kFields; ++i) lengths_[i] = static_cast<std::uint16_t>(texts.fields[i].size());
    near_fields_ = static_cast<std::uint8_t>(near_fields);
    std::copy_n(room.data(), near_size, room_.data());
    far_ = std::move(far);
}

void PackedTexts::clear() noexcept {
    far_.reset();
    lengths_.fill(0);
}

std::size_t PackedTexts::size() const noexcept {
    const std::size_t all = std::accumulate(lengths_.begin(), lengths_.end(), std::size_t{0});
    return all - lengths_[static_cast<std::size_t>(Field::target)];
}

Texts PackedTexts::texts() const noexcept {
    Texts texts;
    const char* at = room_.data();
    for (std::size_t i = 0; i < kFields; ++i) {
        if (i == near_fields_) at = far_.get();
        texts.fields[i] = {at, lengths_[i]};
        at += lengths_[i];
    }
    return texts;
}

base::TimeMs BindingRecord::heard_ms() const noexcept {
    return std::max(last_heard_ms, flow->last_heard_ms.load(std::memory_order_relaxed));
}

sip::BindingView view_of(const BindingRecord& record, std::uint64_t id) noexcept {
    const Texts texts = record.texts.texts();
    const std::string_view target = texts[Field::target];
    return {.id = id,
            .number = record.number(),
            .contact_uri = texts[Field::contact_uri],
            .call_id = texts[Field::call_id],
            .instance = texts[Field::instance],
            .path = texts[Field::path],
            .user_agent = texts[Field::user_agent],
            .content_type = texts[Field::content_type],
            .body = texts[Field::body],
            .device = record.device,
            .flow = record.flow->flow,
            .target = target.empty() ? record.flow->flow.remote : unpack(target),
            .expires_at_ms = record.expires_at_ms,
            .last_heard_ms = record.heard_ms(),
            .cseq = record.cseq,
            .reg_id = record.reg_id,
            .rtt_us = record.rtt_us,
            .q_thousandths = record.q_thousandths,
            .is_reachable = record.is_reachable};
}

}  // namespace sr::location
