"""Edits of all kinds, at random and close together, while calls are on: none is lost, and no call is."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from livekit.agents import Agent, AgentSession, utils

from runtime.call.session import Call
from runtime.config.compose import compose
from runtime.events import Ended, Event, How, Reload, Said
from runtime.files.store import SpecStore
from runtime.spec.session_spec import AnyEdit
from runtime.spec.settings import Settings
from tests.loopback import Watched
from tests.loopback.client import Microphone, Speaker
from tests.loopback.gemini import GeminiServer

OPERATIONS = 500
NAMES = ("sarah", "bob")


def good(number: int, front: str = "") -> str:
    return f"---\n{front}opening: Hello.\n---\n# Persona: P\nThe number is {number}."


KINDS: list[Callable[[int], str]] = [
    *[good] * 4,
    lambda n: good(n, "voice: firm_male\n"),
    lambda n: good(n, "language: th\n"),
    lambda n: good(n, "model: gemini_realtime\n"),
    lambda n: good(n, f"cues: {{sorry: {{mood: {n % 90}, hear: [sorry]}}}}\n"),
    lambda n: good(n, "voice: nobody\n"),
    lambda n: good(n, "mood: [\n"),
    lambda n: "",
    lambda n: "---\n",
    lambda n: good(n)[:20],
]
"""What a file may hold after a save, good and bad."""


def operate(file: Path, rng: random.Random, number: int) -> None:
    """One thing that somebody does to a persona's file."""
    text = rng.choice(KINDS)(number)
    beside = file.with_suffix(".new")
    with suppress(FileNotFoundError):
        match rng.randrange(9):
            case 0:
                file.unlink()
            case 1:
                file.rename(beside)
            case 2:
                beside.rename(file)
            case 3:
                file.write_bytes(file.read_bytes())
            case 4:
                file.write_bytes(b"\xff\xfe" + text.encode())
            case 5 | 6:
                beside.write_text(text)
                beside.rename(file)
            case _:
                file.write_text(text)


class Line(Watched):
    """One call, the edits that it was given and the events that it told."""

    def __init__(self, store: SpecStore, persona: str) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.given = 0
        self._edits: asyncio.Queue[AnyEdit] = asyncio.Queue()
        store.subscribe({"persona": persona}, self._take)
        self.call = Call(self._each(), self._emit, audio=True)

    def _take(self, edit: AnyEdit) -> None:
        self.given += 1
        self._edits.put_nowait(edit)

    async def _each(self) -> AsyncIterator[AnyEdit]:
        while True:
            yield await self._edits.get()

    def _emit(self, event: Event) -> None:
        self.events.append(event)
        self.changed()

    @property
    def receipts(self) -> list[Reload]:
        return [event for event in self.events if isinstance(event, Reload)]

    @property
    def said(self) -> list[Said]:
        """Her lines; one waits until what it answers is understood."""
        return [event for event in self.events if isinstance(event, Said)]


@asynccontextmanager
async def joined(session: AgentSession[None], agent: Agent) -> AsyncIterator[None]:
    session.input.audio, session.output.audio = Microphone(), Speaker()
    await session.start(agent)
    yield


@pytest.mark.parametrize("seed", [1, 2])
async def test_whatever_is_saved_each_edit_has_its_receipt_and_the_last_good_one_is_live(
    seed: int, use_personas: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three calls, good and bad and half saved files, deleted, renamed and put back, models swapped: at the end every
    call is on, has had one receipt for each edit, and answers under what the file says last."""
    rng = random.Random(seed)
    async with GeminiServer(reply=lambda conversation, heard: "Yes.") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        files = {name: use_personas(name, good(0)) for name in NAMES}
        store = SpecStore([], Settings(), audio=True, since=time.time())
        for name in NAMES:
            store.put({"persona": name}, compose([f"persona={name}"]))
        lines = [Line(store, name) for name in ("sarah", "sarah", "bob")]
        renewed = asyncio.Event()
        async with utils.http_context.open(), asyncio.TaskGroup() as tasks:
            keeping = tasks.create_task(store.watch(lambda line: None, lambda at, wrong: renewed.set()))
            calls = [tasks.create_task(line.call.run(joined)) for line in lines]
            for line in lines:
                await line.call.opened()
            for number in range(OPERATIONS):
                operate(files[rng.choice(NAMES)], rng, number)
                if rng.random() < 0.15:
                    renewed.clear()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(0.3):  # not every operation changes something
                            await renewed.wait()
                if rng.random() < 0.02:
                    await rng.choice(lines).call.begin_turn("Hello?")
            for number, name in enumerate(NAMES):
                files[name].write_text(good(OPERATIONS + number))
            last = [compose([f"persona={name}"]).revision for name in ("sarah", "sarah", "bob")]
            applied = (How.IN_PLACE, How.SWAPPED, How.UNCHANGED)
            for line, revision in zip(lines, last, strict=True):
                await line.until(
                    lambda line=line, revision=revision: (
                        bool(line.receipts)  # type: ignore[misc]
                        and line.receipts[-1].after == revision
                        and line.receipts[-1].how in applied
                        and len(line.receipts) == line.given - 1
                    ),
                    timeout=60,
                )
                await line.call.type("Hello?")
                await line.until(lambda line=line, revision=revision: line.said[-1].revision == revision)  # type: ignore[misc]
                assert not [event for event in line.events if isinstance(event, Ended)]
                assert len(line.receipts) > 20
            keeping.cancel()
            for line, call in zip(lines, calls, strict=True):
                line.call.hang_up()
                await call
