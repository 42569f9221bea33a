// What the tests of the location share: a listener that writes everything down, devices that register, a clock they are
// told.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "location/location.hpp"

namespace sr::location::test {

inline sip::SocketAddress ipv4(std::uint8_t last, std::uint16_t port = 5060) {
    sip::SocketAddress address;
    address.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 192, 0, 2, last};
    address.port = port;
    return address;
}

inline sip::Flow udp(std::uint8_t last, std::uint16_t port = 5060) { return {.remote = ipv4(last, port)}; }

inline sip::Flow tcp(std::uint64_t connection, std::uint16_t port = 40'000) {
    return {.remote = ipv4(1, port), .connection = connection, .transport = sip::Transport::tcp};
}

/// "added alice sip:a@192.0.2.1" and the like; a removal's reason stands at the end.
class Recorder final : public ChangeListener {
  public:
    void on_change(const Change& change) noexcept override {
        constexpr const char* kKinds[] = {"added", "changed", "removed", "reachable", "unreachable"};
        constexpr const char* kReasons[] = {"unregistered", "expired", "replaced", "flow_closed"};
        std::string line = kKinds[static_cast<int>(change.kind)];
        line.append(" ").append(change.aor_key).append(" ").append(change.binding.contact_uri);
        if (change.kind == ChangeKind::removed) line.append(" ").append(kReasons[static_cast<int>(change.reason)]);
        lines_.push_back(line);
    }

    /// What was told since the last call.
    std::vector<std::string> take() { return std::exchange(lines_, {}); }

  private:
    std::vector<std::string> lines_;
};

/// A REGISTER in the making; the defaults are a phone's that asks for rport.
struct Request {
    std::string aor_key = "alice";
    std::string contact_uri = "sip:a@192.0.2.1";
    std::string call_id = "call-1";
    std::uint32_t cseq = 1;
    sip::Flow flow = udp(1);
    std::string instance{};
    std::uint32_t reg_id = 0;
    std::optional<std::uint16_t> q_thousandths{};
    std::string path{};
    std::string user_agent{};
    std::string content_type{};
    std::string body{};
    sip::Uuid device{};
    bool is_symmetric = true;
};

inline std::uint64_t hash_of(const std::string& call_id) { return std::hash<std::string>{}(call_id); }

/// A location with its recorder. Times are milliseconds, granted intervals seconds.
class Desk {
  public:
    explicit Desk(const LivenessPolicy& policy = {}) { location.set_liveness(policy); }

    /// Applies `changes` as the engine would apply the registrar's.
    sip::RejectReason apply(const Request& wanted, base::TimeMs now_ms,
                            const std::vector<sip::BindingChange>& changes) {
        const sip::RequestedContact contact{.uri = wanted.contact_uri,
                                            .expires_s = std::nullopt,
                                            .q_thousandths = wanted.q_thousandths,
                                            .instance = wanted.instance,
                                            .reg_id = wanted.reg_id};
        sip::RegisterRequest request;
        request.call_id = wanted.call_id;
        request.cseq = wanted.cseq;
        request.is_symmetric = wanted.is_symmetric;
        request.contacts = {&contact, 1};
        request.path = wanted.path;
        request.user_agent = wanted.user_agent;
        request.content_type = wanted.content_type;
        request.body = wanted.body;
        request.flow = wanted.flow;
        sip::Identity identity;
        identity.user_key = wanted.aor_key;
        identity.device = wanted.device;
        sip::ChangeSet set;
        for (const sip::BindingChange& change : changes) set.push(change);
        auto guard = location.lock(wanted.aor_key, now_ms);
        static_cast<void>(guard.bindings());
        return guard.apply(request, identity, set, hash_of(wanted.call_id));
    }

    sip::RejectReason add(const Request& wanted, base::TimeMs now_ms, std::uint32_t expires_s = 3600) {
        return apply(wanted, now_ms, {{.action = sip::BindingAction::add, .expires_s = expires_s}});
    }
    sip::RejectReason update(const Request& wanted, base::TimeMs now_ms, std::uint32_t expires_s = 3600,
                             std::uint8_t binding = 0) {
        return apply(wanted, now_ms,
                     {{.action = sip::BindingAction::update, .binding = binding, .expires_s = expires_s}});
    }
    void remove(const Request& wanted, base::TimeMs now_ms, std::uint8_t binding = 0, bool is_replacement = false) {
        apply(wanted, now_ms,
              {{.action = sip::BindingAction::remove, .is_replacement = is_replacement, .binding = binding}});
    }
    void query(const Request& wanted, base::TimeMs now_ms) { apply(wanted, now_ms, {}); }

    std::vector<DuePing> advance(base::TimeMs now_ms, std::size_t max_pings = 1'000'000) {
        std::vector<DuePing> pings;
        location.advance(now_ms, max_pings, pings);
        return pings;
    }

    /// Reads the bindings of an address-of-record while its lock is held.
    template <class Read>
    auto read(const std::string& aor_key, base::TimeMs now_ms, const Read& read) {
        auto guard = location.lock(aor_key, now_ms);
        return read(guard.bindings());
    }

    std::vector<std::string> contacts(const std::string& aor_key, base::TimeMs now_ms) {
        return read(aor_key, now_ms, [](std::span<const sip::BindingView> bindings) {
            std::vector<std::string> uris;
            for (const sip::BindingView& binding : bindings) uris.emplace_back(binding.contact_uri);
            return uris;
        });
    }

    std::vector<sip::RemovalNote> removals(const std::string& aor_key, base::TimeMs now_ms) {
        const auto guard = location.lock(aor_key, now_ms);
        return {guard.removals().begin(), guard.removals().end()};
    }

    Recorder recorder;
    Location location{recorder, 42};
};

using Lines = std::vector<std::string>;

}  // namespace sr::location::test

namespace doctest {

template <>
struct StringMaker<std::vector<std::string>> {
    static String convert(const std::vector<std::string>& lines) {
        std::string text = "[";
        for (const std::string& line : lines) text.append(text.size() > 1 ? ", " : "").append(line);
        return text.append("]").c_str();
    }
};

}  // namespace doctest
