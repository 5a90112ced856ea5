"""A persona file: Markdown prose, which is the prompt, under YAML front matter, which is what code must know.

Everything in the front matter is optional, so prose alone is a persona. Prose is data: it is kept to the letter,
never interpolated and never executed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from .errors import SpecError, suggest
from .fields import Lines, Mood, MoodChange, MoodRange, Names, Seconds, Text
from .sections import Section, find_sections, section_kind
from .validation import line_of, load_yaml, validated

SIZE_LIMIT = 256 * 1024
"""Bytes. A persona is read whole and sent whole: one far beyond any model's prompt is a mistake or an attack."""

NAME = re.compile(r"[^\W_][\w-]*")
"""What `persona=` takes: letters of any script, digits, `_` and `-`. It can name no path."""


class Emotion(StrEnum):
    """The emotions that a trainee's screen has a colour for."""

    ANGRY = "angry"
    FRUSTRATED = "frustrated"
    DISAPPOINTED = "disappointed"
    NEUTRAL = "neutral"
    SATISFIED = "satisfied"
    HAPPY = "happy"


_STRICT = ConfigDict(extra="forbid", coerce_numbers_to_str=False)


def said_in(lines: Mapping[str, tuple[str, ...]], language: str) -> tuple[str, ...]:
    """The texts for a language (its base tag, such as "th"): its own, else those for every language, else any."""
    return lines.get(language) or lines.get("") or next(iter(lines.values()), ())


@dataclass(frozen=True, slots=True)
class Cue:
    """Something a trainee says or does, and what it does to the persona.

    `hear` holds phrases to listen for; `on` a thing done rather than said: asking for a fact already told, being
    silent, or saying nothing else that the persona knows (and one of `hear`, where that is given). `unless` names
    cues that stand in for this one when a turn has both. `say` is what the persona may answer; `ask` how the
    persona asks for it while an ending waits for it.
    A cue that calms works once, one that angers works every time, unless `repeats` says otherwise.
    """

    __pydantic_config__ = _STRICT
    means: str = ""
    hear: Lines = field(default_factory=dict)
    on: Literal["repeated_question", "silence", "nothing"] | None = None
    unless: Names = ()
    mood: MoodChange = 0
    repeats: bool | None = None
    say: Lines = field(default_factory=dict)
    ask: Lines = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fact:
    """Something the persona knows and tells when asked: `hear` holds ways to ask, `say` ways to answer."""

    __pydantic_config__ = _STRICT
    hear: Lines
    say: Lines


@dataclass(frozen=True, slots=True)
class Timer:
    """A line said `after` so many seconds of the call, or after so many of `silence`, `unless` a cue came first."""

    __pydantic_config__ = _STRICT
    after: Seconds | None = None
    silence: Seconds | None = None
    unless: str | None = None
    mood: MoodChange = 0
    say: Lines = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of mood with an emotion, and what the persona says in it when nothing else fits."""

    __pydantic_config__ = _STRICT
    name: Text
    mood: MoodRange
    emotion: Emotion = Emotion.NEUTRAL
    say: Lines = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ending:
    """How the call can end: once all cues of `when` were met and the mood is at least `mood` (or below `below`)."""

    __pydantic_config__ = _STRICT
    name: Text
    when: Names = ()
    mood: Mood = 0
    below: Mood | None = None
    passed: bool = False
    means: str = ""
    say: Lines = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Objective:
    """What the trainee is scored on: `met` by any of these cues, `ruled_out` by any of those."""

    __pydantic_config__ = _STRICT
    name: Text
    weight: Annotated[int, Field(ge=0, le=100)] = 1
    met: Names = ()
    ruled_out: Names = ()


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What code must know of a persona. `language`, `voice` and `model` name options of those groups."""

    __pydantic_config__ = _STRICT
    name: Text | None = None
    scenarios: tuple[Text, ...] = ()
    language: Text | None = None
    voice: Text | None = None
    model: Text | None = None
    opening: Lines = field(default_factory=dict)
    mood: Mood = 20
    facts: dict[str, Fact] = field(default_factory=dict)
    cues: dict[str, Cue] = field(default_factory=dict)
    timers: tuple[Timer, ...] = ()
    phases: tuple[Phase, ...] = ()
    endings: tuple[Ending, ...] = ()
    objectives: tuple[Objective, ...] = ()

    def __hash__(self) -> int:
        return hash((self.name, self.mood, *self.cues, *self.facts))


@dataclass(frozen=True, slots=True)
class Persona:
    """One customer, as its file says. `id` is the file's stem, `prose` the prompt to the letter."""

    id: str
    name: str
    file: str
    prose: str
    sections: tuple[Section, ...]
    front: FrontMatter


def read_persona(file: Path) -> tuple[Persona, str]:
    """The persona in a file, and its revision (a hash of the file's bytes).

    Raises:
        SpecError: the file cannot be read or used; names the file, and the line where one is to blame.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise SpecError(f"cannot read this persona: {error.strerror or error}", file=file) from None
    return _parsed(data, file), revision_of(data)


@lru_cache(maxsize=128)
def _parsed(data: bytes, file: Path) -> Persona:
    return parse_persona(data, file)


def revision_of(data: bytes) -> str:
    """Twelve hex digits that change when the content does."""
    return hashlib.sha256(data).hexdigest()[:12]


def parse_persona(data: bytes, file: Path) -> Persona:
    """The persona that these bytes of a file hold.

    Raises:
        SpecError: for whatever is wrong with the bytes, and nothing else is ever raised.
    """
    if len(data) > SIZE_LIMIT:
        raise SpecError(f"a persona can have {SIZE_LIMIT // 1024} KiB at most", file=file)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SpecError("not UTF-8 text: save the file as UTF-8", file=file, line=line) from None
    head, prose = _split(text, file)
    if not any(c.isalnum() for c in prose):
        raise SpecError("this persona is empty: the prose under the front matter is its prompt", file=file)
    front = _front_matter(head, file) if head is not None else FrontMatter()
    sections = find_sections(prose)
    return Persona(file.stem, front.name or _name(sections, file), str(file), prose, sections, front)


_KEY = re.compile(rf"^(?:{'|'.join(key.name for key in fields(FrontMatter))})[ \t]*:", re.MULTILINE)


def _split(text: str, file: Path) -> tuple[str | None, str]:
    """Front matter (None if there is none) and prose. A `---` that only rules off prose opens no front matter."""
    opened = re.match(r"---[ \t]*\r?\n", text)
    if not opened:
        return None, text
    rest = text[opened.end() :]
    closed = re.search(r"^---[ \t]*(?:\r?\n|\Z)", rest, re.MULTILINE)
    head = rest[: closed.start()] if closed else rest
    first = head.lstrip().partition("\n")[0]
    if first.startswith("#") and section_kind(first.lstrip("# \t")) != "other":
        return None, text
    if closed:
        return head, rest[closed.end() :]
    if re.match(r"[A-Za-z_]\w*[ \t]*:(\s|$)", first) or _KEY.search(rest):
        raise SpecError("the front matter that opens here is never closed with ---", file=file, line=1)
    return None, text


def _name(sections: tuple[Section, ...], file: Path) -> str:
    """`# Persona: NAME`, else `Name: NAME` in the profile, else the file's name in words."""
    for section in sections:
        if section.kind == "persona" and (name := re.split("[:：]", section.title, maxsplit=1)[1:]) and name[0].strip():
            return name[0].strip()
    for section in sections:
        if found := re.search(
            r"^[-*\s]*(?:\*\*)?(?:full )?name(?:\*\*)?:(?:\*\*)?\s*(\S.*)$", section.text, re.I | re.M
        ):
            return found[1].strip("* \t")
    return file.stem.replace("_", " ").replace("-", " ").title()


@lru_cache(maxsize=64)  # parsing it takes nine tenths of the time, and most edits are of the prose
def _front_matter(head: str, file: Path) -> FrontMatter:
    value, node = load_yaml(head, file, first_line=2)
    if value is None:
        return FrontMatter()
    if not isinstance(value, dict):
        raise SpecError("front matter is `key: value` lines between two ---", file=file, line=2)
    front = validated(FrontMatter, value, file, node)
    for path, name in _cue_names(front):
        if name not in front.cues:
            where = ".".join(map(str, path))
            raise SpecError(
                f"{where}: no cue is called {name!r}{suggest(name, front.cues)}",
                file=file,
                line=line_of(node, path) if node else 2,
            )
    return front


def _cue_names(front: FrontMatter) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """Each place of the front matter that names a cue, and the name there."""
    for name, cue in front.cues.items():
        yield from ((("cues", name, "unless"), other) for other in cue.unless)
    for i, timer in enumerate(front.timers):
        if timer.unless is not None:
            yield ("timers", i, "unless"), timer.unless
    for i, ending in enumerate(front.endings):
        yield from ((("endings", i, "when"), name) for name in ending.when)
    for i, objective in enumerate(front.objectives):
        yield from ((("objectives", i, "met"), name) for name in objective.met)
        yield from ((("objectives", i, "ruled_out"), name) for name in objective.ruled_out)
