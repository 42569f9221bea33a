#include "bindings/watching.hpp"

#include <pybind11/stl.h>

#include <array>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/event.hpp"

namespace sr::bindings {
namespace {

namespace py = pybind11;
using engine::Engine;
using events::SubscriptionReport;
using events::WatchEvent;
using exchange::PublishFault;
using exchange::PublishReceived;
using Unlocked = py::call_guard<py::gil_scoped_release>;

// As Python gives them: (package, address), (rule, addresses), (name, types, is_list_served), and a body with the place
// of its version number.
using ResourceRow = std::tuple<std::string, std::string>;
using AudienceRow = std::tuple<std::string, std::vector<std::string>>;
using PackageRow = std::tuple<std::string, std::vector<std::string>, bool>;
using TextRow = std::tuple<std::string, std::optional<std::size_t>>;

constexpr std::array<std::pair<std::string_view, PublishFault>, 8> kFaults{{
    {"bad_event", PublishFault::bad_event},
    {"condition_failed", PublishFault::condition_failed},
    {"too_brief", PublishFault::too_brief},
    {"bad_body", PublishFault::bad_body},
    {"unsupported_type", PublishFault::unsupported_type},
    {"forbidden", PublishFault::forbidden},
    {"not_found", PublishFault::not_found},
    {"too_many", PublishFault::too_many},
}};

/// Text from the network need not be UTF-8; what is not becomes U+FFFD.
py::str lenient(const std::string& text) {
    return py::reinterpret_steal<py::str>(
        PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
}

py::tuple flow_row(const sip::Flow& flow) {
    return py::make_tuple(std::string(engine::transport_text(flow.transport)), flow.remote.ip_text(), flow.remote.port);
}

events::Resource to_resource(ResourceRow&& row) { return {std::move(std::get<0>(row)), std::move(std::get<1>(row))}; }

events::Audience to_audience(AudienceRow&& row) {
    const std::string& rule = std::get<0>(row);
    events::Audience audience;
    audience.addresses = std::move(std::get<1>(row));
    audience.rule = rule == "anyone"   ? events::WatcherRule::anyone
                    : rule == "listed" ? events::WatcherRule::listed
                                       : events::WatcherRule::registered;
    return audience;
}

/// The version is written within the octets, or behind them.
events::Text to_text(TextRow&& row) {
    events::Text text{std::move(std::get<0>(row)), std::get<1>(row)};
    if (text.version_at && *text.version_at > text.octets.size()) {
        throw py::value_error("the version number's place is outside of the document");
    }
    return text;
}

void apply_notifier(Engine& engine, std::vector<PackageRow> packages, std::pair<std::uint32_t, std::uint32_t> expires_s,
                    std::int64_t interval_ms, std::size_t max_subscriptions) {
    events::NotifierConfig config;
    for (auto& [name, types, is_list_served] : packages) {
        config.packages.push_back({std::move(name), std::move(types), is_list_served});
    }
    config.min_expires_s = expires_s.first;
    config.max_expires_s = expires_s.second;
    config.interval_ms = interval_ms;
    config.max_subscriptions = max_subscriptions;
    const py::gil_scoped_release unlocked;
    engine.apply_notifier(std::move(config));
}

void provide(Engine& engine, ResourceRow resource, AudienceRow audience,
             std::tuple<std::string, TextRow, TextRow> document, bool is_list) {
    events::Document made{std::move(std::get<0>(document)), to_text(std::move(std::get<1>(document))),
                          to_text(std::move(std::get<2>(document)))};
    const py::gil_scoped_release unlocked;
    engine.provide(to_resource(std::move(resource)), to_audience(std::move(audience)), std::move(made), is_list);
}

bool refuse_publish(Engine& engine, exchange::PublishId id, const std::string& fault, std::string reason) {
    for (const auto& [name, value] : kFaults) {
        if (name != fault) continue;
        const py::gil_scoped_release unlocked;
        return engine.answer_publish(id, exchange::PublishRefused{value, std::move(reason)});
    }
    throw py::value_error("no PublishFault is called " + fault);
}

}  // namespace

void bind_watch_events(py::module_& module) {
    py::class_<WatchEvent>(module, "WatchEvent")
        .def_property_readonly("is_wanted",
                               [](const WatchEvent& event) { return event.kind == events::WatchEventKind::wanted; })
        .def_property_readonly("package", [](const WatchEvent& event) { return lenient(event.resource.package); })
        .def_property_readonly("address", [](const WatchEvent& event) { return lenient(event.resource.address); });
    py::class_<PublishReceived>(module, "PublishReceived")
        .def_readonly("publish_id", &PublishReceived::id)
        .def_property_readonly("package", [](const PublishReceived& event) { return lenient(event.package); })
        .def_property_readonly("address", [](const PublishReceived& event) { return lenient(event.address); })
        .def_property_readonly("publisher", [](const PublishReceived& event) { return lenient(event.publisher); })
        .def_property_readonly("flow", [](const PublishReceived& event) { return flow_row(event.flow); })
        .def_readonly("expires_s", &PublishReceived::expires_s)
        .def_property_readonly("etag", [](const PublishReceived& event) { return lenient(event.etag); })
        .def_property_readonly("content_type", [](const PublishReceived& event) { return lenient(event.content_type); })
        .def_property_readonly("body", [](const PublishReceived& event) { return py::bytes(event.body); });
    py::class_<SubscriptionReport>(module, "SubscriptionReport")
        .def_property_readonly("package",
                               [](const SubscriptionReport& report) { return lenient(report.resource.package); })
        .def_property_readonly("address",
                               [](const SubscriptionReport& report) { return lenient(report.resource.address); })
        .def_property_readonly("watcher", [](const SubscriptionReport& report) { return lenient(report.watcher); })
        .def_property_readonly("flow", [](const SubscriptionReport& report) { return flow_row(report.flow); })
        .def_readonly("expires_in_ms", &SubscriptionReport::expires_in_ms)
        .def_readonly("notified", &SubscriptionReport::notified)
        .def_readonly("is_pending", &SubscriptionReport::is_pending);
}

void bind_watch_control(py::class_<Engine>& engine) {
    engine
        .def("apply_notifier", &apply_notifier, py::arg("packages"), py::arg("expires_s"), py::arg("interval_ms"),
             py::arg("max_subscriptions"))
        .def("provide", &provide, py::arg("resource"), py::arg("audience"), py::arg("document"), py::arg("is_list"))
        .def(
            "refuse_watchers",
            [](Engine& core, ResourceRow resource, const std::string& reason) {
                core.refuse_watchers(to_resource(std::move(resource)), reason);
            },
            py::arg("resource"), py::arg("reason"), Unlocked())
        .def(
            "accept_publish",
            [](Engine& core, exchange::PublishId id, std::string etag, std::uint32_t expires_s) {
                return core.answer_publish(id, exchange::PublishAccepted{std::move(etag), expires_s});
            },
            py::arg("publish_id"), py::arg("etag"), py::arg("expires_s"), Unlocked())
        .def("refuse_publish", &refuse_publish, py::arg("publish_id"), py::arg("fault"), py::arg("reason"))
        .def("set_known_addresses", &Engine::set_known_addresses, py::arg("aor_keys"), Unlocked())
        .def("subscriptions", &Engine::subscriptions, Unlocked());
}

}  // namespace sr::bindings
