"""The trainee's end of a spoken rehearsal: speaks on the line in real time, and notes when the persona is heard."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import numpy as np
from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.tts import TTS
from livekit.agents.voice.io import AudioInput

from ..call.voice import SourceOutput, keep_in_step, samples_of
from ..events import Emit, Ended, Event, Heard, Said, Started
from ..spec.settings import LineQuality
from .line import PACKET, PACKET_SECONDS, RATE, Channel, Samples, utterance

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
        spoken = utterance(_samples(frame), self._quality.band)
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


def _samples(frame: rtc.AudioFrame) -> Samples:
    """A frame as one voice at `RATE`."""
    return np.asarray(np.frombuffer(samples_of(frame, RATE), np.int16) / FULL_SCALE)
