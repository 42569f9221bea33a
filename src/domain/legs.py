"""Legs: one party's audio, as the core reports it, and what the audio side is told beside calls."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LegPeer:
    """Who is at the other end: where the signalling comes from, and the device's key where it is known."""

    ip: str
    device_id: str = ""


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """Where audio is served. ``addresses`` are offered to peers; ports are inclusive; ``port`` 0 takes a free one."""

    addresses: tuple[str, ...]
    port: int
    rtp_ports: tuple[int, int]
    silence_s: float


@dataclass(frozen=True, slots=True)
class AudioRoute:
    """A source's audio goes into a sink's mix; both are keys in config.yaml. ``volume``: a factor, 0 to 4."""

    source: str
    sink: str
    volume: float


@dataclass(frozen=True, slots=True)
class LegReport:
    """A leg's live figures (RFC 3550). ``target`` is what it hears: echo, tone, or a device's key.

    ``level_dbov`` is what it says, -127 (silence) to 0. ``is_forwarded``: another leg's packets reach it undecoded.
    Times in milliseconds; ``rtt_ms`` None: not known. ``remote_loss`` is the share of ours that the peer missed last.
    """

    leg_id: str
    target: str
    device_id: str
    kind: str
    state: str
    codec: str
    remote: str
    is_forwarded: bool
    packets_received: int
    octets_received: int
    packets_sent: int
    octets_sent: int
    packets_lost: int
    packets_discarded: int
    remote_loss: float
    jitter_ms: float
    buffer_ms: float
    rtt_ms: float | None
    level_dbov: int
    concealed_frames: int
    age_ms: int


@dataclass(frozen=True, slots=True)
class LegConnected:
    """Audio can flow."""

    leg_id: str


@dataclass(frozen=True, slots=True)
class LegDigit:
    """The peer pressed a digit (RFC 4733): 0-9, *, #, A-D."""

    leg_id: str
    digit: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class LegSilent:
    """Nothing has come for the configured time from a leg that should be heard; ``reason`` is for the owner."""

    leg_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class LegFailed:
    """The leg could not be connected, or was lost; it is gone."""

    leg_id: str
    reason: str


LegEvent = LegConnected | LegDigit | LegSilent | LegFailed
