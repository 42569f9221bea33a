// The location service: address-of-record -> bindings, sharded; their expiry and their liveness clock. No I/O, told the
// time.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/text_hash.hpp"
#include "location/quota.hpp"
#include "sip/binding.hpp"
#include "sip/register_outcome.hpp"
#include "sip/register_request.hpp"

namespace sr::location {

enum class ChangeKind : std::uint8_t { added, changed, removed, reachable, unreachable };
enum class RemovalReason : std::uint8_t { unregistered, expired, replaced, flow_closed };

struct Change {
    ChangeKind kind;
    RemovalReason reason;  // removed only
    std::string_view aor_key;
    const sip::BindingView& binding;  // its last state
};

/// Told of every change in the order in which it happened to a binding. A refresh, a touch and an answered ping are no
/// changes. Called under a shard's lock: it must not call back, block or throw; views die with the call.
class ChangeListener {
  public:
    virtual void on_change(const Change& change) noexcept = 0;

  protected:
    ~ChangeListener() = default;
};

/// Both are more than 0. A binding is pinged once per interval, give or take a fifth of it, and is unreachable when
/// nothing was heard of it for as long as the timeout.
struct LivenessPolicy {
    std::int64_t ping_interval_ms = 10'000;
    std::int64_t timeout_ms = 30'000;
};

/// A ping to be sent now; `nonce` proves that an answer is to this very ping.
struct DuePing {
    std::uint64_t binding_id;
    std::uint32_t nonce;
    sip::Flow flow;
    sip::SocketAddress target;
    std::string contact_uri;
    std::string path;
};

struct Counts {
    std::uint64_t aors = 0;
    std::uint64_t bindings = 0;
};

class FlowIndex;
class Shard;
struct Moment;

/// Safe from any thread. One thread at a time calls `advance`.
class Location {
  public:
    Location(ChangeListener& listener, std::uint64_t random_seed);
    ~Location();
    Location(const Location&) = delete;
    Location& operator=(const Location&) = delete;

    /// Holds for the pings and timeouts that come due from now on, at the latest after half a minute.
    void set_liveness(const LivenessPolicy& policy) noexcept;

    /// Holds for what comes from now on; drops nothing.
    void set_limits(const Limits& limits) noexcept { quota_.set_limits(limits); }

    /// One address-of-record under its shard's lock; the key must outlive the guard.
    class Guard;
    [[nodiscard]] Guard lock(std::string_view aor_key, base::TimeMs now_ms) noexcept;

    /// A valid message came on `flow`: all bindings of that flow were heard.
    void touch(const sip::Flow& flow, base::TimeMs now_ms) noexcept;

    /// A connection is gone: the bindings that came on it, and on it alone, end now (RFC 5626 section 5.3). Returns how
    /// many.
    std::size_t end_flow(const sip::Flow& flow) noexcept;
    /// Whether any binding came on this connection.
    [[nodiscard]] bool is_bound(const sip::Flow& flow) const noexcept;

    /// An answer to a ping. False when it answers none that is outstanding.
    bool answer_ping(std::uint64_t binding_id, std::uint32_t nonce, base::TimeMs now_ms, std::uint32_t rtt_us) noexcept;

    /// Expires what is due, declares the silent unreachable and adds the pings that are due until `pings` has
    /// `max_pings`; the others stay due.
    void advance(base::TimeMs now_ms, std::size_t max_pings, std::vector<DuePing>& pings);

    /// Every binding, shard by shard; `visit` runs under the shard's lock.
    void visit(const std::function<void(std::string_view aor_key, const sip::BindingView&)>& visit) const;

    /// One binding under its shard's lock; false when it is gone.
    bool visit(std::uint64_t binding_id,
               const std::function<void(std::string_view aor_key, const sip::BindingView&)>& visit) const;

    /// A binding of an earlier process, under the number that it had: silent until it is heard, and pinged first within
    /// `ping_within_ms`. No listener is told, and it counts as taken, whatever the limits are. False when it has
    /// expired or its key is too long.
    bool restore(std::string_view aor_key, const sip::BindingView& stored, base::TimeMs now_ms,
                 std::int64_t ping_within_ms);

    /// New bindings are numbered from here on.
    void number_from(std::uint64_t first_number) noexcept { next_number_.store(first_number); }

    /// Visits at most `most` bindings that were added or refreshed since they were last taken, as they are now, under
    /// their shard's lock; appends the numbers of all that were removed. False when more wait.
    [[nodiscard]] bool take_changes(std::size_t most, std::vector<std::uint64_t>& removed,
                                    const std::function<void(std::string_view, const sip::BindingView&)>& visit);
    /// Every binding is to be taken again, and no removal.
    void retake();
    /// Removals were lost since nobody took them for long: only `retake` tells the whole truth.
    [[nodiscard]] bool has_lost_changes() const noexcept;

    /// Whether anything is registered under this key.
    [[nodiscard]] bool has(std::string_view aor_key) const noexcept;

    [[nodiscard]] Counts counts() const noexcept;

    /// As the limits count it; takes no lock.
    [[nodiscard]] Holding held() const noexcept { return quota_.held(); }

  private:
    [[nodiscard]] Shard& shard_of(std::uint64_t hash) const noexcept;
    [[nodiscard]] Moment at(base::TimeMs now_ms) const noexcept;

    base::TextHash hash_;
    std::unique_ptr<FlowIndex> flows_;
    Quota quota_;
    std::vector<std::unique_ptr<Shard>> shards_;
    std::size_t first_shard_ = 0;  // the next advance begins there, so that a spent ping budget starves nobody
    std::atomic<std::int64_t> ping_interval_ms_;
    std::atomic<std::int64_t> timeout_ms_;
    std::atomic<std::uint64_t> next_number_{1};
};

/// Holds the lock of one shard; short-lived, one at a time per thread.
class Location::Guard {
  public:
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    ~Guard();

    /// The unexpired bindings, oldest first; valid until `apply`, the next `bindings` or the end of the guard.
    [[nodiscard]] std::span<const sip::BindingView> bindings() noexcept;
    [[nodiscard]] std::span<const sip::RemovalNote> removals() const noexcept;

    /// Performs an accepted outcome's changes and tells the listener; their indices are those of the last `bindings()`.
    /// An empty set marks the bindings of the request's flow as heard. Where it would make more than the limits allow
    /// nothing is performed, and the reason is returned.
    [[nodiscard]] sip::RejectReason apply(const sip::RegisterRequest& request, const sip::Identity& identity,
                                          const sip::ChangeSet& changes, std::uint64_t call_id_hash) noexcept;

  private:
    friend class Location;
    Guard(Location& location, std::string_view aor_key, base::TimeMs now_ms) noexcept;

    /// What the changes would add on balance.
    [[nodiscard]] Holding growth(const sip::RegisterRequest& request, const sip::ChangeSet& changes) const noexcept;
    void perform(const sip::BindingChange& change, const sip::RegisterRequest& request, const sip::Identity& identity,
                 std::uint64_t call_id_hash, const Moment& moment);

    Location& location_;
    std::string_view aor_key_;
    std::uint64_t hash_;
    Shard& shard_;
    base::TimeMs now_ms_;
    std::size_t count_ = 0;
    bool is_shown_ = false;
    std::array<std::uint32_t, sip::kMostContacts> indices_;
    // Room for the views shown; zeroing all of it would cost more than a whole refresh.
    alignas(sip::BindingView) std::array<std::byte, sip::kMostContacts * sizeof(sip::BindingView)> room_;
};

}  // namespace sr::location
