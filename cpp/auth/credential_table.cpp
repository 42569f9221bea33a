#include "auth/credential_table.hpp"

#include <algorithm>

namespace sr::auth {

bool Credential::set_ha1(Algorithm algorithm, std::string_view hex) noexcept {
    const auto digest = HexDigest::parse(algorithm, hex);
    if (digest) ha1[static_cast<std::size_t>(algorithm)] = *digest;
    return digest.has_value();
}

bool Credential::may_register(std::string_view aor_key) const noexcept {
    return aor_key == user || std::find(aor_keys.begin(), aor_keys.end(), aor_key) != aor_keys.end();
}

CredentialTable::CredentialTable(const std::vector<Credential>& credentials) {
    by_user_.reserve(credentials.size());
    for (const Credential& credential : credentials) by_user_.try_emplace(credential.user, credential);
}

const Credential* CredentialTable::find(std::string_view user) const noexcept {
    const auto found = by_user_.find(user);
    return found == by_user_.end() ? nullptr : &found->second;
}

}  // namespace sr::auth
