#include "bindings/flows.hpp"

#include <pybind11/stl.h>

#include <string>
#include <utility>

namespace sr::bindings {
namespace {

namespace py = pybind11;
using engine::Engine;
using Unlocked = py::call_guard<py::gil_scoped_release>;

py::list to_list(const std::vector<std::string>& pieces) {
    py::list list;
    for (const std::string& piece : pieces) list.append(py::bytes(piece));
    return list;
}

/// What is to be written at once, and whether the connection ends behind it.
py::tuple receive(Engine& engine, std::uint64_t connection, const py::bytes& octets) {
    const std::string_view view(octets);
    stack::FlowOutput output;
    {
        const py::gil_scoped_release unlocked;  // `octets` outlives the call and cannot change
        output = engine.receive(connection, view);
    }
    return py::make_tuple(to_list(output.octets), output.is_ended);
}

py::list drain(Engine& engine, std::size_t most) {
    std::vector<stack::FlowOutput> outputs;
    {
        const py::gil_scoped_release unlocked;
        outputs = engine.drain_flows(most);
    }
    py::list list;
    for (const stack::FlowOutput& output : outputs) {
        list.append(py::make_tuple(output.connection, to_list(output.octets), output.is_ended));
    }
    return list;
}

}  // namespace

void bind_flows(py::class_<Engine>& bound) {
    bound
        .def(
            "open_flow",
            [](Engine& core, std::string transport, std::string remote_ip, std::uint16_t remote_port,
               std::string local_ip, std::uint16_t local_port) {
                return core.open_flow(
                    {std::move(transport), std::move(remote_ip), remote_port, std::move(local_ip), local_port});
            },
            py::arg("transport"), py::arg("remote_ip"), py::arg("remote_port"), py::arg("local_ip"),
            py::arg("local_port"), Unlocked())
        .def("receive", &receive, py::arg("connection"), py::arg("octets"))
        .def("close_flow", &Engine::close_flow, py::arg("connection"), Unlocked())
        .def_property_readonly("flow_fd", &Engine::flow_descriptor)
        .def("drain_flows", &drain, py::arg("most"));
}

}  // namespace sr::bindings
