#include "webrtc/ice_lite.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace sr::webrtc {
namespace {

constexpr std::string_view kIceCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string random_text(std::size_t size) {
    std::string text(size, '\0');
    // Without random numbers nothing here is safe: the process ends, as it does when memory is gone.
    if (RAND_bytes(reinterpret_cast<unsigned char*>(text.data()), static_cast<int>(size)) != 1) std::abort();
    for (char& c : text) c = kIceCharacters[static_cast<std::uint8_t>(c) % kIceCharacters.size()];
    return text;
}

Octets octets_of(const std::string& text) noexcept {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Not signed: the peer has not shown that it knows the password (RFC 8489 section 9.1.3).
Octets reject(const StunMessage& check, StunError error, std::string_view phrase, IceLite::ReplyRoom& room) noexcept {
    StunWriter writer(room, StunClass::error, check.transaction());
    return writer.add_error(error, phrase).add_fingerprint().finish();
}

}  // namespace

IceCredentials IceCredentials::generate() { return {random_text(8), random_text(24)}; }

IceLite::IceLite(IceCredentials local, IceCredentials remote, base::TimeMs now)
    : current_{std::move(local), std::move(remote)}, last_valid_at_(now) {}

IceOutcome IceLite::receive(Octets datagram, const sip::SocketAddress& source, base::TimeMs now,
                            ReplyRoom& room) noexcept {
    IceOutcome outcome;
    const auto check = StunMessage::parse(datagram);
    if (!check || check->message_class() != StunClass::request || check->method() != kStunBinding) return outcome;

    outcome.verdict = IceVerdict::unauthenticated;
    const auto username = check->text(StunAttribute::username);
    if (!username || !check->has(StunAttribute::message_integrity)) {
        outcome.reply = reject(*check, StunError::bad_request, "Bad Request", room);
        return outcome;
    }
    const Generation* generation = find_generation(*username);
    if (generation == nullptr || !check->is_authentic(octets_of(generation->local.pwd))) {
        outcome.reply = reject(*check, StunError::unauthenticated, "Unauthenticated", room);
        return outcome;
    }

    const Octets key = octets_of(generation->local.pwd);
    const StunMessage::Unknown unknown = check->unknown_attributes();
    // A lite agent's peer is controlling; one that thinks otherwise is told to change (RFC 8445 section 7.3.1.1).
    const bool is_conflict = check->has(StunAttribute::ice_controlled);
    if (unknown.count != 0 || is_conflict) {
        outcome.verdict = IceVerdict::refused;
        StunWriter writer(room, StunClass::error, check->transaction());
        if (unknown.count != 0) {
            writer.add_error(StunError::unknown_attribute, "Unknown Attribute").add_unknown_attributes(unknown);
        } else {
            writer.add_error(StunError::role_conflict, "Role Conflict");
        }
        outcome.reply = writer.add_integrity(key).add_fingerprint().finish();
        return outcome;
    }

    outcome.verdict = IceVerdict::valid;
    StunWriter writer(room, StunClass::success, check->transaction());
    outcome.reply = writer.add_xor_mapped_address(source).add_integrity(key).add_fingerprint().finish();
    const auto before = selected();
    if (is_restarting_ && generation == &current_) finish_restart();
    accept(*check, source, now, outcome);
    outcome.is_path_changed = before != selected();
    return outcome;
}

const IceLite::Generation* IceLite::find_generation(std::string_view username) const noexcept {
    const auto is_named = [username](const Generation& generation) {
        const std::string& ufrag = generation.local.ufrag;
        if (!username.starts_with(ufrag) || username.size() <= ufrag.size() || username[ufrag.size()] != ':') {
            return false;
        }
        return generation.remote.ufrag.empty() || username.substr(ufrag.size() + 1) == generation.remote.ufrag;
    };
    if (is_named(current_)) return &current_;
    return is_restarting_ && is_named(previous_) ? &previous_ : nullptr;
}

std::size_t IceLite::find_path(const sip::SocketAddress& source) const noexcept {
    for (std::size_t i = 0; i < path_count_; ++i) {
        if (paths_[i].address == source) return i;
    }
    return kNone;
}

/// In the place of the one that is silent longest where all are taken; never of the selected one.
std::size_t IceLite::add_path(const sip::SocketAddress& source) noexcept {
    std::size_t place = path_count_;
    if (path_count_ < kPaths) {
        ++path_count_;
    } else {
        place = selected_ == 0 ? 1 : 0;
        for (std::size_t i = place + 1; i < kPaths; ++i) {
            if (i != selected_ && paths_[i].last_valid_at < paths_[place].last_valid_at) place = i;
        }
    }
    if (challenger_ == place) challenger_ = kNone;
    paths_[place] = Path{.address = source};
    return place;
}

void IceLite::accept(const StunMessage& check, const sip::SocketAddress& source, base::TimeMs now,
                     IceOutcome& outcome) noexcept {
    last_valid_at_ = now;
    std::size_t path = find_path(source);
    outcome.is_new_address = path == kNone;
    if (path == kNone) path = add_path(source);
    paths_[path].last_valid_at = now;
    paths_[path].priority = check.priority().value_or(0);
    paths_[path].is_nominating = check.has(StunAttribute::use_candidate);
    if (path == selected_) challenger_ = kNone;
    if (selected_ == kNone) {
        selected_ = path;
    } else if (paths_[path].is_nominating) {
        nominate(path);
    }
}

void IceLite::nominate(std::size_t path) noexcept {
    if (path == selected_) return;
    const Path& present = paths_[selected_];
    const bool is_contested = present.is_nominating && present.priority > paths_[path].priority;
    if (is_contested && challenger_ != path) {
        challenger_ = path;
        return;
    }
    selected_ = path;
    challenger_ = kNone;
}

std::optional<sip::SocketAddress> IceLite::selected() const noexcept {
    if (selected_ == kNone) return std::nullopt;
    return paths_[selected_].address;
}

bool IceLite::is_known(const sip::SocketAddress& source) const noexcept { return find_path(source) != kNone; }

void IceLite::restart(IceCredentials local, IceCredentials remote, base::TimeMs now) {
    // Of two restarts in a row the one that never became valid is forgotten.
    if (!is_restarting_) previous_ = std::move(current_);
    current_ = {std::move(local), std::move(remote)};
    is_restarting_ = true;
    last_valid_at_ = now;
}

/// The paths of the old credentials are not known any more.
void IceLite::finish_restart() noexcept {
    previous_ = {};
    is_restarting_ = false;
    path_count_ = 0;
    selected_ = challenger_ = kNone;
}

}  // namespace sr::webrtc
