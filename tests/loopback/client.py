"""A call in this process, for tests: a session with a real plugin, ears, a mouth, and a record of events."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentSession, CloseEvent, ErrorEvent, utils
from livekit.agents.llm import ChatMessage, Tool
from livekit.agents.voice import io

from . import Watched
from .audio import silence, tone

RATE = 24_000
CHUNK = 0.05


class Speaker(io.AudioOutput):
    """Plays what it is given in no time."""

    def __init__(self) -> None:
        super().__init__(label="speaker", capabilities=io.AudioOutputCapabilities(pause=True))
        self.heard = 0.0
        """Seconds of audio played so far."""
        self._segment = 0.0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if not self._segment:
            self.on_playback_started(created_at=time.time())
        self._segment += frame.duration
        self.heard += frame.duration

    def flush(self) -> None:
        super().flush()
        self._finish(interrupted=False)

    def clear_buffer(self) -> None:
        self._finish(interrupted=True)

    def _finish(self, interrupted: bool) -> None:
        if self._segment:
            played, self._segment = self._segment, 0.0
            self.on_playback_finished(playback_position=played, interrupted=interrupted)


class Microphone(io.AudioInput):
    """Picks up what the test says."""

    def __init__(self) -> None:
        super().__init__(label="microphone")
        self._frames: asyncio.Queue[rtc.AudioFrame] = asyncio.Queue()

    async def __anext__(self) -> rtc.AudioFrame:
        frame = await self._frames.get()
        self._frames.task_done()
        return frame

    async def heard(self) -> None:
        """Returns once all was taken that was picked up."""
        await self._frames.join()

    def say(self, seconds: float = 0.5, pause: float = 0.5) -> None:
        """Speak, or what sounds like it to the loopback servers, and then be silent."""
        self.pick_up(tone(seconds, RATE) + silence(pause, RATE), RATE)

    def pick_up(self, pcm: bytes, rate: int) -> None:
        """Hear this, 16-bit mono PCM."""
        size = int(CHUNK * rate)
        for start in range(0, len(pcm), 2 * size):
            data = pcm[start : start + 2 * size]
            self._frames.put_nowait(rtc.AudioFrame(data, rate, 1, len(data) // 2))


class Call(Watched):
    """A session that runs, and what came of it."""

    def __init__(self, session: AgentSession[Any]) -> None:
        super().__init__()
        self.session = session
        self.microphone = Microphone()
        self.speaker = Speaker()
        self.errors: list[ErrorEvent] = []
        self.closed: CloseEvent | None = None
        session.on("error", self._on_error)
        session.on("close", self._on_close)
        session.on("conversation_item_added", lambda _: self.changed())

    def _on_error(self, event: ErrorEvent) -> None:
        self.errors.append(event)
        self.changed()

    def _on_close(self, event: CloseEvent) -> None:
        self.closed = event
        self.changed()

    async def ask(self, text: str) -> str:
        """Say something in writing; what the agent answered. Raises what the speech ended with."""
        speech = self.session.generate_reply(user_input=text)
        await speech
        if error := speech.exception():
            raise error
        return "".join(i.text_content or "" for i in speech.chat_items if isinstance(i, ChatMessage))

    @property
    def transcript(self) -> list[tuple[str, str]]:
        """(role, text) of the history."""
        items = self.session.history.items
        return [(item.role, item.text_content or "") for item in items if isinstance(item, ChatMessage)]

    @property
    def problems(self) -> list[tuple[str, bool]]:
        """(class of the error, recoverable) of every error event."""
        return [(type(event.error.error).__name__, event.error.recoverable) for event in self.errors]


@asynccontextmanager
async def call(instructions: str, tools: Sequence[Tool] = (), **parts: Any) -> AsyncIterator[Call]:
    """Run a session with these parts (`llm=`, `tts=`, …) for as long as it is entered, and close them."""
    async with (
        asyncio.timeout(30),
        utils.http_context.open(),
        AsyncExitStack() as stack,
        AgentSession(vad=None, **parts) as session,
    ):
        for part in parts.values():
            if hasattr(part, "aclose"):
                stack.push_async_callback(part.aclose)
        running = Call(session)
        session.input.audio = running.microphone
        session.output.audio = running.speaker
        await session.start(Agent(instructions=instructions, tools=list(tools)))
        yield running
