"""A SIP device with a thread that answers what the daemon asks: it stays there while the test does other things.

Answers to its own requests wait in a queue that ``receive`` reads: ``register``, ``exchange`` and ``SipCall`` work as
with any ``SipPeer``.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from tests.kit.sip_peer import ANSWER_S, SipMessage, SipPeer
from tests.kit.stream_peer import TcpPeer

_LOOK_S = 0.1
"""How long the thread waits for a message until it looks whether it is to end."""


def _ignore(_: SipMessage) -> None:
    """For nobody who wants to know."""


class _Answering:
    """The thread; ``is_silent``: it answers nothing. ``on_notify`` is called on the thread, before the answer."""

    def start(self, peer: SipPeer, take: Callable[[float], SipMessage]) -> None:
        self.is_silent = False
        self.on_notify: Callable[[SipMessage], None] = _ignore
        self._peer, self._take = peer, take
        self._answers: queue.SimpleQueue[SipMessage] = queue.SimpleQueue()
        self._is_ended = False
        self._thread = threading.Thread(target=self._run, name=f"peer-{peer.user}", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether anything may still come: a connection that the daemon closed brings nothing more."""
        return self._thread.is_alive()

    def next_answer(self, timeout_s: float) -> SipMessage:
        """The next answer; TimeoutError when none comes."""
        try:
            return self._answers.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError(f"{self._peer.user} got no answer within {timeout_s:g} s") from None

    def end(self) -> None:
        """Answer nothing more; the socket may be closed then."""
        self._is_ended = True
        self._thread.join()

    def _run(self) -> None:
        while not self._is_ended:
            try:
                self._handle(self._take(_LOOK_S))
            except TimeoutError:
                continue
            except OSError:
                return  # the daemon closed the connection

    def _handle(self, message: SipMessage) -> None:
        if message.status:
            self._answers.put(message)
        elif not self.is_silent and message.method != "ACK":
            if message.method == "NOTIFY":
                self.on_notify(message)
            self._peer.answer(message)


class AnsweringUdp(SipPeer):
    """A device over UDP that answers by itself."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.answering = _Answering()
        self.answering.start(self, super().receive)

    def receive(self, timeout_s: float = ANSWER_S) -> SipMessage:
        return self.answering.next_answer(timeout_s)

    def close(self) -> None:
        self.answering.end()
        super().close()


class AnsweringTcp(TcpPeer):
    """A device on a connection that answers by itself."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.answering = _Answering()
        self.answering.start(self, super().receive)

    def receive(self, timeout_s: float = ANSWER_S) -> SipMessage:
        return self.answering.next_answer(timeout_s)

    def close(self) -> None:
        self.answering.end()
        super().close()
