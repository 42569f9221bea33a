#include "stack/pj_symbols.hpp"

#include <dlfcn.h>

#include <memory>

namespace sr::stack::pj {
namespace {

struct CloseLibrary {
    void operator()(void* handle) const noexcept { dlclose(handle); }
};

class Lookup {
  public:
    explicit Lookup(void* handle) noexcept : handle_(handle) {}

    template <class Function>
    void find(Function*& function, const char* name) {
        function = reinterpret_cast<Function*>(dlsym(handle_, name));
        if (function == nullptr && missing_.empty()) missing_ = name;
    }

    [[nodiscard]] const std::string& missing() const noexcept { return missing_; }

  private:
    void* handle_;
    std::string missing_;
};

}  // namespace

std::variant<Symbols, std::string> load_symbols(const std::string& library_path) {
    // RTLD_NOLOAD: only the copy that Python uses will do. Never RTLD_GLOBAL: the wheel carries an OpenSSL 1.0.2 of its
    // own.
    const std::unique_ptr<void, CloseLibrary> library(dlopen(library_path.c_str(), RTLD_NOLOAD | RTLD_LAZY));
    if (!library) return "pjsua2 is not loaded from " + library_path;

    Symbols symbols{};
    Lookup lookup(library.get());
#define SR_FIND(name) lookup.find(symbols.name, #name)
    SR_FIND(pj_get_version);
    SR_FIND(pj_log_set_level);
    SR_FIND(pj_thread_is_registered);
    SR_FIND(pj_thread_register);
    SR_FIND(pjsua_get_pjsip_endpt);
    SR_FIND(pjsip_endpt_create_pool);
    SR_FIND(pjsip_endpt_release_pool);
    SR_FIND(pjsip_endpt_register_module);
    SR_FIND(pjsip_endpt_unregister_module);
    SR_FIND(pjsip_endpt_get_tpmgr);
    SR_FIND(pjsip_tpmgr_receive_packet);
    SR_FIND(pjsip_tpmgr_set_drop_data_cb);
    SR_FIND(pjsip_endpt_process_rx_data);
    SR_FIND(pjsip_parse_rdata);
    SR_FIND(pj_pool_reset);
    SR_FIND(pjsip_udp_transport_get_socket);
    SR_FIND(pj_atomic_create);
    SR_FIND(pjsip_endpt_respond_stateless);
#undef SR_FIND
    if (!lookup.missing().empty()) return "the pjsua2 library lacks " + lookup.missing();
    return symbols;
}

void register_thread(const Symbols& symbols) noexcept {
    thread_local long descriptor[64];  // must outlive the thread's use of PJSIP
    thread_local void* thread = nullptr;
    if (symbols.pj_thread_is_registered() == 0) symbols.pj_thread_register("core", descriptor, &thread);
}

}  // namespace sr::stack::pj
