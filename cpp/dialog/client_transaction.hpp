// The client transaction of a BYE or UPDATE of ours (RFC 3261 section 17.1.2).
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.hpp"
#include "dialog/call_event.hpp"
#include "dialog/timers.hpp"

namespace sr::dialog {

class ClientTransaction {
  public:
    ClientTransaction(Transmission request, std::string branch, base::TimeMs now_ms, Outbox& out);

    [[nodiscard]] const std::string& branch() const noexcept { return branch_; }
    [[nodiscard]] base::TimeMs due_ms() const noexcept;

    /// A provisional answer came: timer E goes on at T2 (section 17.1.2.2).
    void proceed() noexcept { repeat_after_ms_ = kT2; }

    /// Repeats the request where it is due; false once nobody has answered for 64*T1 (timer F).
    [[nodiscard]] bool advance(base::TimeMs now_ms, Outbox& out);

  private:
    const Transmission request_;
    const std::string branch_;
    const base::TimeMs end_at_ms_;
    base::TimeMs repeat_after_ms_ = kT1;
    base::TimeMs repeat_at_ms_;
};

}  // namespace sr::dialog
