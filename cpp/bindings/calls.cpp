#include "bindings/calls.hpp"

#include <string>

#include "engine/event.hpp"

namespace sr::bindings {
namespace {

namespace py = pybind11;
using dialog::CallEvent;
using dialog::CallEventKind;
using engine::Engine;
using Unlocked = py::call_guard<py::gil_scoped_release>;

std::string text_of(CallEventKind kind) {
    switch (kind) {
        case CallEventKind::incoming: return "incoming";
        case CallEventKind::updated: return "updated";
        case CallEventKind::confirmed: return "confirmed";
        case CallEventKind::info: return "info";
        case CallEventKind::ended: return "ended";
    }
    return {};
}

/// Text from the network need not be UTF-8; what is not becomes U+FFFD.
template <std::string CallEvent::*Field>
py::str text_field(const CallEvent& event) {
    const std::string& text = event.*Field;
    return py::reinterpret_steal<py::str>(
        PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
}

}  // namespace

void bind_call_events(py::module_& module) {
    py::class_<CallEvent>(module, "CallEvent")
        .def_property_readonly("kind", [](const CallEvent& event) { return text_of(event.kind); })
        .def_readonly("call_id", &CallEvent::call_id)
        .def_property_readonly("user", &text_field<&CallEvent::user>)
        .def_property_readonly("request_uri", &text_field<&CallEvent::request_uri>)
        .def_property_readonly("caller_uri", &text_field<&CallEvent::caller_uri>)
        .def_property_readonly("caller_user", &text_field<&CallEvent::caller_user>)
        .def_property_readonly("caller_name", &text_field<&CallEvent::caller_name>)
        .def_property_readonly("user_agent", &text_field<&CallEvent::user_agent>)
        .def_property_readonly("local_ip", &text_field<&CallEvent::local_ip>)
        .def_property_readonly(
            "transport",
            [](const CallEvent& event) { return std::string(engine::transport_text(event.flow.transport)); })
        .def_property_readonly("remote_ip", [](const CallEvent& event) { return event.flow.remote.ip_text(); })
        .def_property_readonly("remote_port", [](const CallEvent& event) { return event.flow.remote.port; })
        .def_property_readonly("content_type", &text_field<&CallEvent::content_type>)
        .def_property_readonly("body", [](const CallEvent& event) { return py::bytes(event.body); })
        .def_readonly("is_reinvite", &CallEvent::is_reinvite)
        .def_property_readonly("cause",
                               [](const CallEvent& event) { return std::string(dialog::end_cause_name(event.cause)); })
        .def_readonly("status", &CallEvent::status)
        .def_property_readonly("reason", &text_field<&CallEvent::reason>);
}

void bind_call_control(py::class_<Engine>& engine) {
    engine.def("ring", &Engine::ring, py::arg("call_id"), Unlocked())
        .def("answer", &Engine::answer, py::arg("call_id"), py::arg("sdp"), Unlocked())
        .def("reject", &Engine::reject, py::arg("call_id"), py::arg("status"), py::arg("reason"), Unlocked())
        .def("answer_update", &Engine::answer_update, py::arg("call_id"), py::arg("sdp"), Unlocked())
        .def("reject_update", &Engine::reject_update, py::arg("call_id"), py::arg("status"), py::arg("reason"),
             Unlocked())
        .def("hang_up", &Engine::hang_up, py::arg("call_id"), py::arg("reason"), Unlocked());
}

}  // namespace sr::bindings
