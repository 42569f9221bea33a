// A stored binding's texts, a line each: transport, source, target, device, and the rest as its contact.
#include <string>

#include "engine/event.hpp"
#include "fuzz_kit.hpp"

namespace sr::fuzz {

void run(std::string_view input) {
    constexpr base::TimeMs kNow = 1'000'000;
    engine::BindingRecord stored;
    stored.transport = take_until(input, '\n');
    stored.flow_ip = take_until(input, '\n');
    stored.target_ip = take_until(input, '\n');
    stored.device_uuid = take_until(input, '\n');
    stored.contact_uri = input;
    stored.expires_in_ms = 60'000;
    const auto view = engine::view_of(stored, kNow);
    if (!view) return;
    require(view->contact_uri == stored.contact_uri && view->expires_at_ms == kNow + 60'000, "nothing else changes");
    const engine::BindingRecord again = engine::record("a@home", *view, kNow);
    const auto same = engine::view_of(again, kNow);
    require(same && same->flow == view->flow && same->target == view->target && same->device == view->device &&
                again.expires_in_ms == stored.expires_in_ms,
            "a binding stored again is the same");
}

}  // namespace sr::fuzz
