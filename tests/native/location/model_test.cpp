// The location against a naive model of itself: the same random operations, the same bindings, events, notes and
// liveness.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "location/location.hpp"
#include "location_kit.hpp"

using namespace sr;
using namespace sr::location;
using namespace sr::location::test;

namespace {

constexpr LivenessPolicy kPolicy{.ping_interval_ms = 4000, .timeout_ms = 9000};

struct ModelBinding {
    std::uint64_t id = 0;  // learnt from the location
    Request request;
    base::TimeMs expires_at_ms = 0;
    base::TimeMs last_heard_ms = 0;
    base::TimeMs last_ping_ms = 0;
    std::uint32_t nonce = 0;
    bool is_reachable = true;
};

class Model {
  public:
    std::map<std::string, std::vector<ModelBinding>> aors;
    std::map<std::string, std::vector<sip::RemovalNote>> notes;
    Lines lines;

    void tell(const char* kind, const ModelBinding& binding, const char* reason = "") {
        lines.push_back(std::string(kind) + " " + binding.request.aor_key + " " + binding.request.contact_uri + reason);
    }

    void expire(const std::string& aor_key, base::TimeMs now_ms) {
        auto& bindings = aors[aor_key];
        for (const ModelBinding& binding : bindings) {
            if (binding.expires_at_ms <= now_ms) tell("removed", binding, " expired");
        }
        std::erase_if(bindings, [now_ms](const ModelBinding& binding) { return binding.expires_at_ms <= now_ms; });
    }

    void hear(ModelBinding& binding, base::TimeMs now_ms) {
        binding.last_heard_ms = now_ms;
        if (!std::exchange(binding.is_reachable, true)) tell("reachable", binding);
    }

    void add(const Request& request, base::TimeMs now_ms, std::uint32_t expires_s) {
        aors[request.aor_key].push_back(
            {.request = request, .expires_at_ms = now_ms + expires_s * 1000, .last_heard_ms = now_ms});
        tell("added", aors[request.aor_key].back());
    }

    void update(ModelBinding& binding, Request request, base::TimeMs now_ms, std::uint32_t expires_s) {
        if (request.body.empty()) request.body = binding.request.body;
        const bool is_changed =
            request.contact_uri != binding.request.contact_uri || request.flow != binding.request.flow ||
            request.user_agent != binding.request.user_agent || request.body != binding.request.body;
        if (request.flow != binding.request.flow) binding.nonce = 0;
        binding.request = request;
        binding.expires_at_ms = now_ms + expires_s * 1000;
        if (is_changed) tell("changed", binding);
        hear(binding, now_ms);
    }

    void remove(const Request& request, std::size_t index, base::TimeMs now_ms) {
        auto& bindings = aors[request.aor_key];
        tell("removed", bindings[index], " unregistered");
        bindings.erase(bindings.begin() + static_cast<std::ptrdiff_t>(index));
        auto& kept = notes[request.aor_key];
        kept.push_back({hash_of(request.call_id), request.cseq, now_ms});
        if (kept.size() > 4) kept.erase(kept.begin());
    }

    void for_flow(const sip::Flow& flow, base::TimeMs now_ms) {
        for (auto& [key, bindings] : aors) {
            for (ModelBinding& binding : bindings) {
                if (binding.request.flow == flow && binding.expires_at_ms > now_ms) hear(binding, now_ms);
            }
        }
    }

    void advance(base::TimeMs now_ms) {
        for (auto& [key, bindings] : aors) {
            expire(key, now_ms);
            for (ModelBinding& binding : bindings) {
                if (!binding.is_reachable || now_ms - binding.last_heard_ms < kPolicy.timeout_ms) continue;
                binding.is_reachable = false;
                tell("unreachable", binding);
            }
        }
    }

    ModelBinding* find(std::uint64_t id) {
        for (auto& [key, bindings] : aors) {
            for (ModelBinding& binding : bindings) {
                if (binding.id == id) return &binding;
            }
        }
        return nullptr;
    }
};

class Duel {
  public:
    explicit Duel(std::uint32_t seed) : desk_(kPolicy), random_(seed) {}

    void step() {
        now_ms_ += below(4) == 0 ? below(3000) : below(60);
        switch (below(8)) {
            case 0:
            case 1: add(); break;
            case 2:
            case 3: update(); break;
            case 4: remove(); break;
            case 5: query(); break;
            case 6: touch(); break;
            default: advance(); break;
        }
        Lines told = desk_.recorder.take();
        std::sort(told.begin(), told.end());
        std::sort(model_.lines.begin(), model_.lines.end());
        REQUIRE(told == std::exchange(model_.lines, {}));
    }

    void compare_all() {
        std::uint64_t aors = 0;
        std::uint64_t bindings = 0;
        advance();
        desk_.recorder.take();
        model_.lines.clear();
        for (auto& [key, expected] : model_.aors) {
            compare(key);
            aors += expected.empty() ? 0 : 1;
            bindings += expected.size();
            REQUIRE(desk_.location.has(key) == !expected.empty());
        }
        REQUIRE(desk_.location.counts().aors == aors);
        REQUIRE(desk_.location.counts().bindings == bindings);
        desk_.location.visit([&](std::string_view, const sip::BindingView&) { --bindings; });
        REQUIRE(bindings == 0);
    }

    std::size_t pings() const { return pings_; }

  private:
    std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }
    std::string text(std::uint32_t longest, char letter) { return std::string(below(longest), letter); }

    Request request() {
        Request request;
        request.aor_key = "user" + std::to_string(below(40));
        request.contact_uri = "sip:" + std::to_string(++serial_) + text(120, 'c') + "@h";
        request.call_id = "call-" + std::to_string(serial_) + text(60, 'i');
        request.cseq = serial_;
        request.flow = udp(static_cast<std::uint8_t>(below(12)));
        request.body = below(3) == 0 ? text(400, 'b') : "";
        request.user_agent = text(3, 'u');
        return request;
    }

    /// A request for a present binding; false where its address-of-record has none.
    bool pick(Request& wanted, std::size_t& index) {
        wanted = request();
        model_.expire(wanted.aor_key, now_ms_);
        const auto& bindings = model_.aors[wanted.aor_key];
        if (bindings.empty()) {
            desk_.read(wanted.aor_key, now_ms_, [](auto) {});
            return false;
        }
        index = below(static_cast<std::uint32_t>(bindings.size()));
        return true;
    }

    void add() {
        const Request wanted = request();
        model_.expire(wanted.aor_key, now_ms_);
        const bool is_full = model_.aors[wanted.aor_key].size() >= sip::kMostContacts;
        const std::uint32_t expires_s = 1 + below(90);
        if (!is_full) model_.add(wanted, now_ms_, expires_s);
        if (!is_full) desk_.add(wanted, now_ms_, expires_s);
        compare(wanted.aor_key);
    }

    void update() {
        Request wanted;
        std::size_t index = 0;
        if (!pick(wanted, index)) return;
        ModelBinding& binding = model_.aors[wanted.aor_key][index];
        if (below(2) == 0) {  // a plain refresh
            wanted = binding.request;
            wanted.cseq += 1;
        }
        const std::uint32_t expires_s = 1 + below(90);
        model_.update(binding, wanted, now_ms_, expires_s);
        desk_.update(wanted, now_ms_, expires_s, static_cast<std::uint8_t>(index));
        compare(wanted.aor_key);
    }

    void remove() {
        Request wanted;
        std::size_t index = 0;
        if (!pick(wanted, index)) return;
        model_.remove(wanted, index, now_ms_);
        desk_.remove(wanted, now_ms_, static_cast<std::uint8_t>(index));
        compare(wanted.aor_key);
    }

    void query() {
        Request wanted;
        std::size_t index = 0;
        if (!pick(wanted, index)) return;
        for (ModelBinding& binding : model_.aors[wanted.aor_key]) {
            if (binding.request.flow == wanted.flow) model_.hear(binding, now_ms_);
        }
        desk_.query(wanted, now_ms_);
        compare(wanted.aor_key);
    }

    void touch() {
        const sip::Flow flow = udp(static_cast<std::uint8_t>(below(13)));
        model_.for_flow(flow, now_ms_);
        desk_.location.touch(flow, now_ms_);
    }

    void advance() {
        model_.advance(now_ms_);
        for (const DuePing& ping : desk_.advance(now_ms_, below(3) == 0 ? below(10) : 1000)) {
            ModelBinding* binding = model_.find(ping.binding_id);
            REQUIRE(binding != nullptr);
            CHECK(ping.flow == binding->request.flow);
            CHECK(ping.contact_uri == binding->request.contact_uri);
            CHECK(now_ms_ - binding->last_ping_ms >= kPolicy.ping_interval_ms * 4 / 5);
            binding->last_ping_ms = now_ms_;
            binding->nonce = ping.nonce;
            answers_.push_back(ping);
            ++pings_;
        }
        while (!answers_.empty() && below(3) != 0) answer();
    }

    void answer() {
        const std::size_t index = below(static_cast<std::uint32_t>(answers_.size()));
        const DuePing ping = answers_[index];
        if (below(4) != 0) answers_.erase(answers_.begin() + static_cast<std::ptrdiff_t>(index));
        ModelBinding* binding = model_.find(ping.binding_id);
        const bool is_wanted = binding != nullptr && binding->nonce == ping.nonce && binding->expires_at_ms > now_ms_;
        REQUIRE(desk_.location.answer_ping(ping.binding_id, ping.nonce, now_ms_, 1) == is_wanted);
        if (!is_wanted) return;
        binding->nonce = 0;
        model_.hear(*binding, now_ms_);
    }

    void compare(const std::string& aor_key) {
        auto& expected = model_.aors[aor_key];
        desk_.read(aor_key, now_ms_, [&](std::span<const sip::BindingView> bindings) {
            REQUIRE(bindings.size() == expected.size());
            for (std::size_t i = 0; i < bindings.size(); ++i) compare(bindings[i], expected[i]);
        });
        std::vector<sip::RemovalNote> notes = model_.notes[aor_key];
        std::erase_if(notes, [this](const sip::RemovalNote& note) { return note.at_ms + 32'000 <= now_ms_; });
        const auto kept = desk_.removals(aor_key, now_ms_);
        REQUIRE(kept.size() == notes.size());
        for (std::size_t i = 0; i < notes.size(); ++i) {
            REQUIRE(kept[i].call_id_hash == notes[i].call_id_hash);
            REQUIRE(kept[i].cseq == notes[i].cseq);
            REQUIRE(kept[i].at_ms == notes[i].at_ms);
        }
    }

    static void compare(const sip::BindingView& binding, ModelBinding& expected) {
        if (expected.id == 0) expected.id = binding.id;
        REQUIRE(binding.id == expected.id);
        REQUIRE(binding.contact_uri == expected.request.contact_uri);
        REQUIRE(binding.call_id == expected.request.call_id);
        REQUIRE(binding.user_agent == expected.request.user_agent);
        REQUIRE(binding.body == expected.request.body);
        REQUIRE(binding.flow == expected.request.flow);
        REQUIRE(binding.cseq == expected.request.cseq);
        REQUIRE(binding.expires_at_ms == expected.expires_at_ms);
        REQUIRE(binding.last_heard_ms == expected.last_heard_ms);
        REQUIRE(binding.is_reachable == expected.is_reachable);
    }

    Desk desk_;
    Model model_;
    std::mt19937 random_;
    std::vector<DuePing> answers_;
    base::TimeMs now_ms_ = 100'000;
    std::uint32_t serial_ = 0;
    std::size_t pings_ = 0;
};

}  // namespace

TEST_CASE("whatever happens in whatever order, the location is what a naive model of it is") {
    for (const std::uint32_t seed : {1U, 2U, 3U}) {
        CAPTURE(seed);
        Duel duel(seed);
        for (int step = 0; step < 6000; ++step) {
            duel.step();
            if (step % 500 == 499) duel.compare_all();
        }
        CHECK(duel.pings() > 500);
    }
}
