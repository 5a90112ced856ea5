"""One call in a LiveKit room: what a job does, from joining the room to leaving it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from livekit.agents import Agent, AgentSession, JobContext, JobProcess

from ..call import private
from ..call.session import Call
from ..call.sinks import fan_out, locate
from ..errors import SpecError
from ..events import ROOM_TAKEN, TRAINEE_LEFT, Ended, Event, Failure, Heard, Notice, Scored
from ..record.recorder import CallRecorder
from ..spec.fields import name_of
from ..spec.session_spec import AnyEdit, Edit
from .link import Connect, WorkerConnection
from .participant import LinkedParticipant, NobodyCame, RoomTaken
from .screen import Screen

ROOM_DONE = (TRAINEE_LEFT, "trainee_lost", "nobody_came")
"""Reasons of a call after which nobody needs the room. LiveKit sends a customer to a room once: whoever joined the same
room again, while it is still there, would be alone in it."""


def warm_up(process: JobProcess) -> None:
    """What takes a job process its time: to import this module, and to load LiveKit's native library."""
    private.keep_native_log()


async def run_job(context: JobContext, *, link: Connect) -> None:
    """The job: one call in one room, with specs and edits from the worker and events to it."""
    async with link(context.job.id) as worker, asyncio.TaskGroup() as afterwards:
        call = RoomCall(context, worker)
        await call.run(afterwards)
    context.shutdown(call.ended.reason)


class RoomCall:
    """A call in a room, with its trainee, what they see of it, and what is kept of it. `ended` tells how it ended."""

    def __init__(self, context: JobContext, worker: WorkerConnection) -> None:
        self.ended = Ended(reason="error")
        self._closed_line = ""
        """What others in the room read when it is closed."""
        self._context = context
        self._worker = worker
        settings = worker.settings
        self._rooms = settings.rooms
        self._user = settings.user
        self._screen = Screen(context.room, settings.rooms.transcripts)
        self._recorder = CallRecorder(settings.record, settings.user or None, self._emit)
        self._tell = fan_out(self._recorder.take, worker.emit, self._screen.show)
        self._call = Call(
            self._edits(),
            self._emit,
            audio=True,
            answer_timeout=settings.rooms.answer_timeout,
            reload=settings.reload,
            seed=settings.seed,
        )
        self._trainee = LinkedParticipant(context, self._call, settings.rooms, self._emit, self._recorder.attach)

    async def run(self, afterwards: asyncio.TaskGroup) -> None:
        """Joins the room, holds the call and leaves; what is still to be judged then goes on in `afterwards`."""
        room = self._context.room
        try:
            async with self._screen.sending(), self._trainee.connecting(), asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(self._end_without_worker())
                await self._converse()
                self._settle_user()
                await self._recorder.close()  # before the room is left: the trainee reads the score
                # The judge's score is waited for if the trainee stays; else the room is left at once.
                if self._recorder.to_judge and self.ended.reason != ROOM_TAKEN:
                    judging = afterwards.create_task(self._recorder.judge())
                    left = tasks.create_task(self._trainee.wait_until_alone())
                    await asyncio.wait((judging, left), return_when=asyncio.FIRST_COMPLETED)
                    left.cancel()
                over = self._rooms.delete_room and (self.ended.satisfied is not None or self.ended.reason in ROOM_DONE)
                over = over and room.isconnected()  # else another room may have the name by now
                if over and (others := self._trainee.others()):
                    self._screen.show_closed(self._closed_line, others)
                    what = "the room is closed for whoever is still in it; joining again opens a new one"
                    self._emit(Notice(text=what))
                watching.cancel()
        finally:
            # LiveKit cancels all tasks of a job whose worker is gone, this one and the room's own: who is cut short
            # has not left, and the trainee sees a customer for another twenty seconds.
            for _ in range(2):
                with suppress(asyncio.CancelledError):
                    await room.disconnect()
        if over:
            await self._context.delete_room()

    async def _converse(self) -> None:
        """Holds the call to its end, whatever that is."""
        try:
            self.ended = await self._call.run(self._join)
        except* SpecError as group:
            for error in group.exceptions:
                self._emit(Failure(source="spec", reason=str(error), recoverable=False))
            with suppress(NobodyCame, RoomTaken):
                await self._trainee.wait_for_trainee()
            self._emit(self.ended)
        except* RoomTaken:
            self.ended = Ended(reason=ROOM_TAKEN)
            self._emit(self.ended)
        except* NobodyCame:
            self.ended = Ended(reason="nobody_came")
            self._emit(self.ended)

    @asynccontextmanager
    async def _join(self, session: AgentSession[None], agent: Agent) -> AsyncIterator[None]:
        async with self._trainee.joined(session, agent):
            if self._trainee.speaks:  # else somebody else may still be
                self._settle_user()
            yield

    async def _edits(self) -> AsyncIterator[AnyEdit]:
        async for edit in self._worker.edits():
            if isinstance(edit, Edit):
                self._screen.went_dead_line, self._closed_line = edit.spec.language.went_dead, edit.spec.language.closed
                self._recorder.adopt(edit.spec)
            yield edit

    async def _end_without_worker(self) -> None:
        await self._worker.lost.wait()
        self._screen.show_went_dead()  # at once: LiveKit ends this job a second later
        self._call.hang_up("lost")

    def _emit(self, event: Event) -> None:
        if isinstance(event, Heard):
            self._settle_user()
        if not (isinstance(event, Scored) and self.ended.reason == ROOM_TAKEN):  # the room's call goes on
            locate(event, self._context.job.room.name, self._user)
            self._tell(event)

    def _settle_user(self) -> None:
        """Whoever is the trainee now is the call's user, where the room's name tells none."""
        if not self._user:
            self._user = name_of(self._trainee.identity)
            self._recorder.belong_to(self._user)
