"""What differs between two configurations, and when each difference is in force."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configuration.config_diff import Effect, diff, in_force
from configuration.config_document import ConfigDocument

OLD = ConfigDocument.model_validate(
    {
        "devices": {"a": {"name": "A", "ip": "192.0.2.1"}, "b": {}},
        "routes": [{"source": "a", "sink": "b"}],
    }
)


def changed(**sections: object) -> ConfigDocument:
    before = OLD.model_dump(exclude_unset=True)
    return ConfigDocument.model_validate({**before, **sections})


def told(new: ConfigDocument) -> list[tuple[str, str]]:
    return [(str(change), str(change.effect)) for change in diff(OLD, new)]


def test_equal_documents_differ_in_nothing():
    assert told(changed()) == []


@pytest.mark.parametrize(
    ("sections", "text", "effect"),
    [
        ({"server": {"name": "Attic"}}, "server.name: ScreamRouter -> Attic", "live"),
        ({"server": {"domain": "x.org"}}, "server.domain: screamrouter.local -> x.org", "live"),
        ({"server": {"state_dir": "/srv"}}, "server.state_dir: nothing -> /srv", "restart"),
        ({"sip": {"udp": {"port": 5070}}}, "sip.udp.port: 5060 -> 5070", "restart"),
        ({"sip": {"udp": {"address": "::1"}}}, "sip.udp.address: [0.0.0.0, ::] -> [::1]", "restart"),
        ({"registrar": {"max_contacts": 5}}, "registrar.max_contacts: 10 -> 5", "live"),
        ({"liveness": {"timeout_s": 60.5}}, "liveness.timeout_s: 30 -> 60.5", "live"),
        ({"discovery": {"enabled": False}}, "discovery.enabled: true -> false", "live"),
        ({"log": {"level": "debug"}}, "log.level: info -> debug", "live"),
    ],
)
def test_setting_is_told_with_its_key_and_when_it_is_in_force(sections, text, effect):
    assert told(changed(**sections)) == [(text, effect)]


def test_devices_and_routes_that_come_go_and_change_are_told_in_the_files_order():
    new = changed(
        devices={"c": {}, "a": {"name": "Kitchen", "ip": "192.0.2.2"}},
        routes=[{"source": "a", "sink": "b", "volume": 0.5}, {"source": "b", "sink": "a"}],
        log={"level": "error"},
    )
    assert told(new) == [
        ("log.level: info -> error", "live"),
        ("devices.a.name: A -> Kitchen", "live"),
        ("devices.a.ip: 192.0.2.1 -> 192.0.2.2", "overwritten"),
        ("devices.b: removed", "live"),
        ("devices.c: added", "live"),
        ("routes[0]: changed", "live"),
        ("routes[1]: added", "live"),
    ]


def test_long_values_are_cut():
    (change,) = diff(OLD, changed(server={"state_dir": "/" + "x" * 5000}))
    assert len(str(change)) < 300


SECTIONS = st.fixed_dictionaries(
    {},
    optional={
        "server": st.fixed_dictionaries({}, optional={"name": st.just("N"), "state_dir": st.just("/s")}),
        "sip": st.fixed_dictionaries({"udp": st.fixed_dictionaries({"port": st.integers(0, 65535)})}),
        "registrar": st.fixed_dictionaries({"max_contacts": st.integers(1, 32)}),
        "devices": st.dictionaries(st.sampled_from("abc"), st.fixed_dictionaries({"name": st.text(max_size=3)})),
    },
)


@given(SECTIONS, SECTIONS)
def test_what_is_in_force_differs_from_what_is_wanted_only_by_what_needs_a_restart(started, wanted):
    running, target = ConfigDocument.model_validate(started), ConfigDocument.model_validate(wanted)
    assert {change.effect for change in diff(in_force(running, target), target)} <= {Effect.RESTART}
    assert {change.effect for change in diff(running, in_force(running, target))} <= {Effect.LIVE}
