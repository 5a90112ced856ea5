"""What happens in a call, one small record a kind. The terminal, the session folder, the trainee's screen and the
score read these and nothing else."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Literal

from .redaction import redacted

Speaker = Literal["customer", "operator"]
"""The persona is the customer and the trainee the operator, as the Axtra Console names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`at` is Unix time in seconds. `room` and `user` (the user id of the room's name) are empty in a terminal."""

    kind: ClassVar[str]
    at: float = field(default_factory=time.time)
    room: str = ""
    user: str = ""


SCHEMA = 2
"""The version of what a call's event file holds. A reader takes any version up to its own: fields that came later have
defaults, fields that went are skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header(Event):
    """The first line of a call's event file: the versions of its schema and packages, and what models cost then."""

    kind = "header"
    version: int = SCHEMA
    packages: dict[str, str] = field(default_factory=dict)
    prices: dict[str, dict[str, float]] = field(default_factory=dict)


def _redact(record: object, *names: str) -> None:
    """Takes secrets out of these fields of a record that is being made. What was said in the call is never changed."""
    for name in names:
        object.__setattr__(record, name, redacted(getattr(record, name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(Event):
    """The call is on. `choices` are the options by group, `revision` the hash of all that they hold, `seed` what chose
    among lines that mean the same."""

    kind = "started"
    persona: str
    choices: dict[str, str]
    language: str
    revision: str
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioStarted(Event):
    """The recording of both voices has begun: `at` is the time of its first sample."""

    kind = "audio"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interim(Event):
    """What has been said of a line so far. The next one of the same speaker replaces it.

    Of the persona's, `emotion` is the one that it is said in, and `settled` whether all that was said before it has
    been reported: some models give the transcript of a turn after their answer to it.
    """

    kind = "interim"
    speaker: Speaker
    text: str
    emotion: str = ""
    settled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard(Event):
    """A whole turn of the trainee, and the emotion that it leaves the persona in. `turn` counts from 1; 0 is not known.
    `start` is when the trainee began to speak (Unix time), `seconds` for how long; None where it was typed, or the
    model does not tell."""

    kind = "heard"
    text: str
    revision: str
    emotion: str
    turn: int = 0
    start: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Event):
    """A whole line of the persona, as far as it was spoken.

    `revision` is the one that it was written under. `since_save_ms` marks the first line under an edit: how long after
    the save its first word was said. `turn` is the trainee's latest turn before it (0: none), `start` and `seconds` as
    in `Heard`, `latency` the seconds from that turn's end to her first sound. `mood` and `phase` are the state that
    it was written under, `told` whether the model had been told of it ("": nobody knows).
    """

    kind = "said"
    text: str
    revision: str
    emotion: str
    interrupted: bool = False
    since_save_ms: int | None = None
    turn: int = 0
    start: float | None = None
    seconds: float | None = None
    latency: float | None = None
    mood: int | None = None
    phase: str = ""
    told: Literal["told", "not told", ""] = ""


class Found(StrEnum):
    """How a cue was found: by a phrase, by nearness to an example, by a model's judgement, or by what was done (silent,
    asked again, said nothing that the persona knows)."""

    PHRASE = "phrase"
    MEANING = "meaning"
    MODEL = "model"
    DEED = "deed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CueFound(Event):
    """Something that the trainee said or did counted.

    `words` are the trainee's own, as they stand in the `Heard` of that `turn` ("" of a deed). `by` is the phrase or
    the example that they matched, or the model that judged; `nearness` how near, or how sure it was (0-1), where that
    is known. `mood` is what it added to the mood. A silence is in no turn (0).
    """

    kind = "cue"
    name: str
    turn: int
    found: Found
    words: str = ""
    by: str = ""
    nearness: float | None = None
    mood: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "found", Found(self.found))  # as text when it comes from JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class CueTakenBack(Event):
    """The trainee has denied in this `turn` what had counted before ("I can't refund you after all"): it counts no
    longer, for an ending as for the score, until it is found again. `words` are the trainee's own."""

    kind = "taken_back"
    name: str
    turn: int
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoodMoved(Event):
    """The persona's mood (0-100) has changed. `why` names the cues or the clock that moved it (turn 0: no turn did)."""

    kind = "mood"
    before: int
    after: int
    emotion: str
    why: tuple[str, ...] = ()
    turn: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseMoved(Event):
    """The persona has come into another phase."""

    kind = "phase"
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFired(Event):
    """A time limit of the persona's has run out: so many `seconds` of `silence`, `after` the start, or the call's
    `limit`. `line` is what she says for it, `mood` what it added to the mood."""

    kind = "clock"
    clock: Literal["after", "silence", "limit"]
    seconds: float
    line: str = ""
    mood: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EndingReached(Event):
    """The arc has come to one of the persona's endings, with her closing line; `hung_up`: as the trainee hung up."""

    kind = "ending"
    name: str
    satisfied: bool
    line: str = ""
    hung_up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCalled(Event):
    """The model has used a tool; `result` is what it was told, `refused` whether nothing was done."""

    kind = "tool"
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    result: str = ""
    refused: bool = False

    def __post_init__(self) -> None:
        _redact(self, "result")


@dataclass(frozen=True, slots=True, kw_only=True)
class State(Event):
    """What the persona is doing: listening, thinking or speaking."""

    kind = "state"
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Event):
    """Something that the training lead should know of: a room that no persona claims, a trainee who dropped out."""

    kind = "notice"
    text: str

    def __post_init__(self) -> None:
        _redact(self, "text")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure(Event):
    """Something went wrong that the call survives, if `recoverable`, or ends by. Told when it first happens; if it goes
    on, told again with how many `times` it did when that is over."""

    kind = "failure"
    source: str
    reason: str
    recoverable: bool
    times: int = 1

    def __post_init__(self) -> None:
        _redact(self, "source", "reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered(Event):
    """The persona speaks again. `gap_ms` is how long after the first failure her first word came."""

    kind = "recovered"
    gap_ms: int


class How(StrEnum):
    """What became of an edit in one call, or of one field of it."""

    IN_PLACE = "in place"
    SWAPPED = "swapped"
    NEXT_CALL = "next call"
    RESTART = "restart"
    FROZEN = "frozen"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Change:
    """One field of a file, before and after, as a person reads it, and what became of it. Of prose `new` holds a short
    diff, and `old` nothing."""

    field: str
    old: str
    new: str
    how: How

    def __post_init__(self) -> None:
        object.__setattr__(self, "how", How(self.how))  # as text when it comes from JSON
        _redact(self, "old", "new")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload(Event):
    """The receipt of an edit: exactly one for each edit and each call that is on.

    `how` says whether the model has it (`in place`, or by a `swapped` session), when it will have it (`next call`,
    `restart`), or why not (`frozen`, `rejected`, `superseded`, with the `reason`). `before` and `after` are revisions:
    the call's own, and the edit's ("" where the edit has none). `ms` is how long after the save the call was done with
    it. `after_reply` says that the persona was at a reply then, which is the last one without the edit. `warnings` are
    what the edit has made of the file that nobody may have meant: facts that say otherwise than the prose.
    """

    kind = "reload"
    how: How
    before: str
    after: str = ""
    files: list[str] = field(default_factory=list)
    changes: tuple[Change, ...] = ()
    reason: str = ""
    ms: int = 0
    after_reply: bool = False
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "how", How(self.how))  # as text when it comes from JSON
        changes = tuple(Change(**one) if isinstance(one, dict) else one for one in self.changes)
        object.__setattr__(self, "changes", changes)
        _redact(self, "reason")


FAILED, ROOM_TAKEN, TRAINEE_LEFT = ("error", "no_answer", "lost", "shutdown"), "room_taken", "trainee_left"
"""Reasons of a call that ended without the persona or the trainee wanting it to; that of one which left the room to
another customer's; that of one in which the trainee hung up before the persona did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(Event):
    """The call is over. `reason` is one of the persona's endings, or why the call ended without one; `satisfied` says
    whether it is one in which the persona got what she called for. Whether the call passed, the score alone says.

    `seconds` is how long it lasted, `first_word` how long after its start the persona's first word came. `usage` is
    what each model used, in LiveKit's own names (`provider`, `model`, `input_tokens`, `audio_duration` …).
    """

    kind = "ended"
    reason: str
    satisfied: bool | None = None
    turns: int = 0
    seconds: float = 0.0
    first_word: float | None = None
    usage: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored(Event):
    """The call's score (0-100), once it is over; None where it has none. `missed` holds a sentence for each objective
    missed, in the call's language (`language`, a base tag), `why` what decided it beside the score, `folder` where all
    of it lies."""

    kind = "scored"
    score: int | None
    pass_mark: int
    passed: bool | None
    missed: tuple[str, ...] = ()
    folder: str = ""
    language: str = "en"
    why: str = ""


Emit = Callable[[Event], None]
"""A sink: where a call's events go. It returns at once and never raises into the call."""

_SPOKEN = (Interim, Heard, Said, State)
DECIDED = (CueFound, CueTakenBack, MoodMoved, PhaseMoved, ClockFired, EndingReached)
"""What the arc decides."""
_HELD = (Header, Started, AudioStarted, ToolCalled, Notice, Failure, Recovered, Reload, Ended, Scored)
KINDS: dict[str, type[Event]] = {shape.kind: shape for shape in (*_SPOKEN, *DECIDED, *_HELD)}


def to_json(event: Event) -> str:
    """The event as one line of JSON."""
    line = _encode({name: getattr(event, name) for name in event.__dataclass_fields__})  # asdict leaves out `kind`
    return line if line.isascii() and "\x7f" not in line else _NOT_RAW.sub(lambda c: f"\\u{ord(c[0]):04x}", line)


_NOT_RAW = re.compile("[\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
"""What JSON may hold unescaped, and some readers take for a line end, obey as a direction, or cannot encode."""
_encode = json.JSONEncoder(ensure_ascii=False, default=asdict).encode


def from_json(line: str) -> Event:
    """The event that `to_json` wrote, now or by an earlier version: what it did not have yet is left at its default,
    what there is no more is skipped. Raises ValueError for a line that is none."""
    fields = json.loads(line)
    try:
        shape = KINDS[fields.pop("kind")]
        if "passed" in fields and "satisfied" in shape.__dataclass_fields__:
            fields["satisfied"] = fields.pop("passed")  # its name until version 2
        known = {name: value for name, value in fields.items() if name in shape.__dataclass_fields__}
        for name, value in known.items():
            if isinstance(value, list) and isinstance(shape.__dataclass_fields__[name].default, tuple):
                known[name] = tuple(value)
        return shape(**known)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not an event: {error}") from None
