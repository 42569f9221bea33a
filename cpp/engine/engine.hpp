// Owns the rooms of the core, their start and stop order, and the one queue to Python. On the packet path:
// read -> decide -> apply under one shard's lock -> answer; only changes reach the queue.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "base/bounded_queue.hpp"
#include "base/published.hpp"
#include "dialog/answered_requests.hpp"
#include "dialog/calls.hpp"
#include "engine/doorkeeper.hpp"
#include "engine/event.hpp"
#include "engine/inflow_control.hpp"
#include "engine/leg_events.hpp"
#include "engine/message_log.hpp"
#include "events/notifier.hpp"
#include "exchange/publications.hpp"
#include "exchange/relay.hpp"
#include "location/location.hpp"
#include "media/audio_manager.hpp"
#include "registrar/registrar.hpp"
#include "stack/stack.hpp"

namespace sr::engine {

struct Config {
    registrar::Policy registrar;
    location::LivenessPolicy liveness;
    dialog::Limits calls;
    location::Limits limits;
};

/// Who is at the two ends of a connection; addresses without brackets.
struct FlowOpening {
    std::string transport;
    std::string remote_ip;
    std::uint16_t remote_port = 0;
    std::string local_ip;
    std::uint16_t local_port = 0;
};

struct Statistics {
    std::uint64_t requests = 0;
    std::uint64_t replies = 0;
    std::uint64_t refused = 0;
    std::uint64_t dropped = 0;
    std::uint64_t pings = 0;
    std::uint64_t events = 0;
    std::uint64_t bindings = 0;
    std::uint64_t aors = 0;
    std::uint64_t binding_octets = 0;  // as limits.octets counts them
};

struct Drained {
    std::vector<Event> events;
    std::vector<dialog::CallEvent> calls;
    std::vector<media::LegEvent> legs;
    std::vector<events::WatchEvent> watch;
    std::vector<exchange::PublishReceived> publications;
    bool is_resync_required = false;
};

/// What became of bindings since it was last taken.
struct Changes {
    std::vector<BindingRecord> saved;    // as they are now
    std::vector<std::uint64_t> removed;  // their numbers
    bool is_last = false;                // no more wait
    bool has_lost = false;               // `retake` is needed
};

class Engine final : private stack::RequestHandler, private location::ChangeListener {
  public:
    Engine();
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    /// The wanted state; valid at any time, drops nothing.
    void apply_config(Config config);

    /// Who may register from now on; drops nothing.
    void apply_access(AccessConfig config) { doorkeeper_.apply(std::move(config)); }

    /// Joins the pjsua2 endpoint of the library at this path. A sentence when it must not.
    [[nodiscard]] std::optional<std::string> attach(const std::string& library_path);

    /// Takes a bound UDP address into use; starts expiry and pings with the first.
    [[nodiscard]] std::optional<std::string> open(const std::string& ip, std::uint16_t port);

    /// Says BYE to every call and the last word to every watcher, then leaves the endpoint, within kFarewell; bindings
    /// stay. Idempotent.
    void detach() noexcept;

    // What becomes of calls (domain.calls.CallControl). False: there is no such call, or it does not wait for that.
    bool ring(dialog::CallId id);
    bool answer(dialog::CallId id, std::string_view sdp);
    bool reject(dialog::CallId id, std::uint16_t status, std::string_view reason);
    bool answer_update(dialog::CallId id, std::string_view sdp);
    bool reject_update(dialog::CallId id, std::uint16_t status, std::string_view reason);
    bool hang_up(dialog::CallId id, std::string_view reason);

    // What is told to watchers, and what publishers are (domain.watching.NotifierControl).
    void apply_notifier(events::NotifierConfig config);
    void provide(const events::Resource& resource, events::Audience audience, events::Document document, bool is_list);
    void refuse_watchers(const events::Resource& resource, std::string_view reason);
    /// False: none of that id waits.
    bool answer_publish(exchange::PublishId id, const exchange::PublishAnswer& answer);
    [[nodiscard]] std::vector<events::SubscriptionReport> subscriptions() const;
    /// Whose addresses-of-record the owner knows, registered or not: a message for one of them who is not there is 480,
    /// for others 404.
    void set_known_addresses(std::vector<std::string> aor_keys);

    /// The audio of calls; started and stopped by itself.
    [[nodiscard]] media::AudioManager& audio() noexcept { return audio_; }

    /// A connection stands, over anything but UDP; its number, or nothing when its addresses cannot be read.
    [[nodiscard]] std::optional<std::uint64_t> open_flow(const FlowOpening& opening);
    /// As stack::Stack::receive; one thread at a time for one connection.
    [[nodiscard]] stack::FlowOutput receive(std::uint64_t connection, std::string_view octets);
    /// The connection is gone: its bindings end now. Idempotent.
    void close_flow(std::uint64_t connection);
    /// Readable while `drain_flows` has something; apart from the events, whose overflow loses none of it.
    [[nodiscard]] int flow_descriptor() noexcept { return stack_.streams().fd(); }
    [[nodiscard]] std::vector<stack::FlowOutput> drain_flows(std::size_t most) { return stack_.streams().drain(most); }

    [[nodiscard]] int event_descriptor() const noexcept { return events_.fd(); }
    [[nodiscard]] Drained drain(std::size_t most);
    [[nodiscard]] std::vector<BindingRecord> snapshot() const;
    [[nodiscard]] std::vector<BindingRecord> find_device(const std::string& uuid_or_aor_key) const;
    /// Of whatever devices.
    [[nodiscard]] std::vector<BindingRecord> find_aor(const std::string& aor_key) const;

    /// For whoever keeps bindings beyond the life of the process, one thread at a time: at most `most` saved ones.
    [[nodiscard]] Changes take_changes(std::size_t most);
    void retake() { location_.retake(); }
    /// Before `open`. Returns how many have not expired and can be read.
    std::size_t restore(const std::vector<BindingRecord>& records, std::uint64_t first_number);

    [[nodiscard]] Statistics statistics() const noexcept;
    [[nodiscard]] std::vector<MessageRecord> messages(const MessageQuery& query) const { return log_.read(query); }
    [[nodiscard]] int receive_buffer() const noexcept { return stack_.receive_buffer(); }

  private:
    [[nodiscard]] stack::Knock on_knock(const sip::Flow& flow) noexcept override;
    void on_register(const sip::RegisterRequest& request, sip::Reply& reply) noexcept override;
    void on_request(const stack::OtherRequest& request, sip::Reply& reply) noexcept override;
    [[nodiscard]] stack::CallRuling on_call_request(std::string_view message, const sip::Inspection& seen,
                                                    const sip::Flow& flow, sip::Reply& reply) noexcept override;
    void on_response(std::string_view message, const sip::Inspection& seen, const sip::Flow& flow) noexcept override;
    void on_heard(const sip::Flow& flow) noexcept override;
    void on_ping_answer(const stack::PingToken& token, const sip::Flow& flow) noexcept override;
    void on_unreadable(const sip::Flow& flow, sip::RejectReason reason) noexcept override;
    void on_trace(const stack::Trace& trace) noexcept override;
    void on_change(const location::Change& change) noexcept override;

    [[nodiscard]] bool is_registered(std::string_view user) const noexcept;
    void refuse_register(const sip::RegisterRequest& request, const sip::RegisterOutcome& outcome,
                         const registrar::Policy& policy, sip::Reply& reply) noexcept;
    void turn_away(const sip::RegisterRequest& request, const sip::Identity& identity, const Ruling& ruling,
                   sip::Reply& reply) noexcept;
    void turn_away(const stack::OtherRequest& request, const Ruling& ruling, sip::Reply& reply) noexcept;
    void write_ruling(const Ruling& ruling, sip::Reply& reply) const noexcept;
    void report_ruling(const Ruling& ruling, std::unique_ptr<BindingRecord> peer) noexcept;
    void report_refusal(sip::RejectReason reason, std::string_view detail,
                        std::unique_ptr<BindingRecord> peer) noexcept;
    /// Who sends a request that begins something, as From says.
    struct Sender {
        std::string key;   // of his address-of-record here; empty: he is of another domain
        std::string name;  // the key, else all of his address
    };
    /// A request as the rooms are given it.
    struct Asked {
        std::string_view message;
        const sip::Inspection& seen;
        const dialog::CallRequest& request;
    };
    [[nodiscard]] Sender sender_of(const Asked& asked) const noexcept;
    [[nodiscard]] std::optional<Sender> let_in(const Asked& asked, sip::Reply& reply) noexcept;
    [[nodiscard]] stack::CallRuling begin_call(const Asked& asked, sip::Reply& reply) noexcept;
    [[nodiscard]] stack::CallRuling take_outside(const Asked& asked, sip::Reply& reply) noexcept;
    [[nodiscard]] bool is_for_somebody(const dialog::CallRequest& request, sip::Reply& reply) noexcept;
    [[nodiscard]] bool take_subscribe(const Asked& asked, sip::Reply& reply, dialog::Outbox& out);
    [[nodiscard]] bool take_publish(const Asked& asked, sip::Reply& reply, dialog::Outbox& out);
    [[nodiscard]] bool take_message(const Asked& asked, sip::Reply& reply, dialog::Outbox& out);
    [[nodiscard]] bool speaks_from_home(std::string_view aor_key, const sip::Flow& flow) noexcept;
    [[nodiscard]] std::vector<exchange::RelayTarget> targets_of(std::string_view aor_key);
    void trace_answered(const Asked& asked, const dialog::Outbox& out) noexcept;
    void refuse(const sip::RegisterOutcome& refusal, std::string_view lines, sip::Reply& reply) noexcept;
    void refuse_call(const dialog::CallRequest& request, sip::RejectReason reason, sip::Reply& reply) noexcept;
    [[nodiscard]] dialog::LocalAddress local_address(const sip::Flow& flow) const;
    void perform(const dialog::Outbox& out) noexcept;
    void wake_for_events() noexcept;
    void say_farewell() noexcept;
    template <class Step>
    bool command(Step step);
    [[nodiscard]] std::optional<Event> to_event(QueuedEvent&& queued) const;
    void deliver(QueuedEvent&& queued, std::vector<Event>& events);
    void sweep_flows(base::TimeMs now_ms);
    void run_clock();
    void tick();
    template <class Step>
    void watch(Step step);
    void advance_notifier();
    void wake_clock_at(base::TimeMs due_ms) noexcept;
    void relieve_sockets();
    void stop_clock() noexcept;

    base::Published<registrar::Policy> policy_;
    base::BoundedQueue<QueuedEvent> events_;
    std::unordered_set<std::uint64_t> gone_before_seen_;  // bindings whose addition was drained after they had ended
    location::Location location_;
    MessageLog log_;
    Doorkeeper doorkeeper_;
    dialog::Calls calls_;
    dialog::AnsweredRequests answered_;
    events::Notifier notifier_;
    exchange::Publications publications_;
    exchange::Relay relay_;
    struct KnownAddresses {
        registrar::HostSet keys;
    };
    base::Published<KnownAddresses> known_addresses_;
    base::Published<std::string> event_lines_;  // of answers to OPTIONS: Allow-Events and Accept
    stack::Stack stack_;
    std::atomic<std::uint64_t> refused_{0};
    std::atomic<std::uint64_t> event_count_{0};
    std::atomic<std::int64_t> refusal_second_{0};
    std::atomic<int> refusals_this_second_{0};

    std::mutex clock_guard_;
    std::condition_variable clock_wake_;
    bool is_clock_wanted_ = false;
    base::TimeMs notify_at_ms_ = dialog::kNever;
    std::thread clock_;
    std::vector<location::DuePing> due_pings_;
    InflowControl inflow_;
    base::TimeMs swept_ms_ = 0;  // the clock thread's

    LegEvents leg_events_;
    media::AudioManager audio_;  // tells leg_events_, so it ends before

    std::mutex farewell_guard_;
    std::condition_variable farewell_;  // an answer to a request of ours came
};

}  // namespace sr::engine
