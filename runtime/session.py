"""One call, start to end. It takes specs and emits events, and knows nothing of where it runs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from livekit.agents import Agent, AgentSession, RunContext, function_tool
from livekit.agents.llm import ChatMessage, RealtimeModel, RealtimeModelError
from livekit.agents.types import NOT_GIVEN
from livekit.agents.voice import (
    AgentStateChangedEvent,
    CloseEvent,
    CloseReason,
    ConversationItemAddedEvent,
    ErrorEvent,
    SpeechHandle,
    UserInputTranscribedEvent,
    UserStateChangedEvent,
)
from livekit.agents.voice.agent_session import SessionConnectOptions

from . import arc
from .build import Parts, build, instructions
from .events import Emit, Ended, Event, Failure, Heard, Interim, Said, Started, State
from .persona import said_in
from .spec import SessionSpec
from .watchdog import RECONNECT_SECONDS, Watchdog
from .words import Words

logger = logging.getLogger(__name__)
CLOSE_SECONDS = 1.5
"""A trainee who hung up is not kept waiting by a model that hangs."""

Join = Callable[["AgentSession[None]", Agent], AbstractAsyncContextManager[None]]
"""Connects a session to where the trainee is and starts it; what it opened lasts as long as the context."""

ENDED_WITHOUT = {
    CloseReason.ERROR: "error",
    CloseReason.JOB_SHUTDOWN: "shutdown",
    CloseReason.PARTICIPANT_DISCONNECTED: "trainee_left",
    CloseReason.USER_INITIATED: "trainee_left",
    CloseReason.TASK_COMPLETED: "hung_up",
}


class Call:
    """A persona on the phone. `audio`: whether the trainee speaks and hears, or types and reads; `answer_timeout`:
    seconds without a word after which a model is asked again."""

    def __init__(
        self, specs: AsyncIterator[SessionSpec], emit: Emit, *, audio: bool, answer_timeout: float = 12
    ) -> None:
        self._specs = specs
        self._sink = emit
        self._audio = audio
        self._watchdog = Watchdog(answer_timeout, self._emit, self._ask_again, self._close)
        self._spoke = asyncio.Event()
        self._joined = asyncio.Event()
        self._opened = asyncio.Event()
        self._closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._turns = 0
        self._outcome: str | None = None
        self._first_word: float | None = None

    async def run(self, join: Join) -> Ended:
        """Holds the whole call: join, open, talk until somebody hangs up, close.

        Raises:
            SpecError: the first spec cannot be built. Nothing was joined or said then.
        """
        self._spec = await anext(self._specs)
        self._front = arc.merged(self._spec.persona.front, self._spec.language.customer)
        self._mood = arc.start(self._front)
        parts = build(self._spec, audio=self._audio)
        self._session = self._listen(make_session(parts, self._spec, audio=self._audio))
        self._began = time.monotonic()
        who, how = self._spec.persona.name, self._spec.language.name
        self._emit(Started(persona=who, language=how, choices=self._spec.choices, revision=self._spec.revision))
        async with self._closing(parts), join(self._session, self._persona_agent()):
            self._joined.set()
            async with asyncio.TaskGroup() as self._tasks:
                opening = self._tasks.create_task(self._open())
                reason = await self._closed
                opening.cancel()
                self._watchdog.rest()
        ended = self._ended(reason)
        self._emit(ended)
        return ended

    @asynccontextmanager
    async def _closing(self, parts: Parts) -> AsyncIterator[None]:
        """Closes the session and its parts at the end. What goes wrong in that is an event: the call is over anyway."""
        try:
            yield
        finally:
            for part in (self._session, parts.model, parts.stt, parts.tts):
                try:
                    async with asyncio.timeout(CLOSE_SECONDS):
                        if part is not None:
                            await part.aclose()
                except Exception as error:  # a session whose model hangs would take its time
                    self._emit(
                        Failure(source=type(part).__name__, reason=str(error) or "took too long", recoverable=True)
                    )

    async def begin_turn(self, text: str) -> SpeechHandle | None:
        """The trainee's typed turn: cuts the persona short, as speaking would. None once the call is over."""
        await self._joined.wait()
        if self._closed.done():
            return None
        await self._session.interrupt()
        return self._session.generate_reply(user_input=text)

    async def type(self, text: str) -> None:
        """The trainee's typed turn; returns when the persona has answered it."""
        if handle := await self.begin_turn(text):
            await self._finished(handle)

    async def opened(self) -> None:
        """Returns once the opening line was said, or the call has closed before."""
        await self._opened.wait()

    def hang_up(self, reason: str = "trainee_left") -> None:
        """Ends the call as the trainee would, at once, even before it is answered."""
        self._close(reason)

    async def _open(self) -> None:
        """The persona speaks first; a model that says nothing is asked once more."""
        for _ in range(2):
            handle = self._speak_first()
            speaking = asyncio.ensure_future(self._spoke.wait())
            finished = asyncio.ensure_future(self._finished(handle))
            both = [speaking, finished]
            await asyncio.wait(both, timeout=self._watchdog.timeout, return_when=asyncio.FIRST_COMPLETED)
            speaking.cancel()
            if self._spoke.is_set():
                await finished
                break
            finished.cancel()
            self._watchdog.fail("opening", "nothing was said")
            await self._session.interrupt(force=True)
        self._opened.set()

    def _speak_first(self) -> SpeechHandle:
        """The opening line, to the letter where the model can be given a text to say."""
        opening = said_in(self._spec.persona.front.opening, self._spec.language.base)
        if not opening:
            return self._session.generate_reply(instructions="The call has just been answered. Speak first.")
        if self._says_texts():
            return self._session.say(opening[0])
        return self._session.generate_reply(
            instructions=f"The call has just been answered. Say exactly this, and nothing else: {opening[0]}"
        )

    def _says_texts(self) -> bool:
        model = self._session.llm
        return not isinstance(model, RealtimeModel) or model.capabilities.supports_say

    async def _finished(self, handle: SpeechHandle) -> None:
        """Waits for a turn of the persona; a failed one is an event, never an exception."""
        await handle
        if (error := handle.exception()) is not None:
            self._watchdog.fail("reply", str(error))

    def _ask_again(self) -> None:
        self._tasks.create_task(self._answer_again())

    async def _answer_again(self) -> None:
        await self._session.interrupt(force=True)
        try:
            await self._finished(self._session.generate_reply())
        except RuntimeError as error:  # the session is closing: whoever closes it says why
            self._watchdog.fail("reply", str(error))

    def _emit(self, event: Event) -> None:
        """A broken sink must not touch the call."""
        try:
            self._sink(event)
        except Exception:
            logger.exception("a sink failed on %s", event.kind)

    def _persona_agent(self) -> Agent:
        endings = [ending.name for ending in self._spec.persona.front.endings]
        end_call = function_tool(
            self._end_call,
            name="end_call",
            description=f"Hangs up. `outcome` says how the call ended: {', '.join(endings) or 'in your words'}.",
        )
        return Agent(instructions=instructions(self._spec), tools=[end_call])

    async def _end_call(self, context: RunContext[None], outcome: str) -> None:
        known = [ending.name for ending in self._spec.persona.front.endings]
        self._outcome = outcome if outcome in known else "hung_up"
        context.disallow_interruptions()
        context.speech_handle.add_done_callback(lambda _: self._session.shutdown())

    def _listen(self, session: AgentSession[None]) -> AgentSession[None]:
        session.on("conversation_item_added", self._on_item)
        session.on("user_input_transcribed", self._on_transcript)
        session.on("agent_state_changed", self._on_agent_state)
        session.on("user_state_changed", self._on_user_state)
        session.on("error", self._on_error)
        session.on("close", self._on_close)
        session.output.transcription = Words(self._on_word)
        return session

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        item = event.item
        text = item.text_content if isinstance(item, ChatMessage) else None
        if not isinstance(item, ChatMessage) or not text:
            return
        if item.role == "user":
            self._turns += 1
            self._mood = arc.step(self._front, self._mood, text)
            self._emit(Heard(text=text, revision=self._spec.revision, emotion=self._mood.emotion.value))
            if self._session.agent_state != "speaking":
                self._watchdog.expect()
        elif item.role == "assistant":
            emotion = self._mood.emotion.value
            self._emit(Said(text=text, revision=self._spec.revision, emotion=emotion, interrupted=item.interrupted))

    def _on_transcript(self, event: UserInputTranscribedEvent) -> None:
        if not event.is_final:
            self._emit(Interim(speaker="operator", text=event.transcript))

    def _on_word(self, said_so_far: str) -> None:
        if self._first_word is None:
            self._first_word = time.monotonic() - self._began
        self._spoke.set()
        self._watchdog.hear()
        self._emit(Interim(speaker="customer", text=said_so_far))

    def _on_agent_state(self, event: AgentStateChangedEvent) -> None:
        self._emit(State(state=event.new_state))

    def _on_user_state(self, event: UserStateChangedEvent) -> None:
        if event.old_state == "speaking" and self._session.agent_state != "speaking":
            self._watchdog.expect()
        elif event.new_state == "speaking":
            self._watchdog.rest()
        silences = [timer for timer in self._spec.persona.front.timers if timer.silence]
        if event.new_state == "away" and silences and not self._closed.done():
            lines = said_in(silences[0].say, self._spec.language.base)
            if lines and self._says_texts():
                self._session.say(lines[0])
            else:
                self._session.generate_reply(instructions="The line has gone silent. Ask whether anyone is there.")

    def _on_error(self, event: ErrorEvent) -> None:
        error = event.error
        recoverable = bool(getattr(error, "recoverable", False))
        reason = str(getattr(error, "error", error)) or type(error).__name__
        source = type(event.source).__name__
        if not isinstance(error, RealtimeModelError) or recoverable:
            self._watchdog.fail(source, reason)  # of a pipeline's failures, LiveKit itself counts how many are too many
            if isinstance(error, RealtimeModelError) and self._opened.is_set():
                # What the trainee said last may be lost with the connection: the persona speaks up, as on any phone.
                self._watchdog.expect(RECONNECT_SECONDS)
        else:
            # The session is of no use any more, and not every realtime plugin lets it say so (it then hangs).
            self._emit(Failure(source=source, reason=reason, recoverable=False))
            self._close("error")

    def _on_close(self, event: CloseEvent) -> None:
        self._close(ENDED_WITHOUT[event.reason])

    def _close(self, reason: str) -> None:
        self._opened.set()
        if not self._closed.done():
            self._closed.set_result(reason)

    def _ended(self, reason: str) -> Ended:
        ending = next((e for e in self._spec.persona.front.endings if e.name == self._outcome), None)
        return Ended(
            reason=self._outcome or reason,
            passed=ending.passed if ending else None,
            turns=self._turns,
            seconds=time.monotonic() - self._began,
            first_word=self._first_word,
        )


def make_session(parts: Parts, spec: SessionSpec, *, audio: bool) -> AgentSession[None]:
    """A LiveKit session of these parts."""
    silences = [timer.silence for timer in spec.persona.front.timers if timer.silence]
    return AgentSession(
        llm=parts.model,
        vad=parts.vad,
        turn_handling=parts.turn_handling,
        user_away_timeout=min(silences, default=None) if audio else None,
        stt=parts.stt or NOT_GIVEN,
        tts=parts.tts or NOT_GIVEN,
        aec_warmup_duration=None,  # the trainee's client cancels echo; nothing would be heard in her first 3 s
        conn_options=SessionConnectOptions(max_unrecoverable_errors=1),  # what a part's own retries did not mend, twice
    )
