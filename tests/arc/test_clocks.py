"""The machine of one call: time that passes, what it decides, and what an edit leaves as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from runtime.arc.listener import Finding, Utterance, listen
from runtime.arc.machine import ArcMachine, Lack, emotion_at, fold, lack, phase_at
from runtime.events import ClockFired, CueFound, CueTakenBack, EndingReached, Event, Found, MoodMoved, PhaseMoved
from runtime.spec.persona import Arc, Cue, Emotion, Ending, Fact, FrontMatter, Phase, Timer

T0 = 1_795_654_191.9411676
"""A Unix time with a fraction that no sum with it keeps."""

FRONT = FrontMatter(
    mood=30,
    facts={"account": Fact(hear={"": ("account number",)}, say={"": ("CUST-2847.",)})},
    cues={
        "sorry": Cue(hear={"": ("sorry",)}, mood=5, unless=("ownership",)),
        "ownership": Cue(hear={"": ("our mistake",)}, mood=20),
        "refund": Cue(hear={"": ("refund you",)}, mood=30),
        "hold": Cue(hear={"": ("please hold",)}, mood=-10),
        "quiet": Cue(on="silence", mood=-1),
    },
    timers=(
        Timer(after=20, unless=("ownership",), mood=-8, say={"": ("Not even an apology.",)}),
        Timer(silence=5, say={"": ("Hello?",)}),
        Timer(silence=10, mood=-3, say={"": ("Are you there?", "Say something!")}),
        Timer(after=60, mood=-1),
    ),
    phases=(
        Phase({"": "Opening"}, (0, 39), Emotion.ANGRY),
        Phase({"": "Listening"}, (40, 69), Emotion.NEUTRAL),
        Phase({"": "Accepting"}, (70, 100), Emotion.SATISFIED),
    ),
    endings=(
        Ending("resolved", when=("ownership", "refund"), mood=70, passed=True, say={"en": ("Thank you.",)}),
        Ending("walked_out", below=5),
        Ending("out_of_time", after=300, say={"en": ("I have to go.",)}),
        Ending("cut_off"),
    ),
)
ARC = Arc(FRONT, "en")


def machine(front: FrontMatter = FRONT) -> ArcMachine:
    """A call that began at T0, in which she has just opened, in no time."""
    made = ArcMachine(Arc(front, "en"), T0)
    made.speaking(T0)
    made.said(T0)
    return made


def say(call: ArcMachine, text: str, second: float) -> tuple[Event, ...]:
    return call.heard(listen(call.arc.front, call.state.told, text), T0 + second)


def lacked(call: ArcMachine, name: str) -> Lack | None:
    """What the ending of this name still waits for."""
    return lack(call.state, next(ending for ending in call.arc.front.endings if ending.name == name))


def kinds(events: Sequence[Event]) -> list[type[Event]]:
    return [type(event) for event in events]


def until(call: ArcMachine, second: float) -> list[tuple[float, Event]]:
    """Everything that time alone brings until then; she says her lines in no time. Each with its second."""
    happened: list[tuple[float, Event]] = []
    while (due := call.next_deadline()) is not None and due <= T0 + second:
        events = call.tick(due)
        assert events, f"nothing happens at the deadline, {due - T0} s"
        happened += [(round(event.at - T0, 3), event) for event in events]
        call.said(due)
    return happened


def fired(happened: Sequence[tuple[float, Event]]) -> list[tuple[float, str, str]]:
    return [(at, event.clock, event.line) for at, event in happened if isinstance(event, ClockFired)]


def test_a_turn_is_told_as_cues_with_their_words_then_mood_phase_and_ending() -> None:
    """Each decision bears the time that it was given, and a cue the trainee's own words."""
    call = machine()
    cue, mood, phase = say(call, "It was OUR  mistake, truly.", 3)
    assert cue == CueFound(
        at=T0 + 3, name="ownership", turn=1, found=Found.PHRASE, words="OUR  mistake", by="our mistake", mood=20
    )
    assert mood == MoodMoved(at=T0 + 3, before=30, after=50, emotion="neutral", why=("ownership",), turn=1)
    assert phase == PhaseMoved(at=T0 + 3, before="Opening", after="Listening")
    done = say(call, "I'll refund you.", 5)
    assert kinds(done) == [CueFound, MoodMoved, PhaseMoved, EndingReached]
    assert done[-1] == EndingReached(at=T0 + 5, name="resolved", satisfied=True, line="Thank you.")


def test_after_the_ending_nothing_happens() -> None:
    """No cue, no clock and no edit changes a call that has come to its end."""
    call = machine()
    say(call, "our mistake, I'll refund you", 1)
    state = call.state
    assert state.ending and call.next_deadline() is None
    assert call.tick(T0 + 1000) == say(call, "please hold", 1001) == call.edit(ARC, T0 + 1002) == ()
    assert call.found([Finding("hold", Found.MODEL)], 1, T0 + 1003) == ()
    assert (call.state.mood, call.state.ending, call.state.met) == (state.mood, state.ending, state.met)


def test_a_clock_of_the_call_fires_once_unless_its_cue_came() -> None:
    """After 20 seconds without an apology she says so; one that came in time keeps her from it."""
    front = replace(FRONT, timers=FRONT.timers[:1])
    assert fired(until(machine(front), 200)) == [(20, "after", "Not even an apology.")]
    call = machine(front)
    say(call, "our mistake", 19.9)
    assert fired(until(call, 200)) == []


def test_a_clock_waits_while_somebody_speaks_and_its_cue_still_counts() -> None:
    """It speaks over no one: it is due when the line is free, if nothing has put it off by then."""
    for words, line in (("well", ["Not even an apology."]), ("it was our mistake", [])):
        call = machine(replace(FRONT, timers=FRONT.timers[:1]))
        call.speaking(T0 + 15)
        assert call.next_deadline() == T0 + 300  # her limit alone
        assert call.tick(T0 + 25) == ()
        say(call, words, 29)
        call.said(T0 + 30)
        assert [event.line for event in call.tick(T0 + 30) if isinstance(event, ClockFired)] == line


def test_silence_is_counted_from_the_last_word_of_either_side() -> None:
    """Speaking stops the clock, and it begins anew when the line falls silent."""
    call = machine(replace(FRONT, timers=FRONT.timers[1:2]))
    call.speaking(T0 + 4)
    assert call.tick(T0 + 9) == ()
    call.said(T0 + 10)
    assert call.next_deadline() == T0 + 15
    say(call, "one moment", 12)
    assert call.next_deadline() == T0 + 17


def test_in_one_silence_the_clocks_come_one_after_the_other_and_the_longest_again() -> None:
    """She asks after 5 seconds, is cross after 10 more, and then every 10; a turn of the trainee starts it over."""
    call = machine(replace(FRONT, timers=FRONT.timers[1:3]))
    assert fired(until(call, 40)) == [
        (5, "silence", "Hello?"),
        (15, "silence", "Are you there?"),
        (25, "silence", "Say something!"),
        (35, "silence", "Are you there?"),
    ]
    say(call, "hm", 41)
    assert fired(until(call, 47)) == [(46, "silence", "Hello?")]


def test_being_silent_is_a_cue_that_the_clock_finds() -> None:
    """A cue on silence is met, as a deed, with what it does to the mood beside what the clock does; the turn before it
    has no part in it."""
    call = machine(replace(FRONT, timers=(Timer(silence=5, mood=-3),)))
    say(call, "hm", 0)
    events = call.tick(T0 + 5)
    assert kinds(events) == [ClockFired, CueFound, MoodMoved]
    assert [event.turn for event in events if isinstance(event, CueFound | MoodMoved)] == [0, 0]
    assert (call.state.mood, call.state.met["quiet"]) == (26, 1)
    assert isinstance(events[2], MoodMoved) and events[2].why == ("quiet", "silence")


def test_a_clock_that_takes_the_last_patience_leaves_the_last_word_to_the_ending() -> None:
    """Where a clock's mood ends the call, its own line is not said."""
    front = replace(FRONT, timers=(Timer(after=2, mood=-40, say={"": ("That is it!",)}),))
    clock, *_, ending = machine(front).tick(T0 + 2)
    assert isinstance(clock, ClockFired) and clock.line == ""
    assert isinstance(ending, EndingReached) and ending.name == "walked_out"


@pytest.mark.parametrize("busy", [True, False])
def test_a_call_has_a_limit_whoever_speaks(busy: bool) -> None:
    """An ending with `after` is reached when the call has lasted so long, to the very deadline."""
    call = machine(replace(FRONT, timers=()))
    if busy:
        call.speaking(T0 + 299)
    assert call.next_deadline() == T0 + 300
    limit, ending = call.tick(T0 + 300)
    assert limit == ClockFired(at=T0 + 300, clock="limit", seconds=300)
    assert ending == EndingReached(at=T0 + 300, name="out_of_time", satisfied=False, line="I have to go.")


def test_a_limit_that_passed_unseen_is_still_due() -> None:
    """Whatever else happens at or after the limit, the deadline stands until the next tick."""
    call = machine(replace(FRONT, timers=()))
    call.said(T0 + 310)
    assert call.next_deadline() == T0 + 300
    assert [event.kind for event in call.tick(T0 + 311)] == ["clock", "ending"]


def test_who_hangs_up_has_said_goodbye() -> None:
    """A good ending that waits for nothing else is reached; a bad one is not, and no ending comes after another."""
    good = Ending("kind", when=("refund", "ownership|goodbye"), mood=50, passed=True, say={"": ("Bye.",)})
    call = machine(replace(FRONT, timers=(), endings=(good, Ending("gave_up", when=("goodbye",)))))
    assert call.hung_up(T0 + 1) is None
    call.heard(listen(call.arc.front, frozenset(), "I will refund you"), T0 + 2)
    assert call.state.ending is None
    assert call.hung_up(T0 + 3) == EndingReached(at=T0 + 3, name="kind", satisfied=True, hung_up=True)
    call.heard(listen(call.arc.front, frozenset(), "It was our mistake"), T0 + 4)
    assert call.state.ending is good and call.hung_up(T0 + 5) is None


def test_what_an_ending_still_waits_for() -> None:
    """A model's wish to end the call is held against the arc: cues, mood and time that are missing."""
    call = machine()
    say(call, "our mistake", 1)
    assert lacked(call, "resolved") == Lack(cues=("refund",), mood=20)
    assert lacked(call, "walked_out") == Lack(mood=-46)
    assert lacked(call, "out_of_time") == Lack(seconds=299)
    assert lacked(call, "cut_off") is None  # nothing else would bring it about
    say(call, "I'll refund you", 2)
    assert lacked(call, "resolved") is None


def test_what_a_slower_listener_finds_counts_once() -> None:
    """A cue that phrases found in a turn counts no more when a model finds it there, and stands in for others."""
    call = machine()
    say(call, "our mistake", 1)
    late = [Finding(name, Found.MODEL, "our mistake") for name in ("ownership", "sorry", "refund", "no such cue")]
    events = call.found(late, 1, T0 + 2)
    assert [event.name for event in events if isinstance(event, CueFound)] == ["refund"]
    assert (call.state.mood, call.state.turns) == (80, 1)
    assert call.found(late, 1, T0 + 3) == ()


def denied(call: ArcMachine, name: str, second: float) -> tuple[Event, ...]:
    """A turn in which the trainee takes this back."""
    return call.heard(Utterance(taken_back=(Finding(name, Found.PHRASE, "I can't after all"),)), T0 + second)


def test_what_is_taken_back_is_told_once_and_its_clock_runs_again() -> None:
    """Only what had counted is taken back; the line for what is owed comes as if it had never been promised."""
    call = machine()
    assert denied(call, "ownership", 1) == ()
    say(call, "our mistake", 2)
    assert denied(call, "ownership", 3) == (
        CueTakenBack(at=T0 + 3, name="ownership", turn=3, words="I can't after all"),
    )
    assert denied(call, "ownership", 4) == ()
    assert (20, "after", "Not even an apology.") in fired(until(call, 20))


def test_a_slower_listener_finds_again_what_was_taken_back_and_not_what_was_denied_since() -> None:
    """A promise made once more may be one that no phrase knows; one that was denied meanwhile counts nothing."""
    call = machine(replace(FRONT, cues={**FRONT.cues, "refund": Cue({"": "promises it"}, mood=30)}))
    promise = [Finding("refund", Found.MODEL, "you get it back")]
    say(call, "you get it back", 1)
    call.found(promise, 1, T0 + 2)
    say(call, "you get it back, really", 3)
    denied(call, "refund", 4)
    assert call.found(promise, 2, T0 + 5) == () and not call.state.met["refund"]
    say(call, "you get it back", 6)
    assert "refund" in call.findable(4)
    (found,) = call.found(promise, 4, T0 + 7)
    assert isinstance(found, CueFound) and (found.mood, call.state.met["refund"]) == (0, 1)


def test_an_edit_keeps_the_state_and_what_runs() -> None:
    """Mood, cues and facts stay; a clock with new words or seconds keeps its start, and one that fired stays so."""
    call = machine()
    say(call, "sorry, your account number?", 1)
    call.edit(
        Arc(replace(FRONT, mood=90, timers=(Timer(after=25, say={"": ("Now!",)}), *FRONT.timers[3:])), "en"), T0 + 2
    )
    assert (call.state.mood, [*call.state.met], [*call.state.told]) == (35, ["sorry"], ["account"])
    assert fired(until(call, 26)) == [(25, "after", "Now!")]
    call.edit(Arc(replace(FRONT, timers=(Timer(after=30), Timer(after=10), *FRONT.timers[3:])), "en"), T0 + 27)
    assert fired(until(call, 70)) == [(60, "after", "")]  # 30 is the one that fired, and 10 is past


def test_an_edit_may_end_the_call_or_move_the_phase() -> None:
    """What the edited arc makes of the state as it is takes effect at once."""
    call = machine()
    moved = call.edit(Arc(replace(FRONT, phases=(Phase({"": "All"}, (0, 100)),)), "en"), T0 + 1)
    assert moved == (PhaseMoved(at=T0 + 1, before="Opening", after="All"),)
    ended = call.edit(Arc(replace(FRONT, endings=(Ending("gone", below=31),)), "en"), T0 + 2)
    assert kinds(ended)[-1] is EndingReached


def test_an_arc_without_clocks_and_limits_never_asks_for_time() -> None:
    """No deadline, and a tick changes nothing."""
    call = machine(FrontMatter())
    assert call.next_deadline() is None
    assert call.tick(T0 + 10_000) == ()


TEXTS = ("sorry", "our mistake", "I'll refund you", "please hold", "account number?", "hm", "", "sorry, our mistake")
NAMES = (*FRONT.cues, "no such cue")
OTHERS = (
    FRONT,
    replace(FRONT, timers=FRONT.timers[::-1]),
    replace(FRONT, timers=(Timer(after=30, mood=-2), Timer(silence=7, mood=-1, say={"": ("Well?",)}))),
    replace(FRONT, phases=(), endings=FRONT.endings[2:]),
    replace(FRONT, cues={**FRONT.cues, "hold": Cue(hear={"": ("please hold",)}, mood=40, repeats=True)}),
)


class Calls(RuleBasedStateMachine):
    """Any call: turns, silences, findings that come late, edits and time, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.call = ArcMachine(ARC, T0)
        self.now = T0
        self.mood = self.call.state.mood
        self.ended = 0
        self.counted: set[tuple[int, str]] = set()

    def note(self, events: tuple[Event, ...]) -> None:
        before = self.ended
        for event in events:
            assert event.at == self.now
            if isinstance(event, MoodMoved):
                assert event.before == self.mood != event.after
                self.mood = event.after
            if isinstance(event, CueFound) and event.found is not Found.DEED:
                assert (event.turn, event.name) not in self.counted
                self.counted.add((event.turn, event.name))
            self.ended += isinstance(event, EndingReached)
        assert not (before and events), "a call that has ended decides nothing"

    def passed(self, seconds: float) -> None:
        self.now += seconds

    @rule(text=st.sampled_from(TEXTS), seconds=st.floats(0, 30))
    def turn(self, text: str, seconds: float) -> None:
        self.passed(seconds)
        self.note(self.call.heard(listen(self.call.arc.front, self.call.state.told, text), self.now))

    @rule(names=st.lists(st.sampled_from(NAMES)), turn=st.integers(0, 5), seconds=st.floats(0, 3))
    def late_findings(self, names: list[str], turn: int, seconds: float) -> None:
        self.passed(seconds)
        self.note(self.call.found([Finding(name, Found.MODEL) for name in names], turn, self.now))

    @rule(seconds=st.floats(0, 30), speaks=st.booleans())
    def sound(self, seconds: float, speaks: bool) -> None:
        self.passed(seconds)
        (self.call.speaking if speaks else self.call.said)(self.now)

    @rule(seconds=st.floats(0, 100))
    def time(self, seconds: float) -> None:
        self.passed(seconds)
        self.note(self.call.tick(self.now))

    @rule(front=st.sampled_from(OTHERS))
    def edit(self, front: FrontMatter) -> None:
        met, told, turns = self.call.state.met, self.call.state.told, self.call.state.turns
        self.note(self.call.edit(Arc(front, "en"), self.now))
        assert (self.call.state.met, self.call.state.told, self.call.state.turns) == (met, told, turns)

    @precondition(lambda self: self.call.next_deadline() is not None)
    @rule()
    def deadline(self) -> None:
        """Before it nothing happens; at it something does, or it was a limit whose other terms are not met."""
        due: Any = self.call.next_deadline()
        if due > self.now:
            self.note(())
            assert self.call.tick(self.now + (due - self.now) / 2) == ()
        self.now = max(due, self.now)
        events = self.call.tick(self.now)
        self.note(events)
        after = self.call.next_deadline()
        assert events or after is None or after > due

    @invariant()
    def it_holds_together(self) -> None:
        state, front = self.call.state, self.call.arc.front
        assert 0 <= state.mood <= 100 and state.mood == self.mood
        if not state.ending:
            assert state.phase == phase_at(front.phases, state.mood)
            assert state.emotion == emotion_at(state.phase, state.mood)
            decided = [ending for ending in front.endings if ending.name != "cut_off"]
            assert all(lacked(self.call, ending.name) for ending in decided if not ending.after)
            overdue = not all(lacked(self.call, ending.name) for ending in decided)
            due = self.call.next_deadline()
            assert not overdue or (due is not None and due <= self.now)
        assert self.ended == (state.ending is not None) <= 1


TestCalls = Calls.TestCase
TestCalls.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize("turns", [TEXTS, TEXTS[::-1], TEXTS[:2] * 3])
def test_the_stateless_fold_is_the_machine_without_time(turns: tuple[str, ...]) -> None:
    """What the offline model makes of the same turns is what the machine makes of them."""
    call = machine(replace(FRONT, timers=()))
    for text in turns:
        say(call, text, 0)
    assert call.state == fold(FRONT, turns)


def test_an_utterance_without_anything_is_still_a_turn() -> None:
    """It counts, and nothing moves."""
    call = machine()
    assert call.heard(Utterance(), T0) == ()
    assert call.state.turns == 1
