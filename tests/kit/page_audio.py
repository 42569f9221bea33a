"""What a page in a browser says and hears: tones in the place of a microphone, and the spectrum of what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from playwright.async_api import BrowserContext

from tests.kit.browser import PhonePage

_SPEAK = """
navigator.mediaDevices.getUserMedia = async () => {
  const context = new AudioContext();
  const tone = context.createOscillator();
  tone.frequency.value = %d;
  const quiet = context.createGain();
  quiet.gain.value = 0.25;  // four of them together still do not clip
  const out = context.createMediaStreamDestination();
  tone.connect(quiet).connect(out);
  tone.start();
  return out.stream;
};
"""
_LISTEN = """
async (frequencies) => {
  const stream = document.querySelector("#remote-audio").srcObject;
  if (!stream) return frequencies.map(() => -200);
  const ear = (window.ear ??= new Map()).get(stream) ?? (() => {
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 8192;
    analyser.smoothingTimeConstant = 0;
    context.createMediaStreamSource(stream).connect(analyser);
    window.ear.set(stream, { context, analyser });
    return window.ear.get(stream);
  })();
  await ear.context.resume();
  const bins = new Float32Array(ear.analyser.frequencyBinCount);
  ear.analyser.getFloatFrequencyData(bins);
  const width = ear.context.sampleRate / ear.analyser.fftSize;
  return frequencies.map((hz) => {
    const at = Math.round(hz / width);
    return Math.max(-200, ...bins.slice(at - 2, at + 3));
  });
}
"""
PATIENCE_S = 20
LOUD_DB = -40.0
FAINT_DB = -50.0


async def speak(person: BrowserContext, frequency_hz: int) -> None:
    """Every page that this person opens from now on says this tone."""
    await person.add_init_script(_SPEAK % frequency_hz)


async def levels(phone: PhonePage, frequencies_hz: Sequence[int]) -> list[float]:
    """How loud each frequency is in what the page hears now, in decibels below full scale."""
    found: list[float] = await phone.page.evaluate(_LISTEN, list(frequencies_hz))
    return found


async def wait_to_hear(
    phone: PhonePage, *, loud: Sequence[int], faint: Sequence[int] = (), timeout_s: float = 20
) -> None:
    """Return once the page hears all of ``loud`` and none of ``faint``, three looks running."""
    seen, good = [], 0
    try:
        async with asyncio.timeout(timeout_s):
            while good < 3:
                seen = await levels(phone, [*loud, *faint])
                is_good = min(seen[: len(loud)]) > LOUD_DB and max(seen[len(loud) :], default=-200) < FAINT_DB
                good = good + 1 if is_good else 0
                await asyncio.sleep(0.2)  # the spectrum is of the last 0.2 s
    except TimeoutError:
        raise AssertionError(f"wanted {list(loud)} Hz and not {list(faint)} Hz; heard {seen} dB") from None
