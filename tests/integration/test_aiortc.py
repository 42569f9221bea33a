"""A WebRTC stack that is no browser's: aiortc calls over SIP by UDP, with ICE, DTLS and SRTP of its own.

aiortc                       daemon
   |-- INVITE (WebRTC offer) -->|
   |<-- 200 (answer) -----------|
   |<== STUN, DTLS, SRTP ======>|
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from fractions import Fraction

import pytest
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from av import AudioFrame
from av.audio.resampler import AudioResampler

from tests.kit.audio_daemon import running_audio_daemon
from tests.kit.daemon_process import DaemonProcess
from tests.kit.sip_call import SipCall
from tests.kit.sip_peer import SipPeer
from tests.kit.sound import tone, typical_power

RATE_HZ = 48_000
FRAME = 960
LOUD = 0.003
PATIENCE_S = 30


class ToneTrack(MediaStreamTrack):
    """A tone in the place of a microphone, in real time."""

    kind = "audio"

    def __init__(self, frequency_hz: float) -> None:
        super().__init__()
        self._samples = array("h", tone(frequency_hz, 1.0, RATE_HZ))
        self._position = 0
        self._began = asyncio.get_running_loop().time()

    async def recv(self) -> AudioFrame:
        await asyncio.sleep(self._began + self._position / RATE_HZ - asyncio.get_running_loop().time())
        at = self._position % len(self._samples)
        frame = AudioFrame(format="s16", layout="mono", samples=FRAME)
        frame.planes[0].update(self._samples[at : at + FRAME].tobytes())
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, self._position, Fraction(1, RATE_HZ)
        self._position += FRAME
        return frame


@pytest.fixture
def daemon(tmp_path) -> Iterator[DaemonProcess]:
    with running_audio_daemon(tmp_path) as running:
        yield running


@asynccontextmanager
async def calling(daemon: DaemonProcess, target: str, frequency_hz: float) -> AsyncIterator[MediaStreamTrack]:
    """What comes back in a call of aiortc to ``target``, in which it says a tone."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    heard: asyncio.Future[MediaStreamTrack] = asyncio.get_running_loop().create_future()
    connection.on("track", heard.set_result)
    connection.addTrack(ToneTrack(frequency_hz))
    await connection.setLocalDescription(await connection.createOffer())
    with SipPeer(daemon.address, "aiortc") as peer:
        call = SipCall(peer, target)
        answer = await asyncio.to_thread(call.invite, connection.localDescription.sdp.encode())
        assert answer.status == 200
        await connection.setRemoteDescription(RTCSessionDescription(answer.body.decode(), "answer"))
        try:
            yield await asyncio.wait_for(heard, PATIENCE_S)
        finally:
            await asyncio.to_thread(call.ask, "BYE")
            await connection.close()


async def wait_to_hear(track: MediaStreamTrack, frequency_hz: float) -> None:
    """Return once a quarter of a second was that tone."""
    resampler = AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            samples: list[int] = []
            while len(samples) < RATE_HZ // 4:
                received = await track.recv()
                assert isinstance(received, AudioFrame)
                for frame in resampler.resample(received):
                    samples += array("h", bytes(frame.planes[0])[: 2 * frame.samples])
            if typical_power(frequency_hz, samples, RATE_HZ) > LOUD:
                return


async def test_aiortc_hears_its_own_tone_from_echo(daemon):
    async with calling(daemon, "echo", 700) as track:
        await wait_to_hear(track, 700)


async def test_aiortc_hears_the_tone(daemon):
    async with calling(daemon, "tone", 700) as track:
        await wait_to_hear(track, 440)
