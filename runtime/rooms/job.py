"""One call in a LiveKit room: what a job does, from joining the room to leaving it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from livekit.agents import Agent, AgentSession, JobContext, JobProcess

from ..call import private
from ..call.session import Call
from ..call.sinks import fan_out
from ..errors import SpecError
from ..events import ROOM_TAKEN, Ended, Event, Failure, Heard, Notice, Scored
from ..record.recording import Recording
from ..spec.fields import name_of
from ..spec.session_spec import AnyEdit, Edit
from .link import Connect
from .participant import LinkedParticipant, NobodyCame, RoomTaken
from .screen import Screen

OVER = ("trainee_left", "trainee_lost", "nobody_came")
"""Reasons of a call after which nobody needs the room. LiveKit sends a customer to a room once: whoever joined the same
room again, while it is still there, would be alone in it."""


def warm_up(process: JobProcess) -> None:
    """What takes a job process its time: to import this module, and to load LiveKit's native library."""
    private.keep_native_log()


async def run_job(context: JobContext, *, link: Connect) -> None:
    """The job: one call in one room, with specs and edits from the worker and events to it."""
    async with link(context.job.id) as worker, asyncio.TaskGroup() as afterwards:
        rooms = worker.settings.rooms
        screen = Screen(context.room, rooms.transcripts)
        user = worker.settings.user
        recording = Recording(worker.settings.record, user or None, lambda event: emit(event))
        tell = fan_out(recording.take, worker.emit, screen.show, room=context.job.room.name)

        def emit(event: Event) -> None:
            if isinstance(event, Heard):
                settle_user()
            if not (isinstance(event, Scored) and ended.reason == ROOM_TAKEN):  # the room's call goes on
                tell(replace(event, user=user))

        def settle_user() -> None:
            """Whoever is the trainee now is the call's user, where the room's name tells none."""
            nonlocal user
            if not user:
                user = name_of(trainee.identity)
                recording.belong_to(user)

        @asynccontextmanager
        async def joined(session: AgentSession[None], agent: Agent) -> AsyncIterator[None]:
            async with trainee.joined(session, agent):
                if trainee.speaks:  # else somebody else may still be
                    settle_user()
                yield

        async def edits() -> AsyncIterator[AnyEdit]:
            async for edit in worker.edits():
                if isinstance(edit, Edit):
                    screen.went_dead = edit.spec.language.went_dead
                    recording.adopt(edit.spec)
                yield edit

        async def end_without_worker() -> None:
            await worker.lost.wait()
            screen.show_went_dead()  # at once: LiveKit ends this job a second later
            call.hang_up("lost")

        call = Call(
            edits(),
            emit,
            audio=True,
            answer_timeout=rooms.answer_timeout,
            reload=worker.settings.reload,
            seed=worker.settings.seed,
        )
        trainee = LinkedParticipant(context, call, rooms, emit, recording.attach)
        ended = Ended(reason="error")
        try:
            async with screen.sending(), trainee.connecting(), asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(end_without_worker())
                try:
                    ended = await call.run(joined)
                except* SpecError as group:
                    for error in group.exceptions:
                        emit(Failure(source="spec", reason=str(error), recoverable=False))
                    with suppress(NobodyCame, RoomTaken):
                        await trainee.come()
                    emit(ended)
                except* RoomTaken:
                    emit(ended := Ended(reason=ROOM_TAKEN))
                except* NobodyCame:
                    emit(ended := Ended(reason="nobody_came"))
                settle_user()
                await recording.close()  # before the room is left: the trainee reads the score
                # The judge's score is waited for if the trainee stays; else the room is left at once.
                if recording.to_judge and ended.reason != ROOM_TAKEN:
                    judging = afterwards.create_task(recording.judge())
                    left = tasks.create_task(trainee.alone())
                    await asyncio.wait((judging, left), return_when=asyncio.FIRST_COMPLETED)
                    left.cancel()
                watching.cancel()
            over = rooms.delete_room and (ended.satisfied is not None or ended.reason in OVER)
            over = over and context.room.isconnected()  # else another room may have the name by now
            if over and ended.reason in OVER and trainee.others_there():
                emit(Notice(text="the room is closed for whoever is still in it; joining again opens a new one"))
        finally:
            with suppress(asyncio.CancelledError):  # its own task may have been cancelled before this one
                await context.room.disconnect()
        if over:
            await context.delete_room()
    context.shutdown(ended.reason)
