"""One customer, as its file says: Markdown prose, which is the prompt, and front matter, which is what code must know.

Everything in the front matter is optional, so prose alone is a persona.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer

from .fields import Factor, Id, Lines, Mood, MoodChange, MoodRange, Names, Phrases, Seconds, Text, Wording, strict
from .sections import Section

NO_NAME = "this is not a name, which is made of letters, digits, _ and -, the first a letter or digit"


def is_name(text: str) -> bool:
    """Whether `persona=` takes it: letters of any script with their marks, digits, `_` and `-`. No path is one."""
    letters = (c.isalnum() or c in "_-" or unicodedata.category(c)[0] == "M" for c in text)
    return text[:1].isalnum() and all(letters)


class Emotion(StrEnum):
    """The emotions that a trainee's screen has a colour for."""

    ANGRY = "angry"
    FRUSTRATED = "frustrated"
    DISAPPOINTED = "disappointed"
    NEUTRAL = "neutral"
    SATISFIED = "satisfied"
    HAPPY = "happy"


Name = Annotated[Wording, Field(min_length=1)]
"""What a trainee reads of something, in one text or one per language."""


def said_in(lines: Mapping[str, tuple[str, ...]], language: str) -> tuple[str, ...]:
    """The texts for a language (its base tag, such as "th"): its own, else those for every language, else any."""
    return lines.get(language) or lines.get("") or next(iter(lines.values()), ())


def worded_in(wording: Mapping[str, str], language: str) -> str:
    """The wording for a language (its base tag): its own, else that for every language, else English, else any."""
    return wording.get(language) or wording.get("") or wording.get("en") or next(iter(wording.values()), "")


@strict
class Cue:
    """Something a trainee says or does, and what it does to the persona.

    `like` holds examples of what a trainee may say, plain sentences; `hear` phrases to listen for; `on` a thing done
    rather than said: asking for a fact already told, being silent, or saying nothing else that the persona knows (and
    one of `hear`, where that is given). It is also met when the persona tells one of the facts that `told` names.
    `unless` names cues that stand in for this one when a turn has both. `say` is what the persona may answer; `ask` how
    the persona asks for it while an ending waits for it.
    A cue that calms works once, one that angers works every time, unless `repeats` says otherwise.
    What the trainee offers by a `refused` cue that angers, the persona does not take: what else its sentence promises
    does not count, and what it denies ("I can't refund you after all") is owed again.
    Whatever a persona's cue leaves open (None or empty) is as in the language's common cue of the same name.
    """

    means: Wording = field(default_factory=dict)
    like: Lines = field(default_factory=dict)
    hear: Phrases = field(default_factory=dict)
    on: Literal["repeated_question", "silence", "nothing"] | None = None
    unless: Names | None = None
    mood: MoodChange | None = None
    repeats: bool | None = None
    refused: bool | None = None
    say: Lines = field(default_factory=dict)
    ask: Lines = field(default_factory=dict)
    told: Names | None = None

    @property
    def change(self) -> int:
        return self.mood or 0

    @property
    def is_refused(self) -> bool:
        """Whether the persona does not take what is offered by it."""
        return bool(self.refused) and self.change < 0


class CommonCue(StrEnum):
    """The common cues of a language's customer that code knows by their names; any other is data alone."""

    APOLOGY = "apology"  # promises nothing, so that it counts beside a refusal
    OWNERSHIP = "ownership"  # as sorry as an apology
    REFUSAL = "refusal"  # also found where what was just promised is denied
    INSULT = "insult"  # by meaning only in a clause that is about somebody
    GOODBYE = "goodbye"  # what hanging up counts as
    # What the offline model has lines for: why she calls, what she wants, a silent line, what she did not get, what was
    # only taken in, thanks for waiting, a fact that was read back to her rightly, or wrongly, what is supposed of her
    # that she cannot tell, something that she has said before, what she is to agree to, to do or to choose, does not
    # know, or would do under a condition, when all that she called for is done, and when nothing else is left to say.
    PROBLEM = "problem"
    WANT = "want"
    SILENCE = "silence"
    PARDON = "pardon"
    GOT_IT = "got_it"
    GREETING = "greeting"
    WAITED = "waited"
    ANYTHING_ELSE = "anything_else"
    CONFIRMED = "confirmed"
    DENIED = "denied"
    UNSURE = "unsure"
    AS_SAID = "as_said"
    FAVOUR_ASKED = "favour_asked"
    AGREEMENT_ASKED = "agreement_asked"
    PREFERENCE_ASKED = "preference_asked"
    YES_NO_QUESTION = "yes_no_question"
    UNKNOWN_QUESTION = "unknown_question"
    ASKED_OF_HER = "asked_of_her"
    CONDITION_ASKED = "condition_asked"
    SETTLED = "settled"
    STILL_HERE = "still_here"


_Listed = Annotated[
    Cue, BeforeValidator(lambda value: {} if value is None else value, json_schema_input_type=Cue | None)
]
"""A cue; `NAME:` with nothing after it is one that leaves all open."""


@strict
class Fact:
    """Something the persona knows and tells when asked: `like` holds examples of how a trainee may ask, `hear` phrases
    to listen for, `say` ways to answer. Asked in a lower mood than `mood`, the persona keeps it back and says one of
    `guarded`, if anything."""

    say: Lines
    mood: Mood = 0
    guarded: Lines = field(default_factory=dict)
    like: Lines = field(default_factory=dict)
    hear: Phrases = field(default_factory=dict)


@strict
class Timer:
    """A line said `after` so many seconds of the call, or after so many of `silence`, `unless` one of some cues came
    first."""

    after: Seconds | None = None
    silence: Seconds | None = None
    unless: Names = ()
    mood: MoodChange = 0
    say: Lines = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.after is None and self.silence is None:
            raise ValueError("no time is said: `after` so much of the call, or of `silence`")


@strict
class Phase:
    """A stretch of mood with an emotion, and what the persona says in it when nothing else fits."""

    name: Name
    mood: MoodRange
    emotion: Emotion = Emotion.NEUTRAL
    say: Lines = field(default_factory=dict)


@strict
class Ending:
    """How the call can end: once all cues of `when` were met (of `a|b` one of the two), the mood is at least `mood` (or
    below `below`), and the call has lasted for so long (`after`)."""

    name: Text
    when: Names = ()
    mood: Mood = 0
    below: Mood | None = None
    after: Seconds | None = None
    passed: bool = False
    means: Wording = field(default_factory=dict)
    say: Lines = field(default_factory=dict)

    @property
    def awaited(self) -> tuple[str, ...]:
        """All cues that `when` names."""
        return tuple(name for entry in self.when for name in entry.split("|"))

    def lacking(self, met: Set[str]) -> tuple[str, ...]:
        """The cues that were not met; where one of several would do, the first of them."""
        return tuple(entry.partition("|")[0] for entry in self.when if met.isdisjoint(entry.split("|")))


@strict
class Objective:
    """What the trainee is scored on: `met` by any of these cues, `ruled_out` by any of those.

    A `blocker` that is not met fails the call whatever the score. `missed` is what the trainee is told then ("you never
    gave a date").
    """

    name: Name
    weight: Annotated[int, Field(ge=0, le=100)] = 1
    met: Names = ()
    ruled_out: Names = ()
    blocker: bool = False
    missed: Lines = field(default_factory=dict)

    @property
    def by_absence(self) -> bool:
        """Whether it is met as long as nothing rules it out, as no cue can meet it."""
        return bool(self.ruled_out) and not self.met


@strict
class Difficulty:
    """How hard a persona is to win over, as an option of the group `difficulty` or a persona's own `levels` say. What
    is None changes nothing; in `levels` it is as in the option.

    `mood` and `demand` are points added to the mood that the call starts in, and to the mood that an ending with
    `passed` asks for; `gains` and `losses` multiply what calms and what angers; `patience` multiplies the seconds of
    timers and of limits. An ending with `passed` waits for the cues of `owed` too, and not for those of `waived`.
    """

    mood: MoodChange | None = None
    gains: Factor | None = None
    losses: Factor | None = None
    patience: Factor | None = None
    demand: MoodChange | None = None
    owed: Names = ()
    waived: Names = ()


@strict
class FrontMatter:
    """What code must know of a persona. `language`, `voice`, `model` and `difficulty` name options of those groups;
    `levels` says what an option of `difficulty` means for this persona; `not_for_model` names headings of the prose
    that the model is not given; from a score (0-100) of `pass_mark` on a call passes. With `calls: false` the
    trainee calls, and the persona answers the telephone. `neutral` are lines of a trainee's that are no cue, however
    near they come to one. Two keys are a language's customer's: `named_cues` are common cues that count in the calls of
    a persona that lists them, and in no other; `called` is what anybody says in place of the rest who is called."""

    name: Text | None = None
    scenarios: tuple[Id, ...] = ()
    language: Id | None = None
    voice: Id | None = None
    model: Id | None = None
    difficulty: Id | None = None
    levels: dict[Id, Difficulty] = field(default_factory=dict)
    not_for_model: Names = ()
    calls: bool = True
    opening: Lines = field(default_factory=dict)
    mood: Mood | None = None
    facts: dict[Id, Fact] = field(default_factory=dict)
    cues: dict[Id, _Listed] = field(default_factory=dict)
    named_cues: dict[Id, Cue] = field(default_factory=dict)
    called: FrontMatter | None = None
    neutral: Lines = field(default_factory=dict)
    timers: tuple[Timer, ...] = ()
    phases: tuple[Phase, ...] = ()
    endings: tuple[Ending, ...] = ()
    objectives: tuple[Objective, ...] = ()
    pass_mark: Mood = 70

    @property
    def start_mood(self) -> int:
        return 20 if self.mood is None else self.mood

    def cue_names(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Each place that names a cue, and the name there."""
        for name, cue in self.cues.items():
            yield from ((("cues", name, "unless"), other) for other in cue.unless or ())
        for i, timer in enumerate(self.timers):
            yield from ((("timers", i, "unless"), name) for name in timer.unless)
        for i, ending in enumerate(self.endings):
            yield from ((("endings", i, "when"), name) for name in ending.awaited)
        for i, objective in enumerate(self.objectives):
            yield from ((("objectives", i, "met"), name) for name in objective.met)
            yield from ((("objectives", i, "ruled_out"), name) for name in objective.ruled_out)
        for level, difficulty in self.levels.items():
            yield from ((("levels", level, "owed"), name) for name in difficulty.owed)
            yield from ((("levels", level, "waived"), name) for name in difficulty.waived)

    def __hash__(self) -> int:
        return hash((self.name, self.mood, *self.cues, *self.facts))


@dataclass(frozen=True, slots=True)
class Topic:
    """Something the persona can say on a question that shares words with it; for an `event` on a turn that has all."""

    words: Annotated[frozenset[str], PlainSerializer(sorted)]
    say: tuple[str, ...]
    event: bool = False


@dataclass(frozen=True, slots=True)
class Arc:
    """What code knows of the persona of one call: cues, facts, moods and endings, which everything in the call reads.

    `front` is the persona's front matter, completed by her prose and by what any customer says in `language` (a base
    tag). The rest is for a scripted customer: from the prose `topics` and the `story`, line after line, and of any
    customer `phases` (lines for each mood, once her own are used up), `afterwards` (lines for a trainee who goes on
    after the end) and `evasive` (the facts that are not known of this one). `seed` says in which order lines are said
    that mean the same: 0 as they are written, any other number in an order of its own.
    `embedder` makes the vectors by which clauses are heard by their meaning; None where phrases alone are.
    """

    front: FrontMatter
    language: str
    topics: tuple[Topic, ...] = ()
    story: tuple[str, ...] = ()
    phases: tuple[Phase, ...] = ()
    afterwards: tuple[str, ...] = ()
    evasive: Annotated[frozenset[str], PlainSerializer(sorted)] = frozenset()
    seed: int = 0
    embedder: str | None = None

    @property
    def is_foreign(self) -> bool:
        """Whether the persona speaks a language in which no customer's lines are written: only her own are said."""
        return not self.phases and not self.afterwards

    def said(self, lines: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """The texts for the call's language, in the order of the seed."""
        texts = said_in(lines, self.language)
        if not self.seed or len(texts) < 2:
            return texts
        return tuple(random.Random(f"{self.seed} {texts}").sample(texts, len(texts)))

    def lines(self, name: str) -> tuple[str, ...]:
        """What the persona says for a cue of this name."""
        cue = self.front.cues.get(name)
        return self.said(cue.say) if cue else ()


@dataclass(frozen=True, slots=True)
class Persona:
    """One customer, as its file says. `id` is the file's stem, `prose` the prompt to the letter."""

    id: str
    name: str
    file: str
    prose: str
    sections: tuple[Section, ...]
    front: FrontMatter
