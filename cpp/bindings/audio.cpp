#include "bindings/audio.hpp"

#include <pybind11/stl.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "media/audio_manager.hpp"

namespace sr::bindings {
namespace {

namespace py = pybind11;
using media::AudioManager;
using media::LegEvent;
using media::LegStatistics;
using Unlocked = py::call_guard<py::gil_scoped_release>;

/// A description, or a status code with a sentence.
using Said = std::tuple<py::bytes, std::uint16_t, std::string>;

sip::SocketAddress read_address(const std::string& ip) {
    const auto address = sip::SocketAddress::parse(ip, 0);
    if (!address) throw py::value_error(ip + " is no IP address");
    return *address;
}

std::vector<sip::SocketAddress> read_addresses(const std::vector<std::string>& ips) {
    std::vector<sip::SocketAddress> addresses;
    for (const std::string& ip : ips) addresses.push_back(read_address(ip));
    return addresses;
}

media::TargetKind read_kind(const std::string& kind) {
    if (kind == "echo") return media::TargetKind::echo;
    if (kind == "tone") return media::TargetKind::tone;
    if (kind == "mix") return media::TargetKind::mix;
    if (kind == "source") return media::TargetKind::source;
    throw py::value_error(kind + " is nothing that a leg can be connected with");
}

Said to_python(const media::MediaAnswer& answer) {
    if (const auto* refusal = std::get_if<media::MediaRefusal>(&answer)) {
        return {py::bytes(), refusal->status, refusal->reason};
    }
    return {py::bytes(std::get<std::string>(answer)), 0, {}};
}

void start(AudioManager& audio, const py::dict& wanted) {
    media::MediaConfig config;
    config.addresses = read_addresses(wanted["addresses"].cast<std::vector<std::string>>());
    config.port = wanted["port"].cast<std::uint16_t>();
    config.first_rtp_port = wanted["first_rtp_port"].cast<std::uint16_t>();
    config.last_rtp_port = wanted["last_rtp_port"].cast<std::uint16_t>();
    config.silence_ms = wanted["silence_ms"].cast<std::uint32_t>();
    const py::gil_scoped_release unlocked;
    if (const auto fault = audio.start(config)) throw std::runtime_error(*fault);
}

Said open_leg(AudioManager& audio, const py::dict& leg, const std::string& offer) {
    const media::LegRequest request{leg["leg_id"].cast<std::string>(),
                                    leg["device"].cast<std::string>(),
                                    {read_kind(leg["kind"].cast<std::string>()), leg["name"].cast<std::string>()},
                                    read_address(leg["peer_ip"].cast<std::string>())};
    media::MediaAnswer answer;
    {
        const py::gil_scoped_release unlocked;
        answer = audio.open_leg(request, offer);
    }
    return to_python(answer);
}

Said update_leg(AudioManager& audio, const std::string& leg_id, const std::string& offer) {
    media::MediaAnswer answer;
    {
        const py::gil_scoped_release unlocked;
        answer = audio.update_leg(leg_id, offer);
    }
    return to_python(answer);
}

std::tuple<std::uint16_t, std::string> complete_leg(AudioManager& audio, const std::string& leg_id,
                                                    const std::string& answer) {
    const auto refusal = audio.complete_leg(leg_id, answer);
    return refusal ? std::tuple{refusal->status, refusal->reason} : std::tuple{std::uint16_t{0}, std::string()};
}

void set_routes(AudioManager& audio, const std::vector<std::tuple<std::string, std::string, float>>& routes) {
    std::vector<media::Route> wanted;
    for (const auto& [source, sink, volume] : routes) wanted.push_back({source, sink, volume});
    audio.set_routes(std::move(wanted));
}

void bind_statistics(py::module_& module) {
    py::class_<LegStatistics>(module, "LegStatistics")
        .def_readonly("leg_id", &LegStatistics::leg_id)
        .def_readonly("mix", &LegStatistics::mix)
        .def_readonly("device", &LegStatistics::device)
        .def_readonly("kind", &LegStatistics::kind)
        .def_property_readonly("state", [](const LegStatistics& leg) { return media::state_text(leg.state); })
        .def_readonly("codec", &LegStatistics::codec)
        .def_readonly("remote", &LegStatistics::remote)
        .def_readonly("is_forwarded", &LegStatistics::is_forwarded)
        .def_readonly("packets_received", &LegStatistics::packets_received)
        .def_readonly("octets_received", &LegStatistics::octets_received)
        .def_readonly("packets_sent", &LegStatistics::packets_sent)
        .def_readonly("octets_sent", &LegStatistics::octets_sent)
        .def_readonly("packets_lost", &LegStatistics::packets_lost)
        .def_readonly("packets_discarded", &LegStatistics::packets_discarded)
        .def_readonly("remote_loss", &LegStatistics::remote_loss)
        .def_readonly("jitter_ms", &LegStatistics::jitter_ms)
        .def_readonly("buffer_ms", &LegStatistics::buffer_ms)
        .def_readonly("rtt_ms", &LegStatistics::rtt_ms)
        .def_readonly("level_dbov", &LegStatistics::level_dbov)
        .def_readonly("concealed_frames", &LegStatistics::concealed_frames)
        .def_readonly("age_ms", &LegStatistics::age_ms);
}

}  // namespace

void bind_audio(py::module_& module) {
    py::class_<LegEvent>(module, "LegEvent")
        .def_property_readonly("kind", [](const LegEvent& event) { return media::event_text(event.kind); })
        .def_readonly("leg_id", &LegEvent::leg_id)
        .def_property_readonly("digit",
                               [](const LegEvent& event) { return std::string(event.digit != 0, event.digit); })
        .def_readonly("duration_ms", &LegEvent::duration_ms)
        .def_readonly("reason", &LegEvent::reason);
    bind_statistics(module);
    py::class_<AudioManager>(module, "AudioManager")
        .def("start", &start, py::arg("wanted"))
        .def("stop", &AudioManager::stop, Unlocked())
        .def_property_readonly("port", &AudioManager::port)
        .def(
            "set_addresses",
            [](AudioManager& audio, const std::vector<std::string>& ips) { audio.set_addresses(read_addresses(ips)); },
            py::arg("ips"), Unlocked())
        .def("set_routes", &set_routes, py::arg("routes"), Unlocked())
        .def("open_leg", &open_leg, py::arg("leg"), py::arg("offer"))
        .def("update_leg", &update_leg, py::arg("leg_id"), py::arg("offer"))
        .def("complete_leg", &complete_leg, py::arg("leg_id"), py::arg("answer"), Unlocked())
        .def("add_candidate", &AudioManager::add_candidate, py::arg("leg_id"), py::arg("candidate"), Unlocked())
        .def("close_leg", &AudioManager::close_leg, py::arg("leg_id"), Unlocked())
        .def("legs", &AudioManager::legs, Unlocked());
}

}  // namespace sr::bindings
