#include "bindings/access_config.hpp"

#include <pybind11/stl.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/challenge.hpp"

namespace py = pybind11;

namespace sr::bindings {
namespace {

using Names = std::vector<std::string>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

template <class T, std::size_t Size>
T named(const std::array<std::pair<std::string_view, T>, Size>& values, const std::string& name) {
    for (const auto& [known, value] : values) {
        if (known == name) return value;
    }
    throw py::value_error(name + " is none of the words that may stand there");
}

constexpr std::array<std::pair<std::string_view, auth::AdmissionMode>, 3> kModes{
    {{"open", auth::AdmissionMode::open},
     {"approve", auth::AdmissionMode::approve},
     {"closed", auth::AdmissionMode::closed}}};
constexpr std::array<std::pair<std::string_view, auth::Access>, 4> kAccess{{{"by_mode", auth::Access::by_mode},
                                                                            {"trusted", auth::Access::trusted},
                                                                            {"credentials", auth::Access::credentials},
                                                                            {"refused", auth::Access::refused}}};

std::vector<auth::Network> read_networks(const Names& names) {
    std::vector<auth::Network> networks;
    for (const std::string& name : names) {
        const auto found = auth::read_networks(name);
        if (!found) throw py::value_error(name + " is no network");
        networks.insert(networks.end(), found->begin(), found->end());
    }
    return networks;
}

std::vector<auth::NetworkRule> read_rules(const Pairs& pairs) {
    std::vector<auth::NetworkRule> rules;
    for (const auto& [name, access] : pairs) {
        for (const auth::Network& network : read_networks({name})) rules.push_back({network, named(kAccess, access)});
    }
    return rules;
}

auth::Algorithm read_algorithm(const std::string& name) {
    const auto found = auth::find_algorithm(name);
    if (!found) throw py::value_error(name + " is no digest algorithm");
    return *found;
}

auth::DigestPolicy read_digest(const py::dict& wanted) {
    auth::DigestPolicy digest;
    digest.realm = wanted["realm"].cast<std::string>();
    if (!auth::is_valid_realm(digest.realm)) throw py::value_error(digest.realm + " is no realm");
    digest.algorithms = {};
    for (const std::string& name : wanted["algorithms"].cast<Names>()) {
        if (const auth::Algorithm algorithm = read_algorithm(name); auth::is_available(algorithm)) {
            digest.algorithms.insert(algorithm);
        }
    }
    digest.is_qop_required = wanted["is_qop_required"].cast<bool>();
    return digest;
}

/// (user, [(algorithm, ha1)], [key], is_enabled)
auth::Credential read_credential(const py::tuple& row) {
    auth::Credential credential;
    credential.user = row[0].cast<std::string>();
    for (const auto& [name, hex] : row[1].cast<Pairs>()) {
        if (!credential.set_ha1(read_algorithm(name), hex)) {
            throw py::value_error("what is kept for " + credential.user + " is no digest of " + name);
        }
    }
    credential.aor_keys = row[2].cast<Names>();
    credential.is_enabled = row[3].cast<bool>();
    return credential;
}

}  // namespace

engine::AccessConfig read_access(const py::dict& wanted) {
    engine::AccessConfig config;
    config.mode = named(kModes, wanted["mode"].cast<std::string>());
    config.rules = read_rules(wanted["rules"].cast<Pairs>());
    config.digest = read_digest(wanted);
    config.rate = {wanted["requests_per_s"].cast<std::uint32_t>(), wanted["burst"].cast<std::uint32_t>()};
    config.unlimited = read_networks(wanted["unlimited"].cast<Names>());
    config.neighbours = read_networks(wanted["neighbours"].cast<Names>());
    for (const py::handle row : wanted["credentials"]) {
        config.credentials.push_back(read_credential(row.cast<py::tuple>()));
    }
    for (auto& [key, is_enabled] : wanted["devices"].cast<std::vector<std::pair<std::string, bool>>>()) {
        config.devices.push_back({std::move(key), is_enabled});
    }
    for (auto& [key, names] : wanted["device_networks"].cast<std::vector<std::pair<std::string, Names>>>()) {
        config.device_networks.push_back({std::move(key), read_networks(names)});
    }
    return config;
}

}  // namespace sr::bindings
