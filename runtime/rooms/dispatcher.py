"""Which rooms this worker takes, with which spec, and what becomes of their calls."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from livekit import api
from livekit.agents import AssignmentTimeoutError, JobRequest

from ..call.sinks import fan_out
from ..errors import SpecError
from ..events import ROOM_TAKEN, Emit, Ended, Event, Notice
from ..files.store import SpecStore
from ..spec.session_spec import SessionSpec
from ..spec.settings import ReloadMode, Rooms, Transcripts
from . import metrics
from .link import JobConnection, JobSettings, OnEvent
from .names import IDENTITY, PREFIX, ROOM_MADE, RoomName, parse_room
from .routing import route
from .screen import TOPIC, customer_line

READY_SECONDS = 60.0
"""Seconds until an accepted job must have begun. A job process imports for 3 to 5 s; many at once take longer."""

ASK_SECONDS = 5.0
"""Seconds for the server to tell which rooms there are."""
ROOMS_TOLD = 5
"""Rooms without a customer that one line names."""


@dataclass(frozen=True, slots=True)
class AcceptedJob:
    """A job that was accepted and has not begun: its room, what it asked for, and what it gets."""

    room: str
    name: RoomName
    choices: dict[str, str]
    reload: ReloadMode
    spec: SessionSpec


@dataclass(frozen=True, slots=True)
class RunningCall:
    """A call that is on: its room, its first spec, and whether the trainee reads data messages."""

    room: str
    spec: SessionSpec
    reads_data: bool


class Dispatcher:
    """Answers LiveKit's requests for jobs, gives each job its spec, and passes on what its call tells."""

    def __init__(
        self,
        store: SpecStore,
        default: str,
        owners: Mapping[str, str],
        emit: Emit,
        tasks: asyncio.TaskGroup,
        *,
        live: bool = True,
    ) -> None:
        """`owners` is who answers each scenario id, `default` who answers the others; `live` as of `JobSettings`."""
        self._store = store
        self._tasks = tasks
        self._default, self._owners = default, owners
        self._emit = emit
        self._live = live
        self._asked: set[str] = set()
        """The rooms that LiveKit waits for an answer for."""
        self._lost: set[str] = set()
        """Rooms of calls that were lost a moment ago: the server may not tell yet that they were given to a worker."""
        self._accepted: dict[str, AcceptedJob] = {}
        self._closing = False
        self._job_gone = asyncio.Event()
        self.calls: dict[str, RunningCall] = {}
        """The calls that are on, by job."""

    async def on_request(self, request: JobRequest) -> None:
        """Takes a room that is ours, or says why it gets no customer; leaves all others to other workers."""
        room = request.room.name
        if (name := parse_room(room)) is None:
            await request.reject(terminate=False)
            return
        self._asked.add(room)
        try:
            accepted = None if self._closing else await self._accept(room, name, request.job.metadata)
            if accepted is None or self._closing:  # the worker may have been stopped meanwhile
                await request.reject(terminate=False)
                return
            self._accepted[request.id] = accepted
            asyncio.get_running_loop().call_later(READY_SECONDS, self._forget, request.id)
            made = {ROOM_MADE: str(request.room.creation_time_ms or request.room.creation_time * 1000)}
            await request.accept(name=accepted.spec.persona.name, identity=IDENTITY + request.id, attributes=made)
        except AssignmentTimeoutError:  # the server waited for 3 s, and has given the room to nobody
            self._accepted.pop(request.id, None)
            self._job_gone.set()
        else:
            return
        finally:
            self._asked.discard(room)
        await self._offer_again({room})

    async def _accept(self, room: str, name: RoomName, metadata: str) -> AcceptedJob | None:
        tell = fan_out(self._emit, room=room, user=name.user)
        settings, asked = self._store.settings, ""
        try:
            routed = await asyncio.to_thread(route, name, metadata, settings.routing, self._default, self._owners)
            for warning in routed.warnings:
                tell(Notice(text=warning))
            if routed.choices is None:
                tell(Notice(text="the room is left alone (routing.unmatched: reject)"))
                return None
            asked = f"persona={routed.choices['persona']}: "
            spec = await self._store.find(routed.choices)
        except SpecError as error:
            tell(Notice(text=f"{asked}{error}; the room is left alone"))
            return None
        return AcceptedJob(room, name, routed.choices, routed.reload or settings.reload, spec)

    async def on_job(self, job: str, connection: JobConnection) -> OnEvent:
        """Gives a job that has started its spec and the edits of it; returns what takes the events of its call. Raises
        KeyError where no such job was accepted."""
        accepted = self._accepted[job]
        try:
            spec = await self._store.find(accepted.choices)
        except SpecError:  # the persona's file went while the job was starting
            spec = accepted.spec
            self._store.put(accepted.choices, spec)
        rooms = _for_room(self._store.settings.rooms, accepted.name)
        call = RunningCall(accepted.room, spec, rooms.transcripts is not Transcripts.STREAM)
        self.calls[job] = call
        self._accepted.pop(job, None)  # not sooner: `finish` waits for what is in either
        metrics.CALLS.inc()
        metrics.active(spec)
        kept, seed = self._store.settings.record, self._store.settings.seed
        connection.open(JobSettings(accepted.name.user, accepted.reload, rooms, kept, seed, self._live))
        unsubscribe = self._store.subscribe(accepted.choices, connection.send)
        emit = fan_out(metrics.count, self._emit, room=accepted.room, user=accepted.name.user)
        over = False

        def on_event(event: Event | None) -> None:
            nonlocal over
            if event is not None:
                if isinstance(event, Ended) and not over:
                    over = True
                    unsubscribe()  # what is saved from now on is told as of no call
                if not (isinstance(event, Ended) and event.reason == ROOM_TAKEN):  # the room's call goes on
                    emit(event)
                return
            if not over:
                unsubscribe()
            del self.calls[job]
            self._job_gone.set()
            metrics.CALLS.dec()
            if not over:
                emit(Ended(reason="lost"))
                self._lost.add(call.room)
                asyncio.get_running_loop().call_later(READY_SECONDS, self._lost.discard, call.room)
                self._tasks.create_task(_hang_up(job, call))

        return on_event

    async def finish(self) -> None:
        """Takes no further room, and returns once the calls that are on, or about to begin, are over.

        In place of LiveKit's own `drain`: when two jobs end at the same moment, that one waits for the second in a loop
        that never yields, and holds up every call and every signal for good.
        """
        self._closing = True
        while self.calls or self._accepted:
            self._job_gone.clear()
            await self._job_gone.wait()

    async def serve_missed_rooms(self, seconds: float) -> None:
        """Has LiveKit, which offers a room once, offer those of ours again that have people and no customer now, and so
        many seconds later still. A line tells of those that had a customer, as none comes there any more."""
        rooms = await self._unserved()
        await asyncio.sleep(seconds)
        await self._offer_again(rooms.keys())

    async def _unserved(self) -> dict[str, bool]:
        """Our rooms with people and no customer, each with whether a worker was given it; none if nobody answers."""
        found: dict[str, bool] = {}
        with suppress(Exception):  # LiveKit and aiohttp have many
            async with asyncio.timeout(ASK_SECONDS):
                found = await rooms_without_customer()
        taken = {job.room for job in self._accepted.values()} | {call.room for call in self.calls.values()}
        return {
            room: given
            for room, given in found.items()
            if parse_room(room) and room not in taken | self._asked | self._lost
        }

    async def _offer_again(self, rooms: Container[str]) -> None:
        """Has those of these rooms offered again that no worker was given; tells of those that one was given."""
        unserved = {room: given for room, given in (await self._unserved()).items() if room in rooms}
        if left := [room for room, given in unserved.items() if given]:
            named = ", ".join(left[:ROOMS_TOLD]) + (" and others" if len(left) > ROOMS_TOLD else "")
            what_to_do = "leave, and join again half a minute later"
            self._emit(Notice(text=f"no customer is in {named}, and none comes any more: {what_to_do}"))
        for room, given in unserved.items():
            if not given and (name := parse_room(room)):
                tell = fan_out(self._emit, room=room, user=name.user)
                tell(Notice(text="no worker was given this room in time: LiveKit is asked to offer it again"))
                with suppress(Exception):
                    await offer_again(room)

    def _forget(self, job: str) -> None:
        """Says that a job that was accepted has not begun: it went to another worker, or failed to start."""
        if accepted := self._accepted.pop(job, None):
            tell = fan_out(self._emit, room=accepted.room, user=accepted.name.user)
            tell(Notice(text=f"no call has begun here {READY_SECONDS:g} s after the room was taken"))
            self._job_gone.set()

    async def hang_up(self) -> None:
        """Ends the calls that are on from outside: their customers are taken out of their rooms."""
        await asyncio.gather(*(_hang_up(job, call) for job, call in self.calls.items()))


async def _hang_up(job: str, call: RunningCall) -> None:
    line = customer_line(call.spec.language.went_dead) if call.reads_data else None
    await remove_customer(call.room, IDENTITY + job, line)


def _for_room(rooms: Rooms, name: RoomName) -> Rooms:
    """The settings for one room: `transcripts=auto` is data where the Axtra Console is, and streams elsewhere."""
    if rooms.transcripts is not Transcripts.AUTO:
        return rooms
    return replace(rooms, transcripts=Transcripts.DATA if name.scenario else Transcripts.STREAM)


# ---------------------------------------------------------------- asked of LiveKit's server


async def remove_customer(room: str, identity: str, line: bytes | None) -> None:
    """For a customer whose process died: shows the line in the room and takes the customer out of it.

    The room is not deleted: that would take the trainee's page back to its start, and the line with it. What cannot
    be done is left undone: the room may be gone.
    """
    async with api.LiveKitAPI() as server:
        with suppress(Exception):  # LiveKit and aiohttp have many
            if line is not None:
                await server.room.send_data(
                    api.SendDataRequest(room=room, data=line, kind=api.DataPacket.Kind.RELIABLE, topic=TOPIC)
                )
            await server.room.remove_participant(api.RoomParticipantIdentity(room=room, identity=identity))


async def rooms_without_customer() -> dict[str, bool]:
    """The rooms on the server that somebody is in, and no customer; each with whether it was ever given to a worker.
    Raises what LiveKit and aiohttp raise."""
    found = {}
    async with api.LiveKitAPI() as server:
        for room in (await server.room.list_rooms(api.ListRoomsRequest())).rooms:
            if room.name.startswith(PREFIX):  # how many are in it the server counts every five seconds only
                asked = await server.room.list_participants(api.ListParticipantsRequest(room=room.name))
                there = asked.participants
                if there and not any(one.identity.startswith(IDENTITY) for one in there):
                    dispatches = await server.agent_dispatch.list_dispatch(room.name)
                    found[room.name] = any(one.state.jobs for one in dispatches)
    return found


async def offer_again(room: str) -> None:
    """Has the server offer a room to its workers, as when it is made. Raises what LiveKit and aiohttp raise."""
    async with api.LiveKitAPI() as server:
        await server.agent_dispatch.create_dispatch(api.CreateAgentDispatchRequest(room=room))
