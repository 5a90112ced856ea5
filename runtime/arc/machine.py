"""The emotional arc: what a trainee says → what it does to the persona. Pure: no I/O, no clock, no randomness."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, reduce
from itertools import islice
from types import MappingProxyType

from ..spec.persona import Emotion, Ending, Fact, FrontMatter, Phase
from .phrases import heard_any, plain

ANSWERS = 3
"""Facts that a person answers in one breath; those asked beyond are neither answered nor counted as told."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What one turn of the trainee held: names of cues that counted, and of facts asked for, asked for again or
    read back for confirmation."""

    cues: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    confirmed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """Where a call stands after some turns. `met` counts each cue; `last` is what the last turn held."""

    mood: int
    emotion: Emotion
    phase: Phase | None = None
    met: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    told: frozenset[str] = frozenset()
    asked_again: int = 0
    ending: Ending | None = None
    last: Heard = Heard()
    turns: int = 0


def start(front: FrontMatter) -> State:
    """The state before anything is said."""
    phase = phase_at(front.phases, front.mood)
    return State(front.mood, emotion_at(phase, front.mood), phase)


def fold(front: FrontMatter, turns: Iterable[str]) -> State:
    """The state after the trainee said all this."""
    return reduce(lambda state, text: step(front, state, text), turns, start(front))


def step(front: FrontMatter, state: State, text: str) -> State:
    """The state after one more turn of the trainee. Once an ending is reached, nothing changes it."""
    if state.ending:
        return replace(state, last=Heard(), turns=state.turns + 1)
    last = _listen(front, state, text)
    met = dict(state.met)
    change = 0
    for name in last.cues:
        cue = front.cues[name]
        if name not in met or (cue.mood < 0 if cue.repeats is None else cue.repeats):
            change += cue.mood
        met[name] = met.get(name, 0) + 1
    state = replace(
        state,
        met=MappingProxyType(met),
        told=state.told | set(last.asked),
        asked_again=state.asked_again + len(last.again),
        last=last,
        turns=state.turns + 1,
    )
    return shift(front, state, change)


def shift(front: FrontMatter, state: State, change: int) -> State:
    """The state with the mood changed by so much, and with the ending that this brings about."""
    mood = max(0, min(100, state.mood + change))
    phase = phase_at(front.phases, mood)
    ending = state.ending or next((e for e in front.endings if _reached(e, state.met, mood)), None)
    return replace(state, mood=mood, phase=phase, emotion=emotion_at(phase, mood), ending=ending)


def _reached(ending: Ending, met: Mapping[str, int], mood: int) -> bool:
    return (
        comes_about(ending)
        and all(met.get(name) for name in ending.when)
        and ending.mood <= mood < (ending.below or 101)
    )


def comes_about(ending: Ending) -> bool:
    """Whether cues or the mood bring it about; an ending that nothing does is there for its lines."""
    return bool(ending.when or ending.mood or ending.below is not None)


def _listen(front: FrontMatter, state: State, text: str) -> Heard:
    said = plain(text)
    if not said.strip(",? "):
        return Heard(cues=tuple(name for name, cue in front.cues.items() if cue.on == "silence"))
    wanted = [name for name, fact in front.facts.items() if heard_any(fact.hear, said)]
    confirmed = tuple(name for name, fact in front.facts.items() if _read_back(fact, said, name in wanted))
    wanted = [name for name in wanted if name not in confirmed]
    again = tuple(name for name in wanted if name in state.told)
    asked = tuple(name for name in wanted if name not in state.told)[:ANSWERS]
    cues = {name for name, cue in front.cues.items() if not cue.on and heard_any(cue.hear, said)}
    cues |= {name for name, cue in front.cues.items() if cue.on == "repeated_question" and again}
    if not cues and not wanted and not confirmed:
        nothing = sorted(
            (n for n, cue in front.cues.items() if cue.on == "nothing"), key=lambda n: not front.cues[n].hear
        )
        fits = (name for name in nothing if not front.cues[name].hear or heard_any(front.cues[name].hear, said))
        cues = set(islice(fits, 1))
    counted = tuple(name for name, cue in front.cues.items() if name in cues and not cues.intersection(cue.unless))
    return Heard(counted, asked, again, confirmed)


def _read_back(fact: Fact, said: str, asked: bool) -> bool:
    """Whether the trainee says the answer's numbers: then it is confirmed, not asked for. Numbers that say little
    by themselves ("3") count only in what sounds like a question for this fact."""
    words = set(said.split())
    for numbers in (_numbers(line) for lines in fact.say.values() for line in lines):
        if numbers and numbers <= words and (asked or sum(map(len, numbers)) > 2):
            return True
    return False


@lru_cache(maxsize=4096)
def _numbers(line: str) -> frozenset[str]:
    return frozenset(word for word in plain(line).split() if any(map(str.isdecimal, word)))


def phase_at(phases: Sequence[Phase], mood: int) -> Phase | None:
    """The phase that this mood is in; between two, the one below."""
    inside = next((phase for phase in phases if phase.mood[0] <= mood <= phase.mood[1]), None)
    below = [phase for phase in phases if phase.mood[1] < mood]
    return inside or max(below, key=lambda phase: phase.mood[1], default=phases[0] if phases else None)


def emotion_at(phase: Phase | None, mood: int) -> Emotion:
    """The phase's emotion; without phases, one that goes with the mood."""
    if phase:
        return phase.emotion
    bounds = (25, 45, 60, 75, 90)
    return list(Emotion)[bisect_right(bounds, mood)]


def merged(own: FrontMatter, common: FrontMatter) -> FrontMatter:
    """A persona's front matter with what any customer says (a language's `customer`) where it says nothing itself.

    Where the persona has cues of its own that anger (or calm), the common ones that do so are still answered but no
    longer move the mood: what angers and calms is then the persona's own affair.
    """
    angers, calms = (any(cue.mood * sign > 0 for cue in own.cues.values()) for sign in (-1, 1))
    ons = {cue.on for cue in own.cues.values() if cue.on and cue.on != "nothing"}
    cues = dict(own.cues)
    for name, cue in common.cues.items():
        if name in cues or cue.on in ons:
            continue
        cues[name] = replace(cue, mood=0) if (cue.mood < 0 and angers) or (cue.mood > 0 and calms) else cue
    endings = own.endings or tuple(
        replace(ending, when=tuple(name for name in ending.when if cues[name].mood))
        for ending in common.endings
        if comes_about(ending)
    )
    return replace(
        own,
        opening=own.opening or common.opening,
        facts={**own.facts, **{name: fact for name, fact in common.facts.items() if name not in own.facts}},
        cues=cues,
        timers=own.timers or common.timers,
        phases=own.phases or common.phases,
        endings=endings,
        objectives=own.objectives or common.objectives,
    )
