"""Sound for the loopback servers: 16-bit mono PCM, made and heard without a model."""

import io
import math
import wave
from array import array
from typing import Literal

LOUD = 500
"""Amplitude from which a sample counts as speech."""


def tone(seconds: float, rate: int = 24_000, hertz: float = 440) -> bytes:
    """A tone that an `Ear` takes for speech."""
    samples = (int(8000 * math.sin(2 * math.pi * hertz * n / rate)) for n in range(int(seconds * rate)))
    return array("h", samples).tobytes()


def silence(seconds: float, rate: int = 24_000) -> bytes:
    """Samples of zero."""
    return bytes(2 * int(seconds * rate))


def wav(pcm: bytes, rate: int = 24_000) -> bytes:
    """The PCM as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, rate, 0, "NONE", ""))
        writer.writeframes(pcm)
    return file.getvalue()


class Ear:
    """Tells by loudness when speech starts and stops. Time is the audio's own, not the clock's."""

    def __init__(self, rate: int, speech: float = 0.2, pause: float = 0.3) -> None:
        self._rate = rate
        self._speech = speech
        self._pause = pause
        self.speaking = False
        self._changing = 0.0

    def hear(self, pcm: bytes) -> Literal["started", "stopped"] | None:
        """Listen to one chunk (20 to 100 ms)."""
        loud = max(map(abs, array("h", pcm)), default=0) >= LOUD
        self._changing = self._changing + len(pcm) / 2 / self._rate if loud != self.speaking else 0.0
        if self._changing < (self._pause if self.speaking else self._speech):
            return None
        self._changing = 0.0
        self.speaking = loud
        return "started" if loud else "stopped"
