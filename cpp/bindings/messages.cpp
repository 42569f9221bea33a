#include "bindings/messages.hpp"

#include <pybind11/stl.h>

#include <string>
#include <utility>

#include "sip/reject_reason_name.hpp"

namespace sr::bindings {

namespace py = pybind11;
using engine::MessageRecord;

std::vector<MessageRecord> read_messages(const engine::Engine& engine, std::vector<std::string> users,
                                         std::vector<std::string> ips, std::vector<std::string> texts) {
    return engine.messages({std::move(users), std::move(ips), std::move(texts)});
}

void bind_messages(py::module_& module) {
    py::class_<MessageRecord>(module, "MessageRecord")
        .def_property_readonly("is_ping",
                               [](const MessageRecord& record) { return record.kind == stack::TraceKind::ping; })
        .def_readonly("first_ms", &MessageRecord::first_ms)
        .def_readonly("last_ms", &MessageRecord::last_ms)
        .def_readonly("count", &MessageRecord::count)
        .def_readonly("transport", &MessageRecord::transport)
        .def_readonly("remote_ip", &MessageRecord::remote_ip)
        .def_readonly("remote_port", &MessageRecord::remote_port)
        .def_readonly("listener", &MessageRecord::listener)
        .def_property_readonly("user", [](const MessageRecord& record) { return py::bytes(record.user); })
        .def_readonly("status", &MessageRecord::status)
        .def_readonly("cause", &MessageRecord::cause)
        .def_readonly("is_cut", &MessageRecord::is_cut)
        .def_property_readonly("message", [](const MessageRecord& record) { return py::bytes(record.message); })
        .def_property_readonly("answer", [](const MessageRecord& record) { return py::bytes(record.answer); });
    module.def("reject_reasons", [] {
        py::list rows;
        for (const sip::RejectReason reason : sip::all_reject_reasons()) {
            rows.append(py::make_tuple(sip::reason_name(reason), sip::status_line(reason).status,
                                       sip::status_line(reason).phrase, sip::warning_text(reason)));
        }
        return rows;
    });
}

}  // namespace sr::bindings
