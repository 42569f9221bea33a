// The media thread: one UDP port for all WebRTC legs, a pair of ports for each plain one, and a beat of 20 ms.
// It owns its legs and mixes and needs no lock for them: others hand it tasks.
#pragma once

#include <cstdint>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "media/datagram_io.hpp"
#include "media/leg_table.hpp"
#include "media/leg_values.hpp"
#include "media/port_pool.hpp"
#include "webrtc/dtls_identity.hpp"

namespace sr::media {

class MediaLoop {
  public:
    MediaLoop(const webrtc::DtlsIdentity& identity, LegListener& listener);
    ~MediaLoop();
    MediaLoop(const MediaLoop&) = delete;
    MediaLoop& operator=(const MediaLoop&) = delete;

    /// Binds the shared port for IPv4 and, where the host has it, IPv6. A sentence says why not.
    [[nodiscard]] std::optional<std::string> start(std::uint16_t port, const LegLimits& limits);

    /// Ends all legs, and returns when the thread has ended. Idempotent.
    void stop() noexcept;

    /// As bound.
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    [[nodiscard]] bool has_ipv6() const noexcept { return has_ipv6_; }

    // From any thread, in the order of the calls; none waits but `statistics`.
    void open(LegSetup setup, std::optional<PortPair> ports);
    void update(std::string leg_id, sdp::MediaTerms terms, bool is_held);
    void close(std::string leg_id);
    void set_routes(std::vector<Route> routes);
    [[nodiscard]] std::vector<LegStatistics> statistics();

  private:
    using Task = std::packaged_task<void()>;

    std::future<void> post(Task task);
    void run() noexcept;
    void run_tasks();
    void gather() noexcept;
    void read(int descriptor);
    void handle(const Arrival& arrival, int descriptor);
    void follow_time();
    void follow_legs(audio::TimeUs now_us);
    [[nodiscard]] bool is_postponed(const Arrival& arrival, int descriptor);
    void take_postponed();
    void arm_timer() noexcept;
    void watch(int descriptor) noexcept;

    struct Postponed {
        std::vector<std::uint8_t> octets;
        Path path;
        int descriptor;
    };

    const webrtc::DtlsIdentity& identity_;
    LegListener& listener_;
    LegLimits limits_;
    std::uint16_t port_ = 0;
    bool has_ipv6_ = false;
    std::vector<UdpSocket> shared_;

    std::mutex mutex_;
    std::vector<Task> tasks_;
    bool is_stopping_ = false;

    int poll_ = -1;
    int wake_ = -1;
    int timer_ = -1;
    std::thread thread_;

    // The thread's own.
    std::unique_ptr<ReceiveBatch> arrivals_;
    std::unique_ptr<SendBatch> out_;
    LegTable legs_;
    std::vector<Postponed> postponed_;
    std::uint32_t handshake_datagrams_ = 0;  // of this tick
    std::uint32_t packets_ = 0;              // of this tick
    bool is_busy_ = false;                   // many came in the last
    audio::TimeUs gathered_us_ = 0;          // when packets were gathered last
    audio::TimeUs follow_us_ = 0;            // when legs are looked after next
    audio::TimeUs armed_us_ = 0;             // what the timer is set to; 0: to nothing
};

}  // namespace sr::media
