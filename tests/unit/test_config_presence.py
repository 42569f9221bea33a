"""The section `presence` of config.yaml, and what the owner says of a single device."""

from __future__ import annotations

from pathlib import Path

import pytest

from configuration.config_diff import Effect, diff
from configuration.config_document import ConfigDocument
from configuration.config_loader import parse_config
from configuration.entry_change import MASTERS, Master
from configuration.problem import ConfigRejected


def parse(text: str) -> ConfigDocument:
    return parse_config(text.encode(), Path("config.yaml")).document


def rejection(text: str) -> str:
    with pytest.raises(ConfigRejected) as caught:
        parse(text)
    return str(caught.value)


def test_a_subscription_lasts_a_minute_at_most_unless_the_owner_says_otherwise():
    """Every watcher is back within it after a restart of the daemon (docs/decisions/0016)."""
    presence = parse("presence:\n").presence
    assert (presence.min_expires_s, presence.max_expires_s, presence.interval_s) == (10, 60, 1.0)
    assert (presence.watchers, presence.enabled, presence.lists) == ("registered", True, {})


def test_a_list_is_named_and_has_addresses_or_devices():
    lists = parse("presence: {lists: {upstairs: [kitchen, '101'], attic: bob, empty: }}").presence.lists
    assert lists == {"upstairs": ("kitchen", "101"), "attic": ("bob",), "empty": ()}
    assert parse("presence: {lists: }").presence.lists == {}


@pytest.mark.parametrize("name", ["all", "ALL", "living room", "a@b", "a:b", "é", "", "-x", "x" * 65, "a%20b"])
def test_a_list_that_cannot_be_called_by_its_name_is_refused(name):
    told = rejection(f'presence: {{lists: {{"{name}": [a]}}}}')
    assert "config.yaml:1:19: presence.lists: " in told
    assert "allowed is names (letters, digits and - . _ ~ +, not all)" in told


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{watchers: nobody}", "allowed is registered or anyone"),
        ("{min_expires_s: 61}", "presence.max_expires_s: is less than min_expires_s (61)"),
        ("{interval_s: 0}", "allowed is seconds, 0.05 to 60"),
        ("{lists: {x: [a, a]}}", "names one twice"),
        ("{lists: {x: [101]}}", "found the number 101"),
        ("{list: {}}", "unknown key; did you mean lists?"),
    ],
)
def test_a_wrong_value_is_told_with_what_is_allowed(text, part):
    assert part in rejection(f"presence: {text}")


def test_a_device_wants_no_calls_or_names_its_watchers():
    entry = parse("devices: {a: {do_not_disturb: true, watchers: [bob]}, b: {watchers: []}, c: }").devices
    assert (entry["a"].do_not_disturb, entry["a"].watchers) == (True, ("bob",))
    assert (entry["b"].watchers, entry["c"].watchers, entry["c"].do_not_disturb) == ((), None, False)
    assert MASTERS["do_not_disturb"] is MASTERS["watchers"] is Master.OWNER


def test_every_change_of_it_is_in_force_at_once():
    old = parse("devices: {a: }")
    new = parse(
        "presence: {enabled: false, watchers: anyone, min_expires_s: 5, max_expires_s: 7, interval_s: 2.5, "
        "max_subscriptions: 1, max_publications: 2, lists: {x: [a]}}\n"
        "devices: {a: {do_not_disturb: true, watchers: [b]}}"
    )
    changes = diff(old, new)
    assert len(changes) == 10
    assert {change.effect for change in changes} == {Effect.LIVE}
