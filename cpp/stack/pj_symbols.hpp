// The functions of the wheel's PJSIP that this core calls, found in the copy that Python has already loaded.
#pragma once

#include <string>
#include <variant>

#include "stack/pj_layout.hpp"

namespace sr::stack::pj {

/// One pointer per function; the member's name is the exported symbol's.
struct Symbols {
    const char* (*pj_get_version)();
    void (*pj_log_set_level)(int level);
    int (*pj_thread_is_registered)();
    int (*pj_thread_register)(const char* name, long* descriptor, void** thread);
    Endpoint* (*pjsua_get_pjsip_endpt)();
    Pool* (*pjsip_endpt_create_pool)(Endpoint*, const char* name, std::size_t initial, std::size_t increment);
    void (*pjsip_endpt_release_pool)(Endpoint*, Pool*);
    int (*pjsip_endpt_register_module)(Endpoint*, Module*);
    int (*pjsip_endpt_unregister_module)(Endpoint*, Module*);
    TransportManager* (*pjsip_endpt_get_tpmgr)(Endpoint*);
    std::ptrdiff_t (*pjsip_tpmgr_receive_packet)(TransportManager*, RxData*);
    int (*pjsip_tpmgr_set_drop_data_cb)(TransportManager*, void (*)(DroppedData*));
    int (*pjsip_endpt_process_rx_data)(Endpoint*, RxData*, void* parameters, int* is_handled);
    Message* (*pjsip_parse_rdata)(char* text, std::size_t size, RxData*);
    void (*pj_pool_reset)(Pool*);
    int (*pjsip_udp_transport_get_socket)(Transport*);
    int (*pj_atomic_create)(Pool*, long initial, void** atomic);
    int (*pjsip_endpt_respond_stateless)(Endpoint*, RxData*, int status, const Str* phrase, const Header* headers,
                                         const Body* body);
};

/// Looks everything up in the shared object at `library_path`, which must be loaded; a sentence says what is missing.
[[nodiscard]] std::variant<Symbols, std::string> load_symbols(const std::string& library_path);

/// PJSIP aborts when a thread that it does not know calls it: once per thread, at every entry. Costs next to nothing
/// from the second time on.
void register_thread(const Symbols& symbols) noexcept;

}  // namespace sr::stack::pj
