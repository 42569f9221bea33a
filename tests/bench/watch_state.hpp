// What notifyload keeps of each watcher, each desk and each request under way.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bench {

// `disordered`: older than one that came before, and not seen yet (RFC 6665 section 4.1.3).
enum class Order : std::uint8_t { next, repeated, disordered };

struct Watcher {
    std::uint32_t call{0};
    std::uint32_t cseq{0};
    std::int32_t slot{-1};  // of the request under way
    bool is_fetch{false};
    std::uint32_t told_of{0};  // the last change that a NOTIFY has come after
    std::uint32_t notify_cseq{0};
    std::uint64_t seen{0};  // bit i: the NOTIFY with notify_cseq - i has come
    std::uint64_t body_hash{0};

    [[nodiscard]] Order take_cseq(std::uint32_t number) {
        if (number > notify_cseq) {
            const auto step = number - notify_cseq;
            seen = (step < 64 ? seen << step : 0) | 1;
            notify_cseq = number;
            return Order::next;
        }
        const auto age = notify_cseq - number;
        return age < 64 && (seen >> age & 1) != 0 ? Order::repeated : Order::disordered;
    }
};

struct Desk {
    std::uint32_t cseq{0};
    std::uint32_t turn{0};
    std::string etag;
};

struct Slot {
    std::uint32_t number{0};  // of the watcher or desk
    std::uint32_t sequence{0};
    std::uint64_t started_ns{0};
    std::uint64_t sent_ns{0};
    int transmissions{0};
    bool is_busy{false};
    bool is_answered{false};
    bool is_notified{false};
};

// FNV-1a.
[[nodiscard]] inline std::uint64_t hash_of(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char octet : text) hash = (hash ^ static_cast<unsigned char>(octet)) * 0x100000001b3;
    return hash;
}

}  // namespace bench
