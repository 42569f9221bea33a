#include "dialog/call_event.hpp"

namespace sr::dialog {

std::string_view end_cause_name(EndCause cause) noexcept {
    switch (cause) {
        case EndCause::none: return "none";
        case EndCause::hung_up_by_peer: return "hung_up_by_peer";
        case EndCause::cancelled: return "cancelled";
        case EndCause::hung_up: return "hung_up";
        case EndCause::rejected: return "rejected";
        case EndCause::undecided: return "undecided";
        case EndCause::unanswered: return "unanswered";
        case EndCause::not_acknowledged: return "not_acknowledged";
        case EndCause::session_expired: return "session_expired";
        case EndCause::peer_lost: return "peer_lost";
        case EndCause::shutdown: return "shutdown";
    }
    return {};
}

}  // namespace sr::dialog
