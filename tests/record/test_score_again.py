"""Calls scored again: where nothing was edited no byte of a folder changes, and what moved her beside words stays."""

from dataclasses import replace
from pathlib import Path

import pytest

from runtime.arc.briefing import live_arc
from runtime.arc.listener import listen
from runtime.arc.machine import ArcMachine
from runtime.events import DECIDED, TRAINEE_LEFT, ClockFired, CueFound, CueTakenBack, Ended, Event, Heard, Said
from runtime.record.folder import finish, read_folder
from runtime.record.rescore import listened
from runtime.record.upkeep import score_again
from runtime.rehearse.job import hold
from runtime.spec.persona import Cue
from runtime.spec.session_spec import SessionSpec
from runtime.spec.trainee import ScriptLine
from tests.composed import compose
from tests.conftest import Run
from tests.rehearse.jobs import job

from .calls import ZERO, good
from .test_folder import write_call

PROMISES = ("I am refunding you the $148.51 now.", "Sorry, I can't refund you after all.", "Let me look. Hold on.")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def silent(spec: SessionSpec, *turns: str) -> list[Event]:
    """A spoken call in which the trainee says each of these after half a minute, and then hangs up."""
    machine = ArcMachine(live_arc(spec), ZERO)
    events = [*good()[:2], Said(at=ZERO, start=ZERO, seconds=0.0, text="Hello?", revision="", emotion="")]
    machine.said(ZERO)
    for number, text in enumerate(turns, 1):
        now = ZERO + 30 * number
        while (due := machine.next_deadline()) is not None and due < now:
            events += machine.tick(due)
            machine.said(due + 2)
        events.append(Heard(at=now, start=now - 2, seconds=2.0, text=text, revision="", emotion="", turn=number))
        events += machine.heard(listen(spec.arc.front, machine.state.told, text), now)
    return [*events, Ended(at=now + 1, reason=TRAINEE_LEFT, turns=len(turns), seconds=now + 1 - ZERO)]


def test_a_call_scored_again_is_the_same_to_the_byte_where_nothing_was_edited(tmp_path: Path, run: Run) -> None:
    """With a clock that moved her, a promise taken back, a trainee who hangs up, a harder customer, in Thai, by
    meaning; once and once more."""
    calls = {
        "poor": job(tmp_path / "poor", trainee="poor"),
        "thai": job(tmp_path / "thai", "language=th", trainee="poor"),
        "hard": job(tmp_path / "hard", "difficulty=hard", trainee="poor"),
        "meaning": job(tmp_path / "meaning", "listening=meaning"),
        "taken_back": replace(job(tmp_path / "taken_back"), script=tuple(map(ScriptLine, PROMISES))),
        "nothing": replace(job(tmp_path / "nothing"), script=tuple(map(ScriptLine, ("Well.",) * 4))),
    }
    for one in calls.values():
        hold(one)
    written = contents(tmp_path)
    logs = {name: read_folder(tmp_path / name).log for name in calls}
    assert all(any(fired.mood for fired in logs[name].of(ClockFired)) for name in ("poor", "thai", "hard", "nothing"))
    assert logs["taken_back"].of(CueTakenBack) and logs["taken_back"].ending[0] == TRAINEE_LEFT
    for _ in range(2):
        done = run("mode=score", f"folder={tmp_path}")
        assert done.out.count(": nothing has changed\n") == done.out.count("\n") == len(calls) and not done.err
        assert {name for name, text in contents(tmp_path).items() if text != written[name]} == set()


@pytest.mark.parametrize("language", ["en", "th"])
async def test_what_moved_her_beside_words_is_as_recorded_when_a_call_is_scored_again(
    tmp_path: Path, language: str
) -> None:
    """Clocks, silences and deeds of a call whose persona was edited elsewhere, each with its step of the mood."""
    spec = compose([f"language={language}"])
    turns = {
        "en": (*PROMISES, "What is your account number?"),
        "th": ("คืนเงินให้เลยค่ะ", "คืนเงินไม่ได้หรอกค่ะ", "ขอหมายเลขบัญชีด้วยค่ะ"),
    }
    folder = write_call(tmp_path / "2026-01-01/101500-sarah_thompson-ann", spec, silent(spec, *turns[language]))
    finish(folder)
    log, front = read_folder(folder).log, spec.arc.front
    assert {(fired.clock, fired.mood) for fired in log.of(ClockFired)} >= {("after", -8), ("silence", -3)}
    assert any(cue.name == "silence" and not cue.turn for cue in log.of(CueFound)) and log.of(CueTakenBack)
    edited = replace(front, cues=front.cues | {"zebra": Cue(hear={language: ("zebra",)}, mood=5)})
    again = listened(log, edited, language)
    assert [one for one in again.events if isinstance(one, DECIDED)] == [
        one for one in log.events if isinstance(one, DECIDED)
    ]
    before = contents(folder)
    assert await score_again(folder, edited) == ["nothing has changed"]
    assert contents(folder) == before
