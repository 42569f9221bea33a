"""A telephone of our own: SIP by a ``SipPeer``, PCMU by RTP, a tone of its own to speak and ears for others' tones.

Nothing runs beside the test: ``talk`` lets several phones speak in step, a packet each 20 ms, until a condition holds.
"""

from __future__ import annotations

import random
import re
import select
import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from api.control_socket import ask
from tests.kit.daemon_process import DaemonProcess, wait_until
from tests.kit.sip_call import SipCall
from tests.kit.sip_peer import SipMessage, SipPeer
from tests.kit.sound import FAINT, LOUD, decode_mulaw, encode_mulaw, tone, typical_power

RATE_HZ = 8000
PACKET_S = 0.02
PACKET_TICKS = 160
PCMU, EVENTS = 0, 101
_HEADER = struct.Struct("!BBHII")
_MEDIA = re.compile(rb"(?m)^m=audio (\d+)")
_ADDRESS = re.compile(rb"(?m)^c=IN IP[46] (\S+)")
_DIRECTION = re.compile(rb"(?m)^a=(sendrecv|sendonly|recvonly|inactive)")
_REPORT_TYPES = {200: 28, 201: 8}  # where the report blocks of SR and RR begin (RFC 3550 section 6.4)
_DIGITS = "0123456789*#ABCD"
_LONG_HEARD_S = 0.3


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """RFC 3550 section 5.1, without the fields that no test reads."""

    payload_type: int
    is_marked: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes

    @classmethod
    def parse(cls, octets: bytes) -> RtpPacket:
        _, second, sequence, timestamp, ssrc = _HEADER.unpack_from(octets)
        return cls(second & 0x7F, second >= 0x80, sequence, timestamp, ssrc, octets[_HEADER.size :])

    def octets(self) -> bytes:
        second = self.payload_type | (0x80 if self.is_marked else 0)
        return _HEADER.pack(0x80, second, self.sequence, self.timestamp, self.ssrc) + self.payload


@dataclass(frozen=True, slots=True)
class ReceptionReport:
    """What the daemon says of our stream (RFC 3550 section 6.4.1): ``lost`` of all, ``fraction_lost`` of the last."""

    ssrc: int
    fraction_lost: float
    lost: int
    jitter_ms: float


def _socket_pair(ip: str) -> tuple[socket.socket, socket.socket]:
    """An even port and the next (RFC 3550 section 11)."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    while True:
        rtp, rtcp = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
        rtp.bind((ip, 0))
        port = rtp.getsockname()[1]
        try:
            if port % 2 == 0:
                rtcp.bind((ip, port + 1))
                return rtp, rtcp
        except OSError:
            pass  # somebody has the next one
        rtp.close()
        rtcp.close()


@dataclass
class RtpPhone:
    """``tone_hz`` is what it says, a multiple of 50, so that all its packets are alike; 0: digital silence."""

    peer: SipPeer
    tone_hz: int = 0
    heard: list[RtpPacket] = field(default_factory=list, init=False)
    reports: list[ReceptionReport] = field(default_factory=list, init=False)
    ssrc: int = field(default_factory=lambda: random.getrandbits(32), init=False)  # no secret
    sent: int = field(default=0, init=False)
    remote: tuple[str, int] | None = field(default=None, init=False)
    via: tuple[str, int] | None = field(default=None, init=False)
    is_speaking: bool = field(default=True, init=False)
    _version: int = field(default=0, init=False)
    _timestamp: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.rtp, self.rtcp = _socket_pair(self.peer.ip)
        self.call = SipCall(self.peer, "")
        self.say(self.tone_hz)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.rtp.close()
        self.rtcp.close()
        self.peer.close()

    @property
    def rtp_port(self) -> int:
        port: int = self.rtp.getsockname()[1]
        return port

    def say(self, tone_hz: int) -> None:
        """Speak this tone from now on."""
        self.tone_hz = tone_hz
        self._payload = bytes(encode_mulaw(sample) for sample in tone(tone_hz, PACKET_S, RATE_HZ))

    def move(self) -> None:
        """Take other ports, as a phone does that changes its network; ``reinvite`` tells the daemon."""
        self.rtp.close()
        self.rtcp.close()
        self.rtp, self.rtcp = _socket_pair(self.peer.ip)

    # ---- signalling ----

    def offer(self, direction: str = "sendrecv") -> bytes:
        self._version += 1
        family = "IP6" if ":" in self.peer.ip else "IP4"
        return "".join(
            f"{line}\r\n"
            for line in (
                "v=0",
                f"o=- 1 {self._version} IN {family} {self.peer.ip}",
                "s=-",
                f"c=IN {family} {self.peer.ip}",
                "t=0 0",
                f"m=audio {self.rtp_port} RTP/AVP {PCMU} {EVENTS}",
                f"a=rtpmap:{PCMU} PCMU/8000",
                f"a=rtpmap:{EVENTS} telephone-event/8000",
                f"a=fmtp:{EVENTS} 0-15",
                "a=ptime:20",
                f"a={direction}",
            )
        ).encode()

    def dial(self, user: str, direction: str = "sendrecv") -> SipMessage:
        """Call ``user``: the final answer, acknowledged."""
        self.call = SipCall(self.peer, user)
        answer = self.call.invite(self.offer(direction))
        if answer.status == 200:
            self.take_remote(answer.body)
        return answer

    def reach(self, user: str, direction: str = "sendrecv") -> Self:
        """The same, and it is answered."""
        answer = self.dial(user, direction)
        assert answer.status == 200, answer.start_line
        return self

    def reinvite(self, direction: str) -> str:
        """Ask for another direction; the one that was answered."""
        answer = self.call.invite(self.offer(direction))
        assert answer.status == 200, answer.start_line
        self.take_remote(answer.body)
        found = _DIRECTION.search(answer.body)
        return found[1].decode() if found else "sendrecv"

    def hang_up(self) -> None:
        assert self.call.ask("BYE").status == 200

    def take_remote(self, answer: bytes) -> None:
        """Speak to where the daemon's description says."""
        port, ip = _MEDIA.search(answer), _ADDRESS.search(answer)
        assert port is not None, answer
        assert ip is not None, answer
        self.remote = ip[1].decode(), int(port[1])

    # ---- audio ----

    def speak(self) -> None:
        """20 ms of the tone."""
        self.send(PCMU, self._payload, self._timestamp)
        self._timestamp += PACKET_TICKS

    def send(self, payload_type: int, payload: bytes, timestamp: int, *, is_marked: bool = False) -> None:
        target = self.via or self.remote
        assert target is not None, "no call has told where audio goes"
        packet = RtpPacket(payload_type, is_marked, self.sent & 0xFFFF, timestamp & 0xFFFFFFFF, self.ssrc, payload)
        self.rtp.sendto(packet.octets(), target)
        self.sent += 1

    def press(self, digit: str, duration_ms: int = 100) -> None:
        """A key as telephone-events: one for each 20 ms, the last three times (RFC 4733 section 2.5.1.4)."""
        begun = self._timestamp
        steps = range(PACKET_TICKS, duration_ms * RATE_HZ // 1000 + 1, PACKET_TICKS)
        for ticks in [*steps, steps[-1], steps[-1]]:
            is_end = ticks == steps[-1]
            event = struct.pack("!BBH", _DIGITS.index(digit), (0x80 if is_end else 0) | 10, ticks)
            self.send(EVENTS, event, begun, is_marked=ticks == steps[0])
        self._timestamp += steps[-1]

    def report_loss(self, fraction_lost: float) -> None:
        """A receiver report about what the daemon sends us (RFC 3550 section 6.4.2)."""
        assert self.remote is not None
        block = struct.pack("!IBxxxIIII", self.heard[-1].ssrc, round(fraction_lost * 256), 0, 0, 0, 0)
        head = struct.pack("!BBHI", 0x81, 201, 7, self.ssrc)
        self.rtcp.sendto(head + block, (self.remote[0], self.remote[1] + 1))

    def take_arrivals(self) -> None:
        """Hear what waits in the sockets."""
        while (octets := _receive(self.rtp)) is not None:
            self.heard.append(RtpPacket.parse(octets))
        while (octets := _receive(self.rtcp)) is not None:
            self.reports += _read_reports(octets)

    def has_heard(self) -> bool:
        """Whether anything has come by now."""
        self.take_arrivals()
        return bool(self.heard)

    def forget(self) -> None:
        """Whatever was heard so far, or waits to be, was not heard."""
        self.take_arrivals()
        self.heard.clear()

    @property
    def samples(self) -> list[int]:
        """All that was heard, as it came."""
        return decode_mulaw(b"".join(packet.payload for packet in self.heard if packet.payload_type == PCMU))

    def hears(self, *tones_hz: int) -> bool:
        """Whether each of the tones is in the last 300 ms, and these are there."""
        recent = decode_mulaw(b"".join(packet.payload for packet in self.heard[-15:]))
        is_long = len(recent) >= RATE_HZ * _LONG_HEARD_S
        return is_long and all(typical_power(one, recent, RATE_HZ) > LOUD for one in tones_hz)

    def loudness(self, tone_hz: int) -> float:
        """How much of the tone is in all that was heard."""
        return typical_power(tone_hz, self.samples, RATE_HZ)

    def misses(self, tone_hz: int) -> bool:
        """Whether the tone is not in what was heard, which is something."""
        return bool(self.heard) and self.loudness(tone_hz) < FAINT


def _receive(source: socket.socket) -> bytes | None:
    try:
        return source.recv(2048, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None


def _read_reports(compound: bytes) -> list[ReceptionReport]:
    count, kind = compound[0] & 0x1F, compound[1]
    begin = _REPORT_TYPES.get(kind)
    if begin is None:
        return []
    found = []
    for start in range(begin, begin + 24 * count, 24):
        ssrc, fraction, high, low, _, jitter = struct.unpack_from("!IBBHII", compound, start)
        found.append(ReceptionReport(ssrc, fraction / 256, high << 16 | low, jitter * 1000 / RATE_HZ))
    return found


def talk(phones: Sequence[RtpPhone], *, until: Callable[[], Any] | None = None, limit_s: float = 8.0) -> None:
    """All speak, 20 ms a turn, and listen: until the condition holds (AssertionError where it never does), or for
    ``limit_s``.
    """
    sockets = {phone.rtp.fileno(): phone for phone in phones} | {phone.rtcp.fileno(): phone for phone in phones}
    poll = select.poll()
    for descriptor in sockets:
        poll.register(descriptor, select.POLLIN)
    begun = time.monotonic()
    turns = round(limit_s / PACKET_S)
    for turn in range(turns):
        for phone in phones:
            if phone.is_speaking:
                phone.speak()
        deadline = begun + (turn + 1) * PACKET_S
        while (left_s := deadline - time.monotonic()) > 0:
            for descriptor, _ in poll.poll(left_s * 1000):
                sockets[descriptor].take_arrivals()
        # Looking takes longer than a packet's time where there are many phones, so not at each turn.
        if until is not None and turn % 5 == 4 and until():
            return
    assert until is None, f"not within {limit_s:g} s of talk"


def legs(daemon: DaemonProcess) -> list[dict[str, Any]]:
    """The live figures of every leg."""
    rows: list[dict[str, Any]] = ask(daemon.state_dir, "legs")
    return rows


def leg_of(daemon: DaemonProcess, phone: RtpPhone, behind: tuple[str, int] | None = None) -> dict[str, Any]:
    """The figures of the phone's leg; ``behind`` which address, where a relay stands between."""
    return leg_at(daemon, behind or (phone.peer.ip, phone.rtp_port))


def leg_at(daemon: DaemonProcess, address: tuple[str, int]) -> dict[str, Any]:
    """The figures of the leg whose audio comes from there."""
    ip, port = address
    remote = f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
    rows = legs(daemon)
    found = [row for row in rows if row["remote"] == remote]
    assert len(found) == 1, f"{remote} is not among {[row['remote'] for row in rows]}"
    return found[0]


def wait_for_no_legs(daemon: DaemonProcess) -> None:
    wait_until(lambda: not legs(daemon), "no leg is left")
