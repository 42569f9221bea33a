// Who may come in at all, and who must prove who he is: by the address, the mode and what the owner says of the device.
#pragma once

#include <cstdint>
#include <vector>

#include "auth/network.hpp"
#include "sip/reject_reason.hpp"

namespace sr::auth {

/// What becomes of a device that the owner has not written down: open lets it in, approve keeps it waiting for him,
/// closed asks for credentials that it has not.
enum class AdmissionMode : std::uint8_t { open, approve, closed };

/// What holds in one network.
enum class Access : std::uint8_t {
    by_mode,
    trusted,      // as in mode open, whatever the mode
    credentials,  // as in mode closed, whatever the mode
    refused,
};

struct NetworkRule {
    Network network;
    Access access = Access::by_mode;
};

/// What the configuration says of the device behind the address-of-record, or of the user that the credentials claim.
struct DeviceStanding {
    bool is_known = false;  // it has an entry
    bool is_enabled = false;
    bool has_credentials = false;
    bool is_elsewhere = false;  // its owner lets it come from certain networks only, and this is none of them
};

enum class Entrance : std::uint8_t {
    admitted,      // without credentials
    authenticate,  // ask the Authenticator
    park,          // remember it as pending for its owner, and answer as the Authenticator would
    refused,
};

struct AdmissionDecision {
    Entrance entrance = Entrance::refused;
    sip::RejectReason reason = sip::RejectReason::network_not_admitted;  // none for admitted and authenticate
};

class Admission {
  public:
    /// Of the rules that hold for an address, the one with the longest prefix counts, of equals the first.
    Admission(AdmissionMode mode, std::vector<NetworkRule> rules);

    /// Refused where no rule names the source's network. Looks at nothing but the address: to be asked before anything
    /// else is read.
    [[nodiscard]] Access access(const AddressBits& source) const noexcept;

    /// Whether whoever asks from there may learn who is registered: where anybody may come in, anybody may.
    [[nodiscard]] bool is_open_to(const AddressBits& source) const noexcept;

    /// A device with credentials always needs them, disabled or elsewhere or not, so that it looks like a wrong
    /// password. One without that is elsewhere looks like one that nobody knows, where those are not let in.
    [[nodiscard]] AdmissionDecision decide(const AddressBits& source, const DeviceStanding& device) const noexcept;

  private:
    AdmissionMode mode_;
    std::vector<NetworkRule> rules_;  // the longest prefix first
};

}  // namespace sr::auth
