"""A trainee made of files, who calls a persona in a rehearsal."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from pydantic import BeforeValidator, Field

from .fields import Names, Text, strict
from .session_spec import Part


@strict
class ScriptLine:
    """Something that a scripted trainee says once: in its turn, or with `when` as soon as the persona says one of these
    phrases (written as a persona's `hear` is)."""

    say: Text
    when: Names = ()


def _script_line(value: object) -> object:
    """A text alone is what is said."""
    return {"say": value} if isinstance(value, str) else value


Script = tuple[Annotated[ScriptLine, BeforeValidator(_script_line)], ...]
"""What a trainee says in one call, in its order."""
Scripts = dict[str, Annotated[Script, Field(min_length=1)]]
"""A script for each language, by its base tag."""


@strict
class Trainee:
    """Who calls in a rehearsal: a script, or a language model (`llm`) that plays a `character` of some `skill`.

    `scripts` are for any persona; one that has scripts of its own for this trainee, in `NAME.trainees.yaml` beside its
    file, is called with those. `tts` speaks the lines in a spoken rehearsal. `secrets` as in `Model`.
    """

    description: str = ""
    scripts: Scripts = field(default_factory=dict)
    llm: Part | None = None
    character: str = ""
    skill: str = ""
    tts: Part | None = None
    secrets: dict[str, str] = field(default_factory=dict)


OwnScripts = dict[str, Scripts]
"""What `NAME.trainees.yaml` holds: a persona's own scripts, by trainee and language."""
