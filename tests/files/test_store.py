"""Specs in step with the files: calls first, everything else when it is asked for, and nothing ends the watching."""

import asyncio
import shutil
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra

from runtime.config import compose as composing
from runtime.config import groups
from runtime.config.compose import compose
from runtime.errors import SpecError
from runtime.files import composer, watch
from runtime.files import store as module
from runtime.files.store import SpecStore
from runtime.spec.session_spec import AnyEdit, Edit, FaultyEdit, SessionSpec
from runtime.spec.settings import Settings
from tests.conftest import ROOT

PLAIN = "# Persona: {}\nYou have been billed twice."


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of conf/ that this process reads."""
    folder = tmp_path / "conf"
    shutil.copytree(ROOT / "conf", folder)
    for place in (groups, composing, composer, module):
        monkeypatch.setattr(place, "CONF", folder)
    GlobalHydra.instance().clear()
    return folder


@pytest.fixture(autouse=True)
def forget_hydra(conf: Path) -> Iterable[None]:
    """Hydra keeps the folder that it was begun with."""
    yield
    GlobalHydra.instance().clear()


class Watched:
    """A store that watches the files, and all that it tells."""

    def __init__(self, audio: bool) -> None:
        self.store = SpecStore(["model=offline"], Settings(), audio=audio, since=time.time())
        self.said: asyncio.Queue[str] = asyncio.Queue()
        self.renewals: asyncio.Queue[bool] = asyncio.Queue()

    async def call(self, persona: str) -> asyncio.Queue[AnyEdit]:
        """A call of this persona: the edits that it gets."""
        edits: asyncio.Queue[AnyEdit] = asyncio.Queue()
        await self.store.find({"persona": persona})
        self.store.subscribe({"persona": persona}, edits.put_nowait)
        assert isinstance(edits.get_nowait(), Edit)
        return edits

    async def next_call(self, persona: str) -> SessionSpec:
        return await self.store.find({"persona": persona})

    async def line(self) -> str:
        return await asyncio.wait_for(self.said.get(), 30)

    async def wrong(self) -> bool:
        return await asyncio.wait_for(self.renewals.get(), 30)


@asynccontextmanager
async def watched(
    *,
    stock: Iterable[str] = (),
    audio: bool = False,
    say: Callable[[str], None] | None = None,
    renewed: Callable[[float, bool], None] | None = None,
    check: Callable[[], Iterable[str]] = tuple,
) -> AsyncIterator[Watched]:
    on = Watched(audio)
    watching = asyncio.create_task(
        on.store.watch(
            say or on.said.put_nowait,
            renewed or (lambda at, wrong: on.renewals.put_nowait(wrong)),
            stock=stock,
            check=check,
        )
    )
    yield on
    assert not watching.done()
    watching.cancel()
    await asyncio.wait([watching])


async def edit(edits: asyncio.Queue[AnyEdit]) -> Edit:
    """The next edit, which is a good one."""
    found = await asyncio.wait_for(edits.get(), 30)
    assert isinstance(found, Edit), found
    return found


def louder(conf: Path) -> None:
    """Another word in the language file, which every spec has."""
    file = conf / "language/en.yaml"
    file.write_text(file.read_text().replace("Speak English only", "Shout in English"))


def broken(conf: Path) -> None:
    with (conf / "language/en.yaml").open("a") as file:
        file.write("tags: en\n")


async def test_after_an_edit_of_conf_only_the_call_that_is_on_is_composed(
    conf: Path, use_personas: Callable[[str, str], Path]
) -> None:
    """Of two hundred personas one has a call: it gets its edit while all others are stale, and one that is asked for
    then has the new text."""
    names = [f"p{number}" for number in range(200)]
    for name in names:
        use_personas(name, PLAIN.format(name))
    async with watched(stock=names) as on:
        edits = await on.call("p0")
        assert not await on.wrong()
        assert len(on.store.specs) == 200
        louder(conf)
        assert "Shout" in (await edit(edits)).spec.language.instructions
        assert not await on.wrong()
        assert len(on.store.specs) < 3
        assert "Shout" in (await on.next_call("p123")).language.instructions
        assert len(on.store.specs) < 4


async def test_a_call_does_not_wait_for_what_is_stocked(
    conf: Path, use_personas: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files are watched from the start: an edit arrives although a persona hangs as it is composed."""
    hangs, goes_on = asyncio.Event(), threading.Event()
    loop, real = asyncio.get_running_loop(), composing.reread

    def reread(spec: SessionSpec) -> SessionSpec | None:
        if spec.choices["persona"] == "slow":
            loop.call_soon_threadsafe(hangs.set)
            goes_on.wait(60)
        return real(spec)

    monkeypatch.setattr(composer, "reread", reread)
    file = use_personas("ann", PLAIN.format("Ann"))
    use_personas("slow", PLAIN.format("Slow"))
    async with watched(stock=["ann", "slow"]) as on:
        edits = await on.call("ann")
        await hangs.wait()
        file.write_text(PLAIN.format("Ann Lee"))
        assert (await edit(edits)).spec.persona.name == "Ann Lee"
        goes_on.set()


async def test_a_room_never_gets_text_from_before_a_save_that_its_composing_met(
    conf: Path, use_personas: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A save that is noticed while a room's spec is composed makes that be composed once more."""
    read, saved = asyncio.Event(), threading.Event()
    loop, real = asyncio.get_running_loop(), composing.compose

    def compose(overrides: list[str]) -> SessionSpec:
        spec = real(overrides)
        if spec.persona.name == "Ann":
            loop.call_soon_threadsafe(read.set)
            saved.wait(60)
        return spec

    monkeypatch.setattr(composer, "compose", compose)
    file = use_personas("ann", PLAIN.format("Ann"))
    async with watched() as on:
        finding = asyncio.ensure_future(on.next_call("ann"))
        await read.wait()
        file.write_text(PLAIN.format("Ann Lee"))
        assert not await on.wrong()
        saved.set()
        assert (await finding).persona.name == "Ann Lee"


async def test_the_last_good_spec_is_kept_where_the_new_one_is_faulty(
    conf: Path, use_personas: Callable[[str, str], Path]
) -> None:
    """For the call that is on, which is told why, and for the next one."""
    use_personas("ann", PLAIN.format("Ann"))
    use_personas("bob", PLAIN.format("Bob"))
    async with watched(stock=["ann", "bob"]) as on:
        edits = await on.call("ann")
        assert not await on.wrong()
        broken(conf)
        faulty = await asyncio.wait_for(edits.get(), 30)
        assert isinstance(faulty, FaultyEdit)
        assert "language/en.yaml" in faulty.error
        assert await on.wrong()
        for name in ("ann", "bob"):
            assert "Speak English" in (await on.next_call(name)).language.instructions
        shutil.copy(ROOT / "conf/language/en.yaml", conf / "language")
        louder(conf)
        assert "Shout" in (await edit(edits)).spec.language.instructions
        assert "Shout" in (await on.next_call("bob")).language.instructions


async def test_a_faulty_conf_file_is_noticed_although_no_call_is_on(
    conf: Path, use_personas: Callable[[str, str], Path]
) -> None:
    """In the line for the training lead and in the metric, and so is that it was put right; one that only some personas
    choose too."""
    use_personas("ann", PLAIN.format("Ann"))
    use_personas("bob", "---\nvoice: firm_male\n---\n" + PLAIN.format("Bob"))
    async with watched(stock=["ann", "bob"]) as on:
        assert not await on.wrong()
        file = conf / "voice/firm_male.yaml"
        good = file.read_text()
        file.write_text(good + "nmaes: {}\n")
        assert await on.wrong()
        assert "nmaes: no such key; did you mean names?" in await on.line()
        file.write_text(good)
        assert not await on.wrong()
        assert (await on.line()).endswith("voice/firm_male.yaml saved: the next call has it")


async def test_a_checkout_of_forty_files_is_one_line(conf: Path, use_personas: Callable[[str, str], Path]) -> None:
    """It says how many, names the first, and what is wrong with which."""
    async with watched() as on:
        for number in range(38):
            use_personas(f"p{number:02}", PLAIN.format(number))
        louder(conf)
        use_personas("p99", "---\nmood: angry\n---\nHi.")
        line = await on.line()
        assert "40 files (" in line
        assert "and 37 more) saved: " in line
        assert "p99.md:2: mood" in line


class Trouble(Exception):
    """What nobody thought of."""


def trouble(*anything: object) -> None:
    raise Trouble("of another's")


async def test_what_a_callback_raises_ends_no_watching(conf: Path, use_personas: Callable[[str, str], Path]) -> None:
    """Neither of those that take lines, count, check, or take a call's edits."""
    file = use_personas("ann", PLAIN.format("Ann"))
    async with watched(say=trouble, renewed=trouble, check=trouble) as on:  # type: ignore[arg-type]
        edits = await on.call("ann")
        given = iter([lambda edit: None])
        on.store.subscribe({"persona": "ann"}, lambda edit: next(given, trouble)(edit))
        use_personas("bob", "---\nmood: angry\n---\nHi.")
        for number in range(3):
            await edit(edits)
            file.write_text(PLAIN.format(f"Ann {number}"))


async def test_a_persona_whose_composing_fails_in_any_way_stops_nothing(
    conf: Path, use_personas: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plugin that cannot be imported, say: its persona is named, the others are stocked, and edits arrive."""
    file = use_personas("ann", PLAIN.format("Ann"))
    use_personas("bob", "---\nmodel: deepgram_cartesia\n---\n" + PLAIN.format("Bob"))
    use_personas("cat", PLAIN.format("Cat"))

    def check(spec: SessionSpec) -> None:
        if spec.persona.name == "Bob":
            raise Trouble("in a plugin")

    monkeypatch.setattr(composer.Composer, "check", lambda self, spec: check(spec))
    async with watched(stock=["bob", "cat", "ann"]) as on:
        assert await on.line() == "persona=bob: Trouble: in a plugin; no room gets this persona until it is put right"
        await on.wrong()
        assert {spec.persona.name for spec in on.store.specs} == {"Ann", "Cat"}
        edits = await on.call("ann")
        file.write_text(PLAIN.format("Ann Lee"))
        assert (await edit(edits)).spec.persona.name == "Ann Lee"
        with pytest.raises(SpecError, match="in a plugin"):
            await on.next_call("bob")


async def test_a_persona_that_went_before_the_watching_began_is_gone(
    conf: Path, use_personas: Callable[[str, str], Path]
) -> None:
    """Its call is told, as of any other edit since the store was made."""
    file = use_personas("ann", PLAIN.format("Ann"))
    on = Watched(audio=False)
    edits = await on.call("ann")
    file.unlink()
    watching = asyncio.create_task(on.store.watch(on.said.put_nowait))
    faulty = await asyncio.wait_for(edits.get(), 30)
    assert isinstance(faulty, FaultyEdit)
    assert "gone" in faulty.error
    watching.cancel()


async def test_watching_that_fails_begins_again(
    conf: Path, use_personas: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was saved meanwhile arrives too."""
    file = use_personas("ann", PLAIN.format("Ann"))
    real, fails = watch.saves, iter([trouble])
    monkeypatch.setattr(module, "saves", lambda *arguments: next(fails, real)(*arguments))
    monkeypatch.setattr(module, "RETRY", 0.0)
    async with watched() as on:
        edits = await on.call("ann")
        file.write_text(PLAIN.format("Ann Lee"))
        assert (await edit(edits)).spec.persona.name == "Ann Lee"
        assert await on.line() == "the files could not be watched (Trouble: of another's); trying again in 0 s"


def test_personas_that_choose_the_same_options_are_composed_once(
    conf: Path, use_personas: Callable[[str, str], Path]
) -> None:
    """What is made from another persona's spec is what composing makes."""
    for name, front in {"ann": "", "bob": "", "cat": "voice: firm_male", "dan": "language: th\nmodel: offline"}.items():
        use_personas(name, f"---\nmood: 20\n{front}\n---\n" + PLAIN.format(name))

    async def found() -> list[SessionSpec]:
        store = SpecStore([], Settings(), audio=False, since=time.time())
        return [await store.find({"persona": name}) for name in ("ann", "bob", "cat", "dan")]

    assert asyncio.run(found()) == [compose([f"persona={name}"]) for name in ("ann", "bob", "cat", "dan")]
