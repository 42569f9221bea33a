"""The ears of the audio tests: what they hear is there, and what they miss is not."""

from __future__ import annotations

import pytest

from tests.kit.lossy_relay import BadNetwork, Way
from tests.kit.sound import (
    AMPLITUDE,
    FAINT,
    decode_mulaw,
    encode_mulaw,
    power_at,
    read_wav,
    tone,
    typical_power,
    write_wav,
)

FULL = (AMPLITUDE / 32768) ** 2


def test_every_octet_of_mulaw_comes_back_as_itself():
    """ITU-T G.711: but the two zeros, which sound alike."""
    assert all(encode_mulaw(decode_mulaw(bytes([octet]))[0]) in {octet, 0xFF} for octet in range(256))
    assert decode_mulaw(bytes([0x00, 0x80, 0xFF])) == [-32124, 32124, 0]


@pytest.mark.parametrize("rate_hz", [8000, 48000])
def test_a_tone_is_heard_with_its_power_and_no_other(rate_hz):
    said = tone(800, 0.5, rate_hz)
    assert power_at(800, said, rate_hz) == pytest.approx(FULL, rel=0.01)
    assert power_at(1250, said, rate_hz) < FAINT / 10


def test_a_few_gaps_do_not_change_what_is_typical():
    said = tone(800, 2.0, 8000)
    said[3000:3400] = [0] * 400
    assert typical_power(800, said, 8000) == pytest.approx(FULL, rel=0.01)
    assert typical_power(800, said[:700], 8000) == 0


@pytest.mark.parametrize("channels", [1, 2])
def test_a_wav_is_read_as_it_was_written(tmp_path, channels):
    said = tone(440, 0.1, 16000)
    write_wav(tmp_path / "said.wav", said, 16000, channels)
    samples, rate_hz = read_wav(tmp_path / "said.wav")
    assert (list(samples), rate_hz) == (said, 16000)


def test_a_bad_network_does_the_same_each_time_and_counts_it():
    def run() -> Way:
        way = Way(BadNetwork(loss=0.2, jitter_s=0.04, seed=5))
        for number in range(500):
            way.due_s(number * 0.02)
        return way

    first, second = run(), run()
    assert first.lost == second.lost
    assert first.overtaken == second.overtaken > 20
    assert len(first.lost) == pytest.approx(100, rel=0.3)
    assert first.lost_within <= len(first.lost)


def test_packets_that_leave_later_than_the_network_would_have_them_are_told():
    way = Way(BadNetwork(jitter_s=0.04))
    for number, lateness_s in enumerate([0.0, 0.04, 0.059, 0.07, 0.2]):
        way.note_left(number, 100 + 0.02 * number + lateness_s)
    assert way.strayed == 2


def test_a_queue_that_keeps_order_lets_nothing_overtake():
    way = Way(BadNetwork(jitter_s=0.04, keeps_order=True, seed=5))
    leaves_s = [way.due_s(number * 0.02) for number in range(500)]
    assert leaves_s == sorted(leaves_s)  # type: ignore[type-var]  # nothing is lost
    assert way.overtaken == 0
