"""Every persona file, with all that is wrong with it at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import fields, is_dataclass
from itertools import islice
from pathlib import Path
from unicodedata import normalize

from ..arc.agreement import disagreements
from ..call import build
from ..config.compose import combine, common_cues, compose_by_hydra, dead_keys
from ..config.groups import (
    GROUPS,
    chosen,
    config_values,
    file_of,
    misnamed,
    options,
    personas_folder,
    readable,
    unknown_choices,
    usual_options,
)
from ..config.persona_file import Reading, examine_persona
from ..config.validation import Place
from ..config.yaml_file import cited, line_of, read_bytes
from ..errors import SpecError, suggest
from ..spec.persona import FrontMatter, Persona, is_name, worded_in
from ..spec.writing_system import foreign_script
from .rows import CheckResult, rows_of

SPOKEN = ("opening", "say", "ask", "guarded")
"""The keys of what the persona herself says."""
TOLD = 10
"""How many lines of one kind are told of a file."""


def check_personas(
    found: dict[str, Persona], fine: dict[str, Persona], broken: Collection[str] = ()
) -> Iterator[CheckResult]:
    """Each persona file with all that is wrong in it, and with the spec that `persona=NAME` alone would run; those that
    can be read, if only in part, are added to `found`, and those with nothing wrong to `fine`. What is `broken`
    elsewhere, by the lines that tell of it, says nothing of a persona."""
    known = readable("language")
    bases = {name: str(known[name][0].get("base")) if name in known else name for name in options("language")}
    common = common_cues()
    for other, why in misnamed().items():
        yield "✗", str(SpecError(f"persona={Path(other).stem}")), str(SpecError(f"{other}: {why}"))
    readings = dict(_readings(common))
    wrong = {name: list(_mistakes(reading, {*bases.values()}, common)) for name, reading in readings.items()}
    whole = next((name for name, mistakes in wrong.items() if not mistakes), None)
    overridden = any(group in config_values() for group in GROUPS)
    specs: dict[tuple[tuple[str, str], ...], tuple[str, str, str]] = {}
    for name in [*filter(None, [whole]), *readings]:  # what a persona does not choose is the same for all
        persona = readings[name].right
        if persona and (choices := _choices(persona)) not in specs and whole:
            specs[choices] = _spec(whole, dict(choices)) if specs and not overridden else _spec(name, None)
    for name, reading in readings.items():
        what = f"persona={name}"
        yield from (("✗", what, str(mistake)) for mistake in sorted(wrong[name], key=_by_line))
        if (persona := reading.right) is None:
            continue
        found[name] = persona
        mark, how, base = specs.get(_choices(persona), ("✓", "", ""))
        mark = "✓" if how in broken else mark
        if mark != "✓":
            yield mark, what, how
        elif not wrong[name]:
            fine[name] = persona
            yield mark, what, _summary(persona)
        doubts = [*_foreign_prompt(persona, base, reading), *_otherwise(persona, reading)]
        doubts += _missing_texts(persona, reading, bases)
        yield from (("!", what, str(doubt)) for doubt in sorted(doubts, key=_by_line))
    if not found:
        yield "✗", "personas", f"no persona in {personas_folder()} can be used"


def _by_line(told: SpecError) -> int:
    return told.line or 0


def _readings(common: frozenset[str]) -> Iterator[tuple[str, Reading]]:
    """What became of each persona's file, by name."""
    for file in sorted(personas_folder().glob("*.md")):
        name = normalize("NFC", file.stem)
        if is_name(name) and file == file_of(name):
            try:
                yield name, examine_persona(read_bytes(file), file, common)
            except SpecError as error:
                yield name, Reading(None, (error,))


def _mistakes(reading: Reading, tags: set[str], common: frozenset[str]) -> Iterator[SpecError]:
    """All that is wrong in a file. What was left out of it is told already, and not what is missing by that."""
    yield from reading.mistakes
    if (persona := reading.right) is None:
        return
    lines = [*unknown_choices(persona), *_unknown_sections(persona), *_foreign_keys(persona.front, tags)]
    lines += (line for line in dead_keys(persona.front, common) if reading.is_whole(*line[0]))
    if not any(out[0] == "phases" and out[2:3] in ((), ("mood",)) for out in reading.left_out):
        lines += _uneven(persona.front)
    yield from (_at(reading, persona, path, what) for path, what in lines)


def _choices(persona: Persona) -> tuple[tuple[str, str], ...]:
    """The options that a persona chooses, of those that there are."""
    return tuple(sorted((group, one) for group, one in chosen(persona).items() if one in options(group)))


def _spec(name: str, choices: dict[str, str] | None) -> tuple[str, str, str]:
    """Whether what a persona chooses makes a spec, as a mark and why not, and the language of its calls. Without
    `choices` Hydra composes it: that is done for one, as it takes long."""
    base = ""

    def examine() -> str:
        nonlocal base
        known = usual_options() | (choices or {}) | {"persona": name}
        if not known.keys() >= set(GROUPS):
            return ""  # conf/config.yaml, which is told of, does not say what else a call has
        spec = compose_by_hydra([f"persona={name}"]) if choices is None else combine(known)
        base = spec.language.base
        build.check(spec, audio=False)  # what speech needs is checked once for each model
        return ""

    mark, _, how = next(rows_of("", examine))
    return mark, how, base


def _summary(persona: Persona) -> str:
    front = persona.front
    held = {"sections": persona.sections, "facts": front.facts, "cues": front.cues, "endings": front.endings}
    return f"{persona.name}: " + ", ".join(f"{len(things)} {what}" for what, things in held.items())


def _at(reading: Reading, persona: Persona, path: Sequence[int | str], what: str) -> SpecError:
    """A mistake in, or a doubt about, a value of the front matter."""
    return SpecError(what, file=persona.file, line=line_of(reading.node, path) if reading.node else None)


def _unknown_sections(persona: Persona) -> Iterator[tuple[Place, str]]:
    """Headings of `not_for_model` that the prose does not have: what is meant to be kept from the model reaches it."""
    known = [section.title for section in persona.sections]
    folded = set(map(str.casefold, known))
    for i, title in enumerate(persona.front.not_for_model):
        if title.casefold() not in folded:
            yield ("not_for_model", i), f"not_for_model: no heading is called {cited(title)}{suggest(title, known)}"


def _foreign_keys(front: FrontMatter, tags: set[str]) -> Iterator[tuple[Place, str]]:
    """Texts for a language that there is not: nobody would ever say them. A line for each such key."""
    places: dict[str, list[Place]] = {}
    for path in _texts(front):
        if (tag := str(path[-1])) and tag not in tags:
            places.setdefault(tag, []).append(path)
    for tag, paths in islice(places.items(), TOLD):
        more = f", here and in {len(paths) - 1} more places" if len(paths) > 1 else ""
        yield paths[0], f"{_key(paths[0])}: no language is called {cited(tag)}{suggest(tag, tags)}{more}"


def _missing_texts(persona: Persona, reading: Reading, bases: dict[str, str]) -> Iterator[SpecError]:
    """Texts that are there in one of the languages that this file speaks, and not in another: there a trainee is not
    heard by them, or reads or hears the wrong language. Of a common cue the language itself has what is missing."""
    places: dict[Place, tuple[Place, set[str]]] = {}
    for path in _texts(persona.front):
        kind = (*path[:-2], "heard") if path[-2] in ("like", "hear") else path[:-1]  # one of the two is enough
        places.setdefault(kind, (path[:-1], set()))[1].add(str(path[-1]))
    spoken = {bases[name] for group, name in _choices(persona) if group == "language"}
    spoken |= {tag for kind, (_, tags) in places.items() if kind[-1] in SPOKEN for tag in tags}
    common, known = common_cues(), {*bases.values()}
    lines = [
        (path, f"{_key(path)}: nothing is in {', '.join(sorted(lacking))}, which this file speaks elsewhere")
        for kind, (path, tags) in places.items()
        if tags <= known and (lacking := (spoken & known) - tags) and path[0] != "neutral"
        if not (path[0] == "cues" and path[1] in common) and reading.is_whole(*path[:2])
    ]
    for path, what in lines[:TOLD]:
        more = f" (and in {len(lines) - TOLD} more places)" if len(lines) > TOLD and what is lines[TOLD - 1][1] else ""
        yield _at(reading, persona, path, what + more)


def _key(path: Place) -> str:
    return ".".join(map(str, path))[:200]


def _texts(value: object, path: Place = ()) -> Iterator[Place]:
    """Where texts by language stand below this value: the last step of each path is the language."""
    if is_dataclass(value):
        for part in fields(value):
            yield from _texts(getattr(value, part.name), (*path, part.name))
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, tuple | str):
                yield (*path, key)
            else:
                yield from _texts(item, (*path, key))
    elif isinstance(value, tuple):
        for i, item in enumerate(value):
            yield from _texts(item, (*path, i))


def _uneven(front: FrontMatter) -> Iterator[tuple[Place, str]]:
    """Stretches of mood that no phase is for, or two, and phases that run backwards."""
    phases = front.phases

    def at(i: int, what: str) -> tuple[Place, str]:
        return ("phases", i, "mood"), f"phases: {what}"

    for i, phase in enumerate(phases):
        if phase.mood[0] > phase.mood[1]:
            yield at(i, f"mood {phase.mood[0]}-{phase.mood[1]} of {cited(worded_in(phase.name, 'en'))} runs backwards")
    order = sorted((i for i, p in enumerate(phases) if p.mood[0] <= p.mood[1]), key=lambda i: phases[i].mood)
    if not order:
        return
    if (low := phases[order[0]].mood[0]) > 0:
        yield at(order[0], f"no phase is for mood {_stretch(0, low - 1)}")
    top = order[0]
    for i in islice(order, 1, None):
        low, high = phases[i].mood
        reached = phases[top].mood[1]
        if low <= reached:
            both = " and ".join(cited(worded_in(phases[each].name, "en")) for each in (top, i))
            yield at(i, f"{both} are both for mood {_stretch(low, min(high, reached))}")
        elif low > reached + 1:
            yield at(i, f"no phase is for mood {_stretch(reached + 1, low - 1)}")
        top = i if high > reached else top
    if (reached := phases[top].mood[1]) < 100:
        yield at(top, f"no phase is for mood {_stretch(reached + 1, 100)}")


def _stretch(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}-{high}"


def _foreign_prompt(persona: Persona, base: str, reading: Reading) -> Iterator[SpecError]:
    """A prompt in letters that the call's language does not have."""
    if base and (script := foreign_script(persona.prose, base)):
        what = f"the prompt is in {script.title()} letters, and the call's language is {base}"
        yield SpecError(
            f"{what}: choose another `language`, or translate it", file=persona.file, line=reading.prose_line
        )


def _otherwise(persona: Persona, reading: Reading) -> Iterator[SpecError]:
    for line in islice(disagreements(persona), TOLD):
        yield _at(reading, persona, line.partition(":")[0].split("."), line)
