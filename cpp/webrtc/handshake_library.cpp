// A provider that has all that the default provider has, but for what is left out here. It hands out the default
// provider's own functions, which therefore get the default provider's own context.
#include "webrtc/handshake_library.hpp"

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace sr::webrtc {
namespace {

constexpr const char* kName = "handshake";

/// X25519 is for the exchange; the others are in certificates.
constexpr std::array<std::string_view, 5> kKeys{"EC", "RSA", "RSA-PSS", "ED25519", "X25519"};
constexpr std::string_view kPublicKey = "input=der,structure=SubjectPublicKeyInfo";

OSSL_PROVIDER* default_provider() noexcept {
    static OSSL_PROVIDER* const loaded = OSSL_PROVIDER_load(nullptr, "default");
    return loaded;
}

/// OpenSSL has several names for one thing, parted by colons; the first is the usual one.
bool is_wanted_key(const OSSL_ALGORITHM& algorithm) noexcept {
    const std::string_view names = algorithm.algorithm_names;
    return std::ranges::find(kKeys, names.substr(0, names.find(':'))) != kKeys.end();
}

bool is_wanted_decoder(const OSSL_ALGORITHM& algorithm) noexcept {
    return is_wanted_key(algorithm) &&
           std::string_view(algorithm.property_definition).find(kPublicKey) != std::string_view::npos;
}

/// OpenSSL's tables end with an empty row.
std::vector<OSSL_ALGORITHM> choose(int operation, bool (*is_wanted)(const OSSL_ALGORITHM&) noexcept) {
    std::vector<OSSL_ALGORITHM> chosen;
    int no_cache = 0;
    const OSSL_ALGORITHM* one = OSSL_PROVIDER_query_operation(default_provider(), operation, &no_cache);
    for (; one != nullptr && one->algorithm_names != nullptr; ++one) {
        if (is_wanted(*one)) chosen.push_back(*one);
    }
    chosen.push_back({nullptr, nullptr, nullptr, nullptr});
    return chosen;
}

const OSSL_ALGORITHM* query(void*, int operation, int* no_cache) noexcept {
    static const std::vector<OSSL_ALGORITHM> keys = choose(OSSL_OP_KEYMGMT, is_wanted_key);
    static const std::vector<OSSL_ALGORITHM> decoders = choose(OSSL_OP_DECODER, is_wanted_decoder);
    *no_cache = 0;
    if (operation == OSSL_OP_KEYMGMT) return keys.data();
    if (operation == OSSL_OP_DECODER) return decoders.data();
    return OSSL_PROVIDER_query_operation(default_provider(), operation, no_cache);
}

int capabilities(void*, const char* kind, OSSL_CALLBACK* tell, void* told) noexcept {
    return OSSL_PROVIDER_get_capabilities(default_provider(), kind, tell, told);
}

int init(const OSSL_CORE_HANDLE*, const OSSL_DISPATCH*, const OSSL_DISPATCH** functions, void** context) noexcept {
    static const std::array<OSSL_DISPATCH, 3> table{{
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, reinterpret_cast<void (*)()>(query)},
        {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, reinterpret_cast<void (*)()>(capabilities)},
        {0, nullptr},
    }};
    *functions = table.data();
    *context = OSSL_PROVIDER_get0_provider_ctx(default_provider());
    return *context != nullptr ? 1 : 0;
}

OSSL_LIB_CTX* make_library() noexcept {
    if (default_provider() == nullptr) return nullptr;
    OSSL_LIB_CTX* const library = OSSL_LIB_CTX_new();
    if (library == nullptr) return nullptr;
    if (OSSL_PROVIDER_add_builtin(library, kName, init) == 1 && OSSL_PROVIDER_load(library, kName) != nullptr) {
        return library;
    }
    OSSL_LIB_CTX_free(library);
    return nullptr;
}

}  // namespace

OSSL_LIB_CTX* handshake_library() noexcept {
    static OSSL_LIB_CTX* const made = make_library();
    return made;
}

}  // namespace sr::webrtc
