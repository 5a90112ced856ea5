"""One call in a LiveKit room: what a job does, from joining the room to leaving it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from livekit import rtc
from livekit.agents import Agent, AgentSession, AutoSubscribe, JobContext, JobExecutorType, JobProcess
from livekit.agents.llm import RealtimeModel
from livekit.agents.voice.room_io import AudioInputOptions, AudioOutputOptions, RoomIO, RoomOptions, TextOutputOptions

from ..call import native
from ..call.session import Call
from ..call.words import keep_in_step
from ..errors import SpecError
from ..events import Emit, Ended, Event, Failure, Notice
from ..spec.session_spec import AnyEdit, Edit
from ..spec.settings import Rooms, Transcripts
from .link import Connect
from .names import parse_room
from .screen import Screen

LEFT = (
    rtc.DisconnectReason.CLIENT_INITIATED,
    rtc.DisconnectReason.ROOM_DELETED,
    rtc.DisconnectReason.PARTICIPANT_REMOVED,
    rtc.DisconnectReason.USER_REJECTED,
)
"""Reasons of a trainee who is not coming back; any other is a lost connection."""


CUT_OFF = {
    rtc.DisconnectReason.ROOM_DELETED: "trainee_left",
    rtc.DisconnectReason.PARTICIPANT_REMOVED: "shutdown",
}
"""Why a call ends whose own connection is cut; any other reason is a lost one."""

CLOSE_SECONDS = 0.7
"""For a session to end what is being said, before the room is left. A model that hangs is not waited for."""


def warm_up(process: JobProcess) -> None:
    """What takes a job process its time: to import this module, and to load LiveKit's native library."""
    native.load()


async def answer(context: JobContext, *, link: Connect) -> None:
    """The job: one call in one room, with specs and edits from the worker and events to it."""
    room = context.job.room.name
    parsed = parse_room(room)
    user = parsed.user if parsed else ""
    async with link(context.job.id) as line:
        rooms = line.terms.rooms
        screen = Screen(context.room, rooms.transcripts)

        def emit(event: Event) -> None:
            event = replace(event, room=room, user=user)
            line.emit(event)
            screen.show(event)

        async def edits() -> AsyncIterator[AnyEdit]:
            async for edit in line.edits():
                if isinstance(edit, Edit):
                    screen.went_dead = edit.spec.language.went_dead
                yield edit

        call = Call(edits(), emit, audio=True, answer_timeout=rooms.answer_timeout, reload=line.terms.reload)
        trainee = Trainee(context, call, rooms, emit)
        ended: Ended | None = None
        async with screen.sending(), trainee.connecting():
            try:
                ended = await call.run(trainee.joined)
            except* SpecError as group:
                for error in group.exceptions:
                    emit(Failure(source="spec", reason=str(error), recoverable=False))
                with suppress(NobodyCame):
                    await trainee.come()
                emit(Ended(reason="error"))
            except* NobodyCame:
                emit(Ended(reason="nobody_came"))
        if ended and rooms.delete_room and ended.passed is not None:
            await context.delete_room()
        await context.room.disconnect()
    context.shutdown(ended.reason if ended else "no call")


class NobodyCame(Exception):
    """No trainee joined the room in time."""


class Trainee:
    """The other side of the room: waited for, spoken to once they can hear, and waited for again if they drop out."""

    def __init__(self, context: JobContext, call: Call, rooms: Rooms, emit: Emit) -> None:
        self._context = context
        self._room = context.room
        self._call = call
        self._rooms = rooms
        self._emit = emit
        self._returned = asyncio.Event()
        self._ready = asyncio.Event()
        self._waiting: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def connecting(self) -> AsyncIterator[None]:
        """Connects to the room while the call gets its spec and its parts."""
        async with asyncio.TaskGroup() as tasks:
            self._connected = tasks.create_task(self._connect())
            yield

    async def _connect(self) -> None:
        await self._context.connect(auto_subscribe=AutoSubscribe.AUDIO_ONLY)
        native.unshare(self._room)

    async def come(self) -> None:
        """Waits for the trainee to come to the room.

        Raises:
            NobodyCame: no trainee within `empty_timeout`.
        """
        await self._connected
        try:
            async with asyncio.timeout(self._rooms.empty_timeout):
                self._who = (await self._context.wait_for_participant()).identity
        except (TimeoutError, RuntimeError):
            raise NobodyCame from None

    @asynccontextmanager
    async def joined(self, session: AgentSession[None], agent: Agent) -> AsyncIterator[None]:
        """The session in the room, once the trainee is there, hears and is heard.

        Raises:
            NobodyCame: no trainee within `empty_timeout`.
        """
        await self.come()
        self._room.on("track_subscribed", self._on_track)
        self._room.on("participant_connected", self._on_back)
        self._room.on("participant_disconnected", self._on_gone)
        self._room.on("disconnected", self._on_cut_off)
        words = session.output.transcription
        streams = self._rooms.transcripts is not Transcripts.DATA
        options = RoomOptions(
            text_input=False,
            audio_input=self._audio_input(agent),
            audio_output=AudioOutputOptions(track_publish_options=native.voice()),
            text_output=TextOutputOptions(next_in_chain=words) if streams else False,
            participant_identity=self._who,
            close_on_disconnect=False,  # whether a trainee who is gone may return is for us to say
        )
        room_io = RoomIO(session, self._room, options=options)
        await room_io.start()
        spoken = session.output.audio
        if not streams and spoken is not None:
            keep_in_step(session, spoken)
        try:
            await session.start(agent, session_host=False, record=False)
            await self._hears(room_io)
            yield
        finally:
            if self._waiting:
                self._waiting.cancel()
            # A line that is cut off ends on the room's output: a session that outlives that waits for it in vain.
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await session.aclose()
            await room_io.aclose()

    def _audio_input(self, agent: Agent) -> AudioInputOptions:
        """The trainee's voice at the rate that the local VAD takes: LiveKit's default, 24 kHz, is converted again in
        every call, also in a silent one. A realtime model gets the default, as some want no less.

        A frame holds whole windows of the VAD, 32 ms each, so that nothing is left over and copied again; calls that
        share a process get fewer frames. The trainee's browser has levelled the voice already.
        """
        threads = self._context.proc.executor_type is JobExecutorType.THREAD
        rate = 24_000 if isinstance(agent.llm, RealtimeModel) else 16_000
        return AudioInputOptions(sample_rate=rate, frame_size_ms=96 if threads else 64, auto_gain_control=False)

    async def _hears(self, room_io: RoomIO) -> None:
        """Returns once the trainee's client has subscribed to the persona and sends its microphone.

        A client that has published is one whose call view is up; what is sent before is lost on it.
        """
        participant = self._room.remote_participants.get(self._who)
        if participant and any(p.track for p in participant.track_publications.values()):
            self._ready.set()
        try:
            async with asyncio.timeout(self._rooms.ready_timeout):
                if room_io.subscribed_fut:
                    await asyncio.shield(room_io.subscribed_fut)
                await self._ready.wait()
        except TimeoutError:
            self._emit(Notice(text="the trainee's microphone has not come; speaking anyway"))

    def _on_track(
        self, track: rtc.Track, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if participant.identity == self._who:
            self._ready.set()

    def _on_gone(self, participant: rtc.RemoteParticipant) -> None:
        if participant.identity != self._who:
            return
        if participant.disconnect_reason in LEFT:
            self._call.hang_up()
            return
        self._returned.clear()
        self._emit(Notice(text=f"the trainee's connection is lost; waiting {self._rooms.grace:g} s"))
        self._waiting = asyncio.ensure_future(self._wait_for_return())

    def _on_back(self, participant: rtc.RemoteParticipant) -> None:
        if participant.identity == self._who:
            self._returned.set()

    def _on_cut_off(self, reason: rtc.DisconnectReason.ValueType) -> None:
        """The room is gone, or the customer was taken out of it: by the worker that stops, or by anybody's hand."""
        self._call.hang_up(CUT_OFF.get(reason, "lost"))

    async def _wait_for_return(self) -> None:
        try:
            async with asyncio.timeout(self._rooms.grace):
                await self._returned.wait()
            self._emit(Notice(text="the trainee is back"))
        except TimeoutError:
            self._call.hang_up("trainee_lost")
