// Per thread: what a request is read into and its answer written from, so that the packet path needs no heap.
#pragma once

#include <array>
#include <memory>
#include <string_view>

#include "sip/gate.hpp"
#include "sip/reply.hpp"
#include "stack/message_reader.hpp"
#include "stack/stream_framing.hpp"

namespace sr::stack {

struct WorkerRoom {
    std::string_view message;  // the one in hand
    sip::Inspection seen;      // what the gate found in it
    RequestRoom request;
    sip::Reply reply;
    /// An answer repeats at most the header of its request, and what the handler says.
    std::array<char, sip::kMostReplyHeaderOctets + kMostMessageOctets> octets;
};

[[nodiscard]] inline WorkerRoom& worker_room() {
    thread_local const auto room = std::make_unique<WorkerRoom>();
    return *room;
}

inline const sip::Inspection& look_at(std::string_view message) noexcept {
    WorkerRoom& room = worker_room();
    room.message = message;
    sip::inspect(message, room.seen);
    return room.seen;
}

}  // namespace sr::stack
