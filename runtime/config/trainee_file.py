"""What a scripted trainee says to one persona: `NAME.trainees.yaml` beside the persona's file, else `conf/trainee/`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, cast

from ..errors import NotOffered, SpecError, first_of, suggest
from ..spec.trainee import OwnScripts, Script, Trainee
from .groups import CONF, file_of, options, read_conf
from .validation import Place, validated
from .yaml_file import line_of


def own_scripts_file(persona: str) -> Path:
    """Where a persona's own scripts are, or would be."""
    return file_of(persona).with_suffix(".trainees.yaml")


def own_scripts(persona: str) -> OwnScripts:
    """A persona's own scripts; nothing where it has none. Raises SpecError where the file cannot be used, or names a
    trainee or a language that there is not."""
    file = own_scripts_file(persona)
    if not file.exists():
        return {}
    value, node = read_conf(file)
    tags = {str(read_conf(CONF / "language" / f"{name}.yaml")[0].get("base")) for name in options("language")}
    mistakes = [
        SpecError(what, file=file, line=line_of(node, path)) for path, what in _unknown(value, options("trainee"), tags)
    ]
    try:
        scripts: OwnScripts = validated(cast(Any, OwnScripts), value, file, node)
    except SpecError as error:
        mistakes += (error, *error.others)
    if mistakes:
        raise first_of(sorted(mistakes, key=lambda mistake: mistake.line or 0))
    return scripts


def _unknown(value: dict[Any, Any], trainees: Collection[str], tags: Collection[str]) -> Iterator[tuple[Place, str]]:
    """The places that name a trainee or a language that there is not, each with what is wrong."""
    for trainee, scripts in value.items():
        if trainee not in trainees:
            yield (trainee,), f"{trainee}: there is no such trainee{suggest(trainee, trainees)}"
        for tag in scripts if isinstance(scripts, dict) else ():
            if tag not in tags:
                yield (trainee, tag), f"{trainee}.{tag}: no language is called {tag!r}{suggest(tag, tags)}"


def script_for(trainee: Trainee, name: str, persona: str, language: str) -> Script:
    """What the trainee of this name says to a persona in a language (its base tag). Raises SpecError where a file
    cannot be used, and NotOffered where there is no script in this language."""
    own = own_scripts(persona).get(name, {})
    if script := own.get(language) or trainee.scripts.get(language):
        return script
    known = ", ".join(sorted({*own, *trainee.scripts})) or "none"
    raise NotOffered(
        f"trainee={name} has nothing to say to persona={persona} in this language, {language} (there is: {known});"
        f" write it into {own_scripts_file(persona).name} beside the persona, or into conf/trainee/{name}.yaml"
    )
