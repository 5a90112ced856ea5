"""What happens in a call, one small record a kind. The terminal, the session folder, the trainee's screen and the
score read these and nothing else."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import ClassVar, Literal

from .redaction import redacted

Speaker = Literal["customer", "operator"]
"""The persona and the trainee, in the words of the trainee's screen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`at` is Unix time in seconds. `room` and `user` (the user id of the room's name) are empty in a terminal."""

    kind: ClassVar[str]
    at: float = field(default_factory=time.time)
    room: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(Event):
    """The call is on. `choices` are the options by group, `revision` the hash of all that they hold."""

    kind = "started"
    persona: str
    choices: dict[str, str]
    language: str
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Interim(Event):
    """What has been said of a line so far. The next one of the same speaker replaces it."""

    kind = "interim"
    speaker: Speaker
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard(Event):
    """A whole turn of the trainee, and the emotion that it leaves the persona in."""

    kind = "heard"
    text: str
    revision: str
    emotion: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Event):
    """A whole line of the persona, as far as it was spoken.

    `revision` is the one that it was written under. `since_save_ms` marks the first line under an edit: how long after
    the save its first word was said.
    """

    kind = "said"
    text: str
    revision: str
    emotion: str
    interrupted: bool = False
    since_save_ms: int | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure(Event):
    """Something went wrong that the call survives, if `recoverable`, or ends by."""

    kind = "failure"
    source: str
    reason: str
    recoverable: bool

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", redacted(self.reason))


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload(Event):
    """The receipt of an edit: exactly one for each edit and each call that is on.

    `how` says whether the model has it (`in place`, or by a `swapped` session), when it will have it (`next call`,
    `restart`), or why not (`frozen`, `rejected`, `superseded`, with the `reason`). `before` and `after` are revisions:
    the call's own, and the edit's ("" where the edit has none). `ms` is how long after the save the call was done with
    it.
    """

    kind = "reload"
    how: How
    before: str
    after: str = ""
    files: list[str] = field(default_factory=list)
    changes: tuple[Change, ...] = ()
    reason: str = ""
    ms: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "how", How(self.how))  # as text when it comes from JSON
        changes = (Change(**change) if isinstance(change, dict) else change for change in self.changes)
        object.__setattr__(self, "changes", tuple(changes))
        object.__setattr__(self, "reason", redacted(self.reason))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(Event):
    """The call is over. `reason` is one of the persona's endings, or why the call ended without one.

    `seconds` is how long it lasted, `first_word` how long after its start the persona's first word came.
    """

    kind = "ended"
    reason: str
    passed: bool | None = None
    turns: int = 0
    seconds: float = 0.0
    first_word: float | None = None


Emit = Callable[[Event], None]
"""Where a call's events go. It returns at once and never raises into the call."""


KINDS: dict[str, type[Event]] = {
    shape.kind: shape for shape in (Started, Interim, Heard, Said, State, Notice, Failure, Recovered, Reload, Ended)
}


def to_json(event: Event) -> str:
    """The event as one line of JSON."""
    # asdict would copy what is only read, and leave out `kind`, which is the class's.
    return _encode({name: getattr(event, name) for name in event.__dataclass_fields__})


_encode = json.JSONEncoder(ensure_ascii=False, default=asdict).encode


def from_json(line: str) -> Event:
    """The event that `to_json` wrote.

    Raises:
        ValueError: the line is none.
    """
    fields = json.loads(line)
    try:
        return KINDS[fields.pop("kind")](**fields)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not an event: {error}") from None
