// The whole audio side over loopback: what callers hear. Peers speak when they hear, so the server's own 20 ms beat the
// time and nobody sleeps.
#include "media/audio_manager.hpp"

#include "browser.hpp"
#include "media_kit.hpp"

namespace sr::test {
namespace {

using media::LegEventKind;
using media::TargetKind;

constexpr double kLoudPower = 0.01;  // a tone of amplitude 0.25 has some 0.06
constexpr double kFaintPower = 0.0005;

struct Studio {
    Listener listener;
    media::AudioManager manager{listener};

    explicit Studio(media::MediaConfig config = {}) {
        config.addresses = {loopback()};
        config.port = 0;
        config.first_rtp_port = 42100;
        config.last_rtp_port = 42399;
        const auto fault = manager.start(config);
        REQUIRE_MESSAGE(!fault, fault.value_or(""));
    }

    template <class Peer>
    void call(Peer& peer, const std::string& leg_id, media::LegTarget target, std::string_view direction = "sendrecv",
              const std::string& device = "") {
        const auto said = manager.open_leg({leg_id, device, std::move(target), loopback()}, peer.offer(direction));
        REQUIRE_MESSAGE(
            std::holds_alternative<std::string>(said),
            (std::holds_alternative<media::MediaRefusal>(said) ? std::get<media::MediaRefusal>(said).reason : ""));
        peer.take_answer(std::get<std::string>(said));
    }

    std::string update(const std::string& leg_id, const std::string& offer) {
        const auto said = manager.update_leg(leg_id, offer);
        REQUIRE(std::holds_alternative<std::string>(said));
        return std::get<std::string>(said);
    }

    media::LegStatistics leg(const std::string& leg_id) {
        for (auto& one : manager.legs()) {
            if (one.leg_id == leg_id) return one;
        }
        FAIL("no leg " << leg_id);
        return {};
    }
};

/// What a peer hears while all speak their tones: the power at each frequency, typical of the later half of many
/// packets.
template <class Peer>
std::vector<double> listen(Peer& ear, const std::vector<std::pair<AudioPeer*, double>>& voices,
                           const std::vector<double>& frequencies) {
    constexpr int kPackets = 50;
    constexpr int kJudged = 25;
    while (ear.receive_rtp(0)) {
        // What was said before anybody spoke here; there is much of it when the machine is busy.
    }
    std::vector<std::vector<double>> powers(frequencies.size());
    for (int i = 0; i < kPackets; ++i) {
        for (const auto& [peer, frequency] : voices) peer->speak(frequency);
        const auto samples = ear.hear();
        REQUIRE(!samples.empty());
        for (std::size_t k = 0; k < frequencies.size() && i >= kPackets - kJudged; ++k) {
            powers[k].push_back(power_at(frequencies[k], samples, 48000));
        }
        for (const auto& [peer, frequency] : voices) {
            if (peer != &ear) (void)peer->receive_rtp(0);
        }
    }
    std::vector<double> medians;
    for (auto& one : powers) {
        std::nth_element(one.begin(), one.begin() + kJudged / 2, one.end());
        medians.push_back(one[kJudged / 2]);
    }
    return medians;
}

}  // namespace

TEST_CASE("a phone that calls echo gets its own packets back, in a stream of ours") {
    Studio studio;
    Phone phone;
    studio.call(phone, "a", {TargetKind::echo});
    Octets said(160, 0x55);
    phone.send_payload(0, said, 1234);
    const auto packet = phone.receive_rtp(kPatienceMs);
    REQUIRE(packet);
    const auto view = audio::RtpView::parse(*packet);
    REQUIRE(view);
    CHECK(view->ssrc() != phone.ssrc());
    CHECK(view->payload_type() == 0);
    CHECK(Octets(view->payload().begin(), view->payload().end()) == said);
    CHECK(studio.leg("a").is_forwarded);
}

TEST_CASE("a phone that calls the tone hears 440 Hz without having said a word") {
    Studio studio;
    Phone phone;
    studio.call(phone, "a", {TargetKind::tone});
    std::vector<std::int16_t> samples;
    for (int i = 0; i < 10; ++i) samples = phone.hear();
    REQUIRE(samples.size() == 960);
    CHECK(power_at(440, samples, 48000) > kLoudPower);
    CHECK(power_at(900, samples, 48000) < kFaintPower);
}

TEST_CASE("three phones in one mix hear each other and not themselves") {
    Studio studio;
    Phone one, two, three;
    studio.call(one, "1", {TargetKind::mix, "hall"});
    studio.call(two, "2", {TargetKind::mix, "hall"});
    studio.call(three, "3", {TargetKind::mix, "hall"});
    const auto powers = listen(one, {{&one, 450}, {&two, 800}, {&three, 1500}}, {450, 800, 1500});
    CHECK(powers[0] < kFaintPower);
    CHECK(powers[1] > kLoudPower);
    CHECK(powers[2] > kLoudPower);
}

TEST_CASE("two mixes do not hear each other") {
    Studio studio;
    Phone here, there, other;
    studio.call(here, "1", {TargetKind::mix, "hall"});
    studio.call(other, "3", {TargetKind::mix, "hall"});
    studio.call(there, "2", {TargetKind::mix, "attic"});
    const auto powers = listen(here, {{&here, 450}, {&there, 800}, {&other, 1500}}, {800, 1500});
    CHECK(powers[0] < kFaintPower);
    CHECK(powers[1] > kLoudPower);
}

TEST_CASE("two of one codec are connected without decoding; a third makes it a mix, and its going undoes that") {
    Studio studio;
    Phone one, two, three;
    studio.call(one, "1", {TargetKind::mix, "hall"});
    studio.call(two, "2", {TargetKind::mix, "hall"});
    two.speak(800);
    REQUIRE(one.receive_rtp(kPatienceMs));
    CHECK(studio.leg("1").is_forwarded);
    studio.call(three, "3", {TargetKind::mix, "hall"});
    const auto powers = listen(one, {{&one, 450}, {&two, 800}, {&three, 1500}}, {800, 1500});
    CHECK(powers[1] > kLoudPower);
    CHECK_FALSE(studio.leg("1").is_forwarded);
    studio.manager.close_leg("3");
    CHECK(studio.manager.legs().size() == 2);
    two.speak(800);
    REQUIRE(one.receive_rtp(kPatienceMs));
    CHECK(studio.leg("1").is_forwarded);
}

TEST_CASE("a leg that only listens is not heard") {
    Studio studio;
    Phone listener, speaker, other;
    studio.call(listener, "1", {TargetKind::mix, "hall"}, "recvonly");
    studio.call(speaker, "2", {TargetKind::mix, "hall"});
    studio.call(other, "3", {TargetKind::mix, "hall"});
    const auto powers = listen(speaker, {{&listener, 450}, {&speaker, 800}, {&other, 1500}}, {450, 1500});
    CHECK(powers[0] < kFaintPower);
    CHECK(powers[1] > kLoudPower);
}

TEST_CASE("a leg on hold hears nothing, and hears again after resume") {
    Studio studio;
    Phone one, two;
    studio.call(one, "1", {TargetKind::mix, "hall"});
    studio.call(two, "2", {TargetKind::mix, "hall"});
    const std::string held = studio.update("1", one.reoffer("sendonly"));
    CHECK(held.find("a=recvonly") != std::string::npos);
    CHECK(studio.leg("1").state == media::LegState::held);
    while (one.receive_rtp(0)) continue;  // silence of before
    two.speak(800);
    CHECK(studio.manager.legs().size() == 2);  // after this the packet has been handled, or is about to be dropped
    CHECK_FALSE(one.receive_rtp(100));
    (void)studio.update("1", one.reoffer("sendrecv"));
    CHECK(studio.leg("1").state == media::LegState::connected);
    two.speak(800);
    CHECK(one.receive_rtp(kPatienceMs));
}

TEST_CASE("a route carries a device's audio into a sink's mix at its volume") {
    Studio studio;
    studio.manager.set_routes({{"radio", "hall", 0.5F}});
    Phone radio, listener;
    studio.call(listener, "1", {TargetKind::mix, "hall"}, "recvonly");
    studio.call(radio, "2", {TargetKind::source, "radio"}, "sendonly", "radio");
    const auto half = listen(listener, {{&radio, 800}}, {800});
    studio.manager.set_routes({{"radio", "hall", 2.0F}});
    const auto twice = listen(listener, {{&radio, 800}}, {800});
    CHECK(half[0] > kFaintPower);
    CHECK(twice[0] / half[0] == doctest::Approx(16).epsilon(0.2));
    studio.manager.set_routes({});
    const auto none = listen(listener, {{&radio, 800}}, {800});
    CHECK(none[0] < kFaintPower);
}

TEST_CASE("a digit is told once, whatever was lost or doubled of it") {
    Studio studio;
    Phone phone;
    studio.call(phone, "a", {TargetKind::mix, "hall"});
    for (std::uint16_t duration = 160; duration <= 640; duration = static_cast<std::uint16_t>(duration + 160)) {
        phone.press(5, false, duration);
    }
    for (int i = 0; i < 3; ++i) phone.press(5, true, 800);
    const auto event = studio.listener.wait_for(LegEventKind::digit);
    REQUIRE(event);
    CHECK(event->digit == '5');
    CHECK(event->duration_ms == 100);
    studio.manager.close_leg("a");
    CHECK(studio.manager.legs().empty());  // the media thread has done all that came before
    CHECK_FALSE(studio.listener.has(LegEventKind::digit));
}

TEST_CASE("packets of a stranger are neither heard nor answered while the peer speaks") {
    Studio studio;
    Phone phone, stranger;
    studio.call(phone, "a", {TargetKind::echo});
    phone.speak(440);
    REQUIRE(phone.receive_rtp(kPatienceMs));
    std::array<std::uint8_t, 200> room{};
    const Octets said(160, 0x11);
    const std::size_t size = audio::RtpWriter(room, {0, false, 9, 9, 99}).finish(said);
    phone.send_from_elsewhere(std::span(room).first(size));
    phone.speak(440);
    const auto packet = phone.receive_rtp(kPatienceMs);
    REQUIRE(packet);
    CHECK(audio::RtpView::parse(*packet)->payload()[0] != 0x11);
    CHECK(studio.leg("a").packets_received == 2);
}

TEST_CASE("a leg that is never heard is told as silent, with a reason") {
    Studio studio({.silence_ms = 100});
    Phone phone;
    studio.call(phone, "a", {TargetKind::mix, "hall"});
    const auto event = studio.listener.wait_for(LegEventKind::silent);
    REQUIRE(event);
    CHECK(event->leg_id == "a");
    CHECK(event->reason.find("no audio has ever come") != std::string::npos);
}

TEST_CASE("a leg on hold may be silent; after resume it is expected to speak again") {
    Studio studio({.silence_ms = 200});
    Phone holder, mute, later;
    studio.call(holder, "a", {TargetKind::mix, "hall"});
    (void)studio.update("a", holder.reoffer("sendonly"));
    studio.call(mute, "b", {TargetKind::mix, "attic"});
    const auto of_mute = studio.listener.wait_for(LegEventKind::silent);
    REQUIRE(of_mute);
    CHECK(of_mute->leg_id == "b");
    studio.call(later, "c", {TargetKind::mix, "attic"});
    const auto of_later = studio.listener.wait_for(LegEventKind::silent);
    REQUIRE(of_later);
    CHECK(of_later->leg_id == "c");  // by when the holder has been silent for twice as long
    (void)studio.update("a", holder.reoffer("sendrecv"));
    const auto of_holder = studio.listener.wait_for(LegEventKind::silent);
    REQUIRE(of_holder);
    CHECK(of_holder->leg_id == "a");
}

TEST_CASE("an offer in which nothing can be agreed on is refused, and leaves nothing behind") {
    Studio studio;
    const auto said = studio.manager.open_leg({"a", "", {TargetKind::echo}, loopback()}, "hello\r\n");
    REQUIRE(std::holds_alternative<media::MediaRefusal>(said));
    CHECK(std::get<media::MediaRefusal>(said).status == 400);
    const auto video = studio.manager.open_leg(
        {"b", "", {TargetKind::echo}, loopback()},
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 4000 RTP/AVP 96\r\n");
    REQUIRE(std::holds_alternative<media::MediaRefusal>(video));
    CHECK(std::get<media::MediaRefusal>(video).status == 488);
    CHECK(studio.manager.legs().empty());
    CHECK(std::get<media::MediaRefusal>(studio.manager.update_leg("a", "v=0\r\n")).status == 481);
}

TEST_CASE("a caller without an offer gets ours, and its answer opens the leg") {
    Studio studio;
    Phone phone;
    const auto said = studio.manager.open_leg({"a", "", {TargetKind::tone}, loopback()}, "");
    REQUIRE(std::holds_alternative<std::string>(said));
    phone.take_answer(std::get<std::string>(said));
    CHECK_FALSE(studio.manager.complete_leg("a", phone.offer()));
    for (int i = 0; i < 3; ++i) CHECK(!phone.hear().empty());
}

TEST_CASE("asking for the same leg twice gives the same answer and one leg") {
    Studio studio;
    Phone phone;
    const media::LegRequest request{"a", "", {TargetKind::echo}, loopback()};
    const auto first = studio.manager.open_leg(request, phone.offer());
    const auto second = studio.manager.open_leg(request, phone.offer());
    CHECK(std::get<std::string>(first) == std::get<std::string>(second));
    CHECK(studio.manager.legs().size() == 1);
    studio.manager.close_leg("a");
    studio.manager.close_leg("a");
    CHECK(studio.manager.legs().empty());
}

TEST_CASE("a browser connects by ICE and DTLS, and hears its echo through SRTP") {
    Studio studio;
    Browser browser;
    studio.call(browser, "a", {TargetKind::echo});
    REQUIRE(browser.connect());
    REQUIRE(studio.listener.wait_for(LegEventKind::connected));
    browser.speak(440);
    const auto packet = browser.receive_rtp(kPatienceMs);
    REQUIRE(packet);
    CHECK(audio::RtpView::parse(*packet)->payload_type() == 111);
    const auto leg = studio.leg("a");
    CHECK(leg.kind == "webrtc");
    CHECK(leg.codec == "opus/48000/2");
    CHECK(leg.packets_received == 1);
    CHECK(leg.packets_sent == 1);
}

TEST_CASE("a browser whose certificate is another than it announced gets no keys, and a reason is told") {
    Studio studio;
    Browser browser;
    browser.show_wrong_fingerprint();
    studio.call(browser, "a", {TargetKind::echo});
    REQUIRE(browser.check());
    CHECK_FALSE(browser.shake_hands());
    const auto event = studio.listener.wait_for(LegEventKind::failed);
    REQUIRE(event);
    CHECK(event->reason.find("fingerprint") != std::string::npos);
    CHECK(studio.manager.legs().empty());
}

TEST_CASE("a browser that changes its network is followed after its next check") {
    Studio studio;
    Browser browser;
    studio.call(browser, "a", {TargetKind::echo});
    REQUIRE(browser.connect());
    browser.move();
    REQUIRE(browser.check());
    browser.speak(440);
    CHECK(browser.receive_rtp(kPatienceMs));
}

TEST_CASE("an ICE restart keeps the keys; audio goes on") {
    Studio studio;
    Browser browser;
    studio.call(browser, "a", {TargetKind::echo});
    REQUIRE(browser.connect());
    browser.restart_ice();
    browser.take_answer(studio.update("a", browser.reoffer("sendrecv")));
    browser.move();
    REQUIRE(browser.check());
    browser.speak(440);
    CHECK(browser.receive_rtp(kPatienceMs));
}

TEST_CASE("a browser that never checks is told as failed, and why") {
    Studio studio({.connect_ms = 100});
    Browser browser;
    studio.call(browser, "a", {TargetKind::echo});
    const auto event = studio.listener.wait_for(LegEventKind::failed);
    REQUIRE(event);
    CHECK(event->reason.find("no connectivity check") != std::string::npos);
}

TEST_CASE("browsers and a phone meet in one mix; who is silent is not decoded and hears the same") {
    Studio studio;
    Browser one, two;
    Phone phone;
    studio.call(one, "1", {TargetKind::mix, "hall"});
    studio.call(two, "2", {TargetKind::mix, "hall"});
    studio.call(phone, "3", {TargetKind::mix, "hall"});
    REQUIRE(one.connect());
    REQUIRE(two.connect());
    one.set_level(20);
    two.set_level(127);
    const auto powers = listen(phone, {{&one, 800}, {&two, 1500}}, {800, 1500});
    CHECK(powers[0] > kLoudPower);
    CHECK(powers[1] < kFaintPower);  // it says that it is silent, so nobody looks
    two.set_level(20);
    const auto both = listen(phone, {{&one, 800}, {&two, 1500}}, {800, 1500});
    CHECK(both[1] > kLoudPower);
    CHECK(studio.leg("3").is_forwarded == false);
}

}  // namespace sr::test
