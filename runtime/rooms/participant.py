"""Who the trainee in a room is, and the call's session connected to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

from livekit import rtc
from livekit.agents import Agent, AgentSession, AutoSubscribe, JobContext, JobExecutorType
from livekit.agents.job import DEFAULT_PARTICIPANT_KINDS
from livekit.agents.llm import RealtimeModel
from livekit.agents.voice.room_io import (
    AudioInputOptions,
    AudioOutputOptions,
    RoomIO,
    RoomOptions,
    TextInputEvent,
    TextOutputOptions,
)

from ..call.session import Call
from ..call.voice import keep_in_step, publish_options
from ..events import ROOM_TAKEN, TRAINEE_LEFT, Emit, Notice
from ..spec.settings import Rooms, Transcripts
from .names import IDENTITY, ROOM_MADE

LEFT = (
    rtc.DisconnectReason.CLIENT_INITIATED,
    rtc.DisconnectReason.ROOM_DELETED,
    rtc.DisconnectReason.PARTICIPANT_REMOVED,
    rtc.DisconnectReason.USER_REJECTED,
)
"""Reasons of a trainee who is not coming back; any other is a lost connection."""

CUT_OFF = {rtc.DisconnectReason.ROOM_DELETED: TRAINEE_LEFT, rtc.DisconnectReason.PARTICIPANT_REMOVED: "shutdown"}
"""Why a call ends whose own connection is cut; any other reason is a lost one."""

CLOSE_SECONDS = 0.7
"""For a session to end what is being said, before the room is left. A model that hangs is not waited for."""

NEVER = datetime.max.replace(tzinfo=UTC)
"""When a participant joined of whom the server does not tell it."""


class NobodyCame(Exception):
    """No trainee joined the room in time."""


class RoomTaken(Exception):
    """Another customer is in the room."""


class LinkedParticipant:
    """The person in the room whom the customer talks to.

    That is the first one who publishes a microphone. Until somebody does, it is the first one there, who is spoken to
    after `rooms.ready_timeout`. All others may listen, come and go. `attach` gets the session before it starts, with
    the audio that it will have.
    """

    def __init__(
        self, context: JobContext, call: Call, rooms: Rooms, emit: Emit, attach: Callable[[AgentSession[None]], None]
    ) -> None:
        self._attach = attach
        self._context = context
        self._room = context.room
        self._call = call
        self._rooms = rooms
        self._emit = emit
        self.identity = ""
        """Who the trainee is, by what their page calls them in the room; empty while nobody is there."""
        self.speaks = False
        """The trainee has published a microphone: another may still take the place of one who has none."""
        self._heard = False
        """The trainee's microphone has come here."""
        self._lost = False
        """The trainee's connection is lost, and may come back."""
        self._opened = False
        """The call has begun."""
        self._cut_off = False
        """This customer's own connection is gone."""
        self._taken = False
        """Another customer has the room."""
        self._typed = False
        self._connected = asyncio.Event()
        self._changed = asyncio.Event()
        self._room_io: RoomIO | None = None
        self._waiting: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def connecting(self) -> AsyncIterator[None]:
        """Connects to the room while the call gets its spec and its parts."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._connect())
            yield

    async def _connect(self) -> None:
        self._room.on("participant_connected", self._on_connected)
        self._room.on("participant_disconnected", self._on_gone)
        self._room.on("reconnected", self._give_way)
        self._room.on("track_published", self._on_published)
        self._room.on("track_subscribed", self._on_track)
        self._room.on("disconnected", self._on_cut_off)
        await self._context.connect(auto_subscribe=AutoSubscribe.AUDIO_ONLY)
        self._connected.set()

    async def wait_for_trainee(self) -> None:
        """Waits for somebody to come to the room. Raises RoomTaken where another customer was there first, and
        NobodyCame where nobody comes within `empty_timeout`."""
        await self._connected.wait()
        self._give_way()
        await self._wait_for_somebody()

    def _give_way(self) -> None:
        """Leaves the room to another customer who was there first. Of two who come at the same moment each may find
        the other there, or nobody yet: so whoever joins later is looked at too, and both go by the server's clock.
        One who lost the connection to a server that began anew may come back to find another in the place."""
        own = self._room.local_participant
        others = [
            p
            for p in self._room.remote_participants.values()
            if p.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT and p.identity.startswith(IDENTITY)
        ]
        if not self._taken and (first := next((p for p in others if _seniority(p) < _seniority(own)), None)):
            self._taken = True
            self._emit(Notice(text=f"the room has a customer already, {first.identity}; this one leaves"))
            self._changed.set()
            self._call.hang_up(ROOM_TAKEN)

    async def _wait_for_somebody(self) -> None:
        """Chooses the trainee among those who are there, or takes the first who comes. Raises as `wait_for_trainee`."""
        self._choose()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._rooms.empty_timeout):
                await self._wait_until(lambda: bool(self.identity) or self._cut_off or self._taken)
        if self._taken:
            raise RoomTaken
        if not self.identity:
            raise NobodyCame

    async def wait_until_alone(self) -> None:
        """Waits until nobody who could be a trainee is in the room."""
        await self._wait_until(lambda: self._cut_off or not self._people())

    def others(self) -> list[str]:
        """The identities of those in the room who could be a trainee, but for the one who is."""
        return [person.identity for person in self._people() if person.identity != self.identity]

    @asynccontextmanager
    async def joined(self, session: AgentSession[None], agent: Agent) -> AsyncIterator[None]:
        """The session in the room, once the trainee is there, hears and is heard. Raises RoomTaken where another
        customer was there first, and NobodyCame where no trainee comes within `empty_timeout`."""
        await self.wait_for_trainee()
        words = session.output.transcription
        streams = self._rooms.transcripts is not Transcripts.DATA
        options = RoomOptions(
            audio_input=self._audio_input(agent),
            audio_output=AudioOutputOptions(track_publish_options=publish_options()),
            text_output=TextOutputOptions(next_in_chain=words) if streams else False,
            participant_identity=self.identity,
            close_on_disconnect=False,  # whether a trainee who is gone may return is for us to say
        )
        self._room_io = room_io = RoomIO(session, self._room, options=options)
        await room_io.start()
        if self._rooms.text_input:
            room_io.register_text_input(self._on_typed)
        spoken = session.output.audio
        if not streams and spoken is not None:
            keep_in_step(session, spoken)
        self._attach(session)
        try:
            await session.start(agent, session_host=False, record=False)
            await self._wait_until_ready(room_io)
            yield
        finally:
            self._room_io = None
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

    async def _wait_until_ready(self, room_io: RoomIO) -> None:
        """Returns once the trainee's client has subscribed to the persona and sends its microphone.

        A client that has published is one whose call view is up; what is sent before is lost on it.
        """
        while not self._opened:
            try:
                async with asyncio.timeout(self._rooms.ready_timeout):
                    if room_io.subscribed_fut:
                        await asyncio.shield(room_io.subscribed_fut)
                    await self._wait_until(lambda: self._heard or self._taken)
            except TimeoutError:
                if not self.identity:  # whoever was there has left again
                    await self._wait_for_somebody()
                    continue
                self._emit(Notice(text="the trainee's microphone has not come; speaking anyway"))
            self._opened = True

    async def _wait_until(self, condition: Callable[[], bool]) -> None:
        """Looks at the condition again after each change in the room."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    def _people(self) -> list[rtc.RemoteParticipant]:
        """Everyone in the room who may be a trainee, in the order in which they joined."""
        return [p for p in self._room.remote_participants.values() if p.kind in DEFAULT_PARTICIPANT_KINDS]

    def _choose(self) -> None:
        """Takes whoever has a microphone, else the first one there; nobody where nobody is."""
        people = self._people()
        if chosen := next(filter(_has_microphone, people), people[0] if people else None):
            self._take(chosen)

    def _take(self, participant: rtc.RemoteParticipant) -> None:
        """This one is the trainee from now on, or is again after a lost connection."""
        self.speaks = _has_microphone(participant)
        self._heard = any(publication.track for publication in participant.track_publications.values())
        self._lost = False
        if participant.identity != self.identity:
            self.identity = participant.identity
            if self._room_io:
                self._room_io.set_participant(self.identity)
        self._changed.set()

    def _on_connected(self, participant: rtc.RemoteParticipant) -> None:
        if self._connected.is_set():
            self._give_way()
        if not self.identity:
            self._choose()
        elif participant.identity == self.identity:
            self._take(participant)

    def _on_published(self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant) -> None:
        if participant.kind not in DEFAULT_PARTICIPANT_KINDS or not _has_microphone(participant):
            return
        if participant.identity == self.identity:
            self.speaks = True
        elif self.identity and (self._lost or not self.speaks):
            self._take(participant)

    def _on_track(
        self, track: rtc.Track, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if participant.identity == self.identity:
            self._heard = True
            self._changed.set()

    def _on_gone(self, participant: rtc.RemoteParticipant) -> None:
        self._changed.set()
        if participant.identity != self.identity:
            return
        if not self.speaks:  # it was not certain that this is the trainee: is it somebody else, or still to come?
            self.identity = ""
            self._choose()
            if self.identity or not self._opened:
                return
        if participant.disconnect_reason in LEFT:
            self._call.hang_up()
            return
        self.identity = participant.identity
        self._lost = True
        self._emit(Notice(text=f"the trainee's connection is lost; waiting {self._rooms.grace:g} s"))
        self._waiting = asyncio.ensure_future(self._wait_for_return())

    async def _on_typed(self, session: AgentSession[None], event: TextInputEvent) -> None:
        """A turn that the trainee typed, as LiveKit's own front ends send it."""
        if not self._typed and self._rooms.transcripts is Transcripts.DATA:
            self._typed = True
            self._emit(Notice(text="the trainee types; LiveKit's own pages show lines with rooms.transcripts=stream"))
        if text := event.text.strip():
            await self._call.begin_turn(text)

    def _on_cut_off(self, reason: rtc.DisconnectReason.ValueType) -> None:
        """The room is gone, or the customer was taken out of it: by the worker that stops, or by anybody's hand."""
        self._cut_off = True
        self._changed.set()
        self._call.hang_up(CUT_OFF.get(reason, "lost"))

    async def _wait_for_return(self) -> None:
        try:
            async with asyncio.timeout(self._rooms.grace):
                await self._wait_until(lambda: not self._lost)
            self._emit(Notice(text="the trainee is back"))
        except TimeoutError:
            self._call.hang_up("trainee_lost")


def _seniority(customer: rtc.Participant) -> tuple[int, datetime, str]:
    """The less, the earlier a customer came; each sees it alike, also of the same millisecond. A server that began anew
    makes the room anew: the customer of the earlier room was there first, though it joined this one later."""
    made = customer.attributes.get(ROOM_MADE, "")
    return int(made) if made.isdecimal() else 0, customer.joined_at or NEVER, customer.identity


def _has_microphone(participant: rtc.RemoteParticipant) -> bool:
    return any(
        publication.kind == rtc.TrackKind.KIND_AUDIO and publication.source != rtc.TrackSource.SOURCE_SCREENSHARE_AUDIO
        for publication in participant.track_publications.values()
    )
