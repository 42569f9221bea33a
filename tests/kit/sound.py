"""Sound as tests make and judge it: tones, G.711 mu-law, WAV files, and how much of a tone is in what was heard."""

from __future__ import annotations

import math
import wave
from collections.abc import Sequence
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


def power_at(frequency_hz: float, samples: Sequence[int], rate_hz: int) -> float:
    """The squared amplitude of a frequency, 1 for a full-scale sine (Goertzel, with a Hann window)."""
    count = len(samples)
    turn = 2 * math.cos(2 * math.pi * frequency_hz / rate_hz)
    before = last = 0.0
    for index, sample in enumerate(samples):
        windowed = sample * (0.5 - 0.5 * math.cos(2 * math.pi * index / count))
        before, last = last, windowed + turn * last - before
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
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(b"".join(sample.to_bytes(2, "little", signed=True) * channels for sample in samples))


def read_wav(path: Path) -> tuple[list[int], int]:
    """The first channel's samples, and their rate in Hz."""
    with wave.open(str(path), "rb") as file:
        octets, channels = file.readframes(file.getnframes()), file.getnchannels()
        rate_hz = file.getframerate()
    step = 2 * channels
    starts = range(0, len(octets) - step + 1, step)
    return [int.from_bytes(octets[start : start + 2], "little", signed=True) for start in starts], rate_hz
