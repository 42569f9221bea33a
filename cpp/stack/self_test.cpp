#include "stack/self_test.hpp"

#include <cstring>
#include <memory>
#include <string_view>

#include "stack/message_reader.hpp"

namespace sr::stack {
namespace {

constexpr std::string_view kVersion = "2.15.1";
constexpr std::string_view kRegister =
    "REGISTER sip:self.test SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bKself;rport\r\n"
    "Max-Forwards: 70\r\n"
    "From: \"F\" <sip:from@self.test>;tag=ft\r\n"
    "To: <sip:to@self.test>\r\n"
    "Call-ID: self-test@192.0.2.1\r\n"
    "CSeq: 4711 REGISTER\r\n"
    "Contact: <sip:to@192.0.2.1:5062;ob>;q=0.5;expires=77;+sip.instance=\"<urn:uuid:0>\"\r\n"
    "Expires: 99\r\n"
    "Require: alpha, beta\r\n"
    "Supported: path\r\n"
    "Path: <sip:edge;lr>\r\n"
    "User-Agent: self\r\n"
    "Content-Type: application/sdp\r\n"
    "Content-Length: 5\r\n"
    "\r\n"
    "v=0\r\n";
constexpr std::string_view kExpectedAnswer = "SIP/2.0 299 Self\r\n";
constexpr std::string_view kExpectedVia = "z9hG4bKself";

/// What the C callbacks of the one running self-test report to.
struct Run {
    const pj::Symbols& symbols;
    pj::Endpoint* endpoint;
    std::string fault = "the injected REGISTER did not arrive";
    std::string answer = {};
};
Run* current = nullptr;

std::string difference(const pj::RxData& packet) {
    RequestRoom room;
    const sip::RegisterRequest& request = room.read_register(packet, {}, {});
    const bool has_contact = request.contacts.size() == 1;
    const struct {
        const char* field;
        bool is_same;
    } fields[] = {
        {"request URI", request.request_host == "self.test" && request.has_sip_scheme},
        {"To", request.to_user == "to" && request.to_host == "self.test" && packet.to->tag.view().empty()},
        {"From", request.from_user == "from" && packet.from->tag.view() == "ft"},
        {"Call-ID", request.call_id == "self-test@192.0.2.1"},
        {"CSeq", request.cseq == 4711 && packet.cseq->method.name.view() == "REGISTER"},
        {"Via", packet.via->branch.view() == kExpectedVia && packet.via->rport == 5062 &&
                    packet.via->received.view() == "192.0.2.1"},
        {"Contact",
         has_contact && request.contacts[0].uri == "sip:to@192.0.2.1:5062;ob" && request.contacts[0].expires_s == 77u},
        {"Contact parameters",
         has_contact && request.contacts[0].q_thousandths == 500 && request.contacts[0].instance == "urn:uuid:0"},
        {"Expires", request.expires_s == 99u},
        {"Require", request.require.size() == 2 && request.require[1] == "beta"},
        {"Supported", request.supported.size() == 1 && request.supported[0] == "path"},
        {"Path and User-Agent", request.path == "<sip:edge;lr>" && request.user_agent == "self"},
        {"body", request.content_type == "application/sdp" && request.body == "v=0\r\n"},
        {"source", packet.source_port == 5062 && packet.packet_size == static_cast<std::ptrdiff_t>(kRegister.size())},
    };
    for (const auto& field : fields) {
        if (!field.is_same) return std::string("its ") + field.field + " reads differently";
    }
    return {};
}

int on_request(pj::RxData* packet) noexcept {
    current->fault = difference(*packet);
    const pj::Str phrase{"Self", 4};
    if (current->fault.empty()) {
        current->symbols.pjsip_endpt_respond_stateless(current->endpoint, packet, 299, &phrase, nullptr, nullptr);
    }
    return 1;
}

int on_send(pj::Transport*, void* data, const pj::SocketName*, int, void*, void*) noexcept {
    const auto* message = static_cast<const pj::TxData*>(data);
    if (message->start != nullptr && message->current >= message->start && message->current <= message->end) {
        current->answer.assign(message->start, static_cast<std::size_t>(message->current - message->start));
    }
    return 0;
}

void prepare(pj::Transport& transport, pj::RxData& packet, pj::Pool* pool, Run& run) {
    constexpr unsigned kReliableDatagram = 3;  // answer down this transport; the packet is the message
    std::memcpy(transport.name, "self-test", sizeof "self-test");
    transport.pool = pool;
    transport.type = 1;
    transport.flags = kReliableDatagram;
    transport.address_length = 16;
    transport.endpoint = run.endpoint;
    transport.manager = run.symbols.pjsip_endpt_get_tpmgr(run.endpoint);
    transport.send = on_send;
    run.symbols.pj_atomic_create(pool, 2, &transport.reference_count);  // never idle, never destroyed by PJSIP

    packet.pool = pool;
    packet.transport = &transport;
    std::memcpy(packet.packet, kRegister.data(), kRegister.size());
    packet.packet_size = static_cast<std::ptrdiff_t>(kRegister.size());
    packet.source.family = 2;
    packet.source.port = __builtin_bswap16(5062);
    const unsigned char address[4] = {192, 0, 2, 1};
    std::memcpy(packet.source.address, address, sizeof address);
    packet.source_length = 16;
    std::memcpy(packet.source_name, "192.0.2.1", sizeof "192.0.2.1");
    packet.source_port = 5062;
}

void inject(Run& run, pj::Pool* pool) {
    const auto transport = std::make_unique<pj::Transport>();
    const auto packet = std::make_unique<pj::RxData>();
    prepare(*transport, *packet, pool, run);
    pj::Module module{};
    module.name = {"mod-sr-self-test", 16};
    module.id = -1;
    module.priority = 1;
    module.on_rx_request = on_request;
    if (run.symbols.pjsip_endpt_register_module(run.endpoint, &module) != 0) {
        run.fault = "PJSIP refused the test's module";
        return;
    }
    current = &run;
    run.symbols.pjsip_tpmgr_receive_packet(transport->manager, packet.get());
    current = nullptr;
    run.symbols.pjsip_endpt_unregister_module(run.endpoint, &module);
}

}  // namespace

std::optional<std::string> run_self_test(const pj::Symbols& symbols, pj::Endpoint* endpoint) {
    const std::string_view version = symbols.pj_get_version();
    if (version != kVersion)
        return "it is PJSIP " + std::string(version) + ", this core is built for " + std::string(kVersion);
    pj::Pool* pool = symbols.pjsip_endpt_create_pool(endpoint, "self-test", 4000, 4000);
    if (pool == nullptr) return "PJSIP gave no memory";
    Run run{symbols, endpoint};
    inject(run, pool);
    symbols.pjsip_endpt_release_pool(endpoint, pool);
    if (!run.fault.empty()) return "PJSIP's message layout differs: " + run.fault;
    const bool is_answered =
        run.answer.starts_with(kExpectedAnswer) && run.answer.find(kExpectedVia) != std::string::npos;
    if (!is_answered) return std::string("PJSIP's answer layout differs");
    return std::nullopt;
}

}  // namespace sr::stack
