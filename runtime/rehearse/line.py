"""What a line does to the trainee's voice on its way to the persona: noise, a telephone's band, lost packets. Pure: the
same for the same seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..spec.settings import Band, LineQuality

Samples = NDArray[np.float64]
"""One voice, -1 to 1."""

RATE = 24_000
"""Samples a second: what OpenAI's realtime models take, and no less than any other does."""
PACKET_SECONDS = 0.02
PACKET = round(RATE * PACKET_SECONDS)
LEVEL = 0.05
"""Root mean square of the voice while it sounds: -26 dB of full scale, the usual level of speech in tests of telephone
lines (ITU-T P.56)."""
QUIET = 0.03
"""Packets below this share of the loudest one (-30 dB) are pauses."""
BREATH = round(0.25 / PACKET_SECONDS)
"""Packets of silence in a row, at most: a voice that is made sentence by sentence leaves a second and more between two,
and would be answered there."""
PHONE_HERTZ = (300, 3400)
TAPS = 255
"""Length of the filter: it falls by 50 dB within 160 Hz, and is late by 5 ms."""
FADE = 0.5
"""How loud a packet that fills a gap is, beside the one before it."""


def loudness(packets: Samples) -> Samples:
    """The root mean square of each packet."""
    return np.asarray(np.sqrt(np.square(packets).mean(axis=1)))


def utterance(samples: Samples, band: Band) -> Samples:
    """A voice as it is put on a line: from its first sound to its last, with no longer pauses than a speaker makes who
    wants to go on, in the line's band, at `LEVEL`. Empty where nothing sounds."""
    if band is Band.PHONE and len(samples):
        samples = np.convolve(samples, _band_pass())
    packets = np.append(samples, np.zeros(-len(samples) % PACKET)).reshape(-1, PACKET)
    loud = loudness(packets)
    sounds = loud > QUIET * loud.max(initial=0)
    if not sounds.any():
        return np.empty(0)
    last = np.flatnonzero(sounds)[-1]
    kept = [at for at in range(last + 1) if sounds[max(0, at - BREATH) : at + 1].any()]
    return np.asarray(packets[kept].reshape(-1) * (LEVEL / np.sqrt(np.square(loud[sounds]).mean())))


class Channel:
    """Carries one packet after the other, those of silence too: the noise does not stop between words, and what is lost
    does not depend on what is said."""

    def __init__(self, quality: LineQuality, seed: int) -> None:
        self._quality = quality
        self._noise, self._luck = np.random.default_rng(seed).spawn(2)
        self._filter = _band_pass() if quality.band is Band.PHONE else np.ones(1)
        self._white = self._noise.normal(size=len(self._filter) - 1)
        self._last = np.zeros(PACKET)

    def carry(self, packet: Samples) -> Samples:
        """What arrives of a packet of `PACKET` samples."""
        if self._quality.noise is not None:
            packet = packet + self._hiss(self._quality.noise)
        if self._luck.random() < self._quality.loss:
            packet = FADE * self._last if self._quality.conceal else np.zeros(PACKET)
        self._last = packet
        return packet

    def _hiss(self, below: float) -> Samples:
        """So many dB below the voice, in the line's band."""
        white = np.append(self._white, self._noise.normal(size=PACKET))
        self._white = white[PACKET:]
        gain = LEVEL * 10 ** (-below / 20) / np.sqrt(np.square(self._filter).sum())
        return np.asarray(np.convolve(white, self._filter, "valid") * gain)


def _band_pass() -> Samples:
    """A linear filter (windowed sinc) that lets a telephone's band through."""
    at = np.arange(TAPS) - TAPS // 2
    low, high = (2 * hertz / RATE * np.sinc(2 * hertz / RATE * at) for hertz in PHONE_HERTZ)
    return np.asarray((high - low) * np.hamming(TAPS))
