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
"""The latest audio, which an agent that takes over hears again: a word that began just before is not cut."""
UNPROVEN_SECONDS = 3.0
"""The same while an agent that has taken over may still fail: all that only it has heard."""
JUDGED_SECONDS = 0.5
"""Audio that is judged before it counts as silent: longer than a pause between two words."""
PAUSE_SECONDS = 3.0
"""How long after speech an answer to it is still due, or more speech. A model that detects turns itself takes up to a
second to notice that one is over, and as long to answer."""


class TraineeAudio(AudioInput):
    """Can be paused without loss, as what comes meanwhile waits in the source, and judged by ear."""

    def __init__(self, source: AudioInput) -> None:
        super().__init__(label="trainee", source=source)
        self._source = source
        self.again_seconds = AGAIN_SECONDS
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._latest: deque[rtc.AudioFrame] = deque()
        self._again: deque[rtc.AudioFrame] = deque()
        self._ear: SpeechDetector | None = None

    async def __anext__(self) -> rtc.AudioFrame:
        while True:
            await self._flowing.wait()
            if self._again:
                return self._again.popleft()
            frame = await self._source.__anext__()
            self._latest.append(frame)
            while sum(kept.duration for kept in self._latest) > self.again_seconds:
                self._latest.popleft()
            if self._ear:
                self._ear.hear(frame)
            if self._flowing.is_set():
                return frame  # one that came while it was paused comes again afterwards

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Lets nothing through while it is entered; then the latest audio once more, and what waited."""
        self._flowing.clear()
        try:
            yield
        finally:
            self._again.extend(self._latest)
            self._latest.clear()
            self._flowing.set()

    @asynccontextmanager
    async def judged(self) -> AsyncIterator[SpeechDetector]:
        """Tells speech from silence while it is entered, which takes 0.03 ms for 32 ms of audio."""
        self._ear = SpeechDetector(self._latest)
        listening = asyncio.ensure_future(self._ear.run())
        try:
            yield self._ear
        finally:
            self._ear = None
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
        """Takes a frame in."""
        self._frame_at = self._loop.time()
        self._stream.push_frame(frame)

    def answered(self) -> None:
        """The persona speaks: what was said before has its answer."""
        self._spoke = None

    @property
    def quiet(self) -> bool:
        """Nothing is said and nothing waits for an answer. A microphone that sends nothing says nothing."""
        now = self._loop.time()
        if now - self._frame_at > 2 * JUDGED_SECONDS:
            return self._spoke is None or now - self._spoke > PAUSE_SECONDS
        due = self._spoke is not None and now - self._spoke <= PAUSE_SECONDS
        return self._judged >= JUDGED_SECONDS and not self._speaking and not due

    async def run(self) -> None:
        """Judges what it hears, until it is cancelled."""
        try:
            async for event in self._stream:
                self._judged = event.timestamp
                if event.type is not VADEventType.INFERENCE_DONE:
                    self._speaking = event.type is VADEventType.START_OF_SPEECH
                    self._spoke = self._loop.time()
        finally:
            await self._stream.aclose()
