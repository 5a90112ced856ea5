"""What is said in one call: the persona's turns, how edits and failures reach them, and how the call ends."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from livekit.agents import Agent, AgentSession, RunContext
from livekit.agents.llm import RealtimeModel, RealtimeModelError
from livekit.agents.types import NOT_GIVEN
from livekit.agents.voice import (
    AgentStateChangedEvent,
    CloseEvent,
    CloseReason,
    ErrorEvent,
    SpeechHandle,
    UserStateChangedEvent,
)

from ..events import TRAINEE_LEFT, ClockFired, Emit, Ended, EndingReached, Started, State, ToolCalled
from ..spec.session_spec import AnyEdit, Edit, SessionSpec
from ..spec.settings import ReloadMode
from .agent import LiveAgent, close
from .arc_driver import LAST_WORDS, ArcDriver
from .build import address_of, build, part_name
from .idle import IdleMonitor
from .model_listener import ModelListener
from .network import explained
from .realtime import NotAccepted
from .reload import Reloader
from .transcript import Transcript
from .turn import accept_typed
from .understanding import Understanding
from .watchdog import RECONNECT_SECONDS, Watchdog

logger = logging.getLogger(__name__)

Join = Callable[["AgentSession[None]", Agent], AbstractAsyncContextManager[None]]
"""Connects a session to where the trainee is and starts it; what it opened lasts as long as the context."""

ENDED_WITHOUT = {
    CloseReason.ERROR: "error",
    CloseReason.JOB_SHUTDOWN: "shutdown",
    CloseReason.PARTICIPANT_DISCONNECTED: TRAINEE_LEFT,
    CloseReason.USER_INITIATED: TRAINEE_LEFT,
    CloseReason.TASK_COMPLETED: "hung_up",
}


class CallState:
    """How far a call has come. Whoever holds the call and its conversation share it, and either may end the call."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        """Set once the opening line was said, or the call has closed before."""
        self.closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Why nothing more is said."""
        self.ending: str | None = None
        """The ending that the persona has come to: she is about to hang up."""

    @property
    def over(self) -> bool:
        """Somebody has hung up: nothing that is said from now on is answered."""
        return self.closed.done() or self.ending is not None

    def close(self, reason: str) -> None:
        """Ends the call; the first reason counts."""
        self.opened.set()
        if not self.closed.done():
            self.closed.set_result(reason)


class Conversation:
    """The persona and the trainee on the line. Raises SpecError where the spec cannot be built.

    Args:
        first: the spec that the call begins with.
        call: ends the conversation, and is told how it has ended.
    """

    def __init__(
        self,
        first: SessionSpec,
        call: CallState,
        emit: Emit,
        *,
        audio: bool,
        answer_timeout: float,
        reload: ReloadMode,
        seed: int,
    ) -> None:
        self._emit = emit
        self._call = call
        self._seed = seed
        self._tasks = asyncio.TaskGroup()
        self._started: set[asyncio.Task[None]] = set()
        self._briefing: asyncio.Task[None] | None = None
        spec = first.seeded(seed)
        parts = build(spec, audio=audio)
        self._watchdog = Watchdog(answer_timeout, emit, self._ask_again, call.close, self._tell_quiet)
        self._understanding = understanding = Understanding(spec.arc, emit, self._start)
        self._arc = ArcDriver(spec, emit, self._say_for_clock, self._end, self._brief_soon, understanding, audio=audio)
        self._listener = ModelListener(self._arc, lambda: self._live.parts.listener, emit)
        self._live = LiveAgent(spec, parts, self._end_call, self._arc.before_reply, emit)
        self._session = session = self._live.session
        self._transcript = Transcript(session, spec, emit, self._watchdog, self._arc, self._listener, understanding)
        self._listen()
        self._idle = IdleMonitor(self._session, lambda: self._watchdog.expecting)
        self._reloader = Reloader(
            first, self._live, self._idle, emit, self._adopt, call.close, mode=reload, audio=audio
        )
        self._began = time.monotonic()

    async def run(self, edits: AsyncIterator[AnyEdit], join: Join, joined: Callable[[], None]) -> Ended:
        """Joins, opens, talks and follows edits until somebody hangs up; closes.

        `joined` is called once the trainee can be talked to.
        """
        spec = self._live.spec
        self._emit(
            Started(
                persona=spec.persona.name,
                language=spec.language.name,
                choices=spec.choices,
                revision=spec.revision,
                seed=self._seed,
            )
        )
        async with self._closing(), self._reloader.reading(edits), join(self._session, self._live.agent):
            self._live.started()
            self._arc.begin()
            joined()
            async with self._tasks:
                for work in (self._open(), self._reloader.follow(), self._listener.run(), self._prepare()):
                    self._start(work)
                reason = await self._call.closed
                if reason == TRAINEE_LEFT:
                    await self._listener.finished()
                self._watchdog.close()
                self._understanding.close()
                for task in self._started:
                    task.cancel()
        self._transcript.close()
        self._arc.close()
        if reason == TRAINEE_LEFT and not self._call.ending and (reached := self._arc.hung_up()):
            self._emit(reached)
            self._call.ending = reached.name
        ended = self._ended(reason)
        self._emit(ended)
        return ended

    @asynccontextmanager
    async def _closing(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await close(self._session, self._emit)
            await self._live.aclose()

    async def begin_turn(self, text: str) -> SpeechHandle | None:
        """The trainee's typed turn: cuts the persona short, as speaking would. None once the call is over."""
        text = accept_typed(text, self._emit)
        await self._transcript.spoke_or(self._call.opened)  # what was typed sooner does not come before her first word
        if self._call.over:
            return None
        async with self._idle.turn():
            await self._cut_short()
            return self._start_turn(lambda: self._session.generate_reply(user_input=text))

    async def type(self, text: str) -> bool:
        """The trainee's typed turn; returns when the persona has answered it. False once the call is over."""
        if handle := await self.begin_turn(text):
            await self._finished(handle)
            if self._call.ending is not None:
                await asyncio.wait([self._call.closed])  # her last words
        return handle is not None

    async def _open(self) -> None:
        """The persona speaks first; a model that says nothing is asked once more."""
        await self._reloader.begin()
        self._idle.begin()
        for _ in range(2):
            if (handle := self._speak_first()) is None:
                return
            speaking = asyncio.ensure_future(self._transcript.spoke.wait())
            finished = asyncio.ensure_future(self._finished(handle))
            both = [speaking, finished]
            await asyncio.wait(both, timeout=self._watchdog.timeout, return_when=asyncio.FIRST_COMPLETED)
            speaking.cancel()
            if self._transcript.spoke.is_set():
                await finished
                break
            finished.cancel()
            self._watchdog.fail("opening", "nothing was said")
            await self._cut_short(force=True)
        self._call.opened.set()
        self._idle.opened()
        self._tell_quiet()
        self._brief_soon()

    async def _prepare(self) -> None:
        """Gets ready to hear what is meant, once she speaks: it would hold up her first word, and half a second of CPU
        is done before her opening line is."""
        await self._transcript.spoke_or(self._call.opened)
        await self._understanding.prepare()

    def _speak_first(self) -> SpeechHandle | None:
        """The opening line, to the letter where the model can be given a text to say."""
        opening = self._live.spec.arc.said(self._live.spec.persona.front.opening)
        if not opening:
            return self._speak("The call has just been answered. Speak first.")
        return self._speak(
            f"The call has just been answered. Say exactly this, and nothing else: {opening[0]}", text=opening[0]
        )

    def _speak(self, instructions: str, *, text: str = "", last: bool = False) -> SpeechHandle | None:
        """A turn that nobody asked for: this text to the letter where the model can be given one, else by these
        instructions. Her `last` words cannot be interrupted. None once the call is over."""
        cut = False if last else NOT_GIVEN
        model = self._live.parts.model
        if text and (not isinstance(model, RealtimeModel) or model.capabilities.supports_say):
            return self._start_turn(lambda: self._session.say(text, allow_interruptions=cut), last=last)
        return self._start_turn(
            lambda: self._session.generate_reply(instructions=instructions, allow_interruptions=cut), last=last
        )

    def _start_turn(self, start: Callable[[], SpeechHandle], *, last: bool = False) -> SpeechHandle | None:
        """Starts a turn of the persona: the only place that does. None once the call is over, but for the `last`."""
        if self._call.closed.done() or (self._call.over and not last):
            return None
        try:
            return start()
        except RuntimeError as error:  # LiveKit is closing the session; its `close` event says why
            logger.info("no turn was started: %s", error)
            return None

    async def _cut_short(self, *, force: bool = False) -> None:
        with suppress(RuntimeError):  # LiveKit is closing the session, or these are her last words
            await self._session.interrupt(force=force)

    async def _finished(self, handle: SpeechHandle) -> None:
        """Waits for a turn of the persona; a failed one is an event, never an exception."""
        await handle
        if (error := handle.exception()) is not None:
            self._watchdog.fail("reply", str(error))

    def _ask_again(self) -> None:
        if self._call.over:  # her last words do not come: nobody waits for them for ever
            self._call.close("no_answer")
        else:
            self._start(self._answer_again())

    async def _answer_again(self) -> None:
        await self._cut_short(force=True)
        if handle := self._start_turn(self._session.generate_reply):
            await self._finished(handle)

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Does this beside the call, and stops with it."""
        task = self._tasks.create_task(work)
        self._started.add(task)
        task.add_done_callback(self._started.discard)
        return task

    def _adopt(self, spec: SessionSpec, edit: Edit | None) -> None:
        """A spec has taken effect: by an edit, or (None) because an edit was undone."""
        self._transcript.adopt(spec, edit)
        self._arc.told("")
        self._arc.edit(spec, begun=self._transcript.begun)
        self._brief_soon()

    def _say_for_clock(self, clock: ClockFired) -> None:
        """A clock has fired: its line, or for a silence without one a question whether anyone is there."""
        if clock.line:
            self._speak(f"Say exactly this, and nothing else: {clock.line}", text=clock.line)
        elif clock.clock == "silence":
            self._speak("The line has gone silent. Ask whether anyone is there.")

    def _end(self, ending: EndingReached) -> None:
        """The arc has come to an ending: the persona says her last words and hangs up."""
        if not self._call.over:
            self._start(self._say_last_words(ending.line))
        self._call.ending = self._call.ending or ending.name

    async def _say_last_words(self, line: str) -> None:
        realtime = isinstance(self._live.parts.model, RealtimeModel)
        answer = self._session.current_speech
        if realtime:
            await self._idle.wait()  # nobody keeps the model from answering: it is let finish
        elif answer:
            await answer  # nothing, where the ending has a line of its own; else the model's last words
        # A model that listens may bring about an ending while its turn is being answered.
        asked_for = self._arc.replied and self._arc.replied[0].ending
        if line or realtime or not answer or not asked_for:
            said = f"The call is over for you. Say exactly this, and nothing else: {line}" if line else LAST_WORDS
            if handle := self._speak(said, text=line, last=True):
                await self._finished(handle)
        self._call.close("hung_up")

    async def _end_call(self, context: RunContext[None], outcome: str) -> str | None:
        """The model hangs up: with an ending that the arc has come to, or at will where the persona has no arc."""
        refusal = "" if self._call.over else self._arc.refusal()
        called = ToolCalled(name="end_call", arguments={"outcome": outcome}, result=refusal, refused=bool(refusal))
        self._emit(called)
        if refusal:
            return refusal
        if self._call.ending is None:
            known = {ending.name: ending for ending in self._live.spec.arc.front.endings}
            self._call.ending = outcome if outcome in known else "hung_up"
            if ending := known.get(outcome):
                self._emit(EndingReached(name=ending.name, satisfied=ending.passed))
            context.disallow_interruptions()
            context.speech_handle.add_done_callback(lambda _: self._session.shutdown())
        return None

    def _brief_soon(self) -> None:
        """Tells a realtime model of the persona's state once nobody speaks."""
        realtime = isinstance(self._live.parts.model, RealtimeModel)
        wanted = realtime and self._call.opened.is_set() and not self._call.over and bool(self._arc.briefing())
        if wanted and (self._briefing is None or self._briefing.done()):
            self._briefing = self._start(self._brief())

    async def _brief(self) -> None:
        await self._idle.wait()
        async with self._idle.turn():
            while not self._arc.is_told and (briefing := self._arc.briefing()):
                try:
                    if not await self._live.brief(briefing):
                        return
                except NotAccepted as error:
                    logger.info("the model was not told of the persona's state: %s", error)
                    return
                self._arc.told(briefing)

    def _listen(self) -> None:
        self._session.on("agent_state_changed", self._on_agent_state)
        self._session.on("user_state_changed", self._on_user_state)
        self._session.on("error", self._on_error)
        self._session.on("close", self._on_close)

    def _on_agent_state(self, event: AgentStateChangedEvent) -> None:
        if event.new_state == "speaking":
            self._transcript.line_begun()
        self._emit(State(state=event.new_state))
        self._tell_quiet()

    def _on_user_state(self, event: UserStateChangedEvent) -> None:
        if event.old_state == "speaking":
            self._transcript.turn_ended()
            if self._session.agent_state != "speaking":
                self._watchdog.expect(perhaps=self._live.parts.stt is not None)  # a recognizer tells, by a transcript
        elif event.new_state == "speaking":
            self._watchdog.rest()
        self._tell_quiet()

    def _tell_quiet(self) -> None:
        """Tells the arc whether the line is quiet, which it never is before the opening line is over, and whether an
        answer is due."""
        listens = self._session.agent_state == "listening" and self._session.user_state != "speaking"
        self._arc.quiet(
            listens and self._call.opened.is_set() and not self._call.over, answering=self._watchdog.expecting
        )

    def _on_error(self, event: ErrorEvent) -> None:
        error = event.error
        if isinstance(error, RealtimeModelError) and not error.recoverable and self._reloader.can_replace(error):
            error.recoverable = True  # so LiveKit, too, lets the call go on
        recoverable = bool(getattr(error, "recoverable", False))
        reason = explained(getattr(error, "error", None) or error, address_of(event.source, self._live.spec))
        source = part_name(event.source)
        if not isinstance(error, RealtimeModelError) or recoverable:
            self._watchdog.fail(source, reason)  # of a pipeline's failures, LiveKit itself counts how many are too many
            if isinstance(error, RealtimeModelError) and self._call.opened.is_set():
                # What the trainee said last may be lost with the connection: the persona speaks up, as on any phone.
                self._watchdog.expect(RECONNECT_SECONDS)
        else:
            # The session is of no use any more, and not every realtime plugin lets it say so (it then hangs).
            self._watchdog.fail_for_good(source, reason)
            self._call.close("error")

    def _on_close(self, event: CloseEvent) -> None:
        self._call.close(ENDED_WITHOUT[event.reason])

    def _ended(self, reason: str) -> Ended:
        ending = next((e for e in self._live.spec.arc.front.endings if e.name == self._call.ending), None)
        first_word = self._transcript.first_word
        return Ended(
            reason=self._call.ending or reason,
            satisfied=ending.passed if ending else None,
            turns=self._transcript.turns,
            seconds=time.monotonic() - self._began,
            first_word=first_word and first_word - self._began,
            usage=tuple(used.model_dump(exclude_defaults=True) for used in self._session.usage.model_usage),
        )
