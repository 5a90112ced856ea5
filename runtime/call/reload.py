"""A call follows the edits of its spec: each is applied as the plan says, and ends in one receipt."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import Any

from livekit.agents import AgentSession
from livekit.agents.llm import ChatContext, RealtimeModel, Tool, Toolset

from ..events import Change, Emit, Failure, How, Reload
from ..spec.prompt import instructions
from ..spec.session_spec import AnyEdit, Edit, FaultyEdit, SessionSpec
from ..spec.settings import ReloadMode
from . import build
from .agent import HangUp, PersonaAgent, end_call
from .build import Parts
from .floor import Floor
from .gate import Gate
from .plan import Plan, plan
from .standby import Acceptance, NotAccepted, Standby

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 1.5
"""A call is not kept waiting by a part that hangs when it is closed."""
ENTER_SECONDS = 10.0
"""How long an agent may take to take over."""
FIELDS = {"realtime": "model", "llm": "model", "stt": "stt", "tts": "tts", "detector": "vad"}
"""Where `Parts` holds the part of each place."""


class Following:
    """What a call runs on now, and how it comes from there to the next spec.

    Args:
        adopt: told of each edit that has taken effect.
        mode: whether edits take effect at all.
        audio: whether the call is spoken, not typed.
    """

    def __init__(
        self,
        spec: SessionSpec,
        parts: Parts,
        hang_up: HangUp,
        emit: Emit,
        adopt: Callable[[SessionSpec, Edit], None],
        *,
        mode: ReloadMode,
        audio: bool,
    ) -> None:
        self.spec = spec
        self.parts = parts
        self.agent = PersonaAgent(spec, parts, [end_call(spec, hang_up)])
        self._hang_up = hang_up
        self._emit = emit
        self._adopt = adopt
        self._mode = mode
        self._audio = audio
        self._gate: Gate | None = None
        self._retired: list[Any] = []
        self._inbox: deque[AnyEdit] = deque()
        self._came = asyncio.Event()

    async def follow(self, edits: AsyncIterator[AnyEdit], session: AgentSession[None], floor: Floor) -> None:
        """Takes edits as they come, until there are no more. Nothing that goes wrong here ends the call."""
        self._session, self._floor = session, floor
        if session.input.audio is not None:
            session.input.audio = self._gate = Gate(session.input.audio)
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._read(edits))
            reading.add_done_callback(lambda _: self._came.set())
            while self._inbox or not reading.done():
                if self._inbox:
                    await self._take(self._inbox.popleft())
                else:
                    self._came.clear()
                    await self._came.wait()

    async def aclose(self) -> None:
        """Closes all parts."""
        self._retired += _going(self.parts)
        await self._close_retired()

    async def _read(self, edits: AsyncIterator[AnyEdit]) -> None:
        try:
            async for edit in edits:
                self._inbox.append(edit)
                self._came.set()
        except Exception:  # whoever sends edits has made a mistake: the call goes on with the spec that it has
            logger.exception("no more edits can be read")

    async def _take(self, edit: AnyEdit) -> None:
        """One edit, from the plan to the receipt."""
        if isinstance(edit, FaultyEdit) or edit.spec.revision == self.spec.revision:
            return self._pass_over(edit)
        try:
            steps = plan(self.spec, edit.spec, audio=self._audio)
            if self._mode is not ReloadMode.LIVE:
                return self._put_off(edit, steps)
            if not await self._apply(edit, steps):
                return None  # superseded; it has its receipt
        except Exception as error:
            if not isinstance(error, NotAccepted):
                logger.exception("an edit could not be applied")
            reason = " ".join(str(error).split()) or type(error).__name__
            return self._receipt(edit, How.REJECTED, reason=f"{reason}; the call is as it was")
        self._receipt(edit, steps.how, (*steps.changes, *edit.program))
        self.spec = edit.spec
        self._adopt(edit.spec, edit)

    def _pass_over(self, edit: AnyEdit) -> None:
        """An edit that brings this call nothing."""
        if isinstance(edit, FaultyEdit):
            self._receipt(edit, How.REJECTED, reason=edit.error)
        else:
            hows = [change.how for change in edit.program]
            how = next((how for how in (How.RESTART, How.NEXT_CALL) if how in hows), How.UNCHANGED)
            self._receipt(edit, how, edit.program)

    def _put_off(self, edit: Edit, steps: Plan) -> None:
        frozen = self._mode is ReloadMode.FROZEN
        how = How.FROZEN if frozen else How.NEXT_CALL
        changes = (*(replace(change, how=how) for change in steps.changes), *edit.program)
        self._receipt(edit, how, changes, reason="this call keeps the spec that it began with" if frozen else "")

    def _receipt(self, edit: AnyEdit, how: How, changes: tuple[Change, ...] = (), *, reason: str = "") -> None:
        self._emit(
            Reload(
                how=how,
                before=self.spec.revision,
                after=edit.spec.revision if isinstance(edit, Edit) else "",
                files=list(edit.files),
                changes=changes,
                reason=reason,
                ms=max(0, round((time.time() - edit.at) * 1000)),
            )
        )

    async def _apply(self, edit: Edit, steps: Plan) -> bool:
        """Applies an edit; False if a newer one takes its place first."""
        if steps.waits and not await self._floor_or_newer(edit):
            return False
        if steps.swap:
            applied = await self._swap(edit, steps)
        else:
            async with self._floor.taken() if steps.waits else nullcontext():
                await self._change(edit.spec, steps)
            applied = True
        if self._floor.quiet:
            await self._close_retired()
        return applied

    async def _floor_or_newer(self, edit: Edit) -> bool:
        """Waits until nobody speaks. False, and a receipt, if an edit that takes this one's place comes first."""
        free = asyncio.ensure_future(self._floor.until_free())
        try:
            while not free.done():
                self._came.clear()
                if newer := self._newer(edit):
                    self._receipt(edit, How.SUPERSEDED, reason=f"revision {newer.revision} was saved after it")
                    return False
                came = asyncio.ensure_future(self._came.wait())
                await asyncio.wait([free, came], return_when=asyncio.FIRST_COMPLETED)
                came.cancel()
            return True
        finally:
            free.cancel()

    def _newer(self, edit: Edit) -> SessionSpec | None:
        """The spec that takes this edit's place, if there is one. Edits that change nothing get their receipts."""
        while self._inbox:
            newer = self._inbox[0]
            if isinstance(newer, Edit) and newer.spec.revision != edit.spec.revision:
                return newer.spec
            self._pass_over(self._inbox.popleft())
        return None

    async def _change(self, spec: SessionSpec, steps: Plan) -> None:
        """Changes the agent that is there. What fails is undone."""
        tuned = [place for place in steps.parts if build.can_tune(self._part(place), self.spec, spec, place)]
        made = {place: build.make(spec, place) for place in steps.parts if place not in tuned}
        try:
            for place in tuned:
                build.tune(self._part(place), self.spec, spec, place)
            if made:
                self.agent.update_options(**{_OPTION[place]: part for place, part in made.items()})
            if steps.prompt or steps.tools or "llm" in made:  # a reply begun ahead of time is then begun anew
                await self._tell(spec, steps.tools)
        except BaseException:
            with suppress(Exception):
                for place in tuned:
                    build.tune(self._part(place), spec, self.spec, place)
                self.agent.update_options(**{_OPTION[place]: self._part(place) for place in made})
                await self.agent.update_instructions(instructions(self.spec))
                if steps.tools:
                    await self.agent.update_tools([end_call(self.spec, self._hang_up)])
            self._retired += _going(
                replace(self.parts, **{FIELDS[place]: made[place] for place in made}), but=self.parts
            )
            raise
        self._run_on(replace(self.parts, **{FIELDS[place]: part for place, part in made.items()}))

    async def _tell(self, spec: SessionSpec, tools: bool) -> None:
        """Gives the model its new prompt; returns when it has it."""
        text = instructions(spec)
        realtime = isinstance(self.parts.model, RealtimeModel)
        accepted = Acceptance(self.agent.realtime_llm_session, text) if realtime else None
        await self.agent.update_instructions(text)
        if tools:
            await self.agent.update_tools([end_call(spec, self._hang_up)])
        if accepted:
            await accepted.wait()

    async def _swap(self, edit: Edit, steps: Plan) -> bool:
        """Lets an agent with parts of its own take over; a realtime one's session is open before."""
        spec = edit.spec
        kept = {place: self._part(place) for place in FIELDS if place not in steps.parts and place != "realtime"}
        parts = build.build(spec, audio=self._audio, kept=kept)
        tools: list[Tool | Toolset] = [end_call(spec, self._hang_up)]
        standby = None
        try:
            if isinstance(parts.model, RealtimeModel):
                standby = Standby(parts.model)
                parts = replace(parts, model=standby)
                await standby.open(instructions(spec), self._history(), tools, parts)
            while await self._floor_or_newer(edit):
                async with self._floor.taken():
                    history = self._history()
                    if standby:
                        await standby.catch_up(history)
                    if self._floor.quiet:  # else somebody began to speak while the provider was told the latest
                        await self._hand_over(PersonaAgent(spec, parts, tools, history))
                        self._run_on(parts)
                        return True
            return False
        finally:
            if self.parts is not parts:  # nobody speaks with them yet: a session that is open must not stay so
                for part in _going(parts, but=self.parts):
                    await close(part, self._emit)

    async def _hand_over(self, agent: PersonaAgent) -> None:
        """The agent takes over, and hears what is said meanwhile."""
        async with self._gate.shut() if self._gate else nullcontext():
            self._session.update_agent(agent)
            try:
                async with asyncio.timeout(ENTER_SECONDS):
                    await agent.entered.wait()
            except TimeoutError:
                self.agent = PersonaAgent(self.spec, self.parts, self.agent.tools, self._history())
                self._session.update_agent(self.agent)
                raise NotAccepted("the new session did not start") from None
        self.agent = agent

    def _history(self) -> ChatContext:
        return self._session.history.copy(exclude_instructions=True, exclude_config_update=True, exclude_handoff=True)

    def _part(self, place: str) -> Any:
        return getattr(self.parts, FIELDS[place])

    def _run_on(self, parts: Parts) -> None:
        """The call runs on these parts from now on; those that it leaves are closed once no speech uses them."""
        old, self.parts = self.parts, parts
        self._retired += _going(old, but=parts)

    async def _close_retired(self) -> None:
        retired, self._retired = self._retired, []
        for part in retired:
            await close(part, self._emit)


_OPTION = {"llm": "llm", "stt": "stt", "tts": "tts", "detector": "vad"}
_NAMES = ("model", "stt", "tts")


def _going(parts: Parts, but: Parts | None = None) -> list[Any]:
    """What of these parts has to be closed, but for those that go on."""
    kept = [id(getattr(but, name)) for name in _NAMES] if but else []
    going = (getattr(parts, name) for name in _NAMES)
    return [part for part in going if part is not None and id(part) not in kept]


async def close(part: AgentSession[None] | Any, emit: Emit) -> None:
    """Closes a session or a part. What goes wrong in that is an event: nobody needs it any more."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await part.aclose()
            connections = getattr(getattr(part, "_client", None), "close", None)
            if inspect.iscoroutinefunction(connections):  # OpenAI's speech-to-text leaves its own open
                await connections()
    except Exception as error:
        emit(Failure(source=type(part).__name__, reason=str(error) or "took too long to close", recoverable=True))
