// The memory layout of PJSIP 2.15.1 as the wheel pjsua2-python 2.15.1.post1 was built, as far as this core touches it.
// The wheel ships no headers; these mirrors carry only the fields in use, padded to the measured offsets. `self_test`
// proves them at start-up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sr::stack::pj {

struct Str {
    const char* ptr;
    std::ptrdiff_t slen;

    [[nodiscard]] std::string_view view() const noexcept {
        return slen > 0 ? std::string_view(ptr, static_cast<std::size_t>(slen)) : std::string_view();
    }
};

struct Endpoint;
struct Pool;
struct TransportManager;
struct RxData;

struct Module {
    Module* prev;
    Module* next;
    Str name;
    int id;
    int priority;
    int (*load)(Endpoint*);
    int (*start)();
    int (*stop)();
    int (*unload)();
    int (*on_rx_request)(RxData*);
    int (*on_rx_response)(RxData*);
    int (*on_tx_request)(void*);
    int (*on_tx_response)(void*);
    void (*on_tsx_state)(void*, void*);
};
static_assert(sizeof(Module) == 112 && offsetof(Module, on_rx_request) == 72);

enum class UriContext : int { request_uri, from_to, contact };

struct UriVtable {
    const Str* (*scheme)(const void*);
    void* (*inner)(void*);
    std::ptrdiff_t (*print)(UriContext, const void*, char*, std::size_t);
};

/// Any URI or name-addr: the first word is its function table.
struct Uri {
    UriVtable* vtable;
};

struct SipUri {
    UriVtable* vtable;
    Str user;
    Str password;
    Str host;
    int port;
    char unused[232 - 60];
};
static_assert(sizeof(SipUri) == 232 && offsetof(SipUri, host) == 40);

enum class HeaderType : int {
    contact = 9,
    expires = 18,
    require = 31,
    route = 33,
    supported = 36,
    via = 41,
    other = 44
};

struct Header {
    Header* prev;
    Header* next;
    HeaderType type;
    Str name;
    Str short_name;
    void* vtable;
};
static_assert(sizeof(Header) == 64);

struct Param {
    Param* prev;
    Param* next;
    Str name;
    Str value;
};
static_assert(sizeof(Param) == 48);

struct FromToHeader {
    Header header;
    Uri* uri;
    Str tag;
    Param params;
};
static_assert(sizeof(FromToHeader) == 136 && offsetof(FromToHeader, tag) == 72);

struct CallIdHeader {
    Header header;
    Str id;
};
static_assert(sizeof(CallIdHeader) == 80);

struct Method {
    int id;
    Str name;
};

struct CSeqHeader {
    Header header;
    int cseq;
    Method method;
};
static_assert(sizeof(CSeqHeader) == 96);

struct IntHeader {
    Header header;
    std::uint32_t value;
};
static_assert(sizeof(IntHeader) == 72);

struct StringHeader {
    Header header;
    Str value;
};
static_assert(sizeof(StringHeader) == 80);

struct ArrayHeader {
    Header header;
    unsigned count;
    Str values[32];
};

inline constexpr std::uint32_t kExpiresAbsent = 0xFFFFFFFF;

struct ContactHeader {
    Header header;
    int star;
    Uri* uri;
    int q_thousandths;
    std::uint32_t expires_s;
    Param params;
};
static_assert(sizeof(ContactHeader) == 136 && offsetof(ContactHeader, expires_s) == 84 &&
              offsetof(ContactHeader, params) == 88);

struct HostPort {
    Str host;
    int port;
};
static_assert(sizeof(HostPort) == 24);

struct ViaHeader {
    Header header;
    Str transport;
    HostPort sent_by;
    int ttl;
    int rport;  // -1: absent; PJSIP puts the source port where the peer asked for it
    Str maddr;
    Str received;
    Str branch;
    char unused[224 - 160];
};
static_assert(sizeof(ViaHeader) == 224 && offsetof(ViaHeader, rport) == 108 && offsetof(ViaHeader, branch) == 144);

struct Body {
    Str type;
    Str subtype;
    char media_params[48];
    void* data;
    unsigned size;
    void* print;
    void* clone;
};
static_assert(sizeof(Body) == 112 && offsetof(Body, data) == 80);

struct RequestLine {
    Method method;
    Uri* uri;
};

struct ResponseLine {
    int code;
    Str reason;
};

struct Message {
    int type;  // 0: request, 1: response
    union {
        RequestLine request;
        ResponseLine status;
    };
    Header headers;  // the list's head
    Body* body;
};
static_assert(offsetof(Message, headers) == 40 && offsetof(Message, body) == 104 && sizeof(Message) == 112);

struct SocketName {
    std::uint16_t family;
    std::uint16_t port;  // network order
    char address[24];    // IPv4: 4 octets; IPv6: flow label, 16 octets, scope
};
static_assert(sizeof(SocketName) == 28);

struct Transport {
    char name[32];
    Pool* pool;
    void* reference_count;
    char unused_a[80 - 48];
    long type;
    SocketName key_address;
    char unused_b[128 - 116];
    unsigned flags;
    void* info;
    int address_length;
    SocketName local_address;
    char unused_c[232 - 176];
    Endpoint* endpoint;
    TransportManager* manager;
    char unused_d[320 - 248];
    int (*send)(Transport*, void* tx_data, const SocketName*, int, void* token, void* callback);
    int (*shut_down)(Transport*);
    int (*destroy)(Transport*);
};
static_assert(sizeof(Transport) == 344 && offsetof(Transport, type) == 80 && offsetof(Transport, flags) == 128 &&
              offsetof(Transport, local_address) == 148 && offsetof(Transport, endpoint) == 232 &&
              offsetof(Transport, send) == 320);

inline constexpr std::size_t kMostPacketOctets = 4000;

/// What the parser found wrong, one entry for each header field.
struct ParseError {
    ParseError* prev;
    ParseError* next;
    int exception;
    int line;
    int column;
    Str header_name;
};
static_assert(sizeof(ParseError) == 48 && offsetof(ParseError, header_name) == 32);

struct RxData {
    Pool* pool;
    Transport* transport;
    void* transport_data;
    char operation_key[280];
    long timestamp[2];
    char packet[kMostPacketOctets];
    std::uint32_t zero;
    std::ptrdiff_t packet_size;
    SocketName source;
    int source_length;
    char source_name[46];
    int source_port;
    char* message_text;
    int message_size;
    Message* message;
    char* info;
    CallIdHeader* call_id;
    FromToHeader* from;
    FromToHeader* to;
    ViaHeader* via;
    CSeqHeader* cseq;
    IntHeader* max_forwards;
    Header* route;
    Header* record_route;
    Header* content_type;
    IntHeader* content_length;
    ArrayHeader* require;
    ArrayHeader* supported;
    ParseError parse_errors;  // the list's head
    void* module_data[32];
};
static_assert(sizeof(RxData) == 4856 && offsetof(RxData, packet) == 320 && offsetof(RxData, packet_size) == 4328 &&
              offsetof(RxData, source) == 4336 && offsetof(RxData, source_name) == 4368 &&
              offsetof(RxData, source_port) == 4416 && offsetof(RxData, message_text) == 4424 &&
              offsetof(RxData, message) == 4440 && offsetof(RxData, via) == 4480 &&
              offsetof(RxData, supported) == 4544 && offsetof(RxData, parse_errors) == 4552);

struct TxData {
    char unused_a[392];
    Message* message;
    void* unused_b;
    char* start;
    char* current;
    char* end;
    char unused_c[1600 - 432];
};
static_assert(sizeof(TxData) == 1600 && offsetof(TxData, message) == 392 && offsetof(TxData, start) == 408);

struct DroppedData {
    Transport* transport;
    char* data;
    std::size_t size;
    int status;
};

}  // namespace sr::stack::pj
