"""Keeps one call: a sink for its events, a tap on its audio, and its score once it is over."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from livekit.agents import AgentSession

from ..errors import SpecError
from ..events import Emit, Event, Heard, Interim, Notice, Said
from ..spec.session_spec import SessionSpec
from ..spec.settings import Record
from .audio import AudioRecorder
from .folder import FinishedCall, finish, from_memory
from .score import Scorecard, Verdict, score, scored
from .writer import SessionWriter

EVENTS_LIMIT = 20_000
"""Events of a call that are kept in memory for its score; of more the latest are."""


class CallRecorder:
    """Keeps one call in a session folder, which is made once there is a call: when the trainee can hear and be heard,
    or the first line was said. Whatever goes wrong with it is a line of the call's, and nothing else: the score is told
    all the same, from memory.

    Args:
        record: whether, where and what.
        user: the trainee's user id; None where nobody knows yet, and the folder waits for `belong_to`.
        emit: where the call's events go; takes those of the recording too.
        place: as of `SessionWriter`.
    """

    def __init__(self, record: Record, user: str | None, emit: Emit, place: tuple[Path, float] | None = None) -> None:
        self._record = record
        self._user = user
        self._emit = emit
        self._place = place
        self._loop = asyncio.get_running_loop()
        self._first_spec: SessionSpec | None = None
        """What the call was begun with."""
        self._latest_spec: SessionSpec | None = None
        self._spoken_spec: SessionSpec | None = None
        """The last that a line was said under."""
        self._events: deque[Event] = deque(maxlen=EVENTS_LIMIT)
        self._folder: SessionWriter | None = None
        self._audio: AudioRecorder | None = None
        self._path: Future[Path] = Future()
        self._finished: Path | None = None
        """The folder, once it is whole."""
        self._worth_keeping = False
        """Whether there is a call to be kept."""
        self.to_judge: SessionSpec | None = None
        """What the call was made from, where a judge is still to be asked. The folder is whole without it."""

    def adopt(self, spec: SessionSpec) -> None:
        """The call is made from this spec; a later one is kept beside it."""
        self._latest_spec = spec
        if self._folder:
            self._folder.adopt(spec)
        if not self._worth_keeping:
            self._first_spec = self._spoken_spec = spec

    def belong_to(self, user: str) -> None:
        """The trainee is known: whose the folder is, where there is none yet."""
        self._user = user
        if self._worth_keeping:
            self._open()

    def take(self, event: Event) -> None:
        """A sink: takes one event; never waits, never raises. Of a line that is still being said the whole comes."""
        if isinstance(event, Interim):
            return
        self._events.append(event)
        if isinstance(event, Heard | Said):
            self._worth_keeping = True
            if self._latest_spec and event.revision == self._latest_spec.revision:
                self._spoken_spec = self._latest_spec
        if self._folder:
            self._folder.write(event)
        elif self._worth_keeping and self._user is not None:
            self._open()

    def attach(self, session: AgentSession[None]) -> None:
        """Records the audio of a session that has not started, where it has any."""
        heard = session.input.audio and session.output.audio
        if self._record.enabled and self._record.audio and heard:
            self._audio = AudioRecorder(self._path, self._tell)
            self._worth_keeping = True
            self._audio.attach(session)

    def _open(self) -> None:
        if self._record.enabled and self._folder is None and self._first_spec is not None:
            self._folder = SessionWriter(
                self._record, self._first_spec, self._user or "", self._tell, self._place, self._path
            )
            for event in self._events:
                self._folder.write(event)

    def _tell(self, event: Event) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(partial(self._emit, event))

    async def close(self) -> None:
        """The call is over: ends audio and folder, by cues; emits that score where no judge is to be asked."""
        if not (self._worth_keeping and self._first_spec):
            return
        self._open()  # nobody came who was certain to be the trainee
        if self._audio:
            await self._audio.close()
        card = await self._folder.close() if self._folder else None
        if self._folder and card:
            self._finished = self._path.result()
        else:
            card = await asyncio.to_thread(self._scored)
        if self._first_spec.judge.llm and card.objectives:
            self.to_judge = self._first_spec
        else:
            self._emit(scored(card, str(self._finished or "")))

    async def judge(self) -> None:
        """Asks the judge that is still to be asked, scores the call by its verdicts, and emits that score. What it
        does not judge within its seconds is unclear, and a line says so."""
        if not self.to_judge:
            return
        from .judge import LIVE_SECONDS, judged  # most calls have none

        spec, self.to_judge = self.to_judge, None
        self._emit(Notice(text=f"judge={spec.choices['judge']} reads the call, for {LIVE_SECONDS:g} s at most"))
        made = await judged(self._call(), spec, LIVE_SECONDS)
        if made.failed:
            self._emit(Notice(text=made.failed))
        card = await asyncio.to_thread(self._scored, made.verdicts, made.model)
        self._emit(scored(card, str(self._finished or "")))

    def _scored(self, verdicts: Mapping[str, Verdict] | None = None, judge: str = "") -> Scorecard:
        """The scorecard, for which the folder is finished again; where there is none, from memory."""
        if self._finished:
            try:
                return finish(self._finished, verdicts, judge)
            except (OSError, SpecError) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                self._tell(Notice(text=f"the judge's score is not kept: {reason}"))
        call = self._call()
        return score(call.log, call.front, call.language, verdicts, judge)

    def _call(self) -> FinishedCall:
        assert self._spoken_spec
        return from_memory(self._events, self._spoken_spec)
