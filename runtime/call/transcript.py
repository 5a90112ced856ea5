"""What is said in a call, line by line: who said it, under which revision, in which mood, and in which order."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypedDict

from livekit.agents import AgentSession
from livekit.agents.llm import ChatMessage
from livekit.agents.voice import ConversationItemAddedEvent, SpeechCreatedEvent, UserInputTranscribedEvent

from ..arc.machine import ArcState
from ..events import Emit, Heard, Interim, Notice, Said
from ..spec.persona import worded_in
from ..spec.session_spec import Edit, SessionSpec
from .arc_driver import ArcDriver
from .model_listener import ModelListener
from .turn import TurnLimit, mend
from .understanding import Understanding
from .voice import Words
from .watchdog import Watchdog

HOLD_SECONDS = 4.0
"""How long an answer waits for the transcript of the turn that it answers; for one that has come it waits until that is
understood."""

INTERIM_SECONDS = 0.05
"""Between two reports of how far a line is: a model writes some hundred words a second where no voice speaks them, and
nobody can read them one by one."""

SPEECHES_KEPT = 16
"""The latest lines: one that is cut short is reported when the next one has long begun."""


@dataclass(slots=True)
class Speech:
    """A line of the persona: the revision and the state that it was written under, the turn of the trainee that it
    answers, and how long after the edit's save it began, if it is the first one under an edit. `told` says whether its
    model knew that state (None: no model wrote it)."""

    revision: str
    answers: int
    state: ArcState
    told: bool | None = None
    since_save_ms: int | None = None


class Transcript:
    """Listens to a session, which has not started, and emits its lines.

    `turns` counts the trainee's. `spoke` is set by the persona's first word, `first_word` is its time
    (`time.monotonic`).
    """

    def __init__(
        self,
        session: AgentSession[None],
        spec: SessionSpec,
        emit: Emit,
        watchdog: Watchdog,
        arc: ArcDriver,
        listener: ModelListener,
        understanding: Understanding,
    ) -> None:
        self._session = session
        self._spec = spec
        self._emit = emit
        self._watchdog = watchdog
        self._arc = arc
        self._listener = listener
        self._understanding = understanding
        self._unjudged: list[tuple[ChatMessage, str, str]] = []
        self._waiting: asyncio.Task[None] | None = None
        self._asked: float | None = None
        """When the typed turn came that nobody has answered yet (Unix time)."""
        self._latest = ""
        self.turns = 0
        self.spoke = asyncio.Event()
        self.first_word: float | None = None
        self._speeches: dict[str, Speech] = {}
        self._unheard: Edit | None = None
        self._so_far = self._reported = ""
        """The line that is being said so far, and the whole of it where it is reported already."""
        self._order = Order(emit)
        self._on_line_over()
        session.on("speech_created", self._on_speech)
        session.on("conversation_item_added", self._on_item)
        session.on("user_input_transcribed", self._on_transcript)
        session.output.transcription = Words(self._on_word, self._on_line_over)

    def adopt(self, spec: SessionSpec, edit: Edit | None) -> None:
        """An edit has taken effect, or (None) was undone: what the persona begins to say from now on is under this
        spec."""
        self._spec = spec
        self._unheard = edit

    async def spoke_or(self, other: asyncio.Event) -> None:
        """Returns once the persona has said a word, or the other thing has happened."""
        if self.spoke.is_set() or other.is_set():
            return
        waiting = [asyncio.ensure_future(event.wait()) for event in (self.spoke, other)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()

    @property
    def begun(self) -> bool:
        """Whether anybody has said a word, or is about to."""
        return bool(self._speeches or self.turns)

    def close(self) -> None:
        """Nothing more is said."""
        self._judge(closing=True)
        self._order.release()

    def _on_speech(self, event: SpeechCreatedEvent) -> None:
        speech = self._speeches[event.speech_handle.id] = self._now()
        if event.source != "say":
            speech.told = self._arc.is_told
        if len(self._speeches) > SPEECHES_KEPT:
            del self._speeches[next(iter(self._speeches))]

    def _now(self) -> Speech:
        return Speech(self._spec.revision, self._order.turn, self._arc.state)

    def _current(self) -> Speech:
        handle = self._session.current_speech
        return (handle and self._speeches.get(handle.id)) or self._now()

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        item = event.item
        if not isinstance(item, ChatMessage):
            return
        mend([item])
        text = item.text_content
        if not text:
            return
        if item.role == "user":
            self._asked = None if self._session.input.audio else item.created_at
            self._unjudged.append((item, text, self._latest))
            self._order.came()
            if self._session.agent_state != "speaking":
                self._watchdog.expect()  # now, as she may have answered by the time that the turn is judged
            self._judge()
        elif item.role == "assistant":
            self._latest = text
            if self._so_far and _is_begun_as(self._so_far, text):
                self._reported = text
            speech = self._current()
            state, told = speech.state, speech.told
            if told is not None and self._arc.replied:  # a pipeline's model, which is told with each reply
                state, told = self._arc.replied
            said = Said(
                text=text,
                revision=speech.revision,
                emotion=self._arc.state.emotion.value,
                mood=state.mood,
                phase=worded_in(state.phase.name, self._spec.language.base) if state.phase else "",
                told="" if told is None else "told" if told else "not told",
                turn=self._order.heard_turn,
                interrupted=item.interrupted,
                since_save_ms=speech.since_save_ms,
                latency=item.metrics.get("e2e_latency", self._since_typed(item)),
                **_spoken(item),
            )
            self._asked = None
            speech.since_save_ms = None
            self._order.said(said, speech.answers)

    def _judge(self, closing: bool = False) -> None:
        """Judges the turns that can be judged, in their order. One that cannot is waited for once, then judged as far
        as it is understood; `closing` waits for none."""
        while self._unjudged and (closing or self._waiting is None or self._waiting.done()):
            item, text, before = self._unjudged[0]
            if not closing and self._waiting is None and (waiting := self._understanding.begin(text)):
                self._waiting = waiting
                waiting.add_done_callback(lambda _: self._judge())
                return
            del self._unjudged[0]
            self._waiting = None
            self._heard(item, text, before)

    def _heard(self, item: ChatMessage, text: str, before: str) -> None:
        self.turns += 1
        decisions = self._arc.heard(item.id, text)
        emotion = self._arc.state.emotion.value
        heard = Heard(text=text, revision=self._spec.revision, emotion=emotion, turn=self.turns, **_spoken(item))
        self._order.heard(heard)
        self._arc.carry_out(decisions)
        self._listener.heard(text, before)

    def _since_typed(self, line: ChatMessage) -> float | None:
        """How long after the typed turn a line began, of which LiveKit has no latency."""
        began = line.metrics.get("started_speaking_at")
        return began - self._asked if began and self._asked else None

    def _on_transcript(self, event: UserInputTranscribedEvent) -> None:
        self._understanding.overhear(event.transcript, whole=event.is_final)
        if event.is_final:
            return
        self._emit(Interim(speaker="operator", text=event.transcript))
        if self._session.agent_state != "speaking":
            self._watchdog.expect()  # where the model itself detects turns, the first sign that somebody speaks

    def turn_ended(self) -> None:
        """The trainee has stopped speaking."""
        self._order.turn_ended()

    def line_begun(self) -> None:
        """The persona has begun to speak: she is heard, or read where there is no sound. Words whose audio fails do not
        count."""
        if self.first_word is None:
            self.first_word = time.monotonic()
        self.spoke.set()
        self._watchdog.hear()

    def _on_line_over(self) -> None:
        self._limit = TurnLimit(self._spec.model.turn_seconds)
        self._limited = 0
        self._next_interim = 0.0
        self._so_far = self._reported = ""

    def _limit_turn(self, said_so_far: str) -> None:
        """Cuts off a realtime model that goes on; of a pipeline's reply no more is taken in the first place."""
        if self._limit.over:
            return
        self._limit.take(said_so_far[self._limited :])
        self._limited = len(said_so_far)
        if self._limit.over:
            self._emit(Notice(text=f"{self._limit.told}, and with it any call to hang up that was still to come"))
            with suppress(RuntimeError):  # the session is closing
                self._session.interrupt(force=True)

    def _on_word(self, said_so_far: str) -> None:
        now = time.monotonic()
        self._so_far = said_so_far
        reported = self._reported and _is_begun_as(said_so_far, self._reported)  # words that come after their line
        if not reported and (now >= self._next_interim or self._unheard):
            self._next_interim = now + INTERIM_SECONDS
            self._tell_so_far(said_so_far)
        if self._spec.model.realtime:
            self._limit_turn(said_so_far)

    def _tell_so_far(self, said_so_far: str) -> None:
        speech = self._current()
        if self._unheard and speech.revision == self._spec.revision:
            speech.since_save_ms = round((time.time() - self._unheard.at) * 1000)
            self._unheard = None
        settled = self._order.is_settled(speech.answers)
        self._emit(
            Interim(speaker="customer", text=said_so_far, emotion=self._arc.state.emotion.value, settled=settled)
        )


def _is_begun_as(one: str, other: str) -> bool:
    """Whether the one line goes on as the other does as far as both are known, whatever their spaces."""
    one, other = "".join(one.split()), "".join(other.split())
    return one.startswith(other) or other.startswith(one)


class Span(TypedDict):
    """When a line was begun to be spoken (Unix time) and for how many seconds; None where nobody knows."""

    start: float | None
    seconds: float | None


def _spoken(line: ChatMessage) -> Span:
    start, stop = line.metrics.get("started_speaking_at"), line.metrics.get("stopped_speaking_at")
    return Span(start=start, seconds=stop - start if start and stop else None)


class Order:
    """Passes lines on in the order in which they were said.

    Some realtime models give the text of what they heard only after they have answered it: the answer waits.
    """

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self.heard_turn = 0
        """The trainee's latest turn whose transcript was passed on."""
        self._came = 0
        self.turn = 0
        """The trainee's latest turn: what the persona begins to say now answers it."""
        self._transcribed = 0
        self._held: list[tuple[int, Said]] = []
        self._timer: asyncio.TimerHandle | None = None

    def turn_ended(self) -> None:
        """The trainee stopped speaking: a transcript is due."""
        self.turn += 1

    def came(self) -> None:
        """A transcript has come, and is heard in a moment: what is said from now on waits for it."""
        self._came += 1

    def heard(self, event: Heard) -> None:
        """A transcript, and with it what waited for it."""
        self.heard_turn = event.turn
        self._emit(event)
        self._pass_on(self.heard_turn)

    def is_settled(self, answers: int) -> bool:
        """Whether all that was said before a line that answers that turn has been passed on."""
        return answers <= self._transcribed and self._came <= self.heard_turn and not self._held

    def said(self, event: Said, answers: int) -> None:
        """A line of the persona that answers that turn; of one that waits the `turn` is the latest when it goes on."""
        if self.is_settled(answers):
            self._emit(event)
            return
        self._held.append((self._came, event))
        self._wait()

    def _wait(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(HOLD_SECONDS, self._overdue)

    def _overdue(self) -> None:
        self._timer = None
        if self._came > self.heard_turn:
            self._wait()
        else:
            self.release()

    def release(self) -> None:
        """Passes on what waits: no transcript of the turns so far is to be expected any more."""
        self._pass_on(self._came)

    def _pass_on(self, heard: int) -> None:
        """Passes on what waits for no later transcript than that one."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self._transcribed = self.turn
        held, self._held = self._held, [waiting for waiting in self._held if waiting[0] > heard]
        for came, event in held:
            if came <= heard:
                self._emit(replace(event, turn=self.heard_turn))
        if self._held:
            self._wait()
