"""How many connections may stand."""

from __future__ import annotations

from sip_server.connection_quota import CountedQuota


def test_one_address_gets_its_share_and_no_more() -> None:
    quota = CountedQuota(100, 2)
    assert [quota.take("192.0.2.7") for _ in range(3)] == [True, True, False]
    assert quota.take("192.0.2.8")
    quota.give_back("192.0.2.7")
    assert quota.take("192.0.2.7")


def test_all_together_get_no_more_than_the_total() -> None:
    quota = CountedQuota(3, 2)
    assert [quota.take(f"192.0.2.{last}") for last in range(4)] == [True, True, True, False]
    assert len(quota) == 3


def test_this_machines_own_addresses_have_the_total_only() -> None:
    quota = CountedQuota(3, 1)
    assert [quota.take(ip) for ip in ("127.0.0.1", "127.0.0.1", "::1", "127.0.0.1")] == [True, True, True, False]


def test_an_address_is_one_whichever_family_it_came_by_and_whatever_its_zone() -> None:
    quota = CountedQuota(100, 1)
    assert quota.take("192.0.2.7")
    assert not quota.take("::ffff:192.0.2.7")
    assert quota.take("fe80::1%eth0")
    assert not quota.take("fe80::1%2")


def test_new_limits_hold_from_the_next_connection_on() -> None:
    quota = CountedQuota(10, 10)
    assert [quota.take("192.0.2.7") for _ in range(3)] == [True] * 3
    quota.set_limits(10, 2)
    assert not quota.take("192.0.2.7")
    quota.give_back("192.0.2.7")
    assert not quota.take("192.0.2.7")
    quota.give_back("192.0.2.7")
    assert quota.take("192.0.2.7")
