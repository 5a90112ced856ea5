"""Who has the floor: whether anybody speaks, or is about to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from livekit.agents import AgentSession

LOOK_SECONDS = 0.05
"""How soon the end of a speech is noticed: LiveKit has no event for it."""


class Floor:
    """The floor of one call. `owed` says whether an answer is due that has not begun."""

    def __init__(self, session: AgentSession[None], owed: Callable[[], bool]) -> None:
        self._session = session
        self._owed = owed
        self._changed = asyncio.Event()
        self._turns = asyncio.Lock()
        self._open = False
        for name in ("agent_state_changed", "user_state_changed", "conversation_item_added", "speech_created"):
            session.on(name, lambda _: self.changed())

    def opened(self) -> None:
        """The opening line is over: before that the persona is always about to speak."""
        self._open = True
        self.changed()

    def changed(self) -> None:
        """Something happened that may have freed the floor."""
        self._changed.set()
        self._changed = asyncio.Event()

    @property
    def quiet(self) -> bool:
        """Nobody speaks or is about to."""
        session = self._session
        return (
            self._open
            and session.user_state != "speaking"
            and session.agent_state in ("listening", "idle")
            and session.current_speech is None
            and not self._owed()
        )

    async def until_free(self) -> None:
        """Returns when all is quiet and no typed turn is on its way."""
        while not self.quiet or self._turns.locked():
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._changed.wait()

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Takes the floor for a typed turn, or for a change that no typed turn may fall into."""
        try:
            async with self._turns:
                yield
        finally:
            self.changed()
