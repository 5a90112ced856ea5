"""The trainee's audio on its way to the session: held back while one agent hands over to another, and never lost."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from livekit import rtc
from livekit.agents.voice.io import AudioInput

KEPT_SECONDS = 0.3
"""The latest audio, heard again by the agent that takes over: a word that began just before is not cut."""


class Gate(AudioInput):
    """An audio input that can be shut. What comes meanwhile waits in the source."""

    def __init__(self, source: AudioInput) -> None:
        super().__init__(label="gate", source=source)
        self._source = source
        self._open = asyncio.Event()
        self._open.set()
        self._latest: deque[rtc.AudioFrame] = deque()
        self._again: deque[rtc.AudioFrame] = deque()

    async def __anext__(self) -> rtc.AudioFrame:
        while True:
            await self._open.wait()
            if self._again:
                return self._again.popleft()
            frame = await self._source.__anext__()
            self._latest.append(frame)
            while sum(kept.duration for kept in self._latest) > KEPT_SECONDS:
                self._latest.popleft()
            if self._open.is_set():
                return frame  # one that came while the gate was shut comes again once it opens

    @asynccontextmanager
    async def shut(self) -> AsyncIterator[None]:
        """Lets nothing through while it is entered."""
        self._open.clear()
        try:
            yield
        finally:
            self._again.extend(self._latest)
            self._latest.clear()
            self._open.set()
