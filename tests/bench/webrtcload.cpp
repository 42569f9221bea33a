// webrtcload: many browsers in one process. Commands come line by line, each is answered by one line of JSON; SDP has
// tabs in the place of its line ends.
//
//   open N                    N more browsers -> {"offers": [...]}
//   answer I SDP              the server's answer for browser I, counted from the first `open`
//   connect SECONDS           ICE and DTLS of all that are not connected yet, 20 at a time -> {"connected", "faults"}
//   talk SECONDS SPEAKERS     all send 50 packets a second, the first SPEAKERS of them speech, the others room noise
//   delay FROM TO SECONDS PHASE  browser FROM chirps, TO listens with a sound card that is PHASE ms behind FROM's
//   close                     close_notify to all; they are forgotten
//
// usage: webrtcload SPEECH.wav ADDRESS (16 bits, one channel; of the browsers and of the server)
#include <sys/epoll.h>
#include <sys/resource.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>

#include "audio/level.hpp"
#include "webrtc_client.hpp"
#include "webrtc_ear.hpp"

namespace {

using namespace bench;

constexpr std::int64_t kFrameMs = audio::kFrameMs;
constexpr std::size_t kConnectWindow = 20;
constexpr std::int64_t kMostBehindUs = 5'000;  // that is made up for
constexpr std::int64_t kConsentFrames = 125;   // 2.5 s, as browsers do

std::int64_t now_us() {
    using std::chrono::duration_cast;
    using std::chrono::microseconds;
    return duration_cast<microseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Samples at 48 kHz.
std::vector<std::int16_t> read_wav(const char* path) {
    std::ifstream file(path, std::ios::binary);
    std::vector<char> octets((std::istreambuf_iterator<char>(file)), {});
    constexpr std::size_t kHeader = 44;
    std::uint32_t rate_hz = 0;
    if (octets.size() > kHeader) std::memcpy(&rate_hz, octets.data() + 24, sizeof rate_hz);
    if (rate_hz < 8000) throw std::runtime_error(std::string("no speech in ") + path);
    std::vector<std::int16_t> source((octets.size() - kHeader) / 2);
    std::memcpy(source.data(), octets.data() + kHeader, source.size() * 2);
    std::vector<std::int16_t> samples;
    for (double at = 0; at + 1 < static_cast<double>(source.size()); at += rate_hz / 48000.0) {
        const auto i = static_cast<std::size_t>(at);
        const double part = at - static_cast<double>(i);
        samples.push_back(static_cast<std::int16_t>(source[i] * (1 - part) + source[i + 1] * part));
    }
    return samples;
}

std::vector<std::int16_t> make_room_noise() {
    std::vector<std::int16_t> samples(audio::kFrameSamples * 200);
    std::minstd_rand random(1);
    for (auto& sample : samples) sample = static_cast<std::int16_t>(static_cast<int>(random() % 31) - 15);
    return samples;
}

std::vector<Speech> encode(const std::vector<std::int16_t>& samples) {
    const auto encoder = audio::make_encoder({.name = "opus", .clock_rate_hz = 48000, .channels = 2});
    std::vector<Speech> packets;
    for (std::size_t at = 0; at + audio::kFrameSamples <= samples.size(); at += audio::kFrameSamples) {
        audio::AudioFrame frame;
        std::copy_n(samples.begin() + static_cast<std::ptrdiff_t>(at), audio::kFrameSamples, frame.storage.begin());
        encoder->push(frame);
        Speech speech{std::vector<std::uint8_t>(1500), audio::level_below_overload_db(frame.samples())};
        while (const auto payload = encoder->next(speech.payload)) speech.payload.resize(payload->size);
        packets.push_back(std::move(speech));
    }
    return packets;
}

double at_share(std::vector<double> values, double share) {
    if (values.empty()) return -1;
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

class Load {
  public:
    Load(const char* speech_path, const sip::SocketAddress& address)
        : identity_(webrtc::DtlsIdentity::make()),
          address_(address),
          speech_(encode(read_wav(speech_path))),
          noise_(encode(make_room_noise())),
          poll_(epoll_create1(0)) {}
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;
    ~Load() { ::close(poll_); }

    void open(std::size_t count) {
        std::string offers;
        for (std::size_t i = 0; i < count; ++i) {
            const auto number = static_cast<std::uint32_t>(clients_.size());
            clients_.push_back(std::make_unique<WebRtcClient>(*identity_, address_, ++opened_));
            epoll_event event{.events = EPOLLIN, .data = {.u32 = number}};
            epoll_ctl(poll_, EPOLL_CTL_ADD, clients_.back()->descriptor(), &event);
            std::string offer = clients_.back()->offer();
            for (std::size_t at = 0; (at = offer.find("\r\n", at)) != std::string::npos;) offer.replace(at, 2, "\\t");
            offers += (i > 0 ? ", \"" : "\"") + offer + "\"";
        }
        std::printf("{\"offers\": [%s]}\n", offers.c_str());
    }

    void answer(std::size_t index, std::string text) {
        for (std::size_t at = 0; (at = text.find('\t', at)) != std::string::npos;) text.replace(at, 1, "\r\n");
        const std::string fault = index < clients_.size() ? clients_[index]->take_answer(text) : "no such browser";
        std::printf("{\"fault\": \"%s\"}\n", fault.c_str());
    }

    void connect(double seconds) {
        const std::int64_t until = now_us() + static_cast<std::int64_t>(seconds * 1e6);
        std::size_t next = 0;
        std::vector<WebRtcClient*> waiting;
        std::int64_t pushed_us = 0;
        do {
            std::erase_if(waiting, [](const WebRtcClient* client) { return client->is_connected(); });
            while (waiting.size() < kConnectWindow && next < clients_.size()) {
                WebRtcClient* client = clients_[next++].get();
                if (client->is_connected()) continue;
                client->check();
                waiting.push_back(client);
            }
            read_until(now_us() + 1000, [](auto&, const auto&) {});
            if (now_us() - pushed_us < 100'000) continue;
            pushed_us = now_us();
            for (WebRtcClient* client : waiting) client->push_connection();
        } while ((!waiting.empty() || next < clients_.size()) && now_us() < until);
        std::size_t connected = 0;
        for (const auto& client : clients_) connected += client->is_connected() ? 1 : 0;
        std::printf("{\"connected\": %zu, \"browsers\": %zu}\n", connected, clients_.size());
    }

    void talk(double seconds, std::size_t speakers) {
        for (auto& client : clients_) client->forget_counts();
        const std::int64_t late_us = each_ms(
            seconds, [&](std::int64_t ms, std::int64_t) { send_frames(ms, speakers, nullptr); },
            [](auto&, const auto&) {});
        read_until(now_us() + 300'000, [](auto&, const auto&) {});
        std::uint64_t sent = 0, received = 0, missing = 0, unheard = 0, fewest = ~0ULL;
        for (const auto& client : clients_) {
            sent += client->sent();
            received += client->received();
            missing += client->missing();
            unheard += client->received() == 0 ? 1 : 0;
            fewest = std::min(fewest, client->received());
        }
        std::printf(
            "{\"sent\": %lu, \"received\": %lu, \"missing\": %lu, \"unheard\": %lu, \"fewest\": %lu, "
            "\"late_ms\": %.1f}\n",
            sent, received, missing, unheard, fewest, static_cast<double>(late_us) / 1000);
    }

    void delay(std::size_t from, std::size_t to, double seconds, std::int64_t phase_ms) {
        Ear ear;
        Mouth mouth;
        const std::int64_t late_us = each_ms(
            seconds,
            [&](std::int64_t ms, std::int64_t due_us) {
                // A frame has been spoken when it is sent.
                if (ms % kFrameMs == 0) clients_[from]->send_speech(mouth.next(due_us - kFrameMs * 1000));
                if (ms % kFrameMs == phase_ms) ear.play(now_us());
                send_frames(ms, 0, clients_[from].get());
            },
            [&](const WebRtcClient& client, const audio::RtpView& packet) {
                if (&client == clients_[to].get()) ear.hear(packet, now_us());
            });
        // The first second is the jitter buffers' to find their depth.
        const std::vector<std::int64_t> chirps(mouth.chirps_us().begin() + 3, mouth.chirps_us().end() - 1);
        const std::vector<double> played = ear.played().delays_ms(chirps);
        const std::vector<double> arrived = ear.arrived().delays_ms(chirps);
        std::printf(
            "{\"chirps\": %zu, \"played\": %zu, \"played_ms\": %.1f, \"played_p95_ms\": %.1f, \"arrived\": %zu, "
            "\"arrived_ms\": %.1f, \"buffer_ms\": %.1f, \"late_ms\": %.1f}\n",
            chirps.size(), played.size(), at_share(played, 0.5), at_share(played, 0.95), arrived.size(),
            at_share(arrived, 0.5), ear.buffer_ms(), static_cast<double>(late_us) / 1000);
    }

    void close() {
        for (auto& client : clients_) client->close();
        clients_.clear();
        std::puts("{}");
    }

  private:
    /// Browsers are spread over the 20 ms of a frame, as real ones are.
    void send_frames(std::int64_t ms, std::size_t speakers, const WebRtcClient* but) {
        const std::int64_t frame = ms / kFrameMs;
        for (auto i = static_cast<std::size_t>(ms % kFrameMs); i < clients_.size(); i += kFrameMs) {
            const auto number = static_cast<std::int64_t>(i);
            if ((frame + number) % kConsentFrames == 0) clients_[i]->check();
            if (clients_[i].get() == but) continue;
            const std::vector<Speech>& script = i < speakers ? speech_ : noise_;
            clients_[i]->send_speech(script[(static_cast<std::size_t>(frame) + i * 97) % script.size()]);
        }
    }

    /// Calls `every` once a millisecond, with when that was due; by how much it was late at the worst. What the machine
    /// has kept it from doing is done later, not at once: no browser sends the packets of half a second in a burst, and
    /// no server's receive buffer would take them from all.
    template <class Every, class Hear>
    std::int64_t each_ms(double seconds, Every&& every, Hear&& hear) {
        std::int64_t due_us = now_us();
        std::int64_t late_us = 0;
        for (std::int64_t ms = 0; ms < static_cast<std::int64_t>(seconds * 1000); ++ms, due_us += 1000) {
            read_until(due_us, hear);
            const std::int64_t behind_us = now_us() - due_us;
            late_us = std::max(late_us, behind_us);
            if (behind_us > kMostBehindUs) due_us += behind_us;
            every(ms, due_us);
        }
        return late_us;
    }

    template <class Hear>
    void read_until(std::int64_t until_us, Hear&& hear) {
        std::array<epoll_event, 256> events;
        do {
            const std::int64_t left_us = std::max<std::int64_t>(0, until_us - now_us());
            const timespec patience{.tv_sec = left_us / 1'000'000, .tv_nsec = left_us % 1'000'000 * 1000};
            const int count = epoll_pwait2(poll_, events.data(), events.size(), &patience, nullptr);
            for (int i = 0; i < count; ++i) {
                (void)clients_[events[static_cast<std::size_t>(i)].data.u32]->receive(hear);
            }
        } while (now_us() < until_us);
    }

    std::unique_ptr<const webrtc::DtlsIdentity> identity_;
    sip::SocketAddress address_;
    std::vector<Speech> speech_;
    std::vector<Speech> noise_;
    int poll_;
    std::uint32_t opened_ = 0;
    std::vector<std::unique_ptr<WebRtcClient>> clients_;
};

void obey(Load& load, const std::string& line) {
    std::istringstream words(line);
    std::string command;
    std::size_t first = 0, second = 0;
    double seconds = 0;
    words >> command;
    if (command == "open" && words >> first) return load.open(first);
    if (command == "answer" && words >> first) {
        words.get();
        std::string text;
        std::getline(words, text);
        return load.answer(first, std::move(text));
    }
    if (command == "connect" && words >> seconds) return load.connect(seconds);
    if (command == "talk" && words >> seconds >> first) return load.talk(seconds, first);
    std::int64_t phase = 0;
    if (command == "delay" && words >> first >> second >> seconds >> phase) {
        return load.delay(first, second, seconds, phase);
    }
    if (command == "close") return load.close();
    throw std::runtime_error("no such command: " + line);
}

}  // namespace

int main(int count, char** arguments) try {
    const auto address = count == 3 ? sip::SocketAddress::parse(arguments[2], 0) : std::nullopt;
    if (!address) throw std::runtime_error("usage: webrtcload SPEECH.wav ADDRESS");
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    Load load(arguments[1], *address);
    std::string line;
    while (std::getline(std::cin, line)) {
        obey(load, line);
        std::fflush(stdout);
    }
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "webrtcload: %s\n", error.what());
    return 1;
}
