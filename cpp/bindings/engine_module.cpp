// The only pybind11 code: the core as the Python module engine._engine. Every call releases the GIL and returns values.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <stdexcept>
#include <string>
#include <utility>

#include "bindings/access_config.hpp"
#include "bindings/audio.hpp"
#include "bindings/calls.hpp"
#include "bindings/flows.hpp"
#include "bindings/messages.hpp"
#include "bindings/watching.hpp"
#include "engine/engine.hpp"

namespace py = pybind11;
using sr::engine::BindingRecord;
using sr::engine::Changes;
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
        case sr::location::RemovalReason::flow_closed: return "flow_closed";
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

/// As text where it is UTF-8, else as octets.
py::object octets_or_text(const std::string& text) {
    PyObject* decoded = PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr);
    if (decoded != nullptr) return py::reinterpret_steal<py::object>(decoded);
    PyErr_Clear();
    return py::bytes(text);
}

/// domain.ports.BindingRow.
py::tuple to_row(const BindingRecord& record, std::int64_t now_ms) {
    const bool has_q = record.q_thousandths != sr::sip::kNoQ;
    return py::make_tuple(
        record.number, octets_or_text(record.aor_key), octets_or_text(record.contact_uri),
        octets_or_text(record.call_id), record.cseq, record.device_uuid, octets_or_text(record.instance), record.reg_id,
        has_q ? py::object(py::int_(record.q_thousandths)) : py::object(py::none()), octets_or_text(record.path),
        octets_or_text(record.user_agent), octets_or_text(record.content_type), py::bytes(record.body),
        record.transport, record.flow_ip, record.flow_port, record.target_ip, record.target_port, record.listener,
        now_ms + record.expires_in_ms, now_ms - record.heard_before_ms);
}

/// Reads a row from left to right.
class RowReader {
  public:
    explicit RowReader(const py::tuple& row) : row_(row) {}

    template <class T>
    void operator()(T& field) {
        field = row_[at_++].cast<T>();
    }
    std::int64_t ms() { return row_[at_++].cast<std::int64_t>(); }
    void q(std::uint16_t& field) {
        const py::object value = row_[at_++];
        field = value.is_none() ? sr::sip::kNoQ : value.cast<std::uint16_t>();
    }

  private:
    const py::tuple& row_;
    std::size_t at_ = 0;
};

BindingRecord from_row(const py::tuple& row, std::int64_t now_ms) {
    BindingRecord record;
    RowReader read(row);
    read(record.number);
    for (auto* text : {&record.aor_key, &record.contact_uri, &record.call_id}) read(*text);
    read(record.cseq);
    for (auto* text : {&record.device_uuid, &record.instance}) read(*text);
    read(record.reg_id);
    read.q(record.q_thousandths);
    for (auto* text :
         {&record.path, &record.user_agent, &record.content_type, &record.body, &record.transport, &record.flow_ip}) {
        read(*text);
    }
    read(record.flow_port);
    read(record.target_ip);
    read(record.target_port);
    read(record.listener);
    record.expires_in_ms = read.ms() - now_ms;
    record.heard_before_ms = now_ms - read.ms();
    return record;
}

py::tuple take_changes(Engine& engine, std::size_t most, std::int64_t now_ms) {
    Changes changes;
    {
        const py::gil_scoped_release unlocked;
        changes = engine.take_changes(most);
    }
    py::list rows;
    for (const BindingRecord& record : changes.saved) rows.append(to_row(record, now_ms));
    return py::make_tuple(std::move(rows), py::cast(changes.removed), changes.is_last, changes.has_lost);
}

std::size_t restore(Engine& engine, const py::sequence& rows, std::int64_t now_ms, std::uint64_t first_number) {
    std::vector<BindingRecord> records;
    records.reserve(rows.size());
    try {
        for (const py::handle row : rows) records.push_back(from_row(row.cast<py::tuple>(), now_ms));
    } catch (const py::cast_error&) {
        throw py::value_error("row " + std::to_string(records.size()) + " is no binding");
    } catch (const py::error_already_set&) {  // too short, or a number out of range
        throw py::value_error("row " + std::to_string(records.size()) + " is no binding");
    }
    const py::gil_scoped_release unlocked;
    return engine.restore(records, first_number);
}

void bind_event(py::module_& module) {
    py::class_<Event>(module, "Event")
        .def_property_readonly("kind", [](const Event& event) { return text_of(event.kind); })
        .def_property_readonly("removal", [](const Event& event) { return text_of(event.removal); })
        .def_readonly("binding", &Event::binding)
        .def_property_readonly("status", [](const Event& event) { return event.refusal.status; })
        .def_property_readonly("cause", [](const Event& event) { return event.refusal.cause; })
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
        .def_readonly("aors", &Statistics::aors)
        .def_readonly("binding_octets", &Statistics::binding_octets);
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
            "max_calls", [](const Config& config) { return config.calls.calls; },
            [](Config& config, std::size_t calls) { config.calls.calls = calls; })
        .def_property(
            "max_aors", [](const Config& config) { return config.limits.aors; },
            [](Config& config, std::uint64_t aors) { config.limits.aors = aors; })
        .def_property(
            "max_bindings", [](const Config& config) { return config.limits.bindings; },
            [](Config& config, std::uint64_t bindings) { config.limits.bindings = bindings; })
        .def_property(
            "max_binding_octets", [](const Config& config) { return config.limits.octets; },
            [](Config& config, std::uint64_t octets) { config.limits.octets = octets; })
        .def_property(
            "ping_interval_ms", [](const Config& config) { return config.liveness.ping_interval_ms; },
            [](Config& config, std::int64_t interval_ms) { config.liveness.ping_interval_ms = interval_ms; })
        .def_property(
            "liveness_timeout_ms", [](const Config& config) { return config.liveness.timeout_ms; },
            [](Config& config, std::int64_t timeout_ms) { config.liveness.timeout_ms = timeout_ms; });
}

void bind_engine(py::module_& module) {
    using Unlocked = py::call_guard<py::gil_scoped_release>;
    py::class_<Engine> core(module, "Engine");
    sr::bindings::bind_call_control(core);
    sr::bindings::bind_flows(core);
    sr::bindings::bind_watch_control(core);
    core.def(py::init<>())
        .def("apply_config", &Engine::apply_config, py::arg("config"), Unlocked())
        .def(
            "apply_access",
            [](Engine& engine, const py::dict& wanted) {
                sr::engine::AccessConfig config = sr::bindings::read_access(wanted);
                const py::gil_scoped_release unlocked;
                engine.apply_access(std::move(config));
            },
            py::arg("wanted"))
        .def(
            "attach", [](Engine& engine, const std::string& library_path) { raise_if(engine.attach(library_path)); },
            py::arg("library_path"), Unlocked())
        .def(
            "open", [](Engine& engine, const std::string& ip, std::uint16_t port) { raise_if(engine.open(ip, port)); },
            py::arg("ip"), py::arg("port"), Unlocked())
        .def("detach", &Engine::detach, Unlocked())
        .def_property_readonly("audio", &Engine::audio, py::return_value_policy::reference_internal)
        .def_property_readonly("event_fd", &Engine::event_descriptor)
        .def("drain", &Engine::drain, py::arg("most"), Unlocked())
        .def("snapshot", &Engine::snapshot, Unlocked())
        .def("find_device", &Engine::find_device, py::arg("uuid_or_aor_key"), Unlocked())
        .def("find_aor", &Engine::find_aor, py::arg("aor_key"), Unlocked())
        .def("statistics", &Engine::statistics, Unlocked())
        .def("take_changes", &take_changes, py::arg("most"), py::arg("now_ms"))
        .def("retake", &Engine::retake, Unlocked())
        .def("restore", &restore, py::arg("rows"), py::arg("now_ms"), py::arg("first_number"))
        .def("messages", &sr::bindings::read_messages, py::arg("users"), py::arg("ips"), py::arg("texts"), Unlocked())
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
        .def_readonly("calls", &Drained::calls)
        .def_readonly("legs", &Drained::legs)
        .def_readonly("watch", &Drained::watch)
        .def_readonly("publications", &Drained::publications)
        .def_readonly("is_resync_required", &Drained::is_resync_required);
    sr::bindings::bind_messages(module);
    sr::bindings::bind_call_events(module);
    sr::bindings::bind_watch_events(module);
    sr::bindings::bind_audio(module);
    bind_engine(module);
    module.def(
        "silence_pjsip", [](const std::string& library_path) { raise_if(sr::stack::silence_pjsip(library_path)); },
        py::arg("library_path"), py::call_guard<py::gil_scoped_release>());
}
