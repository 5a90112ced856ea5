"""One rehearsal: a trainee made of files calls a persona, and what the call shows is written down."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from livekit.agents import Agent, AgentSession
from livekit.agents.utils import http_context

from ..call.build import check_secrets, make
from ..call.session import Call
from ..call.sinks import fan_out
from ..errors import NotOffered, SpecError
from ..events import FAILED, Emit, Ended, Event, Failure, Said
from ..offline.embedding import understood
from ..offline.llm import split_for_streaming
from ..record.folder import SCORECARD, make_private, read_folder
from ..record.recording import Recording
from ..record.score import from_json
from ..redaction import redacted
from ..spec.session_spec import AnyEdit, Edit, Model, SessionSpec
from ..spec.settings import Record
from ..spec.trainee import Script, Trainee
from .clock import START, Retimed, VirtualLoop
from .measures import Prices, measures
from .sweep import Outcome, Row, write_row
from .trainee import Caller, ScriptedCaller, SimulatedCaller

WORD_SECONDS, PAUSE_SECONDS = 0.4, 1.0
"""How long a word is spoken, and how long the trainee thinks, where time is virtual."""


@dataclass(frozen=True, slots=True)
class Job:
    """One call to be held. `script` is what a scripted trainee says, `seed` is the call's, `turns`
    and `seconds` are its limits. `folder` is where the call and its row are written; `row` is that row as far as it is
    known before."""

    spec: SessionSpec
    trainee: Trainee
    script: Script
    record: Record
    prices: Prices
    seed: int
    turns: int
    seconds: float
    folder: Path
    row: Row

    @property
    def virtual(self) -> bool:
        """Whether nothing in the call has to be waited for, so that its time need not pass."""
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
        asyncio.run(_understand(job))
    loop_factory = VirtualLoop if job.virtual else None
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            row = runner.run(held(job))
    except NotOffered as error:
        row = replace(job.row, outcome=Outcome.SKIPPED, reason=str(error))
    except Exception as error:
        row = replace(job.row, outcome=Outcome.FAILED, reason=_said(error))
    write_row(job.folder, row)
    return row


async def _understand(job: Job) -> None:
    """Gets what listening by meaning needs of this script: in virtual time no turn could wait for it. Where that fails,
    the call says so itself."""
    with suppress(Exception):
        await understood(job.spec.arc, *(line.say for line in job.script))


def _said(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    text = " ".join(redacted(str(error)).split())
    return text if isinstance(error, SpecError) else f"{type(error).__name__}: {text}".removesuffix(": ")


class _Line:
    """What the trainee hears on the line, and how the call fares."""

    def __init__(self) -> None:
        self._said: list[str] = []
        self.failure = ""
        self.ended: Ended | None = None

    def take(self, event: Event) -> None:
        """A sink."""
        if isinstance(event, Said):
            self._said.append(event.text)
        elif isinstance(event, Failure):
            self.failure = event.reason
        elif isinstance(event, Ended):
            self.ended = event

    def heard(self) -> str:
        """What the persona has said since this was asked last."""
        said, self._said = " ".join(self._said), []
        return said


async def held(job: Job) -> Row:
    """Holds the call in this event loop. Raises whatever keeps it from being held."""
    loop = asyncio.get_running_loop()
    virtual = isinstance(loop, VirtualLoop)
    recording = Recording(
        replace(job.record, enabled=True),
        job.row.combination["trainee"],
        lambda event: emit(event),
        (job.folder, START if virtual else time.time()),
    )
    recording.adopt(job.spec)
    line = _Line()
    sink: Emit = Retimed(recording.take) if virtual else recording.take
    emit = fan_out(sink, line.take)
    call = Call(_once(job.spec), emit, audio=False, seed=job.seed)
    caller = _caller(job)
    try:
        async with http_context.open(), asyncio.timeout(job.seconds), asyncio.TaskGroup() as tasks:
            talking = tasks.create_task(_talk(call, caller, line, job.turns, speaks=virtual))
            await call.run(_joined)
            talking.cancel()
    except TimeoutError:
        raise SpecError(f"not over after {job.seconds / 60:g} minutes") from None
    finally:
        await caller.aclose()
        if isinstance(loop, VirtualLoop):
            loop.real = True  # the folder is finished by a thread
        await recording.close()
        await recording.judge()
    if line.ended is None or line.ended.reason in FAILED:
        reason = line.failure or (line.ended.reason if line.ended else "it was cut off")
        return replace(job.row, outcome=Outcome.FAILED, reason=reason)
    card = from_json((job.folder / SCORECARD).read_bytes())
    found = measures(read_folder(job.folder).log, card, job.spec.arc, job.prices)
    return replace(job.row, outcome=Outcome.DONE, measures=found)


def _caller(job: Job) -> Caller:
    if job.trainee.llm is None:
        return ScriptedCaller(job.script)
    model = Model(llm=job.trainee.llm, secrets=job.trainee.secrets)
    spec = replace(job.spec, model=model, choices={**job.spec.choices, "model": job.row.combination["trainee"]})
    check_secrets(spec, os.environ)
    return SimulatedCaller(make(spec, "llm"), job.trainee, job.spec.language)


async def _talk(call: Call, caller: Caller, line: _Line, turns: int, *, speaks: bool) -> None:
    """The trainee's side of the call. Who `speaks` takes time for it."""
    await call.opened()
    for _ in range(turns):
        if (said := await caller.say(line.heard())) is None:
            break
        if speaks:
            await asyncio.sleep(PAUSE_SECONDS + WORD_SECONDS * len(list(split_for_streaming(said))))
        if not await call.type(said):
            return  # it is over, or about to be
    call.hang_up()


async def _once(spec: SessionSpec) -> AsyncIterator[AnyEdit]:
    yield Edit(spec)
    await asyncio.Event().wait()


@asynccontextmanager
async def _joined(session: AgentSession[None], agent: Agent) -> AsyncIterator[None]:
    await session.start(agent)
    yield
