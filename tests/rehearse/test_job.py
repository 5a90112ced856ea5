"""One rehearsal, offline: a scripted trainee calls, time is virtual, and the folder follows from the files alone."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.events import ClockFired, Heard, Said
from runtime.record.folder import read_folder
from runtime.rehearse.job import hold
from runtime.rehearse.sweep import ROW, Outcome, read_row
from runtime.rehearse.trainee import ScriptedCaller
from runtime.rehearse.virtual_time import START, VirtualLoop
from runtime.spec.trainee import ScriptLine

from .jobs import job


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("language", ["en", "th"])
def test_a_good_trainee_passes_and_a_poor_one_does_not(tmp_path: Path, language: str) -> None:
    """The call leaves a session folder like any other, and its row."""
    good = hold(job(tmp_path / "good", f"language={language}"))
    poor = hold(job(tmp_path / "poor", f"language={language}", trainee="poor"))
    assert (good.outcome, poor.outcome) == (Outcome.DONE, Outcome.DONE)
    assert good.measures and good.measures.passed and good.measures.ending == "resolved" and not good.measures.breaks
    assert poor.measures and poor.measures.passed is False and poor.measures.score is not None
    assert poor.measures.score < 50
    kept = {"events.jsonl", "spec.yaml", "transcript.md", "scorecard.json", "report.html", ROW}
    assert {*contents(tmp_path / "good")} == kept
    assert read_row(tmp_path / "good") == good


@pytest.mark.parametrize("language", ["en", "th"])
def test_scripts_for_anybody_get_through_a_call_with_a_persona_that_has_none(tmp_path: Path, language: str) -> None:
    """The lines of `conf/trainee/` alone move Sarah as a persona's own would."""
    asked = job(tmp_path / "good", f"language={language}")
    row = hold(replace(asked, script=asked.trainee.scripts[language]))
    assert row.measures and row.measures.passed


def test_the_same_seed_leaves_the_same_bytes_and_another_one_other_words(tmp_path: Path) -> None:
    """Every file of the folder, with its times: a call begins at a fixed moment and lasts as long as a spoken one."""
    a, b, c = (tmp_path / name / "1" for name in "abc")
    first, again, other = hold(job(a)), hold(job(b)), hold(job(c, repeat=2))
    assert first == again and first.measures and first.measures.seconds > 30
    assert contents(a) == contents(b)
    assert other.measures and other.measures.score == first.measures.score
    assert contents(c)["transcript.md"] != contents(a)["transcript.md"]


def test_time_passes_in_a_rehearsal_as_in_a_spoken_call(tmp_path: Path) -> None:
    """A trainee who owns nothing for twenty seconds meets the clock that counts them."""
    hold(job(tmp_path / "poor", trainee="poor"))
    log = read_folder(tmp_path / "poor").log
    assert log.zero == START
    assert [fired.seconds for fired in log.of(ClockFired) if fired.clock == "after"] == [20]
    said, heard = log.of(Said), log.of(Heard)
    assert heard[0].at - said[0].at > 1 and said[1].latency is None


async def test_a_line_that_waits_for_her_words_comes_when_she_says_them() -> None:
    """Before the lines whose turn it is, and once; when nothing is left, the trainee hangs up."""
    caller = ScriptedCaller((ScriptLine(say="a"), ScriptLine(say="number", when=("case number",)), ScriptLine(say="b")))
    assert await caller.say("") == "a"
    assert await caller.say("I want a case number.") == "number"
    assert await caller.say("The case number again?") == "b"
    assert await caller.say("case number") is None


def test_virtual_time_waits_for_nothing_and_keeps_the_order() -> None:
    """Timers fire in their order; once time is real, a thread is waited for."""
    loop = VirtualLoop()

    async def wait() -> list[object]:
        came: list[object] = []
        loop.call_later(20, came.append, 20)
        loop.call_later(3600, came.append, 3600)
        await asyncio.sleep(10)
        came.append(await asyncio.to_thread(loop.time))  # while a thread works, nothing fires
        came.append(loop.time())
        await asyncio.sleep(5000)
        came.append(loop.time())
        loop.real = True
        async with asyncio.timeout(60):
            came.append(await asyncio.to_thread(lambda: "thread"))
        return came

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        assert runner.run(wait()) == [10, 10, 20, 3600, 5010, "thread"]
