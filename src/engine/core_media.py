"""The C++ AudioManager as ``domain.calls.MediaService``."""

from __future__ import annotations

from collections.abc import Sequence

from domain.calls import CallTarget, MediaAnswer, MediaRefusal, RefusalStatus, TargetKind
from domain.errors import MediaUnavailable
from domain.legs import (
    AudioRoute,
    LegConnected,
    LegDigit,
    LegEvent,
    LegFailed,
    LegPeer,
    LegReport,
    LegSilent,
    MediaSettings,
)
from engine import _engine

_KINDS = {TargetKind.ECHO: "echo", TargetKind.TONE: "tone", TargetKind.SINK: "mix", TargetKind.SOURCE: "source"}


class CoreMedia:
    """Any thread; every call is short and lets other Python threads run."""

    def __init__(self, audio: _engine.AudioManager) -> None:
        self._audio = audio

    def start(self, settings: MediaSettings) -> int:
        """Bind the media port and serve; return the port. Raise ``MediaUnavailable`` where it cannot be."""
        first, last = settings.rtp_ports
        wanted = {
            "addresses": list(settings.addresses),
            "port": settings.port,
            "first_rtp_port": first,
            "last_rtp_port": last,
            "silence_ms": round(settings.silence_s * 1000),
        }
        try:
            self._audio.start(wanted)
        except RuntimeError as fault:
            raise MediaUnavailable(
                f"There is no audio: {fault}. Set another media.port in config.yaml, or end the program that holds it "
                "(`ss -lunp` shows which)."
            ) from fault
        return self._audio.port

    def stop(self) -> None:
        """End every leg; idempotent."""
        self._audio.stop()

    def set_addresses(self, addresses: Sequence[str]) -> None:
        """Offer these to legs to come."""
        self._audio.set_addresses(list(addresses))

    def set_routes(self, routes: Sequence[AudioRoute]) -> None:
        """Make ``routes`` all that there are."""
        self._audio.set_routes([(route.source, route.sink, route.volume) for route in routes])

    def open_leg(
        self, leg_id: str, offer: bytes | None, target: CallTarget, peer: LegPeer
    ) -> MediaAnswer | MediaRefusal:
        wanted = {
            "leg_id": leg_id,
            "device": peer.device_id,
            "kind": _KINDS[target.kind],
            "name": target.device_id,
            "peer_ip": peer.ip,
        }
        return _to_answer(*self._audio.open_leg(wanted, offer or b""))

    def update_leg(self, leg_id: str, offer: bytes | None) -> MediaAnswer | MediaRefusal:
        return _to_answer(*self._audio.update_leg(leg_id, offer or b""))

    def complete_leg(self, leg_id: str, answer: bytes) -> MediaRefusal | None:
        status, reason = self._audio.complete_leg(leg_id, answer)
        return _to_refusal(status, reason) if status else None

    def add_candidate(self, leg_id: str, candidate: str) -> bool:
        return self._audio.add_candidate(leg_id, candidate)

    def close_leg(self, leg_id: str) -> None:
        self._audio.close_leg(leg_id)

    def legs(self) -> Sequence[LegReport]:
        return [_to_report(leg) for leg in self._audio.legs()]


def to_leg_event(record: _engine.LegEvent) -> LegEvent:
    """The event that ``record`` is."""
    match record.kind:
        case "connected":
            return LegConnected(record.leg_id)
        case "digit":
            return LegDigit(record.leg_id, record.digit, record.duration_ms)
        case "silent":
            return LegSilent(record.leg_id, record.reason)
        case "failed":
            return LegFailed(record.leg_id, record.reason)
        case kind:
            raise AssertionError(f"the core spoke of a leg that {kind!r}")


def _to_answer(sdp: bytes, status: int, reason: str) -> MediaAnswer | MediaRefusal:
    return _to_refusal(status, reason) if status else MediaAnswer(sdp)


def _to_refusal(status: int, reason: str) -> MediaRefusal:
    return MediaRefusal(RefusalStatus(status), reason)


def _to_report(leg: _engine.LegStatistics) -> LegReport:
    return LegReport(
        leg_id=leg.leg_id,
        target=leg.mix,
        device_id=leg.device,
        kind=leg.kind,
        state=leg.state,
        codec=leg.codec,
        remote=leg.remote,
        is_forwarded=leg.is_forwarded,
        packets_received=leg.packets_received,
        octets_received=leg.octets_received,
        packets_sent=leg.packets_sent,
        octets_sent=leg.octets_sent,
        packets_lost=leg.packets_lost,
        packets_discarded=leg.packets_discarded,
        remote_loss=leg.remote_loss,
        jitter_ms=leg.jitter_ms,
        buffer_ms=leg.buffer_ms,
        rtt_ms=None if leg.rtt_ms < 0 else leg.rtt_ms,
        level_dbov=leg.level_dbov,
        concealed_frames=leg.concealed_frames,
        age_ms=leg.age_ms,
    )
