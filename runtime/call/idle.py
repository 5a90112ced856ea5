"""Whether anybody in a call speaks, or is about to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from livekit.agents import AgentSession
from livekit.agents.voice import AgentStateChangedEvent
from livekit.agents.voice.events import EventTypes

from .audio_input import SpeechDetector, TraineeAudio

LOOK_SECONDS = 0.05
"""How soon the end of a speech is noticed: LiveKit has no event for it."""

_MAY_BE_IDLE: tuple[EventTypes, ...] = ("agent_state_changed", "user_state_changed", "conversation_item_added")
"""Events after which a call may be idle."""


class IdleMonitor:
    """Knows when a call is idle: nobody speaks, and no answer is due that has not begun (`owed`)."""

    def __init__(self, session: AgentSession[None], owed: Callable[[], bool]) -> None:
        self._session = session
        self._owed = owed
        self._changed = asyncio.Event()
        self._turns = asyncio.Lock()
        self._begun = self._open = False
        self._detector: SpeechDetector | None = None

    def begin(self) -> None:
        """The persona is about to say the opening line: the call is not idle until it is `opened`."""
        self._begun = True

    def opened(self) -> None:
        """The opening line is over."""
        self._open = True
        self.changed()

    def changed(self) -> None:
        """Something happened after which the call may be idle."""
        self._changed.set()  # who waits goes on; who comes later waits for the next
        self._changed.clear()

    @property
    def idle(self) -> bool:
        """Nobody speaks or is about to."""
        session = self._session
        return not self._begun or (
            self._open
            and session.user_state != "speaking"
            and session.agent_state in ("listening", "idle")
            and session.current_speech is None
            and not self._owed()
            and (self._detector is None or self._detector.quiet)
        )

    @property
    def replying(self) -> bool:
        """Whether a reply of the persona is being made or spoken."""
        return self._session.current_speech is not None or self._session.agent_state in ("thinking", "speaking")

    @asynccontextmanager
    async def listening(self, audio: TraineeAudio) -> AsyncIterator[None]:
        """While it is entered, detects whether the trainee speaks: for models that detect turns and tell nobody."""
        async with audio.judged() as detector:

            def on_agent_state(event: AgentStateChangedEvent) -> None:
                if event.new_state == "speaking":
                    detector.answered()

            self._detector = detector
            try:
                with self._subscribed(on_agent_state, "agent_state_changed"):
                    yield
            finally:
                self._detector = None

    async def wait(self) -> None:
        """Returns when the call is idle and no typed turn is on its way."""
        # Only while somebody waits: LiveKit takes longer to find out how to call a listener than most listeners take.
        with self._subscribed(lambda _: self.changed(), *_MAY_BE_IDLE):
            while not self.idle or self._turns.locked():
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._changed.wait()

    @contextmanager
    def _subscribed(self, listener: Callable[[Any], None], *events: EventTypes) -> Iterator[None]:
        for event in events:
            self._session.on(event, listener)
        try:
            yield
        finally:
            for event in events:
                self._session.off(event, listener)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """A lock for beginning a typed turn, and for a change during which none may begin."""
        try:
            async with self._turns:
                yield
        finally:
            self.changed()
