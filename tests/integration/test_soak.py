"""The short forms of `make soak`."""

from __future__ import annotations

from tests.soak import connections, flood, kills, reloads, subscriptions


def test_nothing_that_was_acknowledged_in_time_is_lost_by_kills(tmp_path):
    kills.soak(tmp_path, rounds=4, seed=20_261)


def test_reloads_lose_no_binding_and_leave_no_request_unanswered(tmp_path):
    reloads.soak(tmp_path, reloads=12, devices=200).require_nothing_lost()


def test_a_flood_takes_no_honest_registration_no_more_than_its_room_and_nothing_afterwards(tmp_path):
    report = flood.soak(tmp_path, packets=20_000, devices=50, room=100)
    report.require_nothing_broken()
    assert report.most_aors == report.limit  # it was full: one source's burst alone is more than there is room for


def test_connections_that_all_break_and_come_back_lose_no_binding_and_leave_nothing(tmp_path):
    connections.soak(tmp_path, devices=150, storms=1)


def test_subscriptions_to_far_more_addresses_than_there_is_room_for_keep_to_the_limit_and_leave_nothing(tmp_path):
    subscriptions.soak(tmp_path, addresses=3000, waves=2, limit=500).require_nothing_broken()
