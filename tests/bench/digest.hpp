// Digest authentication as the phones of the load generator do it (RFC 7616 section 3.4 with qop=auth): each keeps the
// nonce that it was given last and counts up.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "sip_text.hpp"

namespace bench {

class DigestPhones {
  public:
    // All phones have the same password; the realm is the phone's domain. Throws std::invalid_argument for an unknown
    // algorithm.
    DigestPhones(const Phone& phone, const std::string& algorithm, const std::string& password, std::uint32_t aors)
        : phone_(phone),
          algorithm_(algorithm),
          realm_(phone.domain),
          uri_("sip:" + phone.domain),
          context_(EVP_MD_CTX_new()),
          md_(EVP_MD_fetch(nullptr, algorithm == "SHA-256" ? "SHA256" : algorithm.c_str(), nullptr)),
          kept_(aors) {
        if (!context_ || !md_) throw std::invalid_argument("--digest is MD5 or SHA-256");
        ha2_ = hash("REGISTER:" + uri_);
        for (std::uint32_t aor = 0; aor < aors; ++aor) {
            kept_[aor].ha1 = hash(user_text(aor) + ":" + realm_ + ":" + password);
        }
    }

    [[nodiscard]] bool has_nonce(std::uint32_t aor) const { return !kept_[aor].nonce.empty(); }
    void forget(std::uint32_t aor) { kept_[aor].nonce.clear(); }

    // Keeps the nonce of a 401 for the next requests; false when it has none for our realm and algorithm with qop=auth.
    [[nodiscard]] bool take_challenge(std::string_view answer, std::uint32_t aor) {
        constexpr std::string_view kHeader = "\r\nWWW-Authenticate: Digest ";
        for (auto at = answer.find(kHeader); at != std::string_view::npos; at = answer.find(kHeader, at + 1)) {
            const auto line = answer.substr(at + 2, answer.find("\r\n", at + 2) - at - 2);
            const auto nonce = quoted(line, "nonce=\"");
            const bool is_ours = line.find("algorithm=" + algorithm_) != std::string_view::npos ||
                                 (algorithm_ == "MD5" && line.find("algorithm=") == std::string_view::npos);
            if (!is_ours || nonce.empty() || quoted(line, "realm=\"") != realm_ || quoted(line, "qop=\"") != "auth") {
                continue;
            }
            kept_[aor].nonce = nonce;
            kept_[aor].nc = 0;
            return true;
        }
        return false;
    }

    // The header line for the phone's next request, with the next nonce-count.
    [[nodiscard]] std::string authorize(std::uint32_t aor) {
        auto& kept = kept_[aor];
        std::array<char, 8> room{};
        Writer{room}.padded(++kept.nc, room.size(), 16);
        const std::string nc{room.data(), room.size()};
        const std::string cnonce = "6d3f" + nc + "a1";
        const auto response = hash(kept.ha1 + ":" + kept.nonce + ":" + nc + ":" + cnonce + ":auth:" + ha2_);
        return "Authorization: Digest username=\"" + user_text(aor) + "\", realm=\"" + realm_ + "\", nonce=\"" +
               kept.nonce + "\", uri=\"" + uri_ + "\", response=\"" + response + "\", algorithm=" + algorithm_ +
               ", cnonce=\"" + cnonce + "\", qop=auth, nc=" + nc + "\r\n";
    }

  private:
    struct Kept {
        std::string ha1;
        std::string nonce;
        std::uint32_t nc{0};
    };

    [[nodiscard]] std::string user_text(std::uint32_t aor) const {
        std::array<char, 128> room{};
        Writer out{room};
        out.user(phone_, aor);
        if (out.overflowed()) throw std::invalid_argument("--user is too long");
        return {room.data(), out.size()};
    }

    static std::string_view quoted(std::string_view line, std::string_view name) {
        const auto at = line.find(name);
        if (at == std::string_view::npos) return {};
        const auto value = line.substr(at + name.size());
        return value.substr(0, value.find('"'));
    }

    [[nodiscard]] std::string hash(const std::string& text) const {
        std::array<unsigned char, EVP_MAX_MD_SIZE> octets{};
        unsigned size = 0;
        if (EVP_DigestInit_ex2(context_.get(), md_.get(), nullptr) != 1 ||
            EVP_DigestUpdate(context_.get(), text.data(), text.size()) != 1 ||
            EVP_DigestFinal_ex(context_.get(), octets.data(), &size) != 1) {
            throw std::runtime_error("OpenSSL does not hash");
        }
        std::string hex;
        for (unsigned i = 0; i < size; ++i) {
            hex += "0123456789abcdef"[octets[i] >> 4];
            hex += "0123456789abcdef"[octets[i] & 15];
        }
        return hex;
    }

    struct FreeContext {
        void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
    };
    struct FreeDigest {
        void operator()(EVP_MD* md) const { EVP_MD_free(md); }
    };

    Phone phone_;
    std::string algorithm_;
    std::string realm_;
    std::string uri_;
    std::unique_ptr<EVP_MD_CTX, FreeContext> context_;
    std::unique_ptr<EVP_MD, FreeDigest> md_;
    std::string ha2_;
    std::vector<Kept> kept_;
};

}  // namespace bench
