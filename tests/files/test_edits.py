"""Files that are saved while a call is on, through the real command: her next words, and what is said of the edit."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

Json = dict[str, Any]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The program with config and personas of its own, to edit."""
    folder = tmp_path / "project"
    for name in ("runtime", "conf", "personas"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


class Running:
    """The command in a call that is typed to, and the events that it has printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.events: list[Json] = []
        self._read = 0

    async def next(self, kind: str) -> Json:
        """The next event of this kind that has not been read; those before it are passed over."""
        assert self.process.stdout
        async with asyncio.timeout(60):
            while True:
                line = await self.process.stdout.readline()
                assert line, self.events
                self.events.append(json.loads(line))
                if self.events[-1]["kind"] == kind:
                    return self.events[-1]

    async def ask(self, text: str) -> str:
        """Says something; the answer."""
        assert self.process.stdin
        self.process.stdin.write(f"{text}\n".encode())
        return str((await self.next("said"))["text"])

    async def receipt(self) -> Json:
        """The next receipt."""
        return await self.next("reload")


Start = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture
def running(project: Path, command: list[str], environment: dict[str, str]) -> Start:
    """Starts the command in the project, in a call that has been opened."""
    env = environment | {"PYTHONPATH": os.pathsep.join([environment["PYTHONPATH"].split(os.pathsep)[0], str(project)])}

    @asynccontextmanager
    async def running(*options: str) -> AsyncIterator[Running]:
        process = await asyncio.create_subprocess_exec(
            *command,
            "lines=json",
            "seed=0",
            "listening=phrases",
            "model.llm.options.pace=0",
            *options,
            stdin=-1,
            stdout=-1,
            env=env,
            cwd=project,
        )
        run = Running(process)
        await run.next("said")
        try:
            yield run
        finally:
            assert process.stdin
            process.stdin.close()
            await process.wait()

    return running


def replaced(file: Path, old: str, new: str) -> None:
    """Saves a file as most editors do: a new one is renamed into its place."""
    text = file.read_text()
    assert old in text
    beside = file.with_suffix(".tmp")
    beside.write_text(text.replace(old, new))
    beside.rename(file)


async def test_her_next_reply_obeys_the_file(project: Path, running: Start) -> None:
    """An edit of the persona is in the next answer; the line is marked with how long after the save it began."""
    async with running() as run:
        replaced(project / "personas/sarah_thompson.md", "CUST-2847", "CUST-1111")
        receipt = await run.receipt()
        assert (receipt["how"], receipt["files"]) == ("in place", ["personas/sarah_thompson.md"])
        assert {change["field"] for change in receipt["changes"]} > {"persona.prose"}
        assert "CUST-1111" in await run.ask("What is your account number?")
        assert run.events[-1]["since_save_ms"] >= receipt["ms"] > 0
        assert run.events[-1]["revision"] == receipt["after"]


def broken_yaml(file: Path) -> None:
    file.write_text(file.read_text().replace("opening:", "opening: {", 1))


def half_saved(file: Path) -> None:
    front = file.read_text().partition("\n---\n")[0]
    file.write_text(front[: len(front) // 2])


def not_utf8(file: Path) -> None:
    file.write_bytes(b"# Persona: X\n\xff\xfe")


def unknown_voice(file: Path) -> None:
    file.write_text(file.read_text().replace("voice: bright_female", "voice: brigt_female"))


BAD: dict[Callable[[Path], Any], str] = {
    broken_yaml: "sarah_thompson.md:",
    half_saved: "sarah_thompson.md:1: the front matter that opens here is never closed",
    not_utf8: "sarah_thompson.md:2: not UTF-8",
    unknown_voice: "did you mean bright_female?",
    lambda file: file.write_text(""): "this persona is empty",
    lambda file: file.write_text("---\n"): "this persona is empty",
    lambda file: file.unlink(): "this file is gone",
}


@pytest.mark.parametrize(
    ("spoil", "reason"), BAD.items(), ids=["yaml", "half", "utf8", "voice", "empty", "rule", "gone"]
)
async def test_a_bad_edit_is_rejected_and_the_next_good_one_applies(
    spoil: Callable[[Path], Any], reason: str, project: Path, running: Start
) -> None:
    """The call keeps its last good spec and says why; the file put right takes effect."""
    file = project / "personas/sarah_thompson.md"
    good = file.read_text()
    async with running() as run:
        spoil(file)
        receipt = await run.receipt()
        assert receipt["how"] == "rejected"
        assert reason in receipt["reason"]
        assert "CUST-2847" in await run.ask("What is your account number?")
        file.write_text(good.replace("six years", "sixty years"))
        assert (await run.receipt())["how"] == "in place"


async def test_a_pipe_in_the_place_of_the_persona_is_a_bad_edit_and_nothing_waits_for_it(
    project: Path, running: Start
) -> None:
    """`mkfifo` over the file: a receipt says so, the call goes on, and the file that comes back applies."""
    file = project / "personas" / "sarah_thompson.md"
    text = file.read_text()
    async with running() as run:
        beside = file.with_suffix(".tmp")
        os.mkfifo(beside)
        beside.rename(file)
        receipt = await run.receipt()
        assert receipt["how"] == "rejected" and "this is a pipe, not a file" in receipt["reason"]
        assert "CUST-2847" in await run.ask("What is your account number?")
        beside.write_text(text.replace("CUST-2847", "CUST-9999"))
        beside.rename(file)
        assert (await run.receipt())["how"] != "rejected"


async def test_a_phrase_that_says_nothing_is_rejected_in_a_call_and_its_fact_is_told_as_before(
    project: Path, running: Start
) -> None:
    """The receipt names the line and the phrase; she still tells what she is asked by the phrases that she had."""
    file = project / "personas" / "sarah_thompson.md"
    above = "  account:\n"
    line = file.read_text().partition(above)[0].count("\n") + 2
    async with running() as run:
        replaced(file, above, above + '    hear: {en: ["…"]}\n')
        receipt = await run.receipt()
        assert receipt["how"] == "rejected"
        assert f"sarah_thompson.md:{line}: " in receipt["reason"] and "there is no word in it" in receipt["reason"]
        assert "CUST-2847" in await run.ask("What is your account number?")
        replaced(file, '["…"]', '["which customer are you"]')
        assert (await run.receipt())["how"] != "rejected"
        assert "CUST-2847" in await run.ask("Which customer are you?")


async def test_what_came_from_the_command_line_stays(project: Path, running: Start) -> None:
    """An edit of conf/ changes what the files say, and never what was typed."""
    async with running("language=en", "language.instructions=Whisper.") as run:
        replaced(project / "conf/language/en.yaml", "Speak English only", "Shout")
        assert (await run.receipt())["how"] == "unchanged"
        replaced(project / "conf/config.yaml", "language: en", "language: th")
        assert (await run.receipt())["how"] == "unchanged"
        replaced(project / "conf/language/en.yaml", "name: English", "name: British")
        receipt = await run.receipt()
        assert [(change["field"], change["new"]) for change in receipt["changes"]] == [("language.name", "British")]


async def test_every_groups_file_reaches_the_call(project: Path, running: Start) -> None:
    """Language, model, VAD and the program's own settings: each edit has a receipt that says what became of it."""
    async with running() as run:
        replaced(project / "conf/language/en.yaml", "Speak English only", "Speak slowly")
        receipt = await run.receipt()
        assert [change["field"] for change in receipt["changes"]] == ["language.instructions"]
        assert receipt["how"] == "in place"
        replaced(project / "conf/difficulty/normal.yaml", "mood: 0", "mood: 0\npatience: 2")
        receipt = await run.receipt()
        assert (receipt["how"], receipt["changes"][0]["new"]) == ("in place", "2.0")
        replaced(project / "conf/vad/silero.yaml", "0.4", "0.6")
        assert (await run.receipt())["how"] == "unchanged"  # a typed call has no use for it
        replaced(project / "conf/config.yaml", "grace: 10", "grace: 11")
        receipt = await run.receipt()
        assert (receipt["how"], receipt["changes"][0]["field"]) == ("next call", "rooms")
        replaced(project / "conf/worker/development.yaml", "drain_seconds: 60", "drain_seconds: 61")
        assert (await run.receipt())["how"] == "restart"
        replaced(project / "conf/config.yaml", "grace: 11", "grace: soon")
        receipt = await run.receipt()
        assert receipt["how"] == "rejected"
        assert "rooms.grace" in receipt["reason"]


async def test_what_any_customer_says_reaches_the_call(project: Path, running: Start) -> None:
    """The file that a language names as its customer is watched; the receipt names the phrase, and she says it."""
    (project / "personas/sarah_thompson.md").write_text("# Persona: Sarah\nHer parcel is lost.")
    async with running() as run:
        replaced(
            project / "conf/language/en.customer.md", "Excuse me? I'm a paying customer", "Beg pardon? I am a customer"
        )
        receipt = await run.receipt()
        assert (receipt["how"], receipt["files"]) == ("in place", ["conf/language/en.customer.md"])
        assert [change["field"] for change in receipt["changes"]] == ["language.customer.cues.insult.say.en"]
        assert (await run.ask("You idiot.")).startswith("Beg pardon?")


async def test_a_persona_may_change_its_mind_about_the_language(project: Path, running: Start) -> None:
    """A choice in the front matter takes its options with it, in the call that is on."""
    async with running() as run:
        replaced(project / "personas/sarah_thompson.md", "---\nname: Sarah", "---\nlanguage: th\nname: Sarah")
        receipt = await run.receipt()
        assert ("language", "en", "th") in [(c["field"], c["old"], c["new"]) for c in receipt["changes"]]
        assert "ค่ะ" in await run.ask("สวัสดีค่ะ")


async def test_an_exam_keeps_the_spec_that_it_began_with(project: Path, running: Start) -> None:
    """reload=frozen: the receipt says so, and the answer is the old one."""
    async with running("reload=frozen") as run:
        replaced(project / "personas/sarah_thompson.md", "CUST-2847", "CUST-1111")
        assert (await run.receipt())["how"] == "frozen"
        assert "CUST-2847" in await run.ask("What is your account number?")


async def test_another_personas_file_and_the_same_bytes_change_nothing(project: Path, running: Start) -> None:
    """Each is an edit, and its receipt says unchanged."""
    async with running() as run:
        (project / "personas/bob.md").write_text("# Persona: Bob\nHi.")
        assert (await run.receipt())["how"] == "unchanged"
        file = project / "personas/sarah_thompson.md"
        file.write_bytes(file.read_bytes())
        receipt = await run.receipt()
        assert (receipt["how"], receipt["before"]) == ("unchanged", receipt["after"])
