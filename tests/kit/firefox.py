"""Firefox without a window: its microphone a tone of its own, its network this machine alone.

It is driven by Marionette, Firefox's own protocol: JSON lists behind their length, on a TCP port that it chooses.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kit.browser import trust_authority
from tests.kit.daemon_process import wait_until
from tests.kit.page_audio import FAINT_DB, LOUD_DB, PATIENCE_S

START_S = 60.0
_WAIT_MS = 15_000
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The key under which WebDriver names an element (W3C WebDriver section 12.1)."""
_PREFERENCES = {
    "marionette.port": 0,
    "network.dns.disabled": True,
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "media.peerconnection.ice.loopback": True,
}
# Without a sound device an AudioContext never runs, so what comes is recorded, and read at leisure.
_LISTEN = """
const [frequencies, done] = arguments;
(async () => {
  const parts = [];
  const recorder = new MediaRecorder(document.querySelector("#remote-audio").srcObject);
  recorder.ondataavailable = (event) => parts.push(event.data);
  const stopped = new Promise((resolve) => { recorder.onstop = resolve; });
  recorder.start();
  await new Promise((resolve) => setTimeout(resolve, 500));
  recorder.stop();
  await stopped;
  const rate = 48000;
  const sound = await new OfflineAudioContext(1, rate, rate).decodeAudioData(await new Blob(parts).arrayBuffer());
  const samples = sound.getChannelData(0).slice(-0.3 * rate);
  return frequencies.map((hz) => {
    let [real, imaginary] = [0, 0];
    samples.forEach((sample, at) => {
      const windowed = sample * (0.5 - 0.5 * Math.cos(2 * Math.PI * at / samples.length));
      real += windowed * Math.cos(2 * Math.PI * hz * at / rate);
      imaginary += windowed * Math.sin(2 * Math.PI * hz * at / rate);
    });
    return Math.max(-200, 20 * Math.log10(Math.hypot(real, imaginary) / (samples.length / 4)));
  });
})().then(done, (error) => done(String(error)));
"""
_STATISTICS = """
window.phone.peerConnection.getStats().then((found) => arguments[0]([...found.values()]));
"""


def why_impossible() -> str | None:
    """Why Firefox cannot call here, as a reason to skip; None when it can."""
    if shutil.which("firefox-esr") is None:
        return "needs firefox-esr (Debian package firefox-esr)"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return "Firefox gathers no ICE candidates, those of the loopback either, where the machine has no route"
    return None


class Marionette:
    """One session. ``command`` raises AssertionError with Firefox's own words."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), START_S)
        self._stream = self._socket.makefile("rb")
        self._receive()  # it greets
        self._count = 0
        self.command("WebDriver:NewSession")
        self.command("WebDriver:SetTimeouts", implicit=_WAIT_MS, script=_WAIT_MS)

    def close(self) -> None:
        self._stream.close()
        self._socket.close()

    def command(self, name: str, **parameters: Any) -> Any:
        """Its result, by what WebDriver calls ``value`` where there is one."""
        self._count += 1
        body = json.dumps([0, self._count, name, parameters]).encode()
        self._socket.sendall(b"%d:%s" % (len(body), body))
        _, _, error, result = self._receive()
        assert error is None, f"{name}: {error['error']}: {error['message']}"
        return result.get("value", result)

    def _receive(self) -> Any:
        length = b""
        while (octet := self._stream.read(1)) != b":":
            assert octet, "Firefox ended"
            length += octet
        return json.loads(self._stream.read(int(length)))


@dataclass(frozen=True, slots=True)
class FirefoxPhone:
    """The daemon's page in Firefox, by what a person sees and does."""

    session: Marionette

    def open(self, url: str) -> None:
        """Load the page; AssertionError where its certificate is not trusted."""
        self.session.command("WebDriver:Navigate", url=url)

    def wait_for_line(self, state: str) -> None:
        self._find(f'#line-state[data-state="{state}"]')

    def wait_for_call(self, state: str) -> None:
        self._find(f'#call-state[data-state="{state}"]')

    def dial(self, target: str) -> None:
        """``echo``, ``tone`` or a sink's id."""
        self.click(f'#target option[value="{target}"]')
        self.click("#call")

    def click(self, selector: str) -> None:
        self.session.command("WebDriver:ElementClick", id=self._find(selector))

    def statistics(self, kind: str) -> dict[str, Any]:
        """What ``RTCPeerConnection.getStats`` has of the one report of this type."""
        reports = self.session.command("WebDriver:ExecuteAsyncScript", script=_STATISTICS, args=[])
        (found,) = [report for report in reports if report["type"] == kind]
        return dict(found)

    def wait_to_hear(self, *, loud: Sequence[int], faint: Sequence[int]) -> None:
        """Return once all of ``loud`` and none of ``faint`` is in what it hears."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            seen = self.session.command("WebDriver:ExecuteAsyncScript", script=_LISTEN, args=[[*loud, *faint]])
            assert isinstance(seen, list), seen
            if min(seen[: len(loud)]) > LOUD_DB and max(seen[len(loud) :]) < FAINT_DB:
                return
            assert time.monotonic() < deadline, f"wanted {loud} Hz and not {faint} Hz; heard {seen} dB"

    def _find(self, selector: str) -> str:
        """The element's name, once there is one."""
        found = self.session.command("WebDriver:FindElement", using="css selector", value=selector)
        return str(found[_ELEMENT])


@contextmanager
def running_firefox(home: Path, authority_pem: str, tone_hz: int) -> Iterator[FirefoxPhone]:
    """A Firefox that trusts this authority besides its own and says ``tone_hz``; all it keeps is in ``home``."""
    profile = home / "profile"
    profile.mkdir(parents=True)
    certificate = home / "ca.pem"
    certificate.write_text(authority_pem, encoding="utf-8")
    trust_authority(profile, certificate)
    preferences = {**_PREFERENCES, "media.navigator.audio.fake_frequency": tone_hz}
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items()]
    (profile / "user.js").write_text("".join(lines), encoding="utf-8")
    command = ["firefox-esr", "--headless", "--marionette", "--no-remote", "--profile", str(profile)]
    environment = {**os.environ, "HOME": str(home)}
    with (
        (home / "firefox.log").open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment) as process,
    ):
        try:
            port = int(wait_until(lambda: _chosen_port(profile), "Firefox listens", START_S))
            with closing(Marionette(port)) as session:
                yield FirefoxPhone(session)
                session.command("Marionette:Quit", flags=["eForceQuit"])
                process.wait(START_S)
        finally:
            if process.poll() is None:
                process.kill()


def _chosen_port(profile: Path) -> str:
    path = profile / "MarionetteActivePort"
    return path.read_text(encoding="utf-8") if path.exists() else ""
