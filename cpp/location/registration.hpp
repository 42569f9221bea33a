// What one binding is to be: an accepted REGISTER's request, contact and identity brought together, or a stored
// binding.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.hpp"
#include "location/binding_record.hpp"
#include "sip/binding.hpp"
#include "sip/register_outcome.hpp"
#include "sip/register_request.hpp"

namespace sr::location {

/// Views into its source. Its texts are within PackedTexts::kLongest; the body is none where the request has none.
struct Registration {
    Registration(std::string_view aor_key, const sip::RegisterRequest& request, const sip::RequestedContact& contact,
                 const sip::Uuid& device_uuid, base::TimeMs until_ms) noexcept;
    /// As it was when it was stored.
    Registration(std::string_view aor_key, const sip::BindingView& stored) noexcept;
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;

    /// The octets of the texts that this REGISTER gives a binding, as PackedTexts::size counts them; where it has no
    /// body, without body and Content-Type, which then stay as they are.
    [[nodiscard]] static std::size_t text_octets(std::string_view aor_key, const sip::RegisterRequest& request,
                                                 const sip::RequestedContact& contact) noexcept;
    [[nodiscard]] static bool has_body(const sip::RegisterRequest& request) noexcept;

    Texts texts;
    const sip::Flow& flow;
    sip::Uuid device;
    base::TimeMs expires_at_ms;
    std::uint32_t cseq;
    std::uint32_t reg_id;
    std::uint16_t q_thousandths;

  private:
    void aim_at(const sip::SocketAddress& target) noexcept;

    PackedAddress target_room_;
};

}  // namespace sr::location
