// From PJSIP's parsed message to the values of cpp/sip.
#pragma once

#include <array>
#include <string_view>

#include "base/text_buffer.hpp"
#include "sip/gate.hpp"
#include "sip/register_outcome.hpp"
#include "sip/register_request.hpp"
#include "stack/pj_layout.hpp"
#include "stack/request_handler.hpp"

namespace sr::stack {

/// The source of a packet. `connection` is 0: datagram transports only, so far.
[[nodiscard]] sip::SocketAddress read_address(const pj::SocketName& name) noexcept;

/// A SIP or SIPS URI behind any name-addr; null for other schemes.
[[nodiscard]] const pj::SipUri* sip_uri_of(pj::Uri* uri) noexcept;

/// Room for what a request's views point to; one per thread, reused.
class RequestRoom {
  public:
    /// The views live until the next call. One contact more than sip::kMostContacts is enough to be refused.
    /// What the gate has `seen` counts where PJSIP reads otherwise: it lets an Expires of 2^32 and more start again
    /// at 0, which would unregister.
    const sip::RegisterRequest& read_register(const pj::RxData& packet, const sip::Flow& flow,
                                              const sip::Inspection& seen) noexcept;

    const OtherRequest& read_other(const pj::RxData& packet, const sip::Flow& flow,
                                   const sip::Inspection& seen) noexcept;

  private:
    void read_contact(const pj::ContactHeader& contact, const pj::RxData& packet) noexcept;
    void read_contacts(const pj::RxData& packet) noexcept;
    void read_headers(const pj::RxData& packet, std::string_view expires) noexcept;
    /// A user's name unescaped (RFC 3261 section 19.1.4), but for control characters, which no name of a device may
    /// have, and the percent sign itself, so that two users never look like one.
    std::string_view user_of(const pj::SipUri& uri) noexcept;
    std::string_view print_uri(pj::Uri* uri) noexcept;
    void read_require(const pj::RxData& packet) noexcept;

    sip::RegisterRequest register_;
    OtherRequest other_;
    std::array<sip::RequestedContact, sip::kMostContacts + 1> contacts_;
    std::size_t contact_count_ = 0;
    std::array<std::string_view, 32> require_;
    std::size_t require_count_ = 0;
    std::array<std::string_view, 32> supported_;
    std::size_t supported_count_ = 0;
    std::array<char, 8192> text_;
    base::TextBuffer text_buffer_{text_};
};

}  // namespace sr::stack
