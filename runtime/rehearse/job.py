"""One rehearsal: a trainee made of files calls a persona, and what the call shows is written down."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.tts import TTS
from livekit.agents.utils import http_context

from ..call.build import make
from ..call.session import Call
from ..call.sinks import fan_out
from ..call.transcript import HOLD_SECONDS
from ..errors import NotOffered, SpecError
from ..events import FAILED, Emit, Ended, Event, Failure, Said, State
from ..offline.embedding import understood
from ..offline.llm import split_for_streaming
from ..record.folder import make_private, read_card, read_folder
from ..record.recorder import CallRecorder
from ..redaction import redacted
from ..spec.session_spec import AnyEdit, Edit, SessionSpec
from ..spec.settings import LineQuality, Record
from ..spec.trainee import Script, Trainee
from .measures import measures
from .sweep import Outcome, Row, write_row
from .telephone import RATE, Telephone
from .trainee import ScriptedCaller, SimulatedCaller, part_of
from .virtual_time import START, Retimed, VirtualLoop

WORD_SECONDS, PAUSE_SECONDS = 0.4, 1.0
"""How long a word is spoken, where time is virtual, and how long the trainee thinks before they speak."""
ANSWER_SECONDS = 15.0
"""How long a trainee who spoke waits for an answer before they go on, as what was not heard is not answered: longer
than it takes until a model is asked again."""


@dataclass(frozen=True, slots=True)
class Job:
    """One call to be held. `script` is what a scripted trainee says, `seed` is the call's and its line's, `turns`
    and `seconds` are its limits. `folder` is where the call and its row are written; `row` is that row as far as it is
    known before. `line` is what a spoken call (`audio`) is heard through."""

    spec: SessionSpec
    trainee: Trainee
    script: Script
    record: Record
    seed: int
    turns: int
    seconds: float
    folder: Path
    row: Row
    audio: bool = False
    line: LineQuality = field(default_factory=LineQuality)

    @property
    def named(self) -> str:
        return self.row.combination["trainee"]

    @property
    def virtual(self) -> bool:
        """Whether nothing in the call has to be waited for, so that its time need not pass."""
        if self.audio:
            return False
        llm = self.spec.model.llm
        scripted = llm is not None and llm.plugin == "offline" and self.spec.model.realtime is None
        return scripted and self.spec.listening.llm is None and self.trainee.llm is None


def paced(spec: SessionSpec) -> SessionSpec:
    """The spec with an offline model whose words take as long as spoken ones. Its revision is that of the files."""
    llm = spec.model.llm
    assert llm
    return replace(spec, model=replace(spec.model, llm=replace(llm, options=llm.options | {"pace": WORD_SECONDS})))


def hold(job: Job) -> Row:
    """Holds the call and writes its row. Whatever goes wrong is in the row, and raises nothing."""
    shutil.rmtree(job.folder, ignore_errors=True)  # of a call that was cut off
    make_private(job.folder)
    if job.virtual:
        job = replace(job, spec=paced(job.spec))
    with suppress(Exception):  # the call itself will say what is wrong
        if job.virtual:  # then no turn can wait for what listening by meaning needs of this script
            asyncio.run(understood(job.spec.arc, *(line.say for line in job.script)))
        elif job.audio:
            asyncio.run(_load(job))
    loop_factory = VirtualLoop if job.virtual else None
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            row = runner.run(hold_in_loop(job))
    except NotOffered as error:
        row = replace(job.row, outcome=Outcome.SKIPPED, reason=str(error))
    except Exception as error:
        row = replace(job.row, outcome=Outcome.FAILED, reason=_said(error))
    write_row(job.folder, row)
    return row


async def _load(job: Job) -> None:
    """Has what hears and speaks without a service loaded before the call, as a worker has: the first call of a process
    would else seem slower than the others."""
    for voice in part_of(job.trainee, job.spec, job.named, "tts"), make(job.spec, "tts"):
        if voice and voice.provider == "offline":
            await voice.synthesize("Hello.").collect()
    hearing = make(job.spec, "stt")
    if hearing and hearing.provider == "offline":
        await hearing.recognize(rtc.AudioFrame(bytes(2 * RATE), RATE, 1, RATE))


def _said(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    text = " ".join(redacted(str(error)).split())
    return text if isinstance(error, SpecError) else f"{type(error).__name__}: {text}".removesuffix(": ")


class _Progress:
    """What the persona has said, whether she is at it, and how the call fares."""

    def __init__(self) -> None:
        self._said: list[str] = []
        self._lines = 0
        self._state = ""
        self._changed = asyncio.Event()
        self.failure = ""
        self.ended: Ended | None = None

    def take(self, event: Event) -> None:
        """A sink."""
        match event:
            case Said():
                self._said.append(event.text)
                self._lines += 1
            case State():
                self._state = event.state
            case Failure():
                self.failure = event.reason
            case Ended():
                self.ended = event
        self._changed.set()

    def heard(self) -> str:
        """What the persona has said since this was asked last."""
        said, self._said = " ".join(self._said), []
        return said

    async def answered(self) -> None:
        """Returns once she has answered what was just said and has not gone on for a while, or does not answer."""
        before = self._lines
        await self._within(ANSWER_SECONDS, lambda: self._state == "speaking" or self._lines > before)
        await self.quiet()
        await self._within(HOLD_SECONDS, lambda: self._lines > before)

    async def quiet(self) -> None:
        """Returns once she has not spoken for a while."""
        while await self._within(PAUSE_SECONDS, lambda: self._state != "listening"):
            await self._until(lambda: self._state == "listening")

    async def _within(self, seconds: float, condition: Callable[[], bool]) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._until(condition)
        return condition()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()


async def hold_in_loop(job: Job) -> Row:
    """Holds the call in this event loop. Raises whatever keeps it from being held."""
    loop = asyncio.get_running_loop()
    virtual = isinstance(loop, VirtualLoop)
    recorder = CallRecorder(
        replace(job.record, enabled=True),
        job.named,
        lambda event: emit(event),
        (job.folder, START if virtual else time.time()),
    )
    recorder.adopt(job.spec)
    progress = _Progress()
    line = Telephone(job.line, job.seed, tells=job.spec.model.realtime is None) if job.audio else None
    sink: Emit = Retimed(recorder.take) if virtual else line.timed(recorder.take) if line else recorder.take
    emit = fan_out(sink, progress.take)
    call = Call(_once(job.spec), emit, audio=job.audio, seed=job.seed)
    try:
        async with http_context.open(), asyncio.timeout(job.seconds), AsyncExitStack() as closing:
            next_turn = ScriptedCaller(job.script).say
            if job.trainee.llm:
                llm = part_of(job.trainee, job.spec, job.named, "llm")
                closing.push_async_callback(llm.aclose)
                next_turn = SimulatedCaller(llm, job.trainee, job.spec.language).say
            say = partial(_type, call, speaks=virtual)
            if line:
                voice = part_of(job.trainee, job.spec, job.named, "tts")
                closing.push_async_callback(voice.aclose)
                say = partial(_speak, call, line, voice, progress)
            async with asyncio.TaskGroup() as tasks:
                talking = tasks.create_task(_talk(call, next_turn, progress, job.turns, say, spoken=job.audio))
                await call.run(partial(_joined, line=line, attach=recorder.attach))
                talking.cancel()
    except TimeoutError:
        raise SpecError(f"not over after {job.seconds / 60:g} minutes") from None
    finally:
        if isinstance(loop, VirtualLoop):
            loop.real = True  # the folder is finished by a thread
        await recorder.close()
        await recorder.judge()
    if progress.ended is None or progress.ended.reason in FAILED:
        reason = progress.failure or (progress.ended.reason if progress.ended else "it was cut off")
        return replace(job.row, outcome=Outcome.FAILED, reason=reason)
    card = read_card(job.folder)
    said = line.said if line else ()
    found = measures(read_folder(job.folder).log, card, job.spec.arc, said)
    return replace(job.row, outcome=Outcome.DONE, measures=found)


Say = Callable[[str], Awaitable[bool]]
"""Says a turn of the trainee's and returns when the persona has answered it. False once the call is over."""


NextTurn = Callable[[str], Awaitable[str | None]]
"""What the trainee says to what was heard since their last turn; None hangs up."""


async def _talk(call: Call, next_turn: NextTurn, progress: _Progress, turns: int, say: Say, *, spoken: bool) -> None:
    """The trainee's side of the call."""
    await call.opened()
    if spoken:
        await progress.quiet()
    for _ in range(turns):
        if (said := await next_turn(progress.heard())) is None:
            break
        if not await say(said):
            return  # it is over, or about to be
    call.hang_up()


async def _type(call: Call, text: str, *, speaks: bool) -> bool:
    """Types it; who `speaks` takes time for it."""
    if speaks:
        await asyncio.sleep(PAUSE_SECONDS + WORD_SECONDS * len(list(split_for_streaming(text))))
    return await call.type(text)


async def _speak(call: Call, line: Telephone, voice: TTS[str], progress: _Progress, text: str) -> bool:
    await line.say(voice, text)
    await progress.answered()
    return not call.over


async def _once(spec: SessionSpec) -> AsyncIterator[AnyEdit]:
    yield Edit(spec)
    await asyncio.Event().wait()


@asynccontextmanager
async def _joined(
    session: AgentSession[None], agent: Agent, *, line: Telephone | None, attach: Callable[[AgentSession[None]], None]
) -> AsyncIterator[None]:
    """The session on a line, or without anything that hears or speaks."""
    if line:
        line.attach(session)
        attach(session)
    await session.start(agent)
    yield
