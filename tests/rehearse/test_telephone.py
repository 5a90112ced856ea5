"""What a line does to a voice, measured: noise, a telephone's band, lost packets; the same for the same seed."""

import numpy as np
import pytest

from runtime.rehearse.telephone import LEVEL, PACKET, RATE, Channel, Samples, loudness, utterance
from runtime.spec.settings import Band, LineQuality

SECONDS = 10


def voice(*hertz: float) -> Samples:
    """Tones of these frequencies, with half a second of silence around them."""
    at = np.arange(RATE) / RATE
    silence = np.zeros(RATE // 2)
    return np.concatenate([silence, sum((np.sin(2 * np.pi * one * at) for one in hertz), np.zeros(RATE)), silence])


def carried(quality: LineQuality, sent: Samples, seed: int = 0) -> Samples:
    channel = Channel(quality, seed)
    return np.concatenate([channel.carry(packet) for packet in sent.reshape(-1, PACKET)])


def volumes(samples: Samples) -> Samples:
    return loudness(samples.reshape(-1, PACKET))


def decibels(samples: Samples, low: float = 0, high: float = RATE / 2) -> float:
    """The power between two frequencies, beside that of a voice."""
    power = np.square(np.abs(np.fft.rfft(samples))) * 2 / len(samples) ** 2
    at = np.fft.rfftfreq(len(samples), 1 / RATE)
    return float(10 * np.log10(power[(at >= low) & (at < high)].sum() / LEVEL**2 + 1e-12))


@pytest.mark.parametrize("volume", [0.01, 1])
@pytest.mark.parametrize("band", Band)
def test_a_voice_is_cut_to_where_it_sounds_and_has_one_level(volume: float, band: Band) -> None:
    """However loud it was made; silence alone is nothing."""
    spoken = utterance(volume * voice(1000), band)
    assert len(spoken) / RATE == pytest.approx(1, abs=0.05)
    assert decibels(spoken) == pytest.approx(0, abs=0.5)
    assert not len(utterance(np.zeros(RATE), band)) and not len(utterance(np.empty(0), band))


def test_a_pause_between_two_sentences_is_one_of_somebody_who_goes_on() -> None:
    """A quarter of a second at most: a longer one would be taken for the end of the turn."""
    spoken = utterance(np.concatenate([voice(1000)] * 3), Band.FULL)
    assert len(spoken) / RATE == pytest.approx(3 + 2 * 0.25, abs=0.1)
    runs = "".join("." if one else " " for one in volumes(spoken) > LEVEL / 10).split(".")
    assert max(map(len, runs)) <= 0.25 / 0.02 + 1


def test_a_telephone_lets_300_to_3400_hertz_through() -> None:
    """What is within stays as loud as it was, what is beyond is gone."""
    spoken = utterance(voice(100, 1000, 3000, 5000), Band.PHONE)
    within = decibels(spoken, 300, 3400)
    assert decibels(spoken, 990, 1010) == pytest.approx(decibels(spoken, 2990, 3010), abs=1)
    assert within - decibels(spoken, 0, 150) > 30 and within - decibels(spoken, 3600) > 30
    assert decibels(utterance(voice(100, 5000), Band.FULL), 4000) == pytest.approx(-3, abs=0.5)


@pytest.mark.parametrize("band", Band)
@pytest.mark.parametrize("noise", [0, 10, 30])
def test_noise_is_so_many_decibels_below_the_voice(noise: float, band: Band) -> None:
    """In the line's band, in silence too."""
    heard = carried(LineQuality(noise=noise, band=band), np.zeros(SECONDS * RATE))
    assert decibels(heard) == pytest.approx(-noise, abs=0.3)
    if band is Band.PHONE:
        assert decibels(heard, 300, 3400) - decibels(heard, 3600) > 30


@pytest.mark.parametrize("loss", [0.0, 0.1, 0.5, 1.0])
def test_the_share_of_packets_that_is_asked_for_is_lost(loss: float) -> None:
    """Silent where nothing fills them; a copy of the one before fades away."""
    sent = np.full(SECONDS * RATE, LEVEL)
    silent = volumes(carried(LineQuality(loss=loss, conceal=False), sent))
    assert np.mean(silent == 0) == pytest.approx(loss, abs=0.05)
    filled = volumes(carried(LineQuality(loss=loss), sent))
    assert set(np.flatnonzero(filled < LEVEL * 0.99)) == set(np.flatnonzero(silent == 0))
    if loss == 0.1:
        first = np.flatnonzero(silent == 0)[0]
        assert filled[first] == pytest.approx(LEVEL / 2)


def test_the_same_seed_is_the_same_line_whatever_is_said() -> None:
    """Noise and loss are of their own: which packets are lost does not depend on the noise."""
    poor = LineQuality(noise=20, band=Band.PHONE, loss=0.2, conceal=False)
    sent = np.zeros(SECONDS * RATE)
    assert np.array_equal(carried(poor, sent), carried(poor, sent))
    assert not np.array_equal(carried(poor, sent), carried(poor, sent, seed=1))
    lost = volumes(carried(LineQuality(loss=0.2, conceal=False), sent + LEVEL)) == 0
    assert np.array_equal(lost, volumes(carried(poor, sent)) == 0)
    assert np.array_equal(carried(LineQuality(), sent + LEVEL), sent + LEVEL)
