"""What was said between a peer and us, as the core kept it: for people to read, never to decide a registration by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.values import Endpoint, Transport


@dataclass(frozen=True, slots=True)
class Exchange:
    """The last of ``count`` equal messages between ``first_at`` and ``last_at``, with its answer.

    Equal means: same sender's address, user, method and ``cause``. ``is_ping``: ``message`` is ours, ``answer`` the
    peer's; else the other way round. Credentials in both are masked and each is cut to a few KB (``is_cut``). ``user``
    is To's. ``status`` is that of our answer, 0 where there was none. ``cause`` is the reason's name in the core
    (``engine.core_engine.reject_reasons``), None for what was served. ``listener`` is the index of our socket.
    """

    first_at: datetime
    last_at: datetime
    count: int
    transport: Transport
    remote: Endpoint
    user: str
    message: bytes
    answer: bytes = b""
    status: int = 200
    cause: str | None = None
    is_ping: bool = False
    listener: int = 0
    is_cut: bool = False


class ExchangeLog(Protocol):
    """The core's memory of what was said, bounded: what is old gives way."""

    def exchanges(
        self, *, users: tuple[str, ...] = (), ips: tuple[str, ...] = (), texts: tuple[str, ...] = ()
    ) -> tuple[Exchange, ...]:
        """What has one of ``users`` in To, is of one of ``ips``, or contains one of ``texts``; newest last.

        Everything where all three are empty.
        """
        ...


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """A reason of the core's to refuse a request: its name and what the peer is told."""

    name: str
    status: int
    phrase: str
    warning: str
