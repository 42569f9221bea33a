"""What the store promises while the disk is well; its journal is a virtual core, its clock virtual, SQLite real."""

from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator

import pytest
from structlog.testing import capture_logs

from domain.ports import BINDING_FIELDS, BindingChanges
from location import binding_schema
from location.binding_loader import RestoredBindings
from tests.kit.binding_journal import DAY_MS, HOUR_MS, VirtualClock, changed, row
from tests.kit.stored_daemon import DOMAIN, MOST_S, StoredDaemon, stored_rows


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def begin(tmp_path, clock) -> Iterator[Callable[..., StoredDaemon]]:
    """Start a daemon on the test's state directory; all are stopped at the end."""
    daemons: list[StoredDaemon] = []

    def start(listeners: tuple[str, ...] = ("0.0.0.0:5060",), max_expires_s: int = MOST_S) -> StoredDaemon:
        daemons.append(StoredDaemon(tmp_path, clock, listeners))
        daemons[-1].start(max_expires_s)
        return daemons[-1]

    yield start
    for daemon in daemons:
        daemon.store.stop()


def test_the_places_of_fields_are_those_of_their_names():
    assert BINDING_FIELDS[binding_schema.NUMBER] == "number"
    assert BINDING_FIELDS[binding_schema.AOR_KEY] == "aor_key"
    assert BINDING_FIELDS[binding_schema.DEVICE_UUID] == "device_uuid"
    assert BINDING_FIELDS[binding_schema.LISTENER] == "listener"


def test_every_field_comes_back_as_it_was(begin):
    """Octets that are no UTF-8, NUL, quotes and numbers at their limits included."""
    odd = changed(
        row(2**40, user_agent=b"\xff\xfe caf\xe9\x00"),
        aor_key=b"caf\xe9",
        contact_uri="sip:h\u00e4\u00df\x00'\"@[::1]",
        call_id=b"\x80",
        cseq=2**32 - 1,
        device_uuid="f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        instance=b"\xc3\x28",
        reg_id=2**31,
        path=b"<sip:\xff>",
        content_type=b"\xf0",
        body=bytes(range(256)),
        flow_ip="fe80::1%2",
        flow_port=65535,
        target_ip="::1",
        target_port=1,
        listener=1,
        last_heard_ms=-5000,
    )
    plain = changed(row(1), q_thousandths=None, reg_id=0)
    listeners = ("0.0.0.0:5060", "[::]:5060")
    first = begin(listeners)
    first.journal.hear(odd)
    first.journal.hear(plain)
    first.store.stop()
    second = begin(listeners)
    at = second.journal.restored_at_ms
    wanted = [changed(each, expires_at_ms=at + each[19], last_heard_ms=at + each[20]) for each in (plain, odd)]
    assert sorted(second.journal.restored) == wanted
    assert [[type(field) for field in each] for each in sorted(second.journal.restored)] == [
        [type(field) for field in each] for each in wanted
    ]
    assert second.restored.bindings == 2
    assert second.restored.device_ids == {"f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "user1@lan"}


def test_refreshes_coalesce_and_a_removal_removes(begin, tmp_path):
    daemon = begin()
    for cseq in range(5):
        daemon.journal.hear(changed(row(1), cseq=cseq))
    daemon.journal.hear(row(2))
    daemon.save()
    daemon.journal.remove(2)
    daemon.journal.hear(row(3))
    daemon.save()
    found = stored_rows(tmp_path)
    assert set(found) == {1, 3}
    assert found[1][BINDING_FIELDS.index("cseq")] == 4


def test_more_changes_than_a_chunk_holds_are_one_transaction(begin, tmp_path):
    daemon = begin()
    for number in range(1, 1001):
        daemon.journal.hear(row(number))
    daemon.save()
    assert set(stored_rows(tmp_path)) == set(range(1, 1001))
    assert daemon.journal.takes >= 4


def test_a_round_is_committed_though_changes_never_end(begin, tmp_path, monkeypatch):
    monkeypatch.setattr("location.binding_saver._ROWS_PER_ROUND", 300)
    daemon = begin()
    for number in range(1, 1001):
        daemon.journal.hear(row(number))
    take, seen = daemon.journal.take_changes, []

    def observed(most: int, now_ms: int):
        seen.append(len(stored_rows(tmp_path)))
        return take(most, now_ms)

    monkeypatch.setattr(daemon.journal, "take_changes", observed)
    daemon.save()
    assert seen == [0, 0, 512, 512]
    assert len(stored_rows(tmp_path)) == 1000


def test_nothing_to_write_touches_no_file(begin, tmp_path):
    daemon = begin()
    daemon.journal.hear(row(1))
    daemon.store.note_listed(["user1"])
    daemon.save()
    daemon.store.note_listed(["user1"])
    before = [(path, path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(tmp_path.iterdir())]
    statements: list[str] = []
    daemon.store._saver._database._connection.set_trace_callback(statements.append)
    for _ in range(3):
        daemon.save()
    assert statements == []
    assert [(path, path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(tmp_path.iterdir())] == before


def test_removals_that_the_core_lost_are_made_up_by_writing_everything(begin, tmp_path):
    daemon = begin()
    for number in (1, 2, 3):
        daemon.journal.hear(row(number))
    daemon.save()
    daemon.journal.remove(2)
    daemon.journal.lose_removals()
    daemon.save()
    assert set(stored_rows(tmp_path)) == {1, 3}
    assert daemon.journal.retakes == 1


def test_the_database_and_its_companions_are_for_the_daemons_user_only(begin, tmp_path):
    (tmp_path / "bindings.sqlite3").touch(0o644)
    daemon = begin()
    daemon.journal.hear(row(1))
    daemon.save()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("bindings.sqlite3", "bindings.sqlite3-wal", "bindings.sqlite3-shm"), 0o600)


def test_a_clean_stop_leaves_one_file_with_everything(begin, tmp_path):
    daemon = begin()
    daemon.journal.hear(row(1))
    daemon.store.stop()
    daemon.store.stop()
    assert [path.name for path in tmp_path.iterdir()] == ["bindings.sqlite3"]
    assert set(stored_rows(tmp_path)) == {1}


def test_a_clean_stop_empties_the_log_though_another_program_looks_into_the_database(begin, tmp_path):
    daemon = begin()
    daemon.journal.hear(row(1))
    daemon.save()
    other = sqlite3.connect(tmp_path / "bindings.sqlite3")
    assert other.execute("SELECT number FROM bindings").fetchall() == [(1,)]
    assert (tmp_path / "bindings.sqlite3-wal").stat().st_size > 0
    daemon.store.stop()
    assert (tmp_path / "bindings.sqlite3-wal").stat().st_size == 0
    other.close()


def test_a_fault_of_ours_in_the_middle_of_a_round_loses_nothing(begin, tmp_path, monkeypatch):
    daemon = begin()
    daemon.journal.hear(row(1))
    daemon.save()
    for number in range(2, 1001):
        daemon.journal.hear(row(number))
    take: Callable[[int, int], BindingChanges] = daemon.journal.take_changes

    def fail_at_the_second(most: int, now_ms: int) -> BindingChanges:
        monkeypatch.setattr(daemon.journal, "take_changes", fail)
        return take(most, now_ms)

    def fail(most: int, now_ms: int) -> BindingChanges:
        raise RuntimeError("ours")

    monkeypatch.setattr(daemon.journal, "take_changes", fail_at_the_second)
    with capture_logs() as logs:
        daemon.save()
    assert [each["event"] for each in logs] == ["bindings.saving_crashed"]
    assert set(stored_rows(tmp_path)) == {1}
    monkeypatch.setattr(daemon.journal, "take_changes", take)
    daemon.save()
    assert set(stored_rows(tmp_path)) == set(range(1, 1001))


def test_a_store_that_was_never_started_can_be_stopped(tmp_path, clock):
    daemon = StoredDaemon(tmp_path, clock)
    daemon.store.load(MOST_S, DOMAIN)
    daemon.store.stop()
    assert [path.name for path in tmp_path.iterdir()] == ["bindings.sqlite3"]


def test_asking_a_stopped_store_to_save_does_not_hang(begin):
    daemon = begin()
    daemon.store.stop()
    assert not daemon.store.save_now()


def test_rounds_come_by_themselves_at_the_interval_set_last(begin, tmp_path):
    daemon = begin()
    daemon.journal.hear(row(1))
    rounds: list[float | None] = []
    three_rounds = threading.Event()

    def save() -> float | None:
        rounds.append(daemon.store._saver.save())
        if len(rounds) == 3:
            three_rounds.set()
        return rounds[-1]

    daemon.store._thread._save = save
    daemon.store.set_interval(0.001)
    assert three_rounds.wait(30)
    assert set(rounds) == {None}
    assert set(stored_rows(tmp_path)) == {1}


def test_expired_bindings_and_those_of_connections_are_left_out_and_deleted_later(begin, tmp_path, clock):
    first = begin()
    first.journal.hear(row(1))
    first.journal.hear(row(2, expires_in_ms=1000))
    first.journal.hear(row(3, transport="tcp"))
    first.store.stop()
    clock.advance(1000)
    second = begin()
    assert second.journal.numbers() == {1}
    assert second.restored == RestoredBindings(1, frozenset({"user1@lan"}), frozenset())
    assert set(stored_rows(tmp_path)) == {1, 2, 3}
    second.journal.hear(row(4, transport="tcp"))
    second.save()
    assert set(stored_rows(tmp_path)) == {1, 4}


def test_numbers_are_never_given_twice(begin):
    """Not even those whose bindings were removed, or given just before the end."""
    first = begin()
    assert first.journal.first_number == 1
    first.journal.hear(row(5_000_000))
    first.save()
    first.journal.remove(5_000_000)
    first.store.stop()
    second = begin()
    assert second.journal.first_number > 5_000_001 + 999_999
    second.store.stop()
    assert begin().journal.first_number > second.journal.first_number + 999_999


def test_no_binding_is_restored_for_longer_than_the_limit(begin, tmp_path, clock):
    """A clock that was set back between two boots must not make bindings immortal, however often it is."""
    first = begin()
    first.journal.hear(row(1))
    first.store.stop()
    clock.set_wall(-DAY_MS)
    clock.reboot()
    second = begin(max_expires_s=7200)
    assert second.journal.left_ms() == {1: 2 * HOUR_MS}
    second.save()
    expires_at_ms = stored_rows(tmp_path)[1][BINDING_FIELDS.index("expires_at_ms")]
    assert expires_at_ms == clock.wall_ms() + 2 * HOUR_MS
    assert stored_rows(tmp_path)[1][BINDING_FIELDS.index("last_heard_ms")] <= clock.wall_ms()


@pytest.mark.parametrize("jump_ms", [DAY_MS, -DAY_MS])
def test_a_clock_set_while_the_daemon_is_down_harms_nothing_in_the_same_boot(begin, clock, jump_ms):
    first = begin()
    first.journal.hear(row(1))
    first.store.stop()
    clock.advance(60_000)
    clock.set_wall(jump_ms)
    second = begin()
    assert second.journal.left_ms() == {1: HOUR_MS - 60_000}
    with capture_logs() as logs:
        second.save()
        second.save()
    assert [(each["event"], each["by_s"]) for each in logs] == [("bindings.clock_jumped", jump_ms // 1000)]
    second.store.stop()
    clock.advance(60_000)
    clock.reboot()
    assert begin().journal.left_ms() == {1: HOUR_MS - 120_000}


@pytest.mark.parametrize("jump_ms", [DAY_MS, -DAY_MS])
def test_a_clock_set_while_the_daemon_runs_changes_no_lifetime(begin, clock, jump_ms):
    first = begin()
    first.journal.hear(row(1))
    first.journal.hear(row(2))
    first.save()
    clock.set_wall(jump_ms)
    with capture_logs() as logs:
        first.save()
    assert [each["event"] for each in logs] == ["bindings.clock_jumped"]
    first.store.stop()
    clock.reboot()
    assert begin().journal.left_ms() == {1: HOUR_MS, 2: HOUR_MS}


def test_a_clock_set_before_a_kill_and_seen_by_no_round_changes_no_lifetime(begin, clock):
    first = begin()
    first.journal.hear(row(1))
    first.save()
    clock.set_wall(DAY_MS)
    first.kill()
    assert begin().journal.left_ms() == {1: HOUR_MS}


def test_a_slewed_clock_is_no_jump(begin, clock):
    daemon = begin()
    daemon.journal.hear(row(1))
    daemon.save()
    clock.set_wall(1999)
    retakes = daemon.journal.retakes
    with capture_logs() as logs:
        daemon.save()
    assert logs == []
    assert daemon.journal.retakes == retakes


def test_another_boot_counts_by_the_wall_clock(begin, clock):
    first = begin()
    first.journal.hear(row(1))
    first.journal.hear(row(2, expires_in_ms=60_000))
    first.store.stop()
    clock.wall += 120_000
    clock.reboot()
    assert begin().journal.left_ms() == {1: HOUR_MS - 120_000}


@pytest.mark.parametrize(
    ("listeners", "wanted"),
    [
        (("0.0.0.0:5060", "[::]:5060", "10.0.0.1:5070"), {1: 2, 2: 1}),
        (("10.0.0.1:5070", "[::]:5060"), {1: 0, 2: 1}),
        (("[::1]:5060", "192.0.2.1:5060", "192.0.2.2:5060"), {1: 1, 2: 0}),
        (("192.0.2.1:5060",), {1: 0, 2: 0}),
    ],
    ids=["moved", "fewer", "others", "one-family"],
)
def test_a_binding_keeps_its_listening_address_or_gets_one_of_its_family(begin, listeners, wanted):
    first = begin(("10.0.0.1:5070", "[::]:5060"))
    first.journal.hear(changed(row(1), listener=0))
    first.journal.hear(changed(row(2), listener=1, flow_ip="fd00::2", target_ip="fd00::2"))
    first.store.stop()
    restored = begin(listeners).journal.restored
    assert {each[0]: each[binding_schema.LISTENER] for each in restored} == wanted


def test_a_clock_set_to_1970_damages_nothing(begin, clock):
    """As of a board whose clock lost its battery: a device was heard before the beginning of time."""
    first = begin()
    first.journal.hear(changed(row(1), last_heard_ms=-600_000))
    first.save()
    clock.set_wall(5_000 - clock.wall)
    first.save()
    first.store.stop()
    with capture_logs() as logs:
        second = begin()
    assert logs == []
    assert second.journal.numbers() == {1}
    assert second.journal.restored[0][20] < 0
