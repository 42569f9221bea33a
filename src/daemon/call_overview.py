"""The calls that are up, as REST shows them: what the flow of calls knows, joined with the figures of their legs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from domain.call_reports import CallReport
from domain.calls import MediaService, leg_id_of
from domain.legs import LegReport
from domain.ports import Clock
from sip_server.invite_flow import CallWithLeg, InviteFlow


class CallOverview:
    """Implements ``domain.call_reports.CallsView``."""

    def __init__(self, flow: InviteFlow, media: MediaService, clock: Clock) -> None:
        self._flow = flow
        self._media = media
        self._clock = clock

    def call_reports(self) -> Sequence[CallReport]:
        legs = {leg.leg_id: leg for leg in self._media.legs()}
        return [
            self._report(leg_id_of(call_id), call, legs.get(leg_id_of(call_id)))
            for call_id, call in self._flow.calls.items()
        ]

    def leg_rows(self) -> list[dict[str, Any]]:
        """Every leg and its live figures, as values that JSON can carry."""
        return [asdict(leg) for leg in self._media.legs()]

    def _report(self, leg_id: str, call: CallWithLeg, leg: LegReport | None) -> CallReport:
        target = call.target.device_id or str(call.target.kind)
        if leg is None:
            return CallReport(leg_id, call.caller, target, "ending", digits=call.digits)
        return CallReport(
            call_id=leg_id,
            caller=call.caller,
            target=target,
            state=leg.state,
            began=self._clock.now() - timedelta(milliseconds=leg.age_ms),
            codec=leg.codec,
            octets_received=leg.octets_received,
            octets_sent=leg.octets_sent,
            packets_lost=leg.packets_lost,
            jitter_ms=leg.jitter_ms,
            rtt_ms=leg.rtt_ms,
            level_received_dbov=leg.level_dbov,
            kind=leg.kind,
            remote=leg.remote,
            is_forwarded=leg.is_forwarded,
            packets_discarded=leg.packets_discarded,
            buffer_ms=leg.buffer_ms,
            digits=call.digits,
        )
