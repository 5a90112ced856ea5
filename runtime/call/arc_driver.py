"""Drives the arc of a call that is on: gives the machine what is said and the time, and carries out what it decides."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

from livekit.agents.llm import ChatContext

from ..arc.briefing import briefing, is_briefed, live_arc, refusal
from ..arc.listener import Finding, Utterance, listen
from ..arc.machine import ArcMachine, ArcState
from ..events import ClockFired, Emit, EndingReached, Event, Notice
from ..spec.persona import Arc, said_in
from ..spec.session_spec import SessionSpec
from .understanding import Understanding

LAST_WORDS = "The call is over for you. Say your last words now, in a sentence or two."
"""What a model is told whose ending has no line of its own."""

FOREIGN = (
    "this prompt is in a language in which no customer's lines are written (conf/language/): the offline model says"
    " only what stands in quotes in it"
)


class ArcDriver:
    """Owns the clock of one call's arc.

    Args:
        say: makes the persona say a clock's line; one without a line only moves the mood, or asks whether anybody is
            there.
        end: makes the persona say an ending's line and hang up.
        moved: told when the state is another one.
        understanding: knows what a turn's clauses mean, as far as that is known when it is judged.
        audio: whether the call is spoken. In a typed one nobody is silent.
    """

    def __init__(
        self,
        spec: SessionSpec,
        emit: Emit,
        say: Callable[[ClockFired], None],
        end: Callable[[EndingReached], None],
        moved: Callable[[], None],
        understanding: Understanding,
        *,
        audio: bool,
    ) -> None:
        self._emit = emit
        self._understanding = understanding
        self._say = say
        self._end = end
        self._moved = moved
        self._audio = audio
        self._loop = asyncio.get_running_loop()
        # Unix time by the loop's clock, which never goes back.
        self._offset = time.time() - self._loop.time()
        self._adopt(spec)
        if self._arc.is_foreign and spec.model.llm and spec.model.llm.plugin == "offline":
            emit(Notice(text=FOREIGN))
        self._machine = ArcMachine(self._arc, self._now(), silences=self._audio)
        self._timer: asyncio.TimerHandle | None = None
        self._deadline: float | None = None
        self._quiet = False
        self._heard: set[str] = set()
        self._listened: tuple[Arc, tuple[frozenset[str], str, bool], Utterance] | None = None
        self._told = ""
        self.replied: tuple[ArcState, bool] | None = None
        """The state that a pipeline's model replied in last, and whether it was told; None of a realtime model."""

    def _adopt(self, spec: SessionSpec) -> None:
        self._arc: Arc = live_arc(spec)
        self._is_told = is_briefed(spec)

    def begin(self) -> None:
        """The trainee is there: from now on the call lasts."""
        self._machine = ArcMachine(self._arc, self._now(), silences=self._audio)

    @property
    def state(self) -> ArcState:
        """Where the call stands."""
        return self._machine.state

    def heard(self, turn: str, text: str) -> tuple[Event, ...]:
        """A whole turn of the trainee, by the id of its message; what the arc decides on it, for `carry_out`."""
        self._heard.add(turn)
        return self._machine.heard(self._listen(text), self._now())

    def _listen(self, text: str) -> Utterance:
        """What is found in a turn; before its reply and when it is heard, it is the same."""
        meaning = self._understanding.meaning()
        known, key = self._listened, (self.state.told, text, meaning is None)
        if known and known[0] is self._arc and known[1] == key:
            return known[2]
        found = listen(self._arc.front, self.state.told, text, meaning)
        if not (meaning and meaning.lacking):
            self._listened = self._arc, key, found
        return found

    def findable(self, turn: int) -> dict[str, str]:
        """The cues that a listener that takes longer may still find in a turn (from 1), each with what it means."""
        return self._machine.findable(turn)

    def found(self, findings: Iterable[Finding], turn: int) -> tuple[Event, ...]:
        """What such a listener has found there; what the arc decides on it, for `carry_out`."""
        return self._machine.found(findings, turn, self._now())

    def carry_out(self, decisions: Iterable[Event]) -> None:
        """Tells what was decided, and does it."""
        for decision in decisions:
            self._emit(decision)
            if isinstance(decision, ClockFired) and decision.clock != "limit":
                self._say(decision)
            elif isinstance(decision, EndingReached):
                self._end(decision)
            else:
                self._moved()
        self._schedule()

    async def before_reply(self, history: ChatContext) -> str | None:
        """What a pipeline's model is told before it replies to this ("": nothing); None where an ending's own line
        comes in place of a reply.

        The latest turn may not have been heard yet, and may be taken back: then it moves nothing.
        """
        turns = (item for item in reversed(history.items) if item.type == "message" and item.role == "user")
        if latest := next(turns, None):
            await self._understanding.understand(latest.text_content or "")
        state = self.state
        if latest and latest.id not in self._heard:
            state, _ = self._machine.after(self._listen(latest.text_content or ""))
        if state.ending and said_in(state.ending.say, self._arc.language):
            return None
        self.replied = state, self._is_told
        return LAST_WORDS if state.ending else self._briefed(state)

    def briefing(self) -> str:
        """What a realtime model is told of the present state; nothing of a persona without an arc."""
        return self._briefed(self.state)

    def _briefed(self, state: ArcState) -> str:
        return briefing(self._arc, state) if self._is_told else ""

    def told(self, briefing: str) -> None:
        """A realtime model has been told this."""
        self._told, self.replied = briefing, None

    @property
    def is_told(self) -> bool:
        """Whether a realtime model knows the present state."""
        return bool(self._told) and self._told == self.briefing()

    def refusal(self) -> str:
        """What a model is told that hangs up now; nothing where it may, as the persona's file has no endings, or one of
        them is reached."""
        return refusal(self._arc, self.state) if self._arc.front.endings and not self.state.ending else ""

    def quiet(self, quiet: bool, *, answering: bool) -> None:
        """Told whether the line is quiet from now on, as nobody speaks, and whether a turn of the trainee's is being
        recognized or answered meanwhile."""
        if (quiet, answering) == (self._quiet, self._machine.waits):
            return
        silent = self._quiet and not self._machine.waits
        self._machine.waits = answering
        if quiet != self._quiet:
            self._quiet = quiet
            (self._machine.said if quiet else self._machine.speaking)(self._now())
        if silent or quiet:  # else no clock was due, and none is
            self._schedule()

    def edit(self, spec: SessionSpec, *, begun: bool) -> None:
        """The spec was edited. Once the call has `begun` the state stays, and a clock that runs keeps its start."""
        self._adopt(spec)
        self._understanding.adopt(spec.arc)
        if begun:
            self.carry_out(self._machine.edit(self._arc, self._now()))
        else:
            self.begin()

    def hung_up(self) -> EndingReached | None:
        """The trainee has hung up: what this brings about, which is not said any more."""
        return self._machine.hung_up(self._now())

    def close(self) -> None:
        """The call is over: no clock fires any more."""
        self._deadline = None
        if self._timer:
            self._timer.cancel()

    def _now(self) -> float:
        return self._loop.time() + self._offset

    def _schedule(self) -> None:
        deadline = self._machine.next_deadline()
        if deadline == self._deadline:
            return
        self.close()
        self._deadline = deadline
        if deadline is not None:
            self._timer = self._loop.call_at(deadline - self._offset, self._tick)

    def _tick(self) -> None:
        self._deadline = None
        # The loop fires a timer up to its clock's resolution early; the deadline counts as reached then.
        self.carry_out(self._machine.tick(max(self._now(), self._machine.next_deadline() or 0.0)))
