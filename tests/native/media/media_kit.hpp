// Peers of the AudioManager on loopback: a telephone (plain RTP) and a browser (ICE, DTLS, SRTP), and what they hear.
#pragma once

#include <poll.h>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "audio/codec.hpp"
#include "audio/rtp_packet.hpp"
#include "audio/tone.hpp"
#include "base/clock.hpp"
#include "doctest/doctest.h"
#include "media/audio_manager.hpp"
#include "media/datagram_io.hpp"
#include "sdp/session_description.hpp"
#include "webrtc/dtls_session.hpp"
#include "webrtc/packet_kind.hpp"
#include "webrtc/srtp.hpp"
#include "webrtc/stun.hpp"

namespace sr::test {

using Octets = std::vector<std::uint8_t>;
inline constexpr int kPatienceMs = 5000;

inline sip::SocketAddress loopback(std::uint16_t port = 0) { return *sip::SocketAddress::parse("127.0.0.1", port); }

/// Collects what the media threads tell, so that a test can wait for it.
class Listener final : public media::LegListener {
  public:
    void on_leg_event(media::LegEvent&& event) noexcept override {
        const std::lock_guard lock(mutex_);
        events_.push_back(std::move(event));
        arrived_.notify_all();
    }

    /// The next event of this kind; others before it are passed over.
    std::optional<media::LegEvent> wait_for(media::LegEventKind kind) {
        std::unique_lock lock(mutex_);
        std::optional<media::LegEvent> found;
        arrived_.wait_for(lock, std::chrono::milliseconds(kPatienceMs), [&] {
            while (!events_.empty() && !found) {
                if (events_.front().kind == kind) found = std::move(events_.front());
                events_.pop_front();
            }
            return found.has_value();
        });
        return found;
    }

    /// Whether one was told that nobody has waited for.
    [[nodiscard]] bool has(media::LegEventKind kind) {
        const std::lock_guard lock(mutex_);
        return std::any_of(events_.begin(), events_.end(), [&](const auto& event) { return event.kind == kind; });
    }

  private:
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<media::LegEvent> events_;
};

/// How much of a frequency is in the samples: near the squared amplitude's share, 0 without it (Goertzel).
inline double power_at(double frequency_hz, std::span<const std::int16_t> samples, double rate_hz) {
    const double step = 2 * std::cos(2 * M_PI * frequency_hz / rate_hz);
    double before = 0, last = 0;
    for (const std::int16_t sample : samples) {
        const double next = sample / 32768.0 + step * last - before;
        before = last;
        last = next;
    }
    const auto count = static_cast<double>(samples.size());
    return (before * before + last * last - step * last * before) / (count * count / 4);
}

/// One socket that waits for packets.
class Socket {
  public:
    Socket() : socket_(std::get<media::UdpSocket>(media::UdpSocket::open(loopback()))) {}

    [[nodiscard]] std::uint16_t port() const { return socket_.address().port; }

    void send(const sip::SocketAddress& to, std::span<const std::uint8_t> octets) {
        const auto name = sip::to_native(to);
        REQUIRE(sendto(socket_.descriptor(), octets.data(), octets.size(), 0, name.get(), name.size) >= 0);
    }

    [[nodiscard]] std::optional<Octets> receive(int patience_ms = kPatienceMs) {
        pollfd waiting{socket_.descriptor(), POLLIN, 0};
        if (poll(&waiting, 1, patience_ms) <= 0) return std::nullopt;
        Octets octets(2048);
        const ssize_t size = recv(socket_.descriptor(), octets.data(), octets.size(), 0);
        if (size < 0) return std::nullopt;
        octets.resize(static_cast<std::size_t>(size));
        return octets;
    }

  private:
    media::UdpSocket socket_;
};

/// What both kinds of peer have: a stream of packets out, a decoder for what comes in.
class AudioPeer {
  public:
    AudioPeer(std::string codec, std::uint32_t clock_hz, std::uint8_t channels, std::uint8_t payload_type)
        : spec_{.name = std::move(codec), .clock_rate_hz = clock_hz, .channels = channels},
          payload_type_(payload_type),
          encoder_(audio::make_encoder(spec_)),
          decoder_(audio::make_decoder(spec_)) {}
    virtual ~AudioPeer() = default;

    virtual void send(std::span<const std::uint8_t> rtp) = 0;
    /// The next RTP packet, opened.
    virtual std::optional<Octets> receive_rtp(int patience_ms = kPatienceMs) = 0;

    /// 20 ms of a tone, or of silence (0 Hz).
    void speak(double frequency_hz) {
        audio::AudioFrame frame;
        if (frequency_hz > 0) {
            if (!tone_ || frequency_ != frequency_hz) tone_.emplace(frequency_hz);
            frequency_ = frequency_hz;
            tone_->fill(frame);
        }
        encoder_->push(frame);
        std::array<std::uint8_t, 1500> room{};
        while (const auto payload = encoder_->next(room)) {
            send_payload(payload_type_, audio::Octets(room).first(payload->size), timestamp_);
            timestamp_ += payload->ticks;
        }
    }

    void send_payload(std::uint8_t payload_type, audio::Octets payload, std::uint32_t timestamp) {
        std::array<std::uint8_t, 1600> room{};
        audio::RtpWriter writer(room, {payload_type, false, sequence_++, timestamp, ssrc_});
        if (level_ && level_extension_ > 0) writer.audio_level(level_extension_, {*level_, *level_ < 50});
        const std::size_t size = writer.finish(payload);
        send(std::span(room).first(size));
    }

    /// The sound of the next packet, at 48 kHz, first channel only.
    std::vector<std::int16_t> hear(int patience_ms = kPatienceMs) {
        const auto packet = receive_rtp(patience_ms);
        if (!packet) return {};
        const auto view = audio::RtpView::parse(*packet);
        REQUIRE(view);
        std::vector<std::int16_t> samples(audio::kMostDecodedSamples * decoder_->channels());
        const std::size_t count = decoder_->decode(view->payload(), samples);
        std::vector<std::int16_t> first(count);
        for (std::size_t i = 0; i < count; ++i) first[i] = samples[i * decoder_->channels()];
        return first;
    }

    [[nodiscard]] std::uint32_t ssrc() const { return ssrc_; }
    [[nodiscard]] std::uint32_t timestamp() const { return timestamp_; }
    void set_level(std::uint8_t below_overload_db) { level_ = below_overload_db; }

  protected:
    audio::CodecSpec spec_;
    std::uint8_t level_extension_ = 0;

  private:
    static inline std::uint32_t next_ssrc_ = 1000;

    std::uint8_t payload_type_;
    std::unique_ptr<audio::AudioEncoder> encoder_;
    std::unique_ptr<audio::AudioDecoder> decoder_;
    std::optional<audio::Tone> tone_;
    double frequency_ = 0;
    std::optional<std::uint8_t> level_;
    std::uint32_t ssrc_ = ++next_ssrc_;
    std::uint16_t sequence_ = 65500;  // wraps within a test
    std::uint32_t timestamp_ = 4'294'960'000;
};

class Phone final : public AudioPeer {
  public:
    Phone() : AudioPeer("PCMU", 8000, 1, 0) {}

    [[nodiscard]] std::string offer(std::string_view direction = "sendrecv") const {
        return "v=0\r\no=- 1 " + std::to_string(version_) + " IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n" +
               "t=0 0\r\nm=audio " + std::to_string(rtp_.port()) + " RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n" +
               "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=" + std::string(direction) +
               "\r\n";
    }
    std::string reoffer(std::string_view direction) {
        ++version_;
        return offer(direction);
    }

    void take_answer(const std::string& text) {
        const auto parsed = sdp::parse(text);
        REQUIRE(std::holds_alternative<sdp::SessionDescription>(parsed));
        remote_ = loopback(std::get<sdp::SessionDescription>(parsed).media.at(0).port);
    }

    void send(std::span<const std::uint8_t> rtp) override { rtp_.send(remote_, rtp); }
    std::optional<Octets> receive_rtp(int patience_ms) override { return rtp_.receive(patience_ms); }

    void press(std::uint8_t code, bool is_end, std::uint16_t duration) {
        const std::array<std::uint8_t, 4> event{code, static_cast<std::uint8_t>(is_end ? 0x8A : 0x0A),
                                                static_cast<std::uint8_t>(duration >> 8),
                                                static_cast<std::uint8_t>(duration)};
        send_payload(101, event, 777);
    }

    /// As a stranger's would look to the server: from another port.
    void send_from_elsewhere(std::span<const std::uint8_t> rtp) { elsewhere_.send(remote_, rtp); }

  private:
    Socket rtp_;
    Socket elsewhere_;
    sip::SocketAddress remote_;
    int version_ = 1;
};

}  // namespace sr::test
