"""The trainee's audio on its way to the session."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from livekit import rtc
from livekit.agents import inference
from livekit.agents.vad import VADEventType
from livekit.agents.voice.io import AudioInput

from .detector import InlineExecutor

AGAIN_SECONDS = 0.3
"""Seconds of the latest audio that an agent that takes over hears again, so that no word is cut."""
UNPROVEN_SECONDS = 3.0
"""The same while an agent that has just taken over may still fail: the one that follows hears all that it heard."""
JUDGED_SECONDS = 0.5
"""Seconds of audio that are analysed before the line counts as silent: longer than a pause between two words."""
PAUSE_SECONDS = 3.0
"""How long after speech an answer to it is still due, or more speech. A model that detects turns itself takes up to a
second to notice that one is over, and as long to answer."""


class TraineeAudio(AudioInput):
    """The trainee's audio. It can be paused without loss, as frames wait in the source, and `judged` for speech."""

    def __init__(self, source: AudioInput) -> None:
        super().__init__(label="trainee", source=source)
        self._source = source
        self.again_seconds = AGAIN_SECONDS
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._latest: deque[rtc.AudioFrame] = deque()
        self._again: deque[rtc.AudioFrame] = deque()
        self._detector: SpeechDetector | None = None

    async def __anext__(self) -> rtc.AudioFrame:
        while True:
            await self._flowing.wait()
            if self._again:
                return self._again.popleft()
            frame = await self._source.__anext__()
            self._latest.append(frame)
            while sum(kept.duration for kept in self._latest) > self.again_seconds:
                self._latest.popleft()
            if self._detector:
                self._detector.hear(frame)
            if self._flowing.is_set():
                return frame  # one that came while it was paused comes again afterwards

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Holds all frames back while it is entered; then gives the latest audio again, and what has waited."""
        self._flowing.clear()
        try:
            yield
        finally:
            self._again.extend(self._latest)
            self._latest.clear()
            self._flowing.set()

    @asynccontextmanager
    async def judged(self) -> AsyncIterator[SpeechDetector]:
        """Detects speech in the audio while it is entered. That takes 0.03 ms for 32 ms of audio."""
        self._detector = SpeechDetector(self._latest)
        listening = asyncio.ensure_future(self._detector.run())
        try:
            yield self._detector
        finally:
            self._detector = None
            listening.cancel()


class SpeechDetector:
    """Judges by the sound alone whether the trainee speaks, or has just spoken and is not answered yet."""

    def __init__(self, recent: Iterable[rtc.AudioFrame]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stream = inference.VAD(executor=InlineExecutor()).stream()
        self._speaking = False
        self._spoke: float | None = None
        self._judged = 0.0
        self._frame_at = self._loop.time()
        for frame in recent:
            self._stream.push_frame(frame)

    def hear(self, frame: rtc.AudioFrame) -> None:
        self._frame_at = self._loop.time()
        self._stream.push_frame(frame)

    def answered(self) -> None:
        """The persona speaks: what was said before has its answer."""
        self._spoke = None

    @property
    def quiet(self) -> bool:
        """Whether nobody speaks and no turn waits for its answer. A microphone that sends no frames is silent."""
        now = self._loop.time()
        if now - self._frame_at > 2 * JUDGED_SECONDS:
            return self._spoke is None or now - self._spoke > PAUSE_SECONDS
        due = self._spoke is not None and now - self._spoke <= PAUSE_SECONDS
        return self._judged >= JUDGED_SECONDS and not self._speaking and not due

    async def run(self) -> None:
        """Detects speech in the frames, until it is cancelled."""
        try:
            async for event in self._stream:
                self._judged = event.timestamp
                if event.type is not VADEventType.INFERENCE_DONE:
                    self._speaking = event.type is VADEventType.START_OF_SPEECH
                    self._spoke = self._loop.time()
        finally:
            await self._stream.aclose()
