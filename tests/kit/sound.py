"""Sound as tests make and judge it: tones, G.711 mu-law, WAV files, and how much of a tone is in what was heard."""

from __future__ import annotations

import math
import sys
import wave
from array import array
from collections.abc import Sequence
from functools import cache
from pathlib import Path

LOUD = 0.005
"""A share of a tone from here on is heard, and -23 dB below a full-scale sine."""
FAINT = 0.0002
"""Below it (-37 dB) a tone is not there: mu-law's own noise and a window's leakage lie lower."""
AMPLITUDE = 8000
_BIAS, _CLIP = 0x84, 32635


def _decode_mulaw(octet: int) -> int:
    """ITU-T G.711, table 2a."""
    inverted = ~octet & 0xFF
    magnitude = (((inverted & 0x0F) << 3) + _BIAS << ((inverted & 0x70) >> 4)) - _BIAS
    return -magnitude if inverted & 0x80 else magnitude


_MULAW = tuple(_decode_mulaw(octet) for octet in range(256))


def encode_mulaw(sample: int) -> int:
    """The nearest octet."""
    magnitude = min(abs(sample), _CLIP) + _BIAS
    exponent = magnitude.bit_length() - 8
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    return ~((0x80 if sample < 0 else 0) | exponent << 4 | mantissa) & 0xFF


def decode_mulaw(octets: bytes) -> list[int]:
    return [_MULAW[octet] for octet in octets]


def tone(frequency_hz: float, duration_s: float, rate_hz: int) -> list[int]:
    """A sine from its zero crossing; silence at 0 Hz."""
    step = 2 * math.pi * frequency_hz / rate_hz
    return [round(AMPLITUDE * math.sin(step * index)) for index in range(round(duration_s * rate_hz))]


@cache
def _hann(count: int) -> tuple[float, ...]:
    return tuple(0.5 - 0.5 * math.cos(2 * math.pi * index / count) for index in range(count))


def power_at(frequency_hz: float, samples: Sequence[int], rate_hz: int) -> float:
    """The squared amplitude of a frequency, 1 for a full-scale sine (Goertzel, with a Hann window)."""
    count = len(samples)
    turn = 2 * math.cos(2 * math.pi * frequency_hz / rate_hz)
    before = last = 0.0
    for sample, weight in zip(samples, _hann(count), strict=True):
        before, last = last, sample * weight + turn * last - before
    magnitude = before * before + last * last - turn * before * last
    return magnitude / (count * 32768 / 4) ** 2


def typical_power(frequency_hz: float, samples: Sequence[int], rate_hz: int) -> float:
    """The median over windows of 100 ms: what a lost packet or two does not change. 0 for less than one."""
    size = rate_hz // 10
    windows = [samples[start : start + size] for start in range(0, len(samples) - size + 1, size)]
    powers = sorted(power_at(frequency_hz, window, rate_hz) for window in windows)
    return powers[len(powers) // 2] if powers else 0.0


def write_wav(path: Path, samples: Sequence[int], rate_hz: int, channels: int = 1) -> None:
    """``samples`` on each of ``channels``, 16 bits."""
    frames = array("h", bytes(2 * channels * len(samples)))
    for channel in range(channels):
        frames[channel::channels] = array("h", samples)
    if sys.byteorder == "big":
        frames.byteswap()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(frames.tobytes())


def read_wav(path: Path) -> tuple[Sequence[int], int]:
    """The first channel's samples, and their rate in Hz."""
    frames = array("h")
    with wave.open(str(path), "rb") as file:
        frames.frombytes(file.readframes(file.getnframes()))
        channels, rate_hz = file.getnchannels(), file.getframerate()
    if sys.byteorder == "big":
        frames.byteswap()
    return frames[::channels], rate_hz
