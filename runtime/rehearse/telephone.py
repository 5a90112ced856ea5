"""The telephone of a spoken rehearsal: what its line does to the trainee's voice (noise, a telephone's band, lost
packets; the same for the same seed), and the trainee's end of it, in real time."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import numpy as np
from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.tts import TTS
from livekit.agents.voice.io import AudioInput
from numpy.typing import NDArray

from ..call.voice import SourceOutput, keep_in_step, samples_of
from ..events import Emit, Ended, Event, Heard, Said, Started
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
FULL_SCALE = 32_767
AUDIBLE = 330
"""Amplitude from which a sample is heard: -40 dB of full scale."""

NEAR_SECONDS = 0.1
"""How far apart LiveKit and the line may tell of the same line's beginning."""


class Telephone:
    """Both ways of one call's line, and what was to be heard on it. `tells` says whether LiveKit tells which of her
    lines answer the trainee, and after how long: not of all realtime models."""

    def __init__(self, quality: LineQuality, seed: int, *, tells: bool) -> None:
        self._quality = quality
        self._tells = tells
        self.input = LineInput(Channel(quality, seed))
        self.output = LineOutput(RATE)
        self._started = self._ended = 0.0
        self._unheard: float | None = None
        """When the turn began that is not told yet."""
        self._unanswered = False
        self.said: list[str] = []
        """What the trainee has said, turn by turn."""

    def attach(self, session: AgentSession[None]) -> None:
        """A session that has not started hears and speaks here."""
        session.input.audio = self.input
        keep_in_step(session, self.output)

    async def say(self, voice: TTS[str], text: str) -> None:
        """Returns when the last of it has been sent."""
        frame = await voice.synthesize(text).collect()
        samples = np.frombuffer(samples_of(frame, RATE), np.int16) / FULL_SCALE
        spoken = utterance(samples, self._quality.band)
        self.said.append(text)
        began, self._ended = await self.input.send(spoken)
        self._unheard, self._unanswered = began, True

    def timed(self, sink: Emit) -> Emit:
        """A sink that is told what the line knows: when the trainee spoke, where the model does not tell; when the
        persona was heard first, and how long after the trainee's last sound. LiveKit counts the silence with which many
        a voice begins as sound, and knows no latency of some models at all."""

        def take(event: Event) -> None:
            match event:
                case Started():
                    self._started = event.at
                case Heard() if self._unheard:
                    if event.seconds is None:
                        event = replace(event, start=self._unheard, seconds=self._ended - self._unheard)
                    self._unheard = None
                case Said() if event.start and event.turn:
                    heard = next((at for at in self.output.sounds if at > event.start - NEAR_SECONDS), 0.0)
                    answers = event.latency is not None or (self._unanswered and not self._tells)
                    if answers and heard > self._ended:
                        event = replace(event, latency=heard - self._ended)
                    self._unanswered = False
                case Ended() if self.output.sounds:
                    event = replace(event, first_word=self.output.sounds[0] - self._started)
            sink(event)

        return take


class LineInput(AudioInput):
    """What comes of the trainee: a packet after the other in real time, whether anybody speaks or not."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(label="line")
        self._channel = channel
        self._left: Samples = np.empty(0)
        self._due: float | None = None
        self._began: float | None = None
        self._sent: asyncio.Future[tuple[float, float]] | None = None

    async def __anext__(self) -> rtc.AudioFrame:
        loop = asyncio.get_running_loop()
        due = (self._due or loop.time()) + PACKET_SECONDS
        await asyncio.sleep(max(0.0, due - loop.time()))
        self._due = due
        packet, self._left = self._left[:PACKET], self._left[PACKET:]
        if self._sent and len(packet):
            self._began = self._began or time.time() - PACKET_SECONDS
            if not len(self._left):
                self._sent.set_result((self._began, time.time()))
                self._sent = None
        else:
            packet = np.zeros(PACKET)
        carried = np.clip(self._channel.carry(packet), -1, 1) * FULL_SCALE
        return rtc.AudioFrame(carried.astype(np.int16).tobytes(), RATE, 1, PACKET)

    async def send(self, spoken: Samples) -> tuple[float, float]:
        """Returns when the last packet has gone: when the voice began and ended (Unix time)."""
        if not len(spoken):
            return time.time(), time.time()
        self._left, self._began = spoken, None
        self._sent = asyncio.get_running_loop().create_future()
        return await self._sent


class LineOutput(SourceOutput):
    """What the trainee hears of the persona."""

    def __init__(self, sample_rate: int) -> None:
        super().__init__(sample_rate)
        self.sounds: list[float] = []
        """When the first sound of each of her lines was heard (Unix time)."""
        self._silent = True

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        self._silent = self._silent or not self._pushed
        loud = np.abs(np.frombuffer(frame.data, np.int16)) > AUDIBLE
        if self._silent and loud.any():
            self.sounds.append(time.time() + self.source.queued_duration + int(loud.argmax()) / frame.sample_rate)
            self._silent = False
        await super().capture_frame(frame)


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
