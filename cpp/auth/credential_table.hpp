// Who may authenticate, and as whom: the owner's devices with what their passwords hash to.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "auth/digest.hpp"

namespace sr::auth {

struct Credential {
    std::string user;                          // what the device writes into username
    std::array<HexDigest, kAlgorithms> ha1{};  // by Algorithm; empty: the device cannot use that one
    std::vector<std::string> aor_keys;         // which it may register beside `user` itself
    bool is_enabled = true;

    /// False, and nothing kept, where `hex` is no digest of that algorithm.
    [[nodiscard]] bool set_ha1(Algorithm algorithm, std::string_view hex) noexcept;

    /// Whether its bindings under `aor_key` are its own business.
    [[nodiscard]] bool may_register(std::string_view aor_key) const noexcept;
};

/// Never changed once made: the packet path holds it by shared_ptr, a new configuration brings another.
class CredentialTable {
  public:
    CredentialTable() = default;

    /// Of two for one user the first counts; whoever reads the configuration refuses the second.
    explicit CredentialTable(const std::vector<Credential>& credentials);

    /// Nullptr where nobody is called so.
    [[nodiscard]] const Credential* find(std::string_view user) const noexcept;
    [[nodiscard]] std::size_t size() const noexcept { return by_user_.size(); }

  private:
    struct UserHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
    };
    std::unordered_map<std::string, Credential, UserHash, std::equal_to<>> by_user_;
};

}  // namespace sr::auth
