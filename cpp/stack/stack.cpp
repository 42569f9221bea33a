#include "stack/stack.hpp"

#include <array>
#include <cstddef>
#include <mutex>

#include "sip/ascii.hpp"
#include "sip/gate.hpp"
#include "sip/header_field.hpp"
#include "stack/message_reader.hpp"
#include "stack/reply_writer.hpp"
#include "stack/self_test.hpp"
#include "stack/worker_room.hpp"

namespace sr::stack {
namespace {

void count(std::atomic<std::uint64_t>& counter) noexcept { counter.fetch_add(1, std::memory_order_relaxed); }

std::string_view text_of(const pj::RxData& packet) noexcept {
    return {packet.message_text, packet.message_size > 0 ? static_cast<std::size_t>(packet.message_size) : 0};
}

std::string_view method_of(const pj::RxData& packet) noexcept { return packet.message->request.method.name.view(); }

/// PJSIP cuts what does not fit its buffer and would answer the rest as if it were whole. What came over a connection
/// lies elsewhere and has a packet size of 0.
bool is_cut(const pj::RxData& packet) noexcept {
    return packet.packet_size >= static_cast<std::ptrdiff_t>(pj::kMostPacketOctets);
}

/// The receive record of a dropped UDP packet, which alone knows its sender: the packet lies at a fixed place in it,
/// behind any empty lines that PJSIP has skipped. Null for what came otherwise.
pj::RxData* packet_of(const pj::DroppedData& dropped) noexcept {
    char* start = dropped.data;
    while (start[-1] == '\r' || start[-1] == '\n') --start;  // ends at the time of arrival, whose last octet is 0
    auto* packet = reinterpret_cast<pj::RxData*>(start - offsetof(pj::RxData, packet));
    return packet->transport == dropped.transport ? packet : nullptr;
}

/// Why PJSIP could not read what the gate let through: its own taste, or a scheme whose URIs it does not know.
sip::RejectReason fault_of(const sip::Inspection& seen, const pj::RxData& packet) noexcept {
    if (is_cut(packet)) return sip::RejectReason::message_too_large;
    if (seen.fault != sip::RejectReason::none) return seen.fault;
    if (!sip::is_known_method(seen.method)) return sip::RejectReason::method_unknown;
    return seen.has_sip_scheme ? sip::RejectReason::malformed : sip::RejectReason::unsupported_scheme;
}

/// Whether credentials of a scheme that PJSIP does not know are all that it found wrong: they say nothing to us, and
/// the request is as if they were not there (RFC 4475 section 3.3.7).
bool is_whole_but_for_credentials(const pj::RxData& packet) noexcept {
    if (packet.message == nullptr || packet.call_id == nullptr || packet.from == nullptr || packet.to == nullptr ||
        packet.via == nullptr || packet.cseq == nullptr) {
        return false;
    }
    for (const pj::ParseError* error = packet.parse_errors.next; error != &packet.parse_errors; error = error->next) {
        const sip::FieldName name = sip::header_field(error->header_name.view()).name;
        if (name != sip::FieldName::authorization && name != sip::FieldName::proxy_authorization) return false;
    }
    return true;
}

/// PJSIP calls C functions without a context pointer: the one attached stack. Module callbacks end before their module
/// is unregistered and may read it freely; the transport manager's callback has no such end and holds
/// `unreadable_guard`.
std::atomic<Stack*> attached{nullptr};
std::mutex unreadable_guard;

}  // namespace

/// The C side: module records for PJSIP's list and the trampolines in them.
class Stack::Modules {
  public:
    Modules(const pj::Symbols& symbols, pj::Endpoint* endpoint) noexcept : symbols_(symbols), endpoint_(endpoint) {
        name(filter_, "mod-sr-filter", 10);
        filter_.on_rx_request = [](pj::RxData* packet) noexcept -> int {
            return attached.load()->filter_request(*packet);
        };
        filter_.on_rx_response = [](pj::RxData* packet) noexcept -> int {
            return attached.load()->filter_response(*packet);
        };
        name(register_, "mod-sr-register", 12);
        register_.on_rx_request = [](pj::RxData* packet) noexcept -> int {
            return attached.load()->answer_register(*packet);
        };
        name(options_, "mod-sr-options", 13);
        options_.on_rx_request = [](pj::RxData* packet) noexcept -> int {
            return attached.load()->answer_options(*packet);
        };
        name(rest_, "mod-sr-rest", 14);
        rest_.on_rx_request = [](pj::RxData* packet) noexcept -> int { return attached.load()->answer_rest(*packet); };
    }

    [[nodiscard]] bool register_all() noexcept {
        for (pj::Module* module : {&filter_, &register_, &options_, &rest_}) {
            if (symbols_.pjsip_endpt_register_module(endpoint_, module) != 0) return false;
        }
        // What PJSIP cannot parse never reaches a module; its transport manager reports it here.
        const auto on_dropped = [](pj::DroppedData* dropped) noexcept {
            const std::lock_guard guard(unreadable_guard);
            if (Stack* stack = attached.load(); stack != nullptr) stack->answer_unreadable(*dropped);
        };
        return symbols_.pjsip_tpmgr_set_drop_data_cb(symbols_.pjsip_endpt_get_tpmgr(endpoint_), on_dropped) == 0;
    }

    ~Modules() {
        for (pj::Module* module : {&rest_, &options_, &register_, &filter_}) {
            if (module->id >= 0) symbols_.pjsip_endpt_unregister_module(endpoint_, module);
        }
    }

    Modules(const Modules&) = delete;
    Modules& operator=(const Modules&) = delete;

  private:
    static void name(pj::Module& module, std::string_view name, int priority) noexcept {
        module.name = {name.data(), static_cast<std::ptrdiff_t>(name.size())};
        module.id = -1;
        module.priority = priority;
    }

    const pj::Symbols& symbols_;
    pj::Endpoint* endpoint_;
    pj::Module filter_{};
    pj::Module register_{};
    pj::Module options_{};
    pj::Module rest_{};
};

std::optional<std::string> silence_pjsip(const std::string& library_path) {
    const auto loaded = pj::load_symbols(library_path);
    if (const auto* missing = std::get_if<std::string>(&loaded)) return *missing;
    std::get<pj::Symbols>(loaded).pj_log_set_level(0);
    return std::nullopt;
}

Stack::Stack(RequestHandler& handler, std::uint64_t tag_key) : handler_(handler), tag_key_(tag_key) {}

Stack::~Stack() { detach(); }

std::optional<std::string> Stack::attach(const std::string& library_path) {
    if (modules_) return "the core is attached already";
    auto loaded = pj::load_symbols(library_path);
    if (auto* missing = std::get_if<std::string>(&loaded)) return *missing;
    symbols_ = std::get<pj::Symbols>(loaded);
    pj::register_thread(symbols_);
    pj::Endpoint* endpoint = symbols_.pjsua_get_pjsip_endpt();
    if (endpoint == nullptr) return "pjsua2 has no endpoint: call libCreate and libInit first";
    if (auto fault = run_self_test(symbols_, endpoint)) return fault;

    Stack* expected = nullptr;
    if (!attached.compare_exchange_strong(expected, this)) return "another core is attached to this process's endpoint";
    reader_ = std::make_unique<StreamReader>(symbols_, endpoint);
    modules_ = std::make_unique<Modules>(symbols_, endpoint);
    if (modules_->register_all()) {
        const std::lock_guard reading(reader_guard_);
        is_receiving_ = true;
        return std::nullopt;
    }
    detach();
    return "PJSIP refused the core's modules";
}

std::optional<std::string> Stack::open(const std::string& ip, std::uint16_t port) { return sockets_.adopt(ip, port); }

void Stack::detach() noexcept {
    if (!modules_) return;
    pj::register_thread(symbols_);
    {
        const std::lock_guard reading(reader_guard_);
        is_receiving_ = false;
    }
    modules_.reset();
    const std::lock_guard guard(unreadable_guard);
    attached.store(nullptr);
    reader_.reset();
    sockets_.clear();
}

sip::Flow Stack::flow_of(const pj::RxData& packet) const noexcept {
    if (const sip::Flow* stream = reader_ ? reader_->flow_of(packet) : nullptr; stream != nullptr) return *stream;
    sip::Flow flow;
    flow.remote = read_address(packet.source);
    flow.listener = sockets_.index_of(symbols_.pjsip_udp_transport_get_socket(packet.transport));
    return flow;
}

void Stack::send_reply(std::string_view source_ip, const sip::Flow& flow, const sip::Reply& reply) noexcept {
    const sip::Inspection& seen = worker_room().seen;
    if (reply.is_withheld || !seen.is_answerable()) return drop(flow, reply.reason);
    base::TextBuffer text(worker_room().octets);
    sip::SocketAddress to = flow.remote;
    to.port = write_reply(seen.headers, {source_ip, flow.remote.port}, reply, tag_key_, text);
    const bool is_sent = !text.is_overflown() && transmit(flow, to, text.text());
    count(is_sent ? counters_.replies : counters_.dropped);
    handler_.on_trace({.message = worker_room().message,
                       .answer = is_sent ? text.text() : std::string_view(),
                       .method = seen.method,
                       .to = seen.headers.to,
                       .status = is_sent ? reply.line.status : std::uint16_t{0},
                       .reason = reply.reason,
                       .flow = flow});
}

void Stack::drop(const sip::Flow& flow, sip::RejectReason reason) noexcept {
    count(counters_.dropped);
    const WorkerRoom& room = worker_room();
    handler_.on_trace({.message = room.message, .to = room.seen.headers.to, .reason = reason, .flow = flow});
}

bool Stack::refuse(std::string_view source_ip, const sip::Flow& flow, sip::RejectReason reason) noexcept {
    if (!worker_room().seen.is_answerable()) {
        drop(flow, reason);
        return true;
    }
    sip::Reply& reply = worker_room().reply;
    reply.clear();
    reply.refuse(reason);
    if (const std::string_view sentence = sip::warning_text(reason); !sentence.empty()) {
        reply.headers << "Warning: 399 " << kProduct << " \"" << sentence << "\"\r\n";
    }
    handler_.on_unreadable(flow, reason);
    send_reply(source_ip, flow, reply);
    return true;
}

bool Stack::filter_request(const pj::RxData& packet) noexcept {
    count(counters_.requests);
    const sip::Flow flow = flow_of(packet);
    const auto refuse = [&](sip::RejectReason reason) { return this->refuse(packet.source_name, flow, reason); };
    const Knock knock = handler_.on_knock(flow);
    if (knock.is_withheld) {
        count(counters_.dropped);
        return true;
    }
    const sip::Inspection& seen = look_at(text_of(packet));
    if (knock.reason != sip::RejectReason::none) return refuse(knock.reason);
    if (is_cut(packet)) return refuse(sip::RejectReason::message_too_large);
    if (seen.fault != sip::RejectReason::none) return refuse(seen.fault);
    // Methods are case-sensitive (RFC 3261 section 7.1), but PJSIP has already made `register` a REGISTER.
    if (seen.method != method_of(packet)) return refuse(sip::RejectReason::method_unknown);
    return false;
}

bool Stack::filter_response(const pj::RxData& packet) noexcept {
    const sip::Flow flow = flow_of(packet);
    const auto token = read_ping_token(packet.via->branch.view());
    // Whoever sends our own token back is there, however badly he writes the rest.
    if (!token) {
        count(counters_.dropped);
        if (look_at(text_of(packet)).fault != sip::RejectReason::none) return true;
    }
    handler_.on_heard(flow);
    if (!token) handler_.on_response(text_of(packet), worker_room().seen, flow);
    if (token) {
        handler_.on_ping_answer(*token, flow);
        handler_.on_trace({.kind = TraceKind::ping_answer, .message = text_of(packet), .flow = flow});
    }
    return true;
}

bool Stack::answer_register(const pj::RxData& packet) noexcept {
    if (method_of(packet) != "REGISTER") return false;
    WorkerRoom& room = worker_room();
    room.reply.clear();
    const sip::Flow flow = flow_of(packet);
    handler_.on_register(room.request.read_register(packet, flow, room.seen), room.reply);
    send_reply(packet.source_name, flow, room.reply);
    return true;
}

bool Stack::answer_other(const pj::RxData& packet) noexcept {
    WorkerRoom& room = worker_room();
    room.reply.clear();
    const sip::Flow flow = flow_of(packet);
    handler_.on_heard(flow);
    handler_.on_request(room.request.read_other(packet, flow, room.seen), room.reply);
    send_reply(packet.source_name, flow, room.reply);
    return true;
}

bool Stack::answer_options(const pj::RxData& packet) noexcept {
    const bool is_in_dialog = !packet.to->tag.view().empty();
    return method_of(packet) == "OPTIONS" && !is_in_dialog && answer_other(packet);
}

bool Stack::answer_rest(const pj::RxData& packet) noexcept {
    WorkerRoom& room = worker_room();
    room.reply.clear();
    const sip::Flow flow = flow_of(packet);
    const CallRuling ruling = handler_.on_call_request(text_of(packet), room.seen, flow, room.reply);
    const bool is_ack = method_of(packet) == "ACK";
    if (ruling == CallRuling::not_a_call && !is_ack) return answer_other(packet);
    handler_.on_heard(flow);
    if (ruling == CallRuling::reply && !is_ack) send_reply(packet.source_name, flow, room.reply);
    return true;
}

void Stack::answer_unreadable(const pj::DroppedData& dropped) noexcept {
    constexpr int kIgnored = 70020;  // PJ_EIGNORED: empty lines before a message
    if (dropped.status == kIgnored || dropped.size == 0) return;
    pj::RxData* packet = packet_of(dropped);
    if (packet == nullptr) {
        count(counters_.requests);
        count(counters_.dropped);
        return;
    }
    answer_unreadable(*packet, {dropped.data, dropped.size});
}

void Stack::answer_unreadable(pj::RxData& packet, std::string_view message) noexcept {
    const sip::Inspection& seen = look_at(message);
    const bool is_sound = seen.fault == sip::RejectReason::none && !seen.is_response;
    if (is_sound && seen.has_unknown_credentials && is_whole_but_for_credentials(packet)) {
        note_source_in_via(packet);
        symbols_.pjsip_endpt_process_rx_data(packet.transport->endpoint, &packet, nullptr, nullptr);
        return;
    }
    count(counters_.requests);
    const sip::Flow flow = flow_of(packet);
    const Knock knock = handler_.on_knock(flow);
    if (knock.is_withheld) return count(counters_.dropped);
    refuse(packet.source_name, flow, knock.reason != sip::RejectReason::none ? knock.reason : fault_of(seen, packet));
}

}  // namespace sr::stack
