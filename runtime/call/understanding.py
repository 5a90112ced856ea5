"""Understanding of a call's turns by meaning: gets the vectors that a turn needs, off the event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from ..arc.listener import lexicon_of, listen
from ..arc.meaning import Meaning
from ..arc.segmentation import parts
from ..errors import extra_command
from ..events import Emit, Failure, Notice
from ..offline.embedding import is_installed, vectors_of
from ..spec.persona import Arc

logger = logging.getLogger(__name__)

READY_SECONDS = 20.0
"""How long the first turn may wait for the examples of a persona."""
TURN_SECONDS = 2.0
"""How long a turn may wait for its vectors; then it is heard by its phrases."""

Start = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
"""Does something beside the call, and stops with it."""


class Understanding:
    """Listens by meaning where the spec has an embedder; if that fails the phrases go on, and a line says so."""

    def __init__(self, arc: Arc, emit: Emit, start: Start) -> None:
        self._arc = arc
        self._emit = emit
        self._start = start
        self._off = False
        self._told = False
        self._getting: dict[tuple[int, str], asyncio.Task[None]] = {}
        self._understood: tuple[Arc, str] | None = None
        """The latest turn that has been waited for: it is not looked at again before it is judged."""
        self._overheard: set[str] = set()
        """Clauses of what the trainee is saying."""
        self._ordering: asyncio.Task[None] | None = None
        """Puts her phrases in order."""

    def adopt(self, arc: Arc) -> None:
        """The arc was edited; a turn that comes now waits for the examples that are new."""
        self._off = self._told = self._told and arc.embedder == self._arc.embedder
        self._arc = arc
        self._start(self.prepare())

    def close(self) -> None:
        """The call is over: no turn waits any more."""
        self._off = True

    def meaning(self) -> Meaning | None:
        """What clauses mean, as far as that is known now."""
        return None if self._is_off else vectors_of(str(self._arc.embedder)).meaning(self._arc)

    @property
    def _is_off(self) -> bool:
        return self._off or self._arc.embedder is None

    def waits(self, text: str) -> bool:
        """Whether a turn has to wait for `understand` before it can be judged."""
        if self._ordering and not self._ordering.done():
            return True
        if self._is_off:
            return False
        if self._understood and self._understood[0] is self._arc and self._understood[1] == text:
            return False
        meaning = self.meaning()
        if meaning:
            listen(self._arc.front, frozenset(), text, meaning)
        return meaning is None or bool(meaning.lacking)

    def begin(self, text: str) -> asyncio.Task[None] | None:
        """What a turn has to wait for before it is judged, if for anything; the same for all who ask about it."""
        if not self.waits(text):
            return None
        key = (id(self._arc), text)
        if key not in self._getting:
            task = self._getting[key] = self._start(self._get(text))
            task.add_done_callback(lambda _: self._getting.pop(key, None))
        return self._getting[key]

    def overhear(self, so_far: str, *, whole: bool) -> None:
        """The trainee is speaking: what they have said so far, without a clause that may go on, is known by the time
        that their turn is judged. Each clause is looked at once, however often it comes."""
        said = [] if self._is_off else [text for text, _, _ in parts(so_far)]
        for text in said if whole else said[:-1]:
            if text not in self._overheard:
                self._overheard.add(text)
                self.begin(text)
        if whole:
            self._overheard.clear()

    async def understand(self, text: str) -> None:
        """Gets the vectors that a turn needs, or gives up."""
        if task := self.begin(text):
            await asyncio.wait([task])

    async def prepare(self) -> None:
        """Gets her phrases in order, and the vectors of the persona's examples, so that no turn waits for them."""
        self._ordering = self._start(self._order())
        await self._get("")

    async def _order(self) -> None:
        await asyncio.to_thread(lexicon_of, self._arc.front)

    async def _get(self, text: str) -> None:
        if self._ordering:
            await asyncio.wait([self._ordering])
        arc = self._arc
        if self._is_off:
            return
        if not is_installed(str(arc.embedder)):
            needs = f"{arc.embedder}, which is not installed"
            self._give_up(f"listening by meaning needs {needs}: {extra_command('meaning')}. Phrases alone are heard")
            return
        try:
            vectors = vectors_of(str(arc.embedder))
            async with asyncio.timeout(READY_SECONDS):
                await vectors.ready(arc)
            async with asyncio.timeout(TURN_SECONDS):
                await vectors.understand(arc, text)
            self._understood = arc, text
        except Exception as error:  # an embedder and what lies between have many; the call goes on in any case
            logger.info("a turn was heard by its phrases alone", exc_info=True)
            reason = str(error) or "no answer"
            if not self._told:
                self._emit(Failure(source="listening by meaning", reason=f"{reason}; phrases go on", recoverable=True))
            self._told = True
            self._off = self._off or vectors.meaning(arc) is None

    def _give_up(self, line: str) -> None:
        self._off = True
        if not self._told:
            self._told = True
            self._emit(Notice(text=line))
