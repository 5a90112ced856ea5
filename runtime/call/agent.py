"""The persona as a LiveKit agent, and the one module that tells LiveKit of anything that changes: the session is made
here, and a prompt, a part or the whole agent is changed here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, closing, contextmanager, nullcontext, suppress
from dataclasses import replace
from math import inf
from typing import Any

from livekit.agents import Agent, AgentSession, RunContext, function_tool
from livekit.agents.llm import ChatChunk, ChatContext, ChatMessage, RealtimeModel, Tool, Toolset
from livekit.agents.types import NOT_GIVEN, FlushSentinel
from livekit.agents.voice import ModelSettings
from livekit.agents.voice.agent_session import SessionConnectOptions

from ..arc.briefing import instructions
from ..events import Emit, Failure, Notice
from ..spec.session_spec import SessionSpec
from . import build, private
from .audio_input import AGAIN_SECONDS, UNPROVEN_SECONDS, TraineeAudio
from .build import Parts
from .plan import ModelKind, Plan, kind_of
from .realtime import Acknowledgement, NotAccepted
from .turn import SurrogateJoiner, TurnLimit, mend, without_surrogates

CLOSE_SECONDS = 1.5
"""A call is not kept waiting by a part that hangs when it is closed."""
LAST_WORDS_SECONDS = 0.5
"""How long a session that is closed waits for what the trainee said last; LiveKit's own two seconds are more than what
closing may take, and are waited for also where nothing was said."""
LEAST_ITEMS = 4
"""Items that a shortened history has at least: what the persona and the trainee said last must stay."""
AFTER_CUT, AFTER_CUT_SECONDS = 1000, 5.0
"""For how many characters and seconds the request of a model's ended turn goes on: a tool call may follow."""
ENTER_SECONDS = 10.0
"""How long an agent may take to take over."""
NOTE = "state-of-the-call"
"""The id of the message that tells a pipeline's model of the persona's state, in one turn and no other."""
FIELDS = {"realtime": "model", "llm": "model", "stt": "stt", "tts": "tts", "detector": "vad", "listener": "listener"}
"""Where `Parts` holds the part of each place."""

HangUp = Callable[[RunContext[None], str], Awaitable[str | None]]
"""Hangs up for the model, which gives the name of an ending, or words of its own. Returns what the model is told if the
call goes on; None if it ends."""
BeforeReply = Callable[[ChatContext], Awaitable[str | None]]
"""What a pipeline's model is told beside the history before it replies ("": nothing); None where it is not to reply."""


class PersonaAgent(Agent):
    """One persona with the parts of one spec. All parts are the agent's own, so that another one can take over whole.

    `entered` is set once the agent has taken over.
    """

    def __init__(
        self,
        spec: SessionSpec,
        parts: Parts,
        tools: list[Tool | Toolset],
        before_reply: BeforeReply,
        emit: Emit,
        history: ChatContext | None = None,
    ) -> None:
        super().__init__(
            instructions=instructions(spec),
            chat_ctx=history or NOT_GIVEN,
            tools=tools,
            llm=parts.model,
            stt=parts.stt,
            tts=parts.tts,
            vad=parts.vad,
            turn_handling=parts.turn_handling,
        )
        self.entered = asyncio.Event()
        self.turn_seconds = spec.model.turn_seconds
        self._before_reply = before_reply
        self._emit = emit

    async def on_enter(self) -> None:
        """The agent has taken over."""
        self.entered.set()

    async def llm_node(
        self, chat_ctx: ChatContext, tools: list[Tool], model_settings: ModelSettings
    ) -> AsyncIterator[ChatChunk | str | FlushSentinel]:
        """A pipeline's reply, cut where the turn is too long or repeats itself (`TurnLimit`). What comes after the cut
        is dropped but for a tool call, which is waited for (`AFTER_CUT`)."""
        mend(chat_ctx.items)
        chat_ctx.items[:] = [item for item in chat_ctx.items if item.id != NOTE]  # of this turn's step before a tool
        note = await self._before_reply(chat_ctx)
        if note is None:
            return
        if note:
            turns = [i for i, item in enumerate(chat_ctx.items) if item.type == "message" and item.role == "user"]
            latest = turns[-1] if turns else len(chat_ctx.items)
            chat_ctx.items.insert(latest, ChatMessage(id=NOTE, role="system", content=[note]))
        limit, pieces, clock = TurnLimit(self.turn_seconds), SurrogateJoiner(), asyncio.get_running_loop().time
        dropped, until = 0, inf
        async with aclosing(Agent.default.llm_node(self, chat_ctx, tools, model_settings)) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, ChatChunk) and chunk.delta:
                    if text := pieces.take(chunk.delta.content or ""):
                        chunk.delta.content = limit.take(text)
                        dropped += len(text) - len(chunk.delta.content)
                    for call in chunk.delta.tool_calls:
                        call.arguments = without_surrogates(call.arguments)
                yield chunk
                if limit.over and until == inf:
                    until = clock() + AFTER_CUT_SECONDS
                    self._emit(Notice(text=limit.told))
                if dropped > AFTER_CUT or clock() > until:
                    return


class LiveAgent:
    """The agent of a call that is on: what it runs on now, and every way to change that.

    `session` is LiveKit's, which is started with `agent`; `spec` and `parts` are those in force. Nothing here waits for
    a good moment: whoever calls chooses it.
    """

    def __init__(self, spec: SessionSpec, parts: Parts, hang_up: HangUp, before_reply: BeforeReply, emit: Emit) -> None:
        self.spec = spec
        self.parts = parts
        self._hang_up = hang_up
        self._before_reply = before_reply
        self._emit = emit
        self.agent = PersonaAgent(spec, parts, self.tools(spec), before_reply, emit)
        self.session = AgentSession[None](
            vad=None,
            turn_handling=parts.turn_handling,
            user_away_timeout=None,  # silence is counted by the call itself, from the end of the opening
            aec_warmup_duration=None,  # the trainee's client cancels echo; nothing would be heard in her first 3 s
            session_close_transcript_timeout=LAST_WORDS_SECONDS,
            conn_options=SessionConnectOptions(max_unrecoverable_errors=1),  # the second that retries did not mend
        )
        self.input: TraineeAudio | None = None
        self._replaced: list[Any] = []
        self._told: list[str] = []
        self._left_out: frozenset[str] = frozenset()

    def started(self) -> None:
        """The session has started, and has the audio that it will have."""
        if self.session.input.audio is not None:
            self.session.input.audio = self.input = TraineeAudio(self.session.input.audio)
        self._tell_notices()

    def _tell_notices(self) -> None:
        """Tells the notices of the parts: what one does otherwise than asked, such as a voice that is not installed."""
        notices = [getattr(part, "notice", "") for part in (self.parts.stt, self.parts.tts)]
        for notice in notices:
            if notice and notice not in self._told:
                self._emit(Notice(text=notice))
        self._told = notices

    def tools(self, spec: SessionSpec) -> list[Tool | Toolset]:
        """What a model of this spec can call: `end_call`, by which the persona hangs up."""
        endings = [ending.name for ending in spec.arc.front.endings]

        async def end(context: RunContext[None], outcome: str) -> str | None:
            return await self._hang_up(context, outcome)

        described = f"Hangs up. `outcome` says how the call ended: {', '.join(endings) or 'in your words'}."
        return [function_tool(end, name="end_call", description=described)]

    def history(self) -> ChatContext:
        """What was said so far, as the next session is told it."""
        said = self.session.history.copy(exclude_instructions=True, exclude_config_update=True, exclude_handoff=True)
        return ChatContext([item for item in said.items if item.id not in self._left_out])

    def shorten_history(self) -> bool:
        """Leaves out the older half of what was said, for this session's successors. Whether there was enough of it."""
        history = self.history()
        if len(history.items) < 2 * LEAST_ITEMS:
            return False
        older = {item.id for item in history.items}
        older -= {item.id for item in history.truncate(max_items=len(history.items) // 2).items}
        self._left_out |= older
        return True

    @contextmanager
    def history_kept_on_failure(self) -> Iterator[None]:
        """Undoes `shorten_history` if what is done within fails."""
        left_out = self._left_out
        try:
            yield
        except BaseException:
            self._left_out = left_out
            raise

    def part(self, place: str) -> Any:
        return getattr(self.parts, FIELDS[place])

    async def change(self, spec: SessionSpec, steps: Plan) -> None:
        """Changes prompt, tools and parts of the agent that is there. What fails is undone, and raised."""
        tuned = [place for place in steps.parts if build.can_tune(self.part(place), self.spec, spec, place)]
        made = {place: build.make(spec, place) for place in steps.parts if place not in tuned}
        parts = replace(self.parts, **{FIELDS[place]: part for place, part in made.items()})
        try:
            for place in tuned:
                build.tune(self.part(place), self.spec, spec, place)
            if options := {_OPTION[place]: part for place, part in made.items() if place in _OPTION}:
                self.agent.update_options(**options)
            if steps.prompt or steps.tools or "llm" in made:  # a reply begun ahead of time is then begun anew
                await self._tell(spec, steps.tools)
        except BaseException:
            with suppress(Exception):
                for place in tuned:
                    build.tune(self.part(place), spec, self.spec, place)
                self.agent.update_options(**{_OPTION[place]: self.part(place) for place in made if place in _OPTION})
                await self.agent.update_instructions(instructions(self.spec))
                if steps.tools:
                    await self.agent.update_tools(self.tools(self.spec))
            self._replaced += replaced(parts, self.parts)
            raise
        self._put_in_force(spec, parts)
        self._tell_notices()

    async def _tell(self, spec: SessionSpec, tools: bool) -> None:
        """Gives the model its new prompt; returns when it has it."""
        text = instructions(spec)
        realtime = isinstance(self.parts.model, RealtimeModel)
        accepted = Acknowledgement(self.agent.realtime_llm_session, text) if realtime else None
        try:
            await self.agent.update_instructions(text)
            if tools:
                await self.agent.update_tools(self.tools(spec))
            if accepted:
                await accepted.wait()
        finally:
            if accepted:
                accepted.close()

    async def brief(self, note: str) -> bool:
        """Tells a realtime model, while nobody speaks, in which state the persona is. False where its protocol has no
        way that it is known to heed; a pipeline's model is told with each reply instead.

        OpenAI's takes instructions at any time. Gemini keeps to the instruction that its session began with, and what
        else could be sent joins the history, where it may be taken for something that was said: the plugin's own way, a
        turn of the model's, is ignored from 3.1 on, and one of the system's always (livekit/agents #5049, #5496). It
        reads where the call stands when it is answered that it cannot hang up yet.

        Raises NotAccepted where the provider refused it.
        """
        if kind_of(self.spec) is not ModelKind.OPENAI:
            return False
        session = self.agent.realtime_llm_session
        text = f"{instructions(self.spec)}\n\n{note}"
        with closing(Acknowledgement(session, text)) as accepted:
            await session.update_instructions(text)
            await accepted.wait()
        return True

    async def hand_over(
        self, spec: SessionSpec, parts: Parts, tools: list[Tool | Toolset], history: ChatContext
    ) -> None:
        """Another agent takes over, with this spec and these parts; it hears what is said meanwhile. `tools` are those
        that its session was opened with: Google's plugin connects anew for others that are the same. Raises NotAccepted
        where its session did not start: the agent that was there has the call back then."""
        agent = PersonaAgent(spec, parts, tools, self._before_reply, self._emit, history)
        async with self.input.paused() if self.input else nullcontext():
            await self.session.interrupt(force=True)  # a session that has failed may be at a reply still
            self.session.update_agent(agent)
            try:
                async with asyncio.timeout(ENTER_SECONDS):
                    await agent.entered.wait()
            except TimeoutError:
                self.agent = PersonaAgent(
                    self.spec, self.parts, self.tools(self.spec), self._before_reply, self._emit, self.history()
                )
                self.session.update_agent(self.agent)
                raise NotAccepted("the new session did not start") from None
        self.agent = agent
        self._put_in_force(spec, parts)

    @contextmanager
    def unproven(self) -> Iterator[None]:
        """While it is entered, the trainee's latest seconds are kept, and heard again by an agent that takes over: the
        one that is there may not have heard them."""
        if self.input:
            self.input.again_seconds = UNPROVEN_SECONDS
        try:
            yield
        finally:
            if self.input:
                self.input.again_seconds = AGAIN_SECONDS

    def _put_in_force(self, spec: SessionSpec, parts: Parts) -> None:
        """The call runs on these from now on; the parts that it has left are closed later."""
        left = self._replaced + replaced(self.parts, parts)
        self.spec, self.parts = spec, parts
        self.agent.turn_seconds = spec.model.turn_seconds
        self._replaced = [part for part in left if part not in (getattr(parts, name) for name in _CLOSED)]

    async def close_replaced(self) -> None:
        """Closes the parts that the call has left. To be called when no speech uses them any more."""
        left, self._replaced = self._replaced, []
        for part in left:
            await close(part, self._emit)

    async def aclose(self) -> None:
        self._replaced += replaced(self.parts)
        await self.close_replaced()


_OPTION = {"llm": "llm", "stt": "stt", "tts": "tts", "detector": "vad"}
_CLOSED = ("model", "stt", "tts", "listener")
"""The fields of `Parts` that hold something open."""


def replaced(parts: Parts, by: Parts | None = None) -> list[Any]:
    """Those of `parts` that have to be closed when the call goes on with `by`, or ends."""
    kept = [id(getattr(by, name)) for name in _CLOSED] if by else []
    left = (getattr(parts, name) for name in _CLOSED)
    return [part for part in left if part is not None and id(part) not in kept]


async def close(part: AgentSession[None] | Any, emit: Emit) -> None:
    """Closes a session or a part. What goes wrong in that is an event: nobody needs it any more."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await part.aclose()
            await private.close_connections(part)
    except Exception as error:
        emit(Failure(source=build.part_name(part), reason=str(error) or "took too long to close", recoverable=True))
