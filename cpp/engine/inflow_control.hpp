// How much of what strangers send is let into the sockets' buffers, told how full these are: a decider without clock
// or socket.
#pragma once

#include <cstdint>

namespace sr::engine {

/// Theory of operation. A buffer that fills means that more comes than is read, and that everybody waits for as long as
/// the queue takes. Then strangers get a sixteenth, half of that again and again until the queue is short, and a little
/// more when it has been short for a while. Once they may send all they want, nothing is dropped by lot any more; but
/// who pauses and floods again within half a minute meets less patience.
class InflowControl {
  public:
    /// Of 2^32.
    static constexpr std::uint32_t kAll = UINT32_MAX;

    /// Look every `kLook_ms`; `fullness` is that of the fullest buffer, 0 to 1. Returns whether a filter with what
    /// holds now is to be made: also where the share stays, a known source may have become a flooder.
    static constexpr int kLook_ms = 10;
    bool look(double fullness) noexcept;

    /// What strangers may send; `kAll`: nobody is asked who he is.
    [[nodiscard]] std::uint32_t share() const noexcept { return share_; }
    [[nodiscard]] bool is_limiting() const noexcept { return share_ != kAll; }

  private:
    std::uint32_t share_ = kAll;
    int calm_looks_ = 0;
    int wary_looks_ = 0;  // for so long a shorter queue is enough to limit again
};

}  // namespace sr::engine
