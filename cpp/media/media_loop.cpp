#include "media/media_loop.hpp"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <utility>

#include "webrtc/packet_kind.hpp"

namespace sr::media {
namespace {

constexpr audio::TimeUs kTickUs = 20'000;
/// Where so many packets come in a tick, each would wake the thread, which costs more than to pass it on. Then they are
/// let come together for so long, as network cards do; fewer are passed on at once.
constexpr std::uint32_t kManyPackets = 20;
constexpr audio::TimeUs kGatherUs = 2'000;
/// Of a timer that has run down: it wakes the thread until it is set anew.
constexpr audio::TimeUs kRun = -1;
/// A handshake costs near a millisecond in two datagrams; so many leave most of a tick to those who talk already.
constexpr std::uint32_t kHandshakeDatagramsPerTick = 16;
constexpr std::size_t kMostPostponed = 512;
/// What one socket may have read at once before the others get their turn.
constexpr int kBatchesPerTurn = 8;

audio::TimeUs now_us() noexcept {
    using std::chrono::duration_cast;
    using std::chrono::microseconds;
    return duration_cast<microseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

sip::SocketAddress any_address(bool is_ipv6, std::uint16_t port) noexcept {
    sip::SocketAddress address;
    address.is_ipv6 = is_ipv6;
    address.port = port;
    if (!is_ipv6) address.ip[10] = address.ip[11] = 0xFF;
    return address;
}

}  // namespace

MediaLoop::MediaLoop(const webrtc::DtlsIdentity& identity, LegListener& listener)
    : identity_(identity), listener_(listener) {}

MediaLoop::~MediaLoop() { stop(); }

std::optional<std::string> MediaLoop::start(std::uint16_t port, const LegLimits& limits) {
    limits_ = limits;
    auto v4 = UdpSocket::open(any_address(false, port));
    if (auto* fault = std::get_if<std::string>(&v4)) return *fault;
    port_ = std::get<UdpSocket>(v4).address().port;
    shared_.push_back(std::get<UdpSocket>(std::move(v4)));
    auto v6 = UdpSocket::open(any_address(true, port_));
    has_ipv6_ = std::holds_alternative<UdpSocket>(v6);  // a host without IPv6 is no fault
    if (has_ipv6_) shared_.push_back(std::get<UdpSocket>(std::move(v6)));

    poll_ = epoll_create1(EPOLL_CLOEXEC);
    wake_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    timer_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (poll_ < 0 || wake_ < 0 || timer_ < 0) return "the kernel gives no more file descriptors";
    watch(wake_);
    watch(timer_);
    for (const UdpSocket& socket : shared_) watch(socket.descriptor());
    arrivals_ = std::make_unique<ReceiveBatch>();
    out_ = std::make_unique<SendBatch>();
    thread_ = std::thread([this] { run(); });
    return std::nullopt;
}

void MediaLoop::stop() noexcept {
    if (thread_.joinable()) {
        {
            const std::lock_guard lock(mutex_);
            is_stopping_ = true;
        }
        eventfd_write(wake_, 1);
        thread_.join();
    }
    for (int* descriptor : {&poll_, &wake_, &timer_}) {
        if (*descriptor >= 0) ::close(std::exchange(*descriptor, -1));
    }
    shared_.clear();
}

std::future<void> MediaLoop::post(Task task) {
    std::future<void> done = task.get_future();
    {
        const std::lock_guard lock(mutex_);
        if (is_stopping_ || !thread_.joinable()) return {};
        tasks_.push_back(std::move(task));
    }
    eventfd_write(wake_, 1);
    return done;
}

void MediaLoop::open(LegSetup setup, std::optional<PortPair> ports) {
    post(Task([this, setup = std::move(setup), ports = std::move(ports)]() mutable {
        const audio::TimeUs now = now_us();
        std::unique_ptr<LegTransport> transport;
        if (ports) {
            watch(ports->rtp.descriptor());
            watch(ports->rtcp.descriptor());
            transport = std::make_unique<RtpTransport>(*std::move(ports), setup.terms);
        } else {
            transport = std::make_unique<WebRtcTransport>(identity_, setup.terms, now);
        }
        legs_.add(std::make_unique<Leg>(std::move(setup), std::move(transport), limits_, listener_, now));
    }));
}

void MediaLoop::update(std::string leg_id, sdp::MediaTerms terms, bool is_held) {
    post(Task([this, leg_id = std::move(leg_id), terms = std::move(terms), is_held] {
        Leg* leg = legs_.find(leg_id);
        if (leg == nullptr) return;
        leg->update(terms, is_held);
        legs_.follow_update(leg_id);
    }));
}

void MediaLoop::close(std::string leg_id) {
    post(Task([this, leg_id = std::move(leg_id)] {
        if (Leg* leg = legs_.find(leg_id)) leg->close(now_us(), *out_);
        out_->flush();  // before the sockets of the leg are closed
        legs_.remove(leg_id);
    }));
}

void MediaLoop::set_routes(std::vector<Route> routes) {
    post(Task([this, routes = std::move(routes)]() mutable { legs_.set_routes(std::move(routes)); }));
}

std::vector<LegStatistics> MediaLoop::statistics() {
    std::vector<LegStatistics> told;
    const auto done = post(Task([this, &told] {
        const audio::TimeUs now = now_us();
        legs_.each([&](const Leg& leg) { told.push_back(leg.statistics(now)); });
    }));
    if (done.valid()) done.wait();
    return told;
}

void MediaLoop::run() noexcept {
    pthread_setname_np(pthread_self(), "sr-media");
    std::array<epoll_event, 64> events;
    for (;;) {
        const int count = epoll_wait(poll_, events.data(), static_cast<int>(events.size()), -1);
        const std::span<epoll_event> ready(events.data(), static_cast<std::size_t>(std::max(count, 0)));
        // Tasks first: a packet may already answer what came of one, such as the name that a new offer gave to ICE.
        std::stable_partition(ready.begin(), ready.end(), [&](const auto& event) { return event.data.fd == wake_; });
        for (const epoll_event& event : ready) {
            const int descriptor = event.data.fd;
            if (descriptor == wake_) {
                run_tasks();
            } else if (descriptor == timer_) {
                follow_time();
            } else {
                read(descriptor);
            }
        }
        out_->flush();
        arm_timer();
        {
            const std::lock_guard lock(mutex_);
            if (is_stopping_) break;
        }
        if (is_busy_) gather();
    }
    legs_.each([this](Leg& leg) { leg.close(now_us(), *out_); });
    out_->flush();
    const std::lock_guard lock(mutex_);
    for (Task& task : std::exchange(tasks_, {})) task();  // somebody may be waiting for it
}

/// Sleeps while packets come, but not beyond what is due.
void MediaLoop::gather() noexcept {
    const audio::TimeUs now = now_us();
    gathered_us_ = std::clamp(gathered_us_ + kGatherUs, now, now + kGatherUs);
    const audio::TimeUs until_us = armed_us_ > 0 ? std::min(gathered_us_, armed_us_) : gathered_us_;
    if (until_us <= now) return;
    const timespec until{until_us / 1'000'000, until_us % 1'000'000 * 1000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
}

void MediaLoop::run_tasks() {
    eventfd_t count = 0;
    eventfd_read(wake_, &count);
    std::vector<Task> tasks;
    {
        const std::lock_guard lock(mutex_);
        tasks.swap(tasks_);
    }
    for (Task& task : tasks) task();
    legs_.settle();
}

void MediaLoop::read(int descriptor) {
    for (int turn = 0; turn < kBatchesPerTurn; ++turn) {
        const std::span<const Arrival> arrivals = arrivals_->receive(descriptor);
        packets_ += static_cast<std::uint32_t>(arrivals.size());
        for (const Arrival& arrival : arrivals) handle(arrival, descriptor);
        if (arrivals.size() < kBatch) return;
    }
}

void MediaLoop::handle(const Arrival& arrival, int descriptor) {
    LegTable::Entry* entry = legs_.find_owner(arrival, descriptor);
    if (entry == nullptr || is_postponed(arrival, descriptor)) return;
    const audio::TimeUs now = now_us();
    const LegReceiver::Heard heard = entry->leg->receive(arrival, descriptor, now, *out_);
    if (heard.audio) {
        legs_.pass_on(*entry, heard, now, *out_);
    } else {
        legs_.learn(*entry, arrival.path.remote);
    }
}

bool MediaLoop::is_postponed(const Arrival& arrival, int descriptor) {
    if (webrtc::classify(arrival.octets) != webrtc::PacketKind::dtls) return false;
    if (++handshake_datagrams_ <= kHandshakeDatagramsPerTick) return false;
    if (postponed_.size() < kMostPostponed) {
        postponed_.push_back({{arrival.octets.begin(), arrival.octets.end()}, arrival.path, descriptor});
    }
    return true;
}

void MediaLoop::take_postponed() {
    handshake_datagrams_ = 0;
    const std::vector<Postponed> waiting = std::exchange(postponed_, {});
    for (const Postponed& one : waiting) {
        std::vector<std::uint8_t> octets = one.octets;
        handle({octets, one.path}, one.descriptor);
    }
}

void MediaLoop::follow_time() {
    armed_us_ = kRun;
    const audio::TimeUs now = now_us();
    legs_.mix(now, *out_);
    if (now < follow_us_) return;
    follow_us_ = now + kTickUs;
    is_busy_ = std::exchange(packets_, 0) >= kManyPackets;
    take_postponed();
    follow_legs(now);
}

void MediaLoop::follow_legs(audio::TimeUs now_us) {
    std::vector<std::string> failed;
    legs_.each_due(now_us, [&](Leg& leg) {
        const auto next_us = leg.tick(now_us, *out_);
        if (!next_us) failed.push_back(leg.setup().leg_id);
        return next_us.value_or(now_us);
    });
    out_->flush();
    for (const std::string& leg_id : failed) legs_.remove(leg_id);
}

/// For whatever is next.
void MediaLoop::arm_timer() noexcept {
    audio::TimeUs wanted_us = 0;
    if (!legs_.is_empty())
        wanted_us = std::max<audio::TimeUs>(1, std::min(follow_us_, legs_.next_due_us().value_or(follow_us_)));
    if (std::exchange(armed_us_, wanted_us) == wanted_us) return;
    const itimerspec setting{.it_interval = {}, .it_value = {wanted_us / 1'000'000, wanted_us % 1'000'000 * 1000}};
    timerfd_settime(timer_, TFD_TIMER_ABSTIME, &setting, nullptr);
}

void MediaLoop::watch(int descriptor) noexcept {
    epoll_event event{.events = EPOLLIN, .data = {.fd = descriptor}};
    epoll_ctl(poll_, EPOLL_CTL_ADD, descriptor, &event);
}

}  // namespace sr::media
