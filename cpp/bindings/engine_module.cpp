// The only pybind11 code: the core as the Python module engine._engine. Every call releases the GIL and returns values.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <stdexcept>
#include <string>

#include "engine/engine.hpp"

namespace py = pybind11;
using sr::engine::BindingRecord;
using sr::engine::Config;
using sr::engine::Drained;
using sr::engine::Engine;
using sr::engine::Event;
using sr::engine::EventKind;
using sr::engine::Statistics;

namespace {

/// A sentence from the core becomes the RuntimeError that src/engine translates.
void raise_if(const std::optional<std::string>& fault) {
    if (fault) throw std::runtime_error(*fault);
}

std::string text_of(EventKind kind) {
    switch (kind) {
        case EventKind::added: return "added";
        case EventKind::changed: return "changed";
        case EventKind::removed: return "removed";
        case EventKind::reachable: return "reachable";
        case EventKind::unreachable: return "unreachable";
        case EventKind::refused: return "refused";
    }
    return {};
}

std::string text_of(sr::location::RemovalReason reason) {
    switch (reason) {
        case sr::location::RemovalReason::unregistered: return "unregistered";
        case sr::location::RemovalReason::expired: return "expired";
        case sr::location::RemovalReason::replaced: return "replaced";
    }
    return {};
}

/// Text from the network need not be UTF-8; what is not becomes U+FFFD.
py::str lenient(const std::string& text) {
    return py::reinterpret_steal<py::str>(
        PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
}

template <std::string BindingRecord::*Field>
py::str text_field(const BindingRecord& record) {
    return lenient(record.*Field);
}

void bind_binding(py::module_& module) {
    py::class_<BindingRecord>(module, "BindingRecord")
        .def_readonly("binding_id", &BindingRecord::binding_id)
        .def_property_readonly("aor_key", &text_field<&BindingRecord::aor_key>)
        .def_readonly("device_uuid", &BindingRecord::device_uuid)
        .def_property_readonly("contact_uri", &text_field<&BindingRecord::contact_uri>)
        .def_property_readonly("call_id", &text_field<&BindingRecord::call_id>)
        .def_readonly("cseq", &BindingRecord::cseq)
        .def_readonly("transport", &BindingRecord::transport)
        .def_readonly("flow_ip", &BindingRecord::flow_ip)
        .def_readonly("flow_port", &BindingRecord::flow_port)
        .def_readonly("target_ip", &BindingRecord::target_ip)
        .def_readonly("target_port", &BindingRecord::target_port)
        .def_readonly("expires_in_ms", &BindingRecord::expires_in_ms)
        .def_readonly("heard_before_ms", &BindingRecord::heard_before_ms)
        .def_readonly("rtt_us", &BindingRecord::rtt_us)
        .def_readonly("reg_id", &BindingRecord::reg_id)
        .def_property_readonly("q_thousandths",
                               [](const BindingRecord& record) -> std::optional<unsigned> {
                                   if (record.q_thousandths == sr::sip::kNoQ) return std::nullopt;
                                   return record.q_thousandths;
                               })
        .def_readonly("is_reachable", &BindingRecord::is_reachable)
        .def_property_readonly("instance", &text_field<&BindingRecord::instance>)
        .def_property_readonly("path", &text_field<&BindingRecord::path>)
        .def_property_readonly("user_agent", &text_field<&BindingRecord::user_agent>)
        .def_property_readonly("content_type", &text_field<&BindingRecord::content_type>)
        .def_property_readonly("body", [](const BindingRecord& record) { return py::bytes(record.body); });
}

void bind_event(py::module_& module) {
    py::class_<Event>(module, "Event")
        .def_property_readonly("kind", [](const Event& event) { return text_of(event.kind); })
        .def_property_readonly("removal", [](const Event& event) { return text_of(event.removal); })
        .def_readonly("binding", &Event::binding)
        .def_property_readonly("status", [](const Event& event) { return event.refusal.status; })
        .def_property_readonly("reason", [](const Event& event) { return lenient(event.refusal.reason); });
}

void bind_statistics(py::module_& module) {
    py::class_<Statistics>(module, "Statistics")
        .def_readonly("requests", &Statistics::requests)
        .def_readonly("replies", &Statistics::replies)
        .def_readonly("refused", &Statistics::refused)
        .def_readonly("dropped", &Statistics::dropped)
        .def_readonly("pings", &Statistics::pings)
        .def_readonly("events", &Statistics::events)
        .def_readonly("bindings", &Statistics::bindings)
        .def_readonly("aors", &Statistics::aors);
}

void bind_config(py::module_& module) {
    py::class_<Config>(module, "Config")
        .def(py::init<>())
        .def_property(
            "domain", [](const Config& config) { return config.registrar.domain; },
            [](Config& config, std::string domain) { config.registrar.domain = std::move(domain); })
        .def_property(
            "served_hosts",
            [](const Config& config) {
                return std::vector<std::string>(config.registrar.served_hosts.begin(),
                                                config.registrar.served_hosts.end());
            },
            [](Config& config, const std::vector<std::string>& hosts) {
                config.registrar.served_hosts = sr::registrar::HostSet(hosts.begin(), hosts.end());
            })
        .def_property(
            "min_expires_s", [](const Config& config) { return config.registrar.min_expires_s; },
            [](Config& config, std::uint32_t seconds) { config.registrar.min_expires_s = seconds; })
        .def_property(
            "default_expires_s", [](const Config& config) { return config.registrar.default_expires_s; },
            [](Config& config, std::uint32_t seconds) { config.registrar.default_expires_s = seconds; })
        .def_property(
            "max_expires_s", [](const Config& config) { return config.registrar.max_expires_s; },
            [](Config& config, std::uint32_t seconds) { config.registrar.max_expires_s = seconds; })
        .def_property(
            "rejects_brief_expires",
            [](const Config& config) { return config.registrar.below_minimum == sr::registrar::BelowMinimum::reject; },
            [](Config& config, bool rejects) {
                config.registrar.below_minimum =
                    rejects ? sr::registrar::BelowMinimum::reject : sr::registrar::BelowMinimum::raise;
            })
        .def_property(
            "max_contacts", [](const Config& config) { return config.registrar.max_contacts; },
            [](Config& config, std::uint32_t contacts) { config.registrar.max_contacts = contacts; })
        .def_property(
            "ping_interval_ms", [](const Config& config) { return config.liveness.ping_interval_ms; },
            [](Config& config, std::int64_t interval_ms) { config.liveness.ping_interval_ms = interval_ms; })
        .def_property(
            "liveness_timeout_ms", [](const Config& config) { return config.liveness.timeout_ms; },
            [](Config& config, std::int64_t timeout_ms) { config.liveness.timeout_ms = timeout_ms; });
}

void bind_engine(py::module_& module) {
    using Unlocked = py::call_guard<py::gil_scoped_release>;
    py::class_<Engine>(module, "Engine")
        .def(py::init<>())
        .def("apply_config", &Engine::apply_config, py::arg("config"), Unlocked())
        .def(
            "attach", [](Engine& engine, const std::string& library_path) { raise_if(engine.attach(library_path)); },
            py::arg("library_path"), Unlocked())
        .def(
            "open", [](Engine& engine, const std::string& ip, std::uint16_t port) { raise_if(engine.open(ip, port)); },
            py::arg("ip"), py::arg("port"), Unlocked())
        .def("detach", &Engine::detach, Unlocked())
        .def_property_readonly("event_fd", &Engine::event_descriptor)
        .def("drain", &Engine::drain, py::arg("most"), Unlocked())
        .def("snapshot", &Engine::snapshot, Unlocked())
        .def("find_device", &Engine::find_device, py::arg("uuid_or_aor_key"), Unlocked())
        .def("statistics", &Engine::statistics, Unlocked())
        .def("receive_buffer", &Engine::receive_buffer, Unlocked());
}

}  // namespace

PYBIND11_MODULE(_engine, module) {
    module.doc() = "The C++ core: registrar, location, liveness and the PJSIP stack.";
    bind_binding(module);
    bind_event(module);
    bind_statistics(module);
    bind_config(module);
    py::class_<Drained>(module, "Drained")
        .def_readonly("events", &Drained::events)
        .def_readonly("is_resync_required", &Drained::is_resync_required);
    bind_engine(module);
    module.def(
        "silence_pjsip", [](const std::string& library_path) { raise_if(sr::stack::silence_pjsip(library_path)); },
        py::arg("library_path"), py::call_guard<py::gil_scoped_release>());
}
