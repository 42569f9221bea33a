#include "stack/stream_reader.hpp"

#include <algorithm>
#include <cstring>
#include <string>

namespace sr::stack {
namespace {

constexpr std::size_t kPoolOctets = 16'384;  // a usual message's records; what larger ones took is given back

void write_source(const sip::Flow& flow, pj::RxData& packet) {
    const std::string ip = flow.remote.ip_text();
    const std::size_t size = std::min(ip.find('%'), ip.size());  // a zone means something on this host only
    std::memcpy(packet.source_name, ip.data(), size);
    packet.source_name[size] = '\0';
    packet.source_port = flow.remote.port;
}

}  // namespace

StreamReader::StreamReader(const pj::Symbols& symbols, pj::Endpoint* endpoint)
    : symbols_(symbols),
      endpoint_(endpoint),
      pool_(symbols.pjsip_endpt_create_pool(endpoint, "sr-stream", kPoolOctets, kPoolOctets)) {
    std::memcpy(transport_.name, "sr-stream", sizeof "sr-stream");
    transport_.endpoint = endpoint;
    transport_.manager = symbols.pjsip_endpt_get_tpmgr(endpoint);
    transport_.flags = 1;  // reliable
    packet_.pool = pool_;
    packet_.transport = &transport_;
}

StreamReader::~StreamReader() {
    if (pool_ != nullptr) symbols_.pjsip_endpt_release_pool(endpoint_, pool_);
}

pj::RxData& StreamReader::read(std::string_view message, const sip::Flow& flow) noexcept {
    symbols_.pj_pool_reset(pool_);
    constexpr std::size_t kStart = offsetof(pj::RxData, message_text);
    std::memset(reinterpret_cast<char*>(&packet_) + kStart, 0, sizeof packet_ - kStart);
    packet_.parse_errors.prev = packet_.parse_errors.next = &packet_.parse_errors;
    packet_.transport_data = const_cast<sip::Flow*>(&flow);
    write_source(flow, packet_);
    const std::size_t size = std::min(message.size(), kMostMessageOctets);
    std::memcpy(buffer_.data(), message.data(), size);
    buffer_[size] = '\0';  // the scanner stops there
    packet_.message_text = buffer_.data();
    packet_.message_size = static_cast<int>(size);
    packet_.message = symbols_.pjsip_parse_rdata(buffer_.data(), size, &packet_);
    return packet_;
}

bool StreamReader::is_sound() const noexcept {
    return packet_.message != nullptr && packet_.parse_errors.next == &packet_.parse_errors &&
           packet_.call_id != nullptr && !packet_.call_id->id.view().empty() && packet_.from != nullptr &&
           packet_.to != nullptr && packet_.via != nullptr && packet_.cseq != nullptr;
}

void note_source_in_via(pj::RxData& packet) noexcept {
    const std::string_view source(packet.source_name);
    packet.via->received = {source.data(), static_cast<std::ptrdiff_t>(source.size())};
    if (packet.via->rport == 0) packet.via->rport = packet.source_port;
}

}  // namespace sr::stack
