"""How hard a customer is to win over: the same persona at several difficulties."""

from __future__ import annotations

import pytest

from runtime.arc.difficulty import at_difficulty
from runtime.arc.machine import ArcMachine, fold
from runtime.events import EndingReached
from runtime.spec.persona import Arc, Cue, Difficulty, Ending, FrontMatter, Timer
from tests.composed import compose

ARC = Arc(
    FrontMatter(
        mood=40,
        cues={
            "sorry": Cue(hear={"": ("sorry",)}, mood=10),
            "refund": Cue(hear={"": ("refund",)}, mood=20),
            "hold": Cue(hear={"": ("hold",)}, mood=-10),
            "tiny": Cue(hear={"": ("tiny",)}, mood=-1),
            "greeting": Cue(hear={"": ("hello",)}, mood=0),
        },
        timers=(Timer(after=20, mood=-10), Timer(silence=10)),
        endings=(
            Ending("resolved", when=("refund",), mood=60, passed=True),
            Ending("walked_out", below=10),
            Ending("out_of_time", after=100),
        ),
    ),
    "en",
)
HARD = Difficulty(mood=-10, gains=0.5, losses=2, patience=0.5, demand=5)


def test_at_the_difficulty_that_changes_nothing_the_arc_is_as_written() -> None:
    assert at_difficulty(ARC, Difficulty()) == ARC


def test_the_start_and_every_step_are_harder() -> None:
    """A worse mood at the start, less for what calms, more for what angers; what moves the mood a little still does."""
    hard = at_difficulty(ARC, HARD).front
    assert hard.mood == 30
    moods = {name: cue.mood for name, cue in hard.cues.items()}
    assert moods == {"sorry": 5, "refund": 10, "hold": -20, "tiny": -2, "greeting": 0}
    easy = at_difficulty(ARC, Difficulty(losses=0.1)).front
    assert easy.cues["tiny"].mood == -1


def test_clocks_and_limits_are_shorter() -> None:
    hard = at_difficulty(ARC, HARD).front
    assert [(timer.after, timer.silence, timer.mood) for timer in hard.timers] == [(10, None, -20), (None, 5, 0)]
    assert hard.endings[2].after == 50


def test_only_a_content_ending_asks_for_more() -> None:
    content, walked_out, _ = at_difficulty(ARC, HARD).front.endings
    assert content.mood == 65
    assert walked_out == ARC.front.endings[1]


def test_what_the_persona_says_of_a_difficulty_wins() -> None:
    """Her own level replaces what it gives, and leaves the rest as the option has it."""
    own = Difficulty(mood=0, owed=("sorry", "refund", "unknown"))
    hard = at_difficulty(ARC, HARD, own).front
    assert hard.mood == 40
    assert hard.cues["hold"].mood == -20
    assert hard.endings[0].when == ("refund", "sorry")
    assert at_difficulty(ARC, Difficulty(waived=("refund",))).front.endings[0].when == ()


def test_the_same_trainee_passes_the_easy_call_and_not_the_hard_one() -> None:
    turns = ["sorry", "refund"]
    assert fold(at_difficulty(ARC, Difficulty(gains=1.2)).front, turns).ending == ARC.front.endings[0]
    assert fold(at_difficulty(ARC, HARD).front, turns).ending is None


@pytest.mark.parametrize(("difficulty", "seconds"), [("easy", 30), ("normal", 20), ("hard", 15)])
def test_sarah_waits_for_an_apology(difficulty: str, seconds: int) -> None:
    """The group's options reach the arc that every part of the call reads."""
    arc = compose([f"difficulty={difficulty}"]).arc
    machine = ArcMachine(arc, 0)
    machine.said(0)
    assert machine.next_deadline() == min(seconds, *(t.silence for t in arc.front.timers if t.silence))
    assert {timer.after for timer in arc.front.timers if timer.after} == {seconds}


def test_harder_is_never_easier() -> None:
    """Whatever the trainee does, the mood at a harder difficulty is no better than at an easier one."""
    turns = ["sorry", "hold", "refund", "tiny", "hello"]
    for end in range(len(turns) + 1):
        moods = [fold(at_difficulty(ARC, level).front, turns[:end]).mood for level in (Difficulty(mood=5), HARD)]
        assert moods == sorted(moods, reverse=True)


def test_an_edit_of_the_difficulty_moves_an_ending_of_the_call() -> None:
    """In a call that is on the state stays, and the ending is reached once its demands are met."""
    machine = ArcMachine(at_difficulty(ARC, Difficulty(demand=40)), 0)
    machine.state = fold(machine.arc.front, ["sorry", "refund"])
    assert machine.state.ending is None
    decided = machine.edit(ARC, 1)
    assert [event.name for event in decided if isinstance(event, EndingReached)] == ["resolved"]
