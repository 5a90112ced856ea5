"""A call follows the edits of its spec: each is applied as the plan says, at the right moment, and ends in one
receipt."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from dataclasses import replace

from livekit.agents.llm import RealtimeModel

from ..events import Change, Emit, How, Reload
from ..spec.prompt import instructions
from ..spec.session_spec import AnyEdit, Edit, FaultyEdit, SessionSpec
from ..spec.settings import ReloadMode
from . import build
from .agent import FIELDS, LiveAgent, close, replaced
from .idle import IdleMonitor
from .plan import Plan, plan
from .realtime import NotAccepted, PreparedModel

logger = logging.getLogger(__name__)


class Reloader:
    """Takes the edits of one call in turn, and decides what becomes of each.

    Args:
        adopt: told of each edit that has taken effect.
        mode: whether edits take effect at all.
        audio: whether the call is spoken, not typed.
    """

    def __init__(
        self,
        live: LiveAgent,
        idle: IdleMonitor,
        emit: Emit,
        adopt: Callable[[SessionSpec, Edit], None],
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
        self._inbox: deque[AnyEdit] = deque()
        self._came = asyncio.Event()

    async def follow(self, edits: AsyncIterator[AnyEdit]) -> None:
        """Takes edits as they come, until there are no more. Nothing that goes wrong here ends the call."""
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._read(edits))
            reading.add_done_callback(lambda _: self._came.set())
            while self._inbox or not reading.done():
                if self._inbox:
                    await self._take(self._inbox.popleft())
                else:
                    self._came.clear()
                    await self._came.wait()

    async def _read(self, edits: AsyncIterator[AnyEdit]) -> None:
        try:
            async for edit in edits:
                self._inbox.append(edit)
                self._came.set()
        except Exception:  # whoever sends edits has made a mistake: the call goes on with the spec that it has
            logger.exception("no more edits can be read")

    async def _take(self, edit: AnyEdit) -> None:
        """One edit, from the plan to the receipt."""
        if isinstance(edit, FaultyEdit) or edit.spec.revision == self._live.spec.revision:
            return self._pass_over(edit)
        before = self._live.spec.revision
        try:
            steps = plan(self._live.spec, edit.spec, audio=self._audio)
            if self._mode is not ReloadMode.LIVE:
                return self._put_off(edit, steps)
            if not await self._apply(edit, steps):
                return None  # superseded; it has its receipt
        except Exception as error:
            if not isinstance(error, NotAccepted):
                logger.exception("an edit could not be applied")
            reason = " ".join(str(error).split()) or type(error).__name__
            return self._receipt(edit, How.REJECTED, reason=f"{reason}; the call is as it was")
        self._receipt(edit, steps.how, (*steps.changes, *edit.program), before=before)
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

    def _receipt(
        self, edit: AnyEdit, how: How, changes: tuple[Change, ...] = (), *, before: str = "", reason: str = ""
    ) -> None:
        self._emit(
            Reload(
                how=how,
                before=before or self._live.spec.revision,
                after=edit.spec.revision if isinstance(edit, Edit) else "",
                files=list(edit.files),
                changes=changes,
                reason=reason,
                ms=max(0, round((time.time() - edit.at) * 1000)),
            )
        )

    async def _apply(self, edit: Edit, steps: Plan) -> bool:
        """Applies an edit; False if a newer one takes its place first."""
        if steps.waits and not await self._idle_or_newer(edit):
            return False
        if steps.swap:
            applied = await self._swap(edit, steps)
        else:
            async with self._idle.turn() if steps.waits else nullcontext():
                await self._live.change(edit.spec, steps)
            applied = True
        if self._idle.idle:
            await self._live.close_replaced()
        return applied

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

    async def _swap(self, edit: Edit, steps: Plan) -> bool:
        """Lets an agent with parts of its own take over; a realtime one's session is open before."""
        spec, live = edit.spec, self._live
        kept = {place: live.part(place) for place in FIELDS if place not in steps.parts and place != "realtime"}
        parts = build.build(spec, audio=self._audio, kept=kept)
        tools = live.tools(spec)
        prepared = None
        try:
            if isinstance(parts.model, RealtimeModel):
                prepared = PreparedModel(parts.model)
                parts = replace(parts, model=prepared)
                await prepared.open(instructions(spec), live.history(), tools, parts)
            while await self._idle_or_newer(edit):
                async with self._idle.turn():
                    history = live.history()
                    if prepared:
                        await prepared.catch_up(history)
                    if self._idle.idle:  # else somebody began to speak while the provider was told the latest
                        await live.hand_over(spec, parts, tools, history)
                        return True
            return False
        finally:
            if live.parts is not parts:  # nobody speaks with them yet: a session that is open must not stay so
                for part in replaced(parts, live.parts):
                    await close(part, self._emit)
