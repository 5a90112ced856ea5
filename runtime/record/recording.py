"""All that is kept of one call, for whoever holds the call: one sink for its events, and one tap on its audio."""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial

from livekit.agents import AgentSession

from ..events import AudioStarted, Emit, Event, Heard, Said
from ..spec.session_spec import SessionSpec
from ..spec.settings import Record
from .audio import AudioRecorder
from .folder import SessionFolder, scored

EARLY_LIMIT = 200
"""Events before the call is a call; of more the latest are kept."""


class Recording:
    """Keeps one call in a session folder, which is made once there is a call: when the trainee can hear and be heard,
    or the first line was said. Whatever goes wrong with it is a line of the call's, and nothing else.

    Args:
        record: whether, where and what.
        user: the trainee's user id; empty where nobody knows.
        emit: where the call's events go; takes those of the recording too.
    """

    def __init__(self, record: Record, user: str, emit: Emit) -> None:
        self._record = record
        self._user = user
        self._emit = emit
        self._loop = asyncio.get_running_loop()
        self._spec: SessionSpec | None = None
        self._early: deque[Event] = deque(maxlen=EARLY_LIMIT)
        self._folder: SessionFolder | None = None
        self._audio: AudioRecorder | None = None

    def adopt(self, spec: SessionSpec) -> None:
        """The call is made from this spec; a later one is kept beside it."""
        if self._folder:
            self._folder.adopt(spec)
        else:
            self._spec = spec

    def take(self, event: Event) -> None:
        """A sink: takes one event; never waits, never raises."""
        if not self._record.enabled:
            return
        if self._folder is None:
            self._early.append(event)
            if isinstance(event, Heard | Said | AudioStarted):
                self._open()
        else:
            self._folder.write(event)

    def attach(self, session: AgentSession[None]) -> None:
        """Records the audio of a session that has not started, where it has any."""
        heard = session.input.audio and session.output.audio
        if self._record.enabled and self._record.audio and heard and (folder := self._open()):
            self._audio = AudioRecorder(folder.path, self._tell)
            self._audio.attach(session)

    def _open(self) -> SessionFolder | None:
        if self._folder is None and self._spec is not None:
            self._folder = SessionFolder(self._record, self._spec, self._user, self._tell)
            while self._early:
                self._folder.write(self._early.popleft())
        return self._folder

    def _tell(self, event: Event) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(partial(self._emit, event))

    async def close(self) -> None:
        """The call is over: ends the audio, finishes the folder, and emits the score."""
        if self._audio:
            await self._audio.close()
        if self._folder and (card := await self._folder.close()):
            self._emit(scored(card, str(self._folder.path.result())))
