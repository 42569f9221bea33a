"""The daemon with an audio side that only talks: takes the daemon's own command line.

It answers any description with a fixed one, refuses one that contains ``refuse-me``, never decides about one that
contains ``s=undecided``, and writes what it is asked, one JSON line each, into the file that MEDIA_REPORT names.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import daemon.wiring
from daemon.__main__ import main
from domain.calls import CallEvent, CallTarget, IncomingCall, MediaAnswer, MediaRefusal, RefusalStatus
from domain.legs import LegEvent, LegPeer, LegReport
from sip_server.invite_flow import InviteFlow

ANSWER = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
)


class TalkingMedia:
    """Implements ``domain.calls.MediaService``."""

    def __init__(self, report: Path) -> None:
        self._report = report

    def open_leg(
        self, leg_id: str, offer: bytes | None, target: CallTarget, peer: LegPeer
    ) -> MediaAnswer | MediaRefusal:
        self._tell("open", leg=leg_id, target=str(target.kind), device=target.device_id, has_offer=offer is not None)
        return _answer(offer)

    def update_leg(self, leg_id: str, offer: bytes | None) -> MediaAnswer | MediaRefusal:
        self._tell("update", leg=leg_id, is_hold=b"a=sendonly" in (offer or b""))
        return _answer(offer)

    def complete_leg(self, leg_id: str, answer: bytes) -> MediaRefusal | None:
        self._tell("complete", leg=leg_id, octets=len(answer))
        return None

    def add_candidate(self, leg_id: str, candidate: str) -> bool:
        self._tell("candidate", leg=leg_id, candidate=candidate)
        return True

    def close_leg(self, leg_id: str) -> None:
        self._tell("close", leg=leg_id)

    def legs(self) -> Sequence[LegReport]:
        return ()

    def _tell(self, what: str, **fields: Any) -> None:
        with self._report.open("a", encoding="utf-8") as report:
            report.write(json.dumps({"what": what, **fields}) + "\n")


class UndecidedFlow(InviteFlow):
    """In the place of ``InviteFlow``: a call that it leaves alone is neither answered nor refused."""

    def on_call_event(self, event: CallEvent | LegEvent) -> None:
        if not (isinstance(event, IncomingCall) and b"s=undecided" in event.offer):
            super().on_call_event(event)


def _answer(offer: bytes | None) -> MediaAnswer | MediaRefusal:
    if offer is not None and b"refuse-me" in offer:
        return MediaRefusal(RefusalStatus.NOT_ACCEPTABLE_HERE, "no codec in common")
    return MediaAnswer(ANSWER)


if __name__ == "__main__":
    media = TalkingMedia(Path(os.environ["MEDIA_REPORT"]))
    setattr(daemon.wiring, "make_media", lambda engine: media)  # noqa: B010  # typed as a function of the module's own
    setattr(daemon.wiring, "InviteFlow", UndecidedFlow)  # noqa: B010  # the same
    sys.exit(main())
