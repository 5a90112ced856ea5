"""The emotional arc: what a trainee's words, and time that passes, do to the persona. Pure: events and times in,
decisions out; no clock of its own."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import reduce
from types import MappingProxyType
from typing import Any, Literal

from ..events import ClockFired, CueFound, CueTakenBack, EndingReached, Event, Found, MoodMoved, PhaseMoved
from ..spec.persona import Arc, CommonCue, Cue, Emotion, Ending, FrontMatter, Phase, Timer, worded_in
from .listener import Finding, Utterance, deeds, listen
from .meaning import Meaning


@dataclass(frozen=True, slots=True)
class ArcState:
    """Where a call stands after some turns.

    `met` counts each cue (0: it was taken back); `last` is what the last turn held, of cues those that counted;
    `seconds` is how long the call had lasted, where an ending waits for time.
    """

    mood: int
    emotion: Emotion
    phase: Phase | None = None
    met: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    told: frozenset[str] = frozenset()
    asked_again: int = 0
    ending: Ending | None = None
    last: Utterance = field(default_factory=Utterance)
    turns: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Lack:
    """What stands between a call and one of its endings: `cues` that are not met yet (of several that would do the
    first), points of `mood` that are missing (below 0: too many), `seconds` that the call is too short."""

    cues: tuple[str, ...] = ()
    mood: int = 0
    seconds: float = 0.0


def start(front: FrontMatter) -> ArcState:
    """The state before anything is said."""
    phase = phase_at(front.phases, front.start_mood)
    return ArcState(front.start_mood, emotion_at(phase, front.start_mood), phase)


def fold(front: FrontMatter, turns: Iterable[str], meaning: Meaning | None = None) -> ArcState:
    """The state after the trainee said all this, in no time."""
    return reduce(lambda state, text: step(front, state, text, meaning), turns, start(front))


def step(front: FrontMatter, state: ArcState, text: str, meaning: Meaning | None = None) -> ArcState:
    """The state after one more turn of the trainee; without `meaning` as phrases alone find it."""
    return after_turn(front, state, listen(front, state.told, text, meaning))[0]


def after_turn(front: FrontMatter, state: ArcState, heard: Utterance) -> tuple[ArcState, list[tuple[Finding, int]]]:
    """The state after a turn that held this, and the findings that counted, each with what it added to the mood. Once
    an ending is reached, nothing changes it."""
    if state.ending:
        return replace(state, last=Utterance(), turns=state.turns + 1), []
    counted, told = weigh(front, state, heard)
    if denied := {denial.name for denial in heard.taken_back}:
        # Still there, so that the same promise does not calm twice.
        met = {name: 0 if name in denied else times for name, times in state.met.items()}
        state = replace(state, met=MappingProxyType(met))
    findings = tuple(finding for finding, _ in counted)
    last = heard if findings == heard.findings else replace(heard, findings=findings)
    again, turns = state.asked_again + len(heard.again), state.turns + 1
    return meet(front, state, counted, told=state.told | told, asked_again=again, last=last, turns=turns), counted


def weigh(front: FrontMatter, state: ArcState, heard: Utterance) -> tuple[list[tuple[Finding, int]], set[str]]:
    """The findings of a turn that count, each with what it adds to the mood, and the facts that the persona tells: of
    those asked for the ones that she does not keep back in the mood that this brings about."""
    counted = count(front, state, heard.findings)
    mood = state.mood + sum(change for _, change in counted)
    told = set(heard.asked) - kept_back(front, mood, state.told) if heard.asked else set()
    if not told:
        return counted, told
    by_facts = [Finding(name, Found.DEED) for name, cue in front.cues.items() if told.intersection(cue.told or ())]
    return counted + count(front, state, by_facts, [finding.name for finding, _ in counted]), told


def kept_back(front: FrontMatter, mood: int, told: Set[str]) -> set[str]:
    """The facts that the persona tells nobody in this mood, and has not `told` before."""
    return {name for name, fact in front.facts.items() if fact.mood > mood and name not in told}


def count(
    front: FrontMatter, state: ArcState, findings: Iterable[Finding], before: Iterable[str] = ()
) -> list[tuple[Finding, int]]:
    """The findings that count, each with what it adds to the mood. Cues that were found `before` in the same turn count
    no more, but stand in for others as they would have."""
    before = set(before)
    found = {finding.name: finding for finding in findings if finding.name in front.cues and finding.name not in before}
    both = found.keys() | before
    able = ((one, cue) for one in found.values() if both.isdisjoint((cue := front.cues[one.name]).unless or ()))
    return [(one, cue.change if has_effect(state, one.name, cue) else 0) for one, cue in able]


def has_effect(state: ArcState, name: str, cue: Cue) -> bool:
    """Whether a cue, if it is found now, does something to the persona."""
    return name not in state.met or (cue.change < 0 if cue.repeats is None else cue.repeats)


def meet(front: FrontMatter, state: ArcState, counted: Iterable[tuple[Finding, int]], **also: Any) -> ArcState:
    """The state with these cues met, and what `also` becomes of it."""
    met = dict(state.met)
    change = 0
    for finding, mood in counted:
        met[finding.name] = met.get(finding.name, 0) + 1
        change += mood
    return shift(front, state, change, met=MappingProxyType(met), **also)


def shift(front: FrontMatter, state: ArcState, change: int, **also: Any) -> ArcState:
    """The state with the mood changed by so much, with what `also` becomes of it, and with the ending that this brings
    about."""
    mood = max(0, min(100, state.mood + change))
    phase = phase_at(front.phases, mood)
    state = replace(state, mood=mood, phase=phase, emotion=emotion_at(phase, mood), **also)
    ending = state.ending or next((e for e in front.endings if comes_about(e) and not lack(state, e)), None)
    return replace(state, ending=ending) if ending else state


def lack(state: ArcState, ending: Ending) -> Lack | None:
    """What this ending still waits for; None where the call may end so."""
    cues = ending.lacking({name for name, times in state.met.items() if times})
    most = 100 if ending.below is None else ending.below - 1
    mood = max(0, ending.mood - state.mood) or min(0, most - state.mood)
    seconds = max(0.0, (ending.after or 0.0) - state.seconds)
    return Lack(cues, mood, seconds) if cues or mood or seconds else None


def comes_about(ending: Ending) -> bool:
    """Whether cues, the mood or time bring it about; an ending that nothing does is there for its lines."""
    return bool(ending.when or ending.mood or ending.below is not None or ending.after)


def phase_at(phases: Sequence[Phase], mood: int) -> Phase | None:
    """The phase that this mood is in; between two, the one below."""
    inside = next((phase for phase in phases if phase.mood[0] <= mood <= phase.mood[1]), None)
    below = [phase for phase in phases if phase.mood[1] < mood]
    return inside or max(below, key=lambda phase: phase.mood[1], default=phases[0] if phases else None)


def emotion_at(phase: Phase | None, mood: int) -> Emotion:
    """The phase's emotion; without phases, one that goes with the mood."""
    return phase.emotion if phase else list(Emotion)[bisect_right((25, 45, 60, 75, 90), mood)]


@dataclass(slots=True, eq=False)
class Clock:
    """A timer of the front matter in one call, and how often it has fired."""

    timer: Timer
    fired: int = 0

    @property
    def kind(self) -> Literal["after", "silence"]:
        """What it measures: the call, or a silence."""
        return "silence" if self.timer.after is None else "after"

    @property
    def seconds(self) -> float:
        """When it fires."""
        return self.timer.after or self.timer.silence or 0.0

    @property
    def key(self) -> tuple[str, float, tuple[str, ...]]:
        """What makes it the same clock after an edit of its words."""
        return self.kind, self.seconds, self.timer.unless


class ArcMachine:
    """The arc of one call. Whoever drives it tells it what happens and when, and does what it decides.

    Times are seconds of any clock that never goes back; what is decided bears them as its `at`, so they are Unix time
    where that matters. Decisions are events, ready to be emitted. Beside that the driver says the line of a
    `ClockFired` and, at an `EndingReached`, that one's line before it hangs up. After whatever it has told the machine
    it asks for the `next_deadline`, and calls `tick` then. In a typed call nobody is silent: it has no `silences`, and
    none of their clocks.
    """

    def __init__(self, arc: Arc, now: float, *, silences: bool = True) -> None:
        self.arc = arc
        self._silences = silences
        self.state = start(arc.front)
        self._started = self._now = self._ticked = now
        self._silent_since: float | None = None
        """None while somebody speaks, and until the persona has opened the call."""
        self.waits = False
        """Set while a turn is being recognized or answered: a silence may run, but no clock fires."""
        self._limits, self._clocks = self._times_of(arc)
        self._fired_in_silence: list[Clock] = []
        """Since the trainee's last turn."""
        self._found: dict[int, set[str]] = {}
        """The names of cues that counted, by turn."""
        self._denied: dict[str, int] = {}
        """The turn in which a cue was last denied."""
        self._after: tuple[ArcState, Utterance, tuple[ArcState, list[tuple[Finding, int]]]] | None = None

    def speaking(self, now: float) -> None:
        """Somebody begins to speak, the persona or the trainee: no silence runs, and clocks wait."""
        self._pass(now)
        self._silent_since = None

    def said(self, now: float) -> None:
        """Whoever spoke is done, and nobody speaks: a silence begins."""
        self._pass(now)
        self._silent_since = self._now

    def after(self, utterance: Utterance) -> tuple[ArcState, list[tuple[Finding, int]]]:
        """What `after_turn` makes of the present state: made once, for the reply and when the turn is heard."""
        if not self._after or self._after[0] is not self.state or self._after[1] is not utterance:
            self._after = self.state, utterance, after_turn(self.arc.front, self.state, utterance)
        return self._after[2]

    def heard(self, utterance: Utterance, now: float) -> tuple[Event, ...]:
        """The trainee's next turn, and what was found in it."""
        self._pass(now)
        self._fired_in_silence.clear()
        if self._silent_since is not None:
            self._silent_since = self._now
        before = self.state
        state, counted = self.after(utterance)
        self._found[state.turns] = {finding.name for finding, _ in counted}
        denials = () if before.ending else utterance.taken_back
        self._denied |= {denial.name: state.turns for denial in denials}
        taken_back = (
            CueTakenBack(at=self._now, name=denial.name, turn=state.turns, words=denial.words)
            for denial in denials
            if before.met.get(denial.name)
        )
        return (*taken_back, *self._cues(counted, state.turns), *self._become(state, _why(counted)))

    def found(self, findings: Iterable[Finding], turn: int, now: float) -> tuple[Event, ...]:
        """What a listener that takes longer has found in a turn (from 1) that was heard before. Cues that were found
        there already do not count again, and what was denied since does not count."""
        self._pass(now)
        before = self._found.get(turn)
        if before is None or self.state.ending:
            return ()
        standing = (finding for finding in findings if self._denied.get(finding.name, 0) <= turn)
        counted = count(self.arc.front, self.state, standing, before)
        before |= {finding.name for finding, _ in counted}
        return (*self._cues(counted, turn), *self._become(meet(self.arc.front, self.state, counted), _why(counted)))

    def findable(self, turn: int) -> dict[str, str]:
        """The cues that would still do something if they were `found` in a turn, each with what it means."""
        before, front = self._found.get(turn), self.arc.front
        if before is None or self.state.ending:
            return {}
        awaited = {name for ending in front.endings for name in ending.awaited}
        awaited |= {name for objective in front.objectives for name in (*objective.met, *objective.ruled_out)}
        awaited |= {name for timer in front.timers for name in timer.unless}
        return {
            name: means
            for name, cue in front.cues.items()
            if (means := worded_in(cue.means, self.arc.language))
            and not cue.on
            and (cue.change or name in awaited)
            and name not in before
            and (has_effect(self.state, name, cue) or not self.state.met[name])
        }

    def tick(self, now: float) -> tuple[Event, ...]:
        """Time has passed: the call's limit fires, or the one clock that is due first. Its line counts as being spoken
        from now on, until `said`."""
        self._pass(now)
        self._ticked = self._now
        if self.state.ending:
            return ()
        state = shift(self.arc.front, self.state, 0)
        if ending := state.ending:
            limit = [ClockFired(at=self._now, clock="limit", seconds=ending.after)] if ending.after else []
            return (*limit, *self._become(state))
        due = [(at, clock) for clock in self._clocks if (at := self._due(clock)) is not None and at <= self._now]
        return self._fire(min(due, key=lambda entry: entry[0])[1]) if due else ()

    def clock_fired(self, kind: str, mood: int, now: float) -> tuple[Event, ...]:
        """A clock of this kind has fired, which adds so much to the mood."""
        self._pass(now)
        counted = count(self.arc.front, self.state, deeds(self.arc.front, "silence")) if kind == "silence" else []
        state = shift(self.arc.front, meet(self.arc.front, self.state, counted), mood)
        why = (*_why(counted), *([kind] if mood else []))
        return (*self._cues(counted, 0), *self._become(state, why, turn=0))

    def hung_up(self, now: float) -> EndingReached | None:
        """What the trainee's hanging up brings about, as it says goodbye: a good ending that waits for nothing else."""
        self._pass(now)
        met = MappingProxyType({**self.state.met, CommonCue.GOODBYE: 1})
        good = shift(self.arc.front, replace(self.state, met=met), 0).ending
        if self.state.ending or not good or not good.passed:
            return None
        return EndingReached(at=self._now, name=good.name, satisfied=True, hung_up=True)

    def next_deadline(self) -> float | None:
        """When `tick` will have something to do if nothing happens before; it may be past. None: never."""
        if self.state.ending:
            return None
        limits = [at for seconds in self._limits if (at := self._started + seconds) > self._ticked]
        clocks = [due for clock in self._clocks if (due := self._due(clock)) is not None]
        return min([*limits, *clocks], default=None)

    def edit(self, arc: Arc, now: float) -> tuple[Event, ...]:
        """The arc was edited. The state stays; a clock that runs keeps its start, and one that comes when its time is
        past does not fire."""
        self._limits, clocks = self._times_of(arc)
        self._pass(now)
        left = list(self._clocks)
        for i, new in enumerate(clocks):
            same = [old for old in left if old.key == new.key]
            # A clock whose words alone changed is the one of before; else the next that measures the same, unless the
            # edit leaves that as it was.
            kept = {other.key for other in clocks}
            old = next(iter(same or [old for old in left if old.kind == new.kind and old.key not in kept]), None)
            if old:
                left.remove(old)
                old.timer = new.timer
                clocks[i] = old
            elif new.kind == "after" and self._started + new.seconds <= self._now:
                new.fired = 1
        self.arc, self._clocks = arc, clocks
        return tuple(self._become(self.state if self.state.ending else shift(arc.front, self.state, 0)))

    def _times_of(self, arc: Arc) -> tuple[tuple[float, ...], list[Clock]]:
        limits = tuple(ending.after for ending in arc.front.endings if ending.after)
        return limits, [Clock(timer) for timer in arc.front.timers if self._silences or timer.after]

    def _pass(self, now: float) -> None:
        self._now = max(now, self._now)
        if self._limits:
            # Rounded, as a start and so many seconds, less that start, may be a little less than the seconds.
            self.state = replace(self.state, seconds=round(self._now - self._started, 6))

    def _due(self, clock: Clock) -> float | None:
        """When a clock fires if nothing happens; None while it waits, and when it never does."""
        if self._silent_since is None or self.waits or self._is_off(clock):
            return None
        if clock.kind == "after":
            return None if clock.fired else self._started + clock.seconds
        silences = [other for other in self._clocks if other.kind == "silence" and not self._is_off(other)]
        longest = max(silences, key=lambda other: other.seconds)
        return None if clock in self._fired_in_silence and clock is not longest else self._silent_since + clock.seconds

    def _is_off(self, clock: Clock) -> bool:
        return any(map(self.state.met.get, clock.timer.unless))

    def _fire(self, clock: Clock) -> tuple[Event, ...]:
        mood = clock.timer.mood
        decided = self.clock_fired(clock.kind, mood, self._now)
        if clock.kind == "silence":
            self._silent_since = self._now
            self._fired_in_silence.append(clock)
        lines = () if self.state.ending else self.arc.said(clock.timer.say)  # an ending has a line of its own
        line = lines[clock.fired % len(lines)] if lines else ""
        clock.fired += 1
        if line:
            self._silent_since = None
        return (ClockFired(at=self._now, clock=clock.kind, seconds=clock.seconds, line=line, mood=mood), *decided)

    def _cues(self, counted: Iterable[tuple[Finding, int]], turn: int) -> list[Event]:
        at = self._now
        return [
            CueFound(
                at=at, turn=turn, mood=mood, name=f.name, found=f.found, words=f.words, by=f.by, nearness=f.nearness
            )
            for f, mood in counted
        ]

    def _become(self, state: ArcState, why: tuple[str, ...] = (), turn: int | None = None) -> list[Event]:
        """Takes a new state; what is to be told of it. `turn` is what brought it about, if not the latest."""
        old, self.state = self.state, state
        told: list[Event] = []
        if old.mood != state.mood:
            emotion = state.emotion.value
            turn = state.turns if turn is None else turn
            told.append(MoodMoved(at=self._now, before=old.mood, after=state.mood, emotion=emotion, why=why, turn=turn))
        before, after = (worded_in(at.name, self.arc.language) if at else "" for at in (old.phase, state.phase))
        if before != after:
            told.append(PhaseMoved(at=self._now, before=before, after=after))
        if state.ending and not old.ending:
            ending, line = state.ending, next(iter(self.arc.said(state.ending.say)), "")
            told.append(EndingReached(at=self._now, name=ending.name, satisfied=ending.passed, line=line))
        return told


def _why(counted: Iterable[tuple[Finding, int]]) -> tuple[str, ...]:
    return tuple(finding.name for finding, mood in counted if mood)
