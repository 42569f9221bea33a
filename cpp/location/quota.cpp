#include "location/quota.hpp"

#include <algorithm>

namespace sr::location {
namespace {

std::int64_t signed_of(std::uint64_t number) noexcept {
    return static_cast<std::int64_t>(std::min<std::uint64_t>(number, INT64_MAX));
}

}  // namespace

bool Quota::Count::take(std::int64_t growth) noexcept {
    if (growth <= 0) return true;
    const std::int64_t most = limit.load(std::memory_order_relaxed);
    std::int64_t now = held.load(std::memory_order_relaxed);
    do {
        if (now > most - growth) return false;
    } while (!held.compare_exchange_weak(now, now + growth, std::memory_order_relaxed));
    return true;
}

void Quota::Count::add(std::int64_t more) noexcept {
    if (more != 0) held.fetch_add(more, std::memory_order_relaxed);
}

void Quota::set_limits(const Limits& limits) noexcept {
    aors_.limit.store(signed_of(limits.aors), std::memory_order_relaxed);
    bindings_.limit.store(signed_of(limits.bindings), std::memory_order_relaxed);
    octets_.limit.store(signed_of(limits.octets), std::memory_order_relaxed);
}

sip::RejectReason Quota::take(const Holding& growth) noexcept {
    if (!aors_.take(growth.aors)) return sip::RejectReason::too_many_aors;
    if (!bindings_.take(growth.bindings)) {
        aors_.add(-std::max<std::int64_t>(growth.aors, 0));
        return sip::RejectReason::too_many_bindings;
    }
    if (!octets_.take(growth.octets)) {
        aors_.add(-std::max<std::int64_t>(growth.aors, 0));
        bindings_.add(-std::max<std::int64_t>(growth.bindings, 0));
        return sip::RejectReason::memory_full;
    }
    return sip::RejectReason::none;
}

void Quota::add(const Holding& more) noexcept {
    aors_.add(more.aors);
    bindings_.add(more.bindings);
    octets_.add(more.octets);
}

void Quota::give_back(const Holding& less) noexcept { add(Holding{} - less); }

Holding Quota::held() const noexcept {
    return {aors_.held.load(std::memory_order_relaxed), bindings_.held.load(std::memory_order_relaxed),
            octets_.held.load(std::memory_order_relaxed)};
}

}  // namespace sr::location
