"""The fake engine is a journal too: what it is told comes back from a store as it was, unreachable until heard."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from domain.ports import EngineConfig
from domain.values import Binding, Endpoint, Flow, Transport
from engine.fake_engine import FakeEngine
from location.binding_store import BindingStore, StoreSettings

NOW = datetime(2025, 6, 15, 15, 6, 40, tzinfo=UTC)
DOMAIN = "screamrouter.local"
CONFIG = EngineConfig(domain=DOMAIN, served_hosts=frozenset({DOMAIN}))
PHONE = Endpoint("10.0.0.7", 5062)
ALICE = Binding(
    binding_id=7,
    aor=f"alice@{DOMAIN}",
    device_id=f"alice@{DOMAIN}",
    contact_uri="sip:alice@10.0.0.7:5062",
    call_id="c",
    cseq=3,
    flow=Flow(Transport.UDP, PHONE),
    target=PHONE,
    expires_at=NOW + timedelta(hours=1),
    last_heard=NOW - timedelta(seconds=5),
    is_reachable=True,
    rtt_ms=1.25,
    instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>",
    reg_id=1,
    q=0.7,
    path=("<sip:10.0.0.1;lr>",),
    user_agent="Phone/1",
    content_type="application/sdp",
    body=b"v=0",
)
BOB = replace(ALICE, binding_id=8, aor=f"bob@{DOMAIN}", device_id="f81d4fae-7dec-11d0-a765-00a0c91e6bf6", q=None)


class Noon:
    def now(self) -> datetime:
        return NOW


def begin(tmp_path) -> tuple[FakeEngine, BindingStore]:
    engine = FakeEngine(Noon())
    engine.apply_config(CONFIG)
    store = BindingStore(StoreSettings(tmp_path, ["0.0.0.0:5060"], interval_s=1e6), engine)
    return engine, store


def unreachable(binding: Binding) -> Binding:
    """As after a restart: nothing has been heard, and no ping been answered."""
    return replace(binding, is_reachable=False, rtt_ms=None)


def test_bindings_come_back_as_they_were(tmp_path):
    engine, store = begin(tmp_path)
    store.load(7200, DOMAIN)
    store.start()
    for binding in (ALICE, BOB, replace(BOB, binding_id=9)):
        engine.hear(binding)
    engine.remove(9)
    assert store.save_now(30)
    engine.hear(replace(ALICE, cseq=4))
    store.stop()
    again, second = begin(tmp_path)
    restored = second.load(7200, DOMAIN)
    second.stop()
    assert restored.bindings == 2
    assert restored.device_ids == {ALICE.device_id, BOB.device_id}
    assert again.first_number > 9
    assert again.drain() == []
    slack = timedelta(seconds=60)  # the store's clock runs between the two, the engine's stands
    for found, wanted in zip(again.snapshot(), (replace(ALICE, cseq=4), BOB), strict=True):
        assert abs(found.expires_at - wanted.expires_at) < slack
        assert abs(found.last_heard - wanted.last_heard) < slack
        assert replace(found, expires_at=wanted.expires_at, last_heard=wanted.last_heard) == unreachable(wanted)


def test_changes_come_in_chunks_each_once_and_all_again_when_asked(tmp_path):
    engine, _ = begin(tmp_path)
    for number in range(1, 6):
        engine.hear(replace(ALICE, binding_id=number))
    engine.hear(replace(ALICE, binding_id=2))
    engine.remove(5)
    chunks = [engine.take_changes(3, 0) for _ in range(3)]
    assert [[row[0] for row in chunk.saved] for chunk in chunks] == [[1, 2, 3], [4], []]
    assert [list(chunk.removed) for chunk in chunks] == [[5], [], []]
    assert [chunk.is_last for chunk in chunks] == [False, True, True]
    engine.retake_bindings()
    assert [row[0] for row in engine.take_changes(9, 0).saved] == [1, 2, 3, 4]


def test_what_has_expired_is_not_restored(tmp_path):
    engine, _ = begin(tmp_path)
    engine.hear(ALICE)
    rows = engine.take_changes(1, now_ms=1_000_000).saved
    again, _ = begin(tmp_path)
    assert again.restore(rows, 1_000_000 + 3_600_000, 1) == 0
    assert again.restore(rows, 1_000_000 + 3_599_000, 1) == 1
