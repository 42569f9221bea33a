#include "auth/nonce.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <stdexcept>

#include "base/text_buffer.hpp"

namespace sr::auth {
namespace {

constexpr std::size_t kTimeOctets = 6;
constexpr std::size_t kNumberOctets = 5;
constexpr std::size_t kClaimOctets = kTimeOctets + kNumberOctets;
constexpr std::size_t kTagOctets = 16;
constexpr std::size_t kLongestRealm = 256;

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t kNoDigit = 0xFF;
constexpr auto kDigitValues = [] {
    std::array<std::uint8_t, 256> values{};
    values.fill(kNoDigit);
    for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
        values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
    }
    return values;
}();

void write_number(std::uint64_t number, std::span<std::uint8_t> room) noexcept {
    for (std::size_t i = room.size(); i-- > 0; number >>= 8) room[i] = static_cast<std::uint8_t>(number);
}

std::uint64_t read_number(std::span<const std::uint8_t> octets) noexcept {
    std::uint64_t number = 0;
    for (const std::uint8_t octet : octets) number = number << 8 | octet;
    return number;
}

/// RFC 4648 section 5; a multiple of three octets needs no padding.
NonceText encode(std::span<const std::uint8_t, 27> octets) noexcept {
    NonceText text;
    for (std::size_t i = 0, j = 0; i < octets.size(); i += 3, j += 4) {
        const std::uint64_t group = read_number(octets.subspan(i, 3));
        for (std::size_t k = 0; k < 4; ++k) text[j + k] = kAlphabet[group >> (18 - 6 * k) & 0x3F];
    }
    return text;
}

bool decode(std::string_view text, std::span<std::uint8_t, 27> octets) noexcept {
    if (text.size() != kNonceLength) return false;
    for (std::size_t i = 0, j = 0; i < octets.size(); i += 3, j += 4) {
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 4; ++k) {
            const std::uint8_t value = kDigitValues[static_cast<unsigned char>(text[j + k])];
            if (value == kNoDigit) return false;
            group = group << 6 | value;
        }
        write_number(group, octets.subspan(i, 3));
    }
    return true;
}

struct FreeMac {
    void operator()(EVP_MAC_CTX* context) const noexcept { EVP_MAC_CTX_free(context); }
};
using MacContext = std::unique_ptr<EVP_MAC_CTX, FreeMac>;

/// Never freed: threads may sign until the process ends.
EVP_MAC* siphash() noexcept {
    static EVP_MAC* const fetched = EVP_MAC_fetch(nullptr, "SIPHASH", nullptr);
    return fetched;
}

MacContext make_context(std::span<const std::uint8_t> key) noexcept {
    MacContext context(siphash() == nullptr ? nullptr : EVP_MAC_CTX_new(siphash()));
    if (context && EVP_MAC_init(context.get(), key.data(), key.size(), nullptr) != 1) context.reset();
    return context;
}

/// Each thread keeps one context with the key in it.
EVP_MAC_CTX* context_of(std::uint64_t mint, std::span<const std::uint8_t> key) noexcept {
    thread_local MacContext kept;
    thread_local std::uint64_t kept_mint = 0;
    if (kept_mint != mint) {
        kept = make_context(key);
        kept_mint = kept ? mint : 0;
        return kept.get();
    }
    return EVP_MAC_init(kept.get(), nullptr, 0, nullptr) == 1 ? kept.get() : nullptr;
}

std::uint64_t next_mint() noexcept {
    static std::atomic<std::uint64_t> last{0};
    return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

NonceMint::NonceMint(std::span<const std::uint8_t, kKeyOctets> key) : id_(next_mint()) {
    std::copy(key.begin(), key.end(), key_.begin());
    if (!make_context(key_)) throw std::runtime_error("OpenSSL has no SipHash; is its configuration whole?");
    Octets once{};
    Octets again{};
    sign(once, {});
    sign(again, {});
    if (once != again) throw std::runtime_error("OpenSSL's SipHash does not start anew for the next text; update it");
}

NonceMint::~NonceMint() { OPENSSL_cleanse(key_.data(), key_.size()); }

void NonceMint::sign(Octets& octets, const NonceScope& scope) const noexcept {
    std::array<char, kLongestRealm + 64> room;
    base::TextBuffer text(room);
    const auto append = [&text](const void* data, std::size_t size) {
        text << std::string_view(static_cast<const char*>(data), size);
    };
    append(octets.data(), kClaimOctets);
    append(scope.source.ip.data(), scope.source.ip.size());
    append(&scope.source.scope_id, sizeof scope.source.scope_id);
    text << scope.realm.substr(0, kLongestRealm);  // last, so that fixed lengths tell the fields apart
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> mac;
    std::size_t size = 0;
    EVP_MAC_CTX* context = context_of(id_, key_);
    const auto* data = reinterpret_cast<const unsigned char*>(text.text().data());
    // It worked in the constructor: now only memory can be lacking, and an unsigned nonce must not leave.
    if (context == nullptr || EVP_MAC_update(context, data, text.text().size()) != 1 ||
        EVP_MAC_final(context, mac.data(), &size, mac.size()) != 1 || size != kTagOctets) {
        std::abort();
    }
    std::copy_n(mac.begin(), kTagOctets, octets.begin() + kClaimOctets);
}

NonceText NonceMint::issue(const NonceScope& scope, base::TimeMs now_ms) noexcept {
    Octets octets;
    const std::span all(octets);
    write_number(static_cast<std::uint64_t>(now_ms), all.first(kTimeOctets));
    write_number(last_number_.fetch_add(1, std::memory_order_relaxed) + 1, all.subspan(kTimeOctets, kNumberOctets));
    sign(octets, scope);
    return encode(octets);
}

ReadNonce NonceMint::read(std::string_view text, const NonceScope& scope, base::TimeMs now_ms,
                          base::TimeMs lifetime_ms) const noexcept {
    Octets claimed;
    if (!decode(text, claimed)) return {};
    Octets octets = claimed;
    sign(octets, scope);
    if (CRYPTO_memcmp(octets.data(), claimed.data(), octets.size()) != 0) return {};
    const std::span<const std::uint8_t> all(octets);
    ReadNonce read;
    read.nonce.issued_ms = static_cast<base::TimeMs>(read_number(all.first(kTimeOctets)));
    read.nonce.number = read_number(all.subspan(kTimeOctets, kNumberOctets));
    read.nonce.tag = read_number(all.subspan(kClaimOctets, sizeof read.nonce.tag));
    if (read.nonce.issued_ms > now_ms) return {};
    read.state = now_ms - read.nonce.issued_ms <= lifetime_ms ? NonceState::fresh : NonceState::stale;
    return read;
}

}  // namespace sr::auth
