"""The short forms of `make soak`."""

from __future__ import annotations

from tests.soak import connections, kills, reloads


def test_nothing_that_was_acknowledged_in_time_is_lost_by_kills(tmp_path):
    kills.soak(tmp_path, rounds=4, seed=20_261)


def test_reloads_lose_no_binding_and_leave_no_request_unanswered(tmp_path):
    reloads.soak(tmp_path, reloads=12, devices=200).require_nothing_lost()


def test_connections_that_all_break_and_come_back_lose_no_binding_and_leave_nothing(tmp_path):
    connections.soak(tmp_path, devices=150, storms=1)
