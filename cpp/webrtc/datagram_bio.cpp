#include "webrtc/datagram_bio.hpp"

#include <algorithm>

#include "webrtc/dtls_session.hpp"

namespace sr::webrtc {
namespace {

DatagramPort& port_of(BIO* bio) noexcept { return *static_cast<DatagramPort*>(BIO_get_data(bio)); }

int write_datagram(BIO* bio, const char* data, int size) noexcept {
    BIO_clear_retry_flags(bio);
    if (size <= 0) return 0;
    port_of(bio).outgoing.push({reinterpret_cast<const std::uint8_t*>(data), static_cast<std::size_t>(size)});
    return size;
}

int read_datagram(BIO* bio, char* data, int size) noexcept {
    BIO_clear_retry_flags(bio);
    Octets& incoming = port_of(bio).incoming;
    if (incoming.empty() || size <= 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    // As from a socket: what does not fit is lost.
    const std::size_t taken = std::min(incoming.size(), static_cast<std::size_t>(size));
    std::copy_n(incoming.data(), taken, data);
    incoming = {};
    return static_cast<int>(taken);
}

long control(BIO*, int command, long, void*) noexcept {
    constexpr long kIpv6AndUdpHeaders = 48;
    switch (command) {
        case BIO_CTRL_FLUSH: return 1;
        case BIO_CTRL_DGRAM_QUERY_MTU:
        case BIO_CTRL_DGRAM_GET_FALLBACK_MTU: return static_cast<long>(kDtlsMtu);
        case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD: return kIpv6AndUdpHeaders;
        default: return 0;
    }
}

int create(BIO* bio) noexcept {
    BIO_set_init(bio, 1);
    return 1;
}

/// Made once, never freed: sessions come and go on several threads until the process ends.
const BIO_METHOD* method() noexcept {
    static const BIO_METHOD* const made = [] {
        BIO_METHOD* fresh = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagrams in memory");
        if (fresh == nullptr) return fresh;
        BIO_meth_set_write(fresh, write_datagram);
        BIO_meth_set_read(fresh, read_datagram);
        BIO_meth_set_ctrl(fresh, control);
        BIO_meth_set_create(fresh, create);
        return fresh;
    }();
    return made;
}

}  // namespace

BIO* make_datagram_bio(DatagramPort& port) noexcept {
    if (method() == nullptr) return nullptr;
    BIO* bio = BIO_new(method());
    if (bio != nullptr) BIO_set_data(bio, &port);
    return bio;
}

}  // namespace sr::webrtc
