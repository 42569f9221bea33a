// Messages that came over a connection, as PJSIP's modules want them: parsed out of a buffer of our own, since PJSIP's
// holds 4,000 octets, and with a transport that is none: whoever answers goes by the flow.
#pragma once

#include <array>
#include <string_view>

#include "sip/flow.hpp"
#include "stack/pj_layout.hpp"
#include "stack/pj_symbols.hpp"
#include "stack/stream_framing.hpp"

namespace sr::stack {

/// One message at a time, on a thread that PJSIP knows.
class StreamReader {
  public:
    StreamReader(const pj::Symbols& symbols, pj::Endpoint* endpoint);
    ~StreamReader();
    StreamReader(const StreamReader&) = delete;
    StreamReader& operator=(const StreamReader&) = delete;

    /// Parses at most kMostMessageOctets; what was read before is gone. `flow` must live as long as the message.
    [[nodiscard]] pj::RxData& read(std::string_view message, const sip::Flow& flow) noexcept;

    /// The octets of what was read, which the record's own views are of.
    [[nodiscard]] std::string_view text() const noexcept {
        return {packet_.message_text, static_cast<std::size_t>(packet_.message_size)};
    }

    /// Whether PJSIP found all that it asks for in what was read, and nothing wrong.
    [[nodiscard]] bool is_sound() const noexcept;

    /// The flow of a packet that this reader has read; null for any other.
    [[nodiscard]] const sip::Flow* flow_of(const pj::RxData& packet) const noexcept {
        return packet.transport == &transport_ ? static_cast<const sip::Flow*>(packet.transport_data) : nullptr;
    }

  private:
    const pj::Symbols& symbols_;
    pj::Endpoint* endpoint_;
    pj::Pool* pool_;
    pj::Transport transport_{};
    pj::RxData packet_{};
    std::array<char, kMostMessageOctets + 1> buffer_{};
};

/// What PJSIP's own transports do before the modules see a message: the top Via says where it came from (RFC 3261
/// section 18.2.1, RFC 3581 section 4).
void note_source_in_via(pj::RxData& packet) noexcept;

}  // namespace sr::stack
