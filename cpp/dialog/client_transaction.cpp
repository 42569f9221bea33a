#include "dialog/client_transaction.hpp"

#include <algorithm>
#include <utility>

namespace sr::dialog {

ClientTransaction::ClientTransaction(Transmission request, std::string branch, base::TimeMs now_ms, Outbox& out)
    : request_(std::move(request)),
      branch_(std::move(branch)),
      end_at_ms_(now_ms + kTransactionLife),
      repeat_at_ms_(request_.flow.transport == sip::Transport::udp ? now_ms + kT1 : kNever) {
    out.transmissions.push_back(request_);
}

base::TimeMs ClientTransaction::due_ms() const noexcept { return std::min(repeat_at_ms_, end_at_ms_); }

bool ClientTransaction::advance(base::TimeMs now_ms, Outbox& out) {
    if (now_ms >= end_at_ms_) return false;
    if (now_ms < repeat_at_ms_) return true;
    out.transmissions.push_back(request_);
    repeat_after_ms_ = std::min(2 * repeat_after_ms_, kT2);
    repeat_at_ms_ = now_ms + repeat_after_ms_;
    return true;
}

}  // namespace sr::dialog
