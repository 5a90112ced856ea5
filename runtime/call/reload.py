"""A call follows the edits of its spec: each is applied as the plan says, when it can be, and has one receipt."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from livekit.agents.llm import RealtimeModel, RealtimeModelError

from ..arc.agreement import disagreements
from ..arc.briefing import instructions
from ..events import Change, Emit, Failure, How, Reload
from ..spec.persona import Persona
from ..spec.session_spec import AnyEdit, Edit, FaultyEdit, SessionSpec
from ..spec.settings import ReloadMode
from . import build
from .agent import FIELDS, LiveAgent, close, replaced
from .build import Parts, part_name, plugin_modules
from .idle import IdleMonitor
from .plan import ModelKind, Plan, in_force, kind_of, plan
from .plugins import import_ahead
from .realtime import NotAccepted, PreparedModel, refuses_history

logger = logging.getLogger(__name__)

RENEW_SECONDS = 60.0
"""Seconds after a replaced session had used up its context within which another one that does ends the call."""


@dataclass(frozen=True, slots=True)
class Applied:
    """When an edit took effect (Unix time), and whether a reply that was begun before is finished without it."""

    at: float
    after_reply: bool = False


class Reloader:
    """Takes the edits of one call in turn, and decides what becomes of each.

    Args:
        adopt: told of each spec that has taken effect, and of the edit that brought it (None: it is back in force).
        give_up: ends the call, for a reason.
        mode: whether edits take effect at all.
        audio: whether the call is spoken, not typed.
    """

    def __init__(
        self,
        spec: SessionSpec,
        live: LiveAgent,
        idle: IdleMonitor,
        emit: Emit,
        adopt: Callable[[SessionSpec, Edit | None], None],
        give_up: Callable[[str], None],
        *,
        mode: ReloadMode,
        audio: bool,
    ) -> None:
        self._live = live
        self._idle = idle
        self._emit = emit
        self._adopt = adopt
        self._mode = mode
        self._audio = audio
        self._give_up = give_up
        self._proving = False
        self._renewable = 0.0
        self._tasks: asyncio.TaskGroup | None = None
        self._inbox: deque[AnyEdit] = deque()
        self._came = asyncio.Event()
        self._begun = asyncio.Event()
        self._spec = spec
        """The latest spec that is in force, as the files have it."""

    @asynccontextmanager
    async def reading(self, edits: AsyncIterator[AnyEdit]) -> AsyncIterator[None]:
        """Takes in edits while it is entered, so that none is missed before the call begins."""
        task = asyncio.ensure_future(self._read(edits))
        try:
            yield
        finally:
            task.cancel()

    async def _read(self, edits: AsyncIterator[AnyEdit]) -> None:
        try:
            async for edit in edits:
                self._inbox.append(edit)
                self._came.set()
        except Exception:  # whoever sends edits has made a mistake: the call goes on with the spec that it has
            logger.exception("no more edits can be read")

    async def begin(self) -> None:
        """Applies the edits that came while the trainee was waited for. The opening line is said under them."""
        while self._inbox:
            await self._handle(self._inbox.popleft())
        self._begun.set()

    async def follow(self) -> None:
        """Applies edits as they come, until it is cancelled. Nothing that goes wrong with them ends the call."""
        await self._begun.wait()
        async with asyncio.TaskGroup() as self._tasks:
            while True:
                if self._inbox:
                    await self._handle(self._inbox.popleft())
                else:
                    self._came.clear()
                    await self._came.wait()

    async def _handle(self, edit: AnyEdit) -> None:
        """One edit, from the plan to the receipt."""
        if isinstance(edit, FaultyEdit) or edit.spec.revision == self._spec.revision:
            return self._pass_over(edit)
        before, begun = self._spec.revision, self._begun.is_set()
        try:
            await import_ahead(plugin_modules(edit.spec, audio=self._audio))
            steps = plan(self._spec, edit.spec, audio=self._audio, begun=begun)
            if self._mode is not ReloadMode.LIVE:
                return self._hold_back(edit, steps)
            spec = in_force(self._live.spec, edit.spec, begun=begun)
            done = await self._apply(edit, steps, spec)
            if done is None:
                return  # superseded; it has its receipt
        except Exception as error:
            if not isinstance(error, NotAccepted):
                logger.exception("an edit could not be applied")
            reason = " ".join(str(error).split()) or type(error).__name__
            self._receipt(edit, How.REJECTED, reason=f"{reason}; the call is as it was")
        else:
            was, self._spec = self._spec, edit.spec
            self._receipt(
                edit,
                steps.how,
                (*steps.changes, *edit.program),
                before=before,
                at=done.at,
                after_reply=done.after_reply,
                warnings=await _new_disagreements(was.persona, edit.spec.persona),
            )

    def _pass_over(self, edit: AnyEdit) -> None:
        """The receipt of an edit that leaves this call's spec as it is: a faulty one, or one of other files."""
        if isinstance(edit, FaultyEdit):
            self._receipt(edit, How.REJECTED, reason=edit.error)
        else:
            hows = [change.how for change in edit.program]
            how = next((how for how in (How.RESTART, How.NEXT_CALL) if how in hows), How.UNCHANGED)
            self._receipt(edit, how, edit.program)

    def _hold_back(self, edit: Edit, steps: Plan) -> None:
        """The receipt of an edit that this call's reload mode keeps from it."""
        frozen = self._mode is ReloadMode.FROZEN
        how = How.FROZEN if frozen else How.NEXT_CALL
        changes = (*(replace(change, how=how) for change in steps.changes), *edit.program)
        self._receipt(edit, how, changes, reason="this call keeps the spec that it began with" if frozen else "")

    def _receipt(
        self,
        edit: AnyEdit,
        how: How,
        changes: tuple[Change, ...] = (),
        *,
        before: str = "",
        at: float = 0.0,
        after_reply: bool = False,
        reason: str = "",
        warnings: tuple[str, ...] = (),
    ) -> None:
        self._emit(
            Reload(
                how=how,
                before=before or self._spec.revision,
                after=edit.spec.revision if isinstance(edit, Edit) else "",
                files=list(edit.files),
                changes=changes,
                reason=reason,
                ms=max(0, round(((at or time.time()) - edit.at) * 1000)),
                after_reply=after_reply,
                warnings=warnings,
            )
        )

    async def _apply(self, edit: Edit, steps: Plan, spec: SessionSpec) -> Applied | None:
        """Applies an edit, which makes this spec; None if a newer one takes its place first."""
        if steps.waits:
            async with self._listening():
                done = await self._apply_when_idle(edit, steps, spec)
        else:
            done = await self._change(edit, steps, spec)
        if self._idle.idle:
            await self._live.close_replaced()
        return done

    def _listening(self) -> AbstractAsyncContextManager[None]:
        """Detects speech in the trainee's audio where neither the session nor the model reports it."""
        live = self._live
        silent = live.parts.vad is None and kind_of(live.spec) is ModelKind.REALTIME
        return self._idle.listening(live.input) if silent and live.input else nullcontext()

    async def _apply_when_idle(self, edit: Edit, steps: Plan, spec: SessionSpec) -> Applied | None:
        if not await self._idle_or_newer(edit):
            return None
        if steps.swap:
            return await self._swap(edit, steps, spec)
        async with self._idle.turn():
            return await self._change(edit, steps, spec)

    async def _change(self, edit: Edit, steps: Plan, spec: SessionSpec) -> Applied:
        await self._live.change(spec, steps)
        self._adopt(spec, edit)
        told = steps.prompt or steps.tools or any(place not in build.BESIDE for place in steps.parts)
        return Applied(time.time(), after_reply=told and self._idle.replying)

    async def _idle_or_newer(self, edit: Edit) -> bool:
        """Waits until nobody speaks. False, and a receipt, if an edit that takes this one's place comes first."""
        idle = asyncio.ensure_future(self._idle.wait())
        try:
            while not idle.done():
                self._came.clear()
                if newer := self._newer(edit):
                    self._receipt(edit, How.SUPERSEDED, reason=f"revision {newer.revision} was saved after it")
                    return False
                came = asyncio.ensure_future(self._came.wait())
                await asyncio.wait([idle, came], return_when=asyncio.FIRST_COMPLETED)
                came.cancel()
            return True
        finally:
            idle.cancel()

    def _newer(self, edit: Edit) -> SessionSpec | None:
        """The spec that takes this edit's place, if there is one. Edits that change nothing get their receipts."""
        while self._inbox:
            newer = self._inbox[0]
            if isinstance(newer, Edit) and newer.spec.revision != edit.spec.revision:
                return newer.spec
            self._pass_over(self._inbox.popleft())
        return None

    async def _swap(self, edit: Edit, steps: Plan, spec: SessionSpec) -> Applied | None:
        """Lets a new agent with its own parts take over; the session of a realtime model is opened before that."""
        live = self._live
        kept = {place: live.part(place) for place in FIELDS if place not in steps.parts and place != "realtime"}
        with live.history_kept_on_failure():
            async with self._prepared(spec, kept) as successor:
                while await self._idle_or_newer(edit):
                    async with self._idle.turn():
                        if await successor.is_ready() and self._idle.idle:  # else somebody began to speak meanwhile
                            return await self._take_over(successor, edit)
                return None

    @asynccontextmanager
    async def _prepared(self, spec: SessionSpec, kept: Mapping[str, Any]) -> AsyncIterator[Successor]:
        """An agent's parts, ready to take over; closed again if they did not."""
        parts = build.build(spec, audio=self._audio, kept=kept)
        successor = Successor(self._live, spec, parts)
        try:
            await successor.prepare()
            yield successor
        finally:
            if self._live.parts is not successor.parts:
                for part in replaced(successor.parts, self._live.parts):
                    await close(part, self._emit)

    async def _take_over(self, successor: Successor, edit: Edit) -> Applied:
        """The successor takes over. If its session ends at once, the call is as it was."""
        live = self._live
        before = live.spec, live.parts, live.tools(live.spec)
        self._proving = True
        try:
            with live.unproven():
                try:
                    await live.hand_over(successor.spec, successor.parts, successor.tools, live.history())
                    at = time.time()
                    self._adopt(live.spec, edit)
                    await successor.proven()
                except NotAccepted as refused:
                    if live.parts is successor.parts:
                        if refused.of_history:
                            live.shorten_history()
                        await live.hand_over(*before, live.history())
                        self._adopt(live.spec, None)
                    raise
        finally:
            self._proving = False
        return Applied(at)

    def can_replace(self, error: RealtimeModelError) -> bool:
        """Whether a session that is of no use any more is replaced by another one: the call need not end by it then.

        One that has just taken over gives the call back. One that has used up its context, in a long call, is followed
        by one that knows the later half of what was said.
        """
        if self._proving:
            return True
        now = asyncio.get_running_loop().time()
        if self._tasks is None or now < self._renewable or not refuses_history(error.error):
            return False
        if not self._live.shorten_history():
            return False
        self._renewable = now + RENEW_SECONDS
        self._tasks.create_task(self._renew())
        return True

    async def _renew(self) -> None:
        """Replaces a session that has used up its context."""
        kept = {place: self._live.part(place) for place in FIELDS if place != "realtime"}
        try:
            async with self._idle.turn(), self._prepared(self._live.spec, kept) as successor:
                await self._live.hand_over(successor.spec, successor.parts, successor.tools, self._live.history())
        except Exception as error:
            self._emit(Failure(source=part_name(self._live.parts.model), reason=str(error), recoverable=False))
            self._give_up("error")


async def _new_disagreements(old: Persona, new: Persona) -> tuple[str, ...]:
    """The contradictions between the new persona's facts and her prose that the old one did not have."""
    if new == old:
        return ()
    for comparison in (_comparison(old), _comparison(new)):
        if not comparison.done():
            await asyncio.shield(asyncio.wrap_future(comparison))  # a call that ends must not cancel it for others
    known = _comparison(old).result()
    return tuple(line for line in _comparison(new).result() if line not in known)


_COMPARING = ThreadPoolExecutor(1)


@lru_cache(maxsize=32)
def _comparison(persona: Persona) -> Future[list[str]]:
    """The comparison of a persona's facts with her prose, in a thread, once for all calls of a process."""
    return _COMPARING.submit(disagreements, persona)


class Successor:
    """An agent that is to take over: its parts, and the session that is opened ahead for a realtime model."""

    def __init__(self, live: LiveAgent, spec: SessionSpec, parts: Parts) -> None:
        self._live = live
        self._model = PreparedModel(parts.model) if isinstance(parts.model, RealtimeModel) else None
        self.spec = spec
        self.parts = replace(parts, model=self._model) if self._model else parts
        self.tools = live.tools(spec)

    async def prepare(self) -> None:
        """Opens the session. A history that the provider does not take is shortened, if it is long."""
        while self._model:
            try:
                return await self._model.open(instructions(self.spec), self._live.history(), self.tools, self.parts)
            except NotAccepted as refused:
                if not (refused.of_history and self._live.shorten_history()):
                    raise

    async def is_ready(self) -> bool:
        """Whether it can take over now: its session is up, and told the latest."""
        return self._model is None or await self._model.catch_up(self._live.history())

    async def proven(self) -> None:
        """Returns once the session that took over has shown that it lasts. Raises NotAccepted where it does not."""
        if self._model:
            await self._model.proven()
