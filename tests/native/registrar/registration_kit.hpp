// A REGISTER that a test writes in one line, and one address-of-record that performs what the registrar decides.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "registrar/registrar.hpp"

namespace sr::registrar::testkit {

inline constexpr std::string_view kUuid = "0f3a9c52-7b1e-4d68-9a04-c5e1d2b38f67";
inline constexpr std::string_view kUrn = "urn:uuid:0f3a9c52-7b1e-4d68-9a04-c5e1d2b38f67";
inline constexpr std::string_view kOtherUuid = "6d1e7a30-52c8-4f9b-8b77-1a2b3c4d5e6f";
inline constexpr std::string_view kOtherUrn = "urn:uuid:6d1e7a30-52c8-4f9b-8b77-1a2b3c4d5e6f";

inline Policy default_policy() {
    Policy policy;
    policy.domain = "screamrouter.local";
    policy.served_hosts = {"screamrouter.local", "router", "192.0.2.1", "2001:db8::1"};
    return policy;
}

/// Views into literals of the test.
class Register {
  public:
    Register() {
        request_.request_host = request_.to_host = "screamrouter.local";
        request_.to_user = request_.from_user = "alice";
        request_.from_host = "192.0.2.10";
        request_.call_id = "call-1";
        request_.cseq = 1;
    }

    Register& call(std::string_view call_id, std::uint32_t cseq) {
        request_.call_id = call_id;
        request_.cseq = cseq;
        return *this;
    }
    Register& contact(std::string_view uri, std::optional<std::uint32_t> expires_s = std::nullopt) {
        contacts_.push_back({.uri = uri, .expires_s = expires_s, .q_thousandths = std::nullopt, .instance = {}});
        return *this;
    }
    /// Of the last contact.
    Register& instance(std::string_view urn, std::uint32_t reg_id = 0) {
        contacts_.back().instance = urn;
        contacts_.back().reg_id = reg_id;
        return *this;
    }
    Register& q(std::uint16_t thousandths) {
        contacts_.back().q_thousandths = thousandths;
        return *this;
    }
    Register& star() {
        request_.is_star = true;
        return *this;
    }
    Register& expires(std::uint32_t header_s) {
        request_.expires_s = header_s;
        return *this;
    }
    Register& users(std::string_view to, std::string_view from) {
        request_.to_user = to;
        request_.from_user = from;
        return *this;
    }
    Register& hosts(std::string_view request_uri, std::string_view to) {
        request_.request_host = request_uri;
        request_.to_host = to;
        return *this;
    }
    Register& sdp(std::string_view body, std::string_view content_type = "application/sdp") {
        request_.body = body;
        request_.content_type = content_type;
        return *this;
    }
    Register& path(std::string_view path) {
        request_.path = path;
        return *this;
    }
    Register& require(std::string_view tag) {
        require_.push_back(tag);
        return *this;
    }
    Register& supported(std::string_view tag) {
        supported_.push_back(tag);
        return *this;
    }
    Register& over(sip::Transport transport) {
        request_.flow.transport = transport;
        return *this;
    }
    Register& other_scheme() {
        request_.has_sip_scheme = false;
        return *this;
    }

    const sip::RegisterRequest& get() {
        request_.contacts = contacts_;
        request_.require = require_;
        request_.supported = supported_;
        return request_;
    }

  private:
    sip::RegisterRequest request_;
    std::vector<sip::RequestedContact> contacts_;
    std::vector<std::string_view> require_;
    std::vector<std::string_view> supported_;
};

struct Bound {
    std::uint64_t id;
    std::string uri, call_id, instance;
    std::uint32_t cseq, reg_id, expires_s;
    std::uint16_t q_thousandths;
};

/// One address-of-record. Every outcome is checked for what any location may rely on.
class Aor {
  public:
    explicit Aor(Policy its_policy = default_policy()) : policy(std::move(its_policy)) {}

    sip::RegisterOutcome perform(Register& message) {
        const sip::RegisterRequest& request = message.get();
        const std::vector<sip::BindingView> seen = views();
        sip::RegisterOutcome outcome = process(request, seen, notes_, policy);
        check_sound(outcome, request);
        if (outcome.reason == sip::RejectReason::none) apply(outcome, request);
        return outcome;
    }

    /// The same for a message that is accepted; how many changes it made.
    std::size_t accept(Register& message) {
        const auto outcome = perform(message);
        REQUIRE(outcome.reason == sip::RejectReason::none);
        return outcome.changes.all().size();
    }

    sip::RejectReason refuse(Register& message) {
        const auto before = uris();
        const auto outcome = perform(message);
        REQUIRE(outcome.reason != sip::RejectReason::none);
        CHECK(outcome.changes.is_empty());
        CHECK(uris() == before);
        return outcome.reason;
    }

    [[nodiscard]] std::vector<std::string> uris() const {
        std::vector<std::string> all;
        for (const Bound& bound : bindings) all.push_back(bound.uri);
        return all;
    }

    [[nodiscard]] const Bound& at(std::string_view uri) const {
        const auto found =
            std::find_if(bindings.begin(), bindings.end(), [uri](const Bound& b) { return b.uri == uri; });
        REQUIRE(found != bindings.end());
        return *found;
    }

    Policy policy;
    std::vector<Bound> bindings;
    base::TimeMs now_ms = 1'000'000;

  private:
    [[nodiscard]] std::vector<sip::BindingView> views() const {
        std::vector<sip::BindingView> all;
        for (const Bound& bound : bindings) {
            sip::BindingView view;
            view.id = bound.id;
            view.contact_uri = bound.uri;
            view.call_id = bound.call_id;
            view.instance = bound.instance;
            view.cseq = bound.cseq;
            view.reg_id = bound.reg_id;
            view.q_thousandths = bound.q_thousandths;
            view.expires_at_ms = now_ms + bound.expires_s * base::TimeMs{1000};
            all.push_back(view);
        }
        return all;
    }

    void check_sound(const sip::RegisterOutcome& outcome, const sip::RegisterRequest& request) const {
        if (outcome.reason != sip::RejectReason::none) {
            REQUIRE(outcome.changes.is_empty());
            return;
        }
        std::vector<int> binding_uses(bindings.size());
        std::vector<int> contact_uses(request.contacts.size());
        for (const auto& change : outcome.changes.all()) {
            if (change.action != sip::BindingAction::add) REQUIRE(++binding_uses.at(change.binding) == 1);
            if (change.action == sip::BindingAction::remove) continue;
            REQUIRE(++contact_uses.at(change.contact) == 1);
            REQUIRE(change.expires_s > 0);
        }
    }

    void apply(const sip::RegisterOutcome& outcome, const sip::RegisterRequest& request) {
        std::vector<std::size_t> gone;
        for (const auto& change : outcome.changes.all()) {
            if (change.action == sip::BindingAction::remove) {
                gone.push_back(change.binding);
                continue;
            }
            const auto& contact = request.contacts[change.contact];
            Bound bound{.id = next_id_,
                        .uri = std::string(contact.uri),
                        .call_id = std::string(request.call_id),
                        .instance = std::string(contact.instance),
                        .cseq = request.cseq,
                        .reg_id = contact.reg_id,
                        .expires_s = change.expires_s,
                        .q_thousandths = contact.q_thousandths.value_or(sip::kNoQ)};
            if (change.action == sip::BindingAction::add) {
                ++next_id_;
                bindings.push_back(std::move(bound));
            } else {
                bound.id = bindings[change.binding].id;
                bindings[change.binding] = std::move(bound);
            }
        }
        std::sort(gone.rbegin(), gone.rend());
        for (const std::size_t index : gone) bindings.erase(bindings.begin() + static_cast<std::ptrdiff_t>(index));
        if (!gone.empty()) notes_.push_back({call_id_hash(request.call_id), request.cseq, now_ms});
    }

    std::vector<sip::RemovalNote> notes_;
    std::uint64_t next_id_ = 1;
};

}  // namespace sr::registrar::testkit
