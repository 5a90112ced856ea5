"""All that is kept of one call, for whoever holds the call: one sink for its events, and one tap on its audio."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from livekit.agents import AgentSession

from ..events import Emit, Event, Heard, Notice, Said
from ..spec.session_spec import SessionSpec
from ..spec.settings import Record
from .audio import AudioRecorder
from .folder import finish, read_folder, scored
from .writer import SessionFolder

EARLY_LIMIT = 200
"""Events before the call is a call; of more the latest are kept."""


class Recording:
    """Keeps one call in a session folder, which is made once there is a call: when the trainee can hear and be heard,
    or the first line was said. Whatever goes wrong with it is a line of the call's, and nothing else.

    Args:
        record: whether, where and what.
        user: the trainee's user id; None where nobody knows yet, and the folder waits for `belong_to`.
        emit: where the call's events go; takes those of the recording too.
        place: as of `SessionFolder`.
    """

    def __init__(self, record: Record, user: str | None, emit: Emit, place: tuple[Path, float] | None = None) -> None:
        self._record = record
        self._user = user
        self._emit = emit
        self._place = place
        self._loop = asyncio.get_running_loop()
        self._spec: SessionSpec | None = None
        self._early: deque[Event] = deque(maxlen=EARLY_LIMIT)
        self._folder: SessionFolder | None = None
        self._audio: AudioRecorder | None = None
        self._path: Future[Path] = Future()
        self._held = False
        """Whether there is a call to be kept."""
        self.to_judge: SessionSpec | None = None
        """What the call was made from, where a judge is still to be asked. The folder is whole without it."""

    def adopt(self, spec: SessionSpec) -> None:
        """The call is made from this spec; a later one is kept beside it."""
        if self._folder:
            self._folder.adopt(spec)
        else:
            self._spec = spec

    def belong_to(self, user: str) -> None:
        """The trainee is known: whose the folder is, where there is none yet."""
        self._user = user
        if self._held:
            self._open()

    def take(self, event: Event) -> None:
        """A sink: takes one event; never waits, never raises."""
        if not self._record.enabled:
            return
        if self._folder is None:
            self._early.append(event)
            self._held |= isinstance(event, Heard | Said)
            if self._held and self._user is not None:
                self._open()
        else:
            self._folder.write(event)

    def attach(self, session: AgentSession[None]) -> None:
        """Records the audio of a session that has not started, where it has any."""
        heard = session.input.audio and session.output.audio
        if self._record.enabled and self._record.audio and heard:
            self._audio = AudioRecorder(self._path, self._tell)
            self._held = True
            self._audio.attach(session)

    def _open(self) -> None:
        if self._record.enabled and self._folder is None and self._spec is not None:
            self._folder = SessionFolder(self._record, self._spec, self._user or "", self._tell, self._place)
            self._folder.path.add_done_callback(self._found)
            while self._early:
                self._folder.write(self._early.popleft())

    def _found(self, path: Future[Path]) -> None:
        if error := path.exception():
            self._path.set_exception(error)
        else:
            self._path.set_result(path.result())

    def _tell(self, event: Event) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(partial(self._emit, event))

    async def close(self) -> None:
        """The call is over: ends audio and folder, by cues; emits that score where no judge is to be asked."""
        if self._held:
            self._open()  # nobody came who was certain to be the trainee
        if self._audio:
            await self._audio.close()
        if self._folder and self._spec and (card := await self._folder.close()):
            if self._spec.judge.llm and card.objectives:
                self.to_judge = self._spec
            else:
                self._emit(scored(card, str(self._folder.path.result())))

    async def judge(self) -> None:
        """Asks the judge that is still to be asked, scores the call by its verdicts, and emits that score. What it
        does not judge within its seconds is unclear, and a line says so."""
        if not (self._folder and self.to_judge):
            return
        from .judge import LIVE_SECONDS, judged  # most calls have none

        spec, self.to_judge = self.to_judge, None
        folder = self._folder.path.result()
        self._emit(Notice(text=f"judge={spec.choices['judge']} reads the call, for {LIVE_SECONDS:g} s at most"))
        try:
            made = await judged(await asyncio.to_thread(read_folder, folder), spec, LIVE_SECONDS)
            if made.failed:
                self._emit(Notice(text=made.failed))
            card = await asyncio.to_thread(finish, folder, made.verdicts, made.model)
            self._emit(scored(card, str(folder)))
        except OSError as error:
            self._emit(Notice(text=f"the judge's score is not kept: {error.strerror or error}"))
