#include "registrar/request_policy.hpp"

#include <algorithm>
#include <array>

#include "registrar/extensions.hpp"
#include "sip/ascii.hpp"

namespace sr::registrar {
namespace {

using sip::RejectReason;

enum class MethodKind : std::uint8_t {
    acknowledgement,  // never answered
    of_dialog,        // makes sense within a dialog, a subscription or a transaction only
    capabilities,     // OPTIONS
    addressed,        // INVITE, SUBSCRIBE, PUBLISH, MESSAGE: for a user, or for what is told of him
    not_served,       // known, but nothing here takes it
    unknown,
};

struct MethodRow {
    std::string_view name;
    MethodKind kind;
};

constexpr std::array kMethods{
    MethodRow{"OPTIONS", MethodKind::capabilities}, MethodRow{"INVITE", MethodKind::addressed},
    MethodRow{"ACK", MethodKind::acknowledgement},  MethodRow{"BYE", MethodKind::of_dialog},
    MethodRow{"CANCEL", MethodKind::of_dialog},     MethodRow{"UPDATE", MethodKind::of_dialog},
    MethodRow{"PRACK", MethodKind::of_dialog},      MethodRow{"NOTIFY", MethodKind::of_dialog},
    MethodRow{"INFO", MethodKind::not_served},      MethodRow{"REFER", MethodKind::not_served},
    MethodRow{"SUBSCRIBE", MethodKind::addressed},  MethodRow{"PUBLISH", MethodKind::addressed},
    MethodRow{"MESSAGE", MethodKind::addressed},    MethodRow{"REGISTER", MethodKind::not_served},
};

/// Methods are case-sensitive (section 7.1).
MethodKind kind_of(std::string_view method) noexcept {
    const auto row = std::find_if(kMethods.begin(), kMethods.end(),
                                  [method](const MethodRow& known) { return known.name == method; });
    return row == kMethods.end() ? MethodKind::unknown : row->kind;
}

RequestDecision refuse(RejectReason reason, std::string_view detail = {}) noexcept {
    return {.is_answered = true, .reason = reason, .detail = detail};
}

/// What begins something outside of dialogs: the same questions in the same order (section 11.2). Whom an INVITE or a
/// MESSAGE may reach, what a SUBSCRIBE may watch, and which extensions they may require, is for those who take them to
/// say.
RequestDecision decide_for_user(const RequestFacts& facts, const Policy& policy, MethodKind kind) noexcept {
    if (!facts.has_sip_scheme) return refuse(RejectReason::unsupported_scheme);
    if (!is_served(policy, facts.request_host)) return refuse(RejectReason::unknown_domain, facts.request_host);
    if (kind == MethodKind::addressed) return {};
    if (!facts.require.empty()) {
        const std::string_view tags = unsupported_tags(facts.require);
        if (!tags.empty()) return refuse(RejectReason::extension_required, tags);
    }
    const bool is_for_server =
        facts.request_user.empty() || sip::is_equal_ignoring_case(facts.request_user, "screamrouter");
    RequestDecision decision;
    decision.is_about_user = !is_for_server;
    if (!is_for_server && !facts.is_registered) decision.reason = RejectReason::unknown_user;
    return decision;
}

}  // namespace

RequestDecision decide_request(const RequestFacts& facts, const Policy& policy) noexcept {
    const MethodKind kind = kind_of(facts.method);
    switch (kind) {
        case MethodKind::acknowledgement: return {.is_answered = false, .reason = RejectReason::none, .detail = {}};
        case MethodKind::unknown: return refuse(RejectReason::method_unknown);
        case MethodKind::of_dialog: return refuse(RejectReason::no_such_dialog);
        case MethodKind::not_served:
            return refuse(facts.has_to_tag ? RejectReason::no_such_dialog : RejectReason::method_not_allowed);
        case MethodKind::capabilities:
        case MethodKind::addressed:
            if (facts.has_to_tag) return refuse(RejectReason::no_such_dialog);
            return decide_for_user(facts, policy, kind);
    }
    return refuse(RejectReason::method_unknown);
}

}  // namespace sr::registrar
