"""Every config and persona file, and every spec that they allow, checked before a trainee meets them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import partial
from itertools import islice, product
from pathlib import Path
from typing import Any
from unicodedata import normalize

from rich.console import Console

from ..arc.agreement import disagreements
from ..call import build
from ..config.compose import combine, common_cues, compose_by_hydra, unusable_keys
from ..config.groups import (
    ALL_GROUPS,
    CONF,
    GROUPS,
    chosen,
    config_values,
    file_of,
    misnamed,
    options,
    personas_folder,
    read_conf,
    unknown_choices,
    usual_options,
)
from ..config.persona_file import Reading, examine_persona
from ..config.trainee_file import own_scripts
from ..config.validation import validated
from ..config.yaml_file import Node, cited, line_of, read_bytes
from ..errors import NotOffered, SpecError, shown_path, suggest
from ..rooms.routing import check_claims
from ..spec.persona import Persona, is_name, worded_in
from ..spec.settings import Routing, Settings, Worker
from ..spec.trainee import Trainee
from ..spec.writing_system import foreign_script
from ..terminal.view import plain_rows, table

CheckResult = tuple[str, str, str]
"""A mark (✓ fine, ✗ not fine, ! doubtful, – not installed or not asked), what was checked, and how it is."""


def check_all(routing: Routing, known: Sequence[SpecError] = ()) -> int:
    """Checks all there is, beside mistakes that are `known`; returns the exit code, as `print_results` does."""
    files = [*_files(), *(("✗", str(error.file), str(error)) for error in known)]
    personas: dict[str, Persona] = {}
    fine: dict[str, Persona] = {}
    rows = [*files, *check_personas(personas, fine, {how for _, _, how in files})]
    # With these a worker refuses to start.
    rows += [("✗", "scenarios", problem) for problem in islice(check_claims(personas, routing, {}), 100)]
    rows += [*_defaults(), *_trainees(personas), *_models(fine or personas), *_workers(), *_unused_names()]
    return print_results(list(_once(rows)), "not installed")


def _once(rows: Sequence[CheckResult]) -> Iterator[CheckResult]:
    """The rows; a mistake that several tell of, such as one in a file of conf/, is told by the first of them alone."""
    told: set[str] = set()
    for mark, what, how in rows:
        if mark != "✗" or how not in told:
            yield mark, what, how
        told.add(how)


def print_results(rows: Sequence[CheckResult], neither: str) -> int:
    """Prints what is fine (✓), not fine (✗), doubtful (!) and `neither` (–); returns the exit code: 1 with any ✗."""
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(table("", ("", "what", "how it is"), rows))
    else:
        for line in plain_rows(rows):
            print(line)
    marks = Counter(mark for mark, _, _ in rows)
    doubtful = f", {marks['!']} to look at" if marks["!"] else ""
    print(f"{marks['✓']} fine, {marks['–']} {neither}{doubtful}, {marks['✗']} not fine")
    return 1 if marks["✗"] else 0


def _row(what: str, examine: Callable[[], object]) -> CheckResult:
    try:
        return "✓", what, str(examine())
    except SpecError as error:
        return mark_of(error), what, str(error)


def mark_of(error: SpecError) -> str:
    """How a row is marked that an error is told in."""
    return "–" if isinstance(error, NotOffered) else "✗"


def _mistake(what: str, examine: Callable[[], object]) -> Iterator[CheckResult]:
    """The row where something is wrong; none where all is well."""
    row = _row(what, examine)
    if row[0] != "✓":
        yield row


def _files() -> Iterator[CheckResult]:
    """Each config file by itself: readable YAML."""
    for file in [CONF / "config.yaml", *sorted(CONF.glob("*/*.yaml"))]:
        yield from _mistake(str(file.relative_to(CONF.parent)), partial(read_conf, file))


def _readable(group: str) -> dict[str, tuple[Any, Node]]:
    """The options of a group, each with its file's values and nodes; of those that are broken `_files` tells."""
    found = {}
    for option in options(group):
        with suppress(SpecError):
            found[option] = read_conf(CONF / group / f"{option}.yaml")
    return found


def check_personas(
    found: dict[str, Persona], fine: dict[str, Persona], broken: Collection[str] = ()
) -> Iterator[CheckResult]:
    """Each persona file with all that is wrong in it, and with the spec that `persona=NAME` alone would run; those that
    can be read are added to `found`, and those with nothing wrong to `fine`. What is `broken` elsewhere, by the lines
    that tell of it, says nothing of a persona."""
    languages = _readable("language")
    tags = {str(languages[name][0].get("base")) if name in languages else name for name in options("language")}
    specs: dict[tuple[tuple[str, str], ...], tuple[str, str, str]] = {}
    overridden = any(group in config_values() for group in GROUPS)
    common = common_cues()
    for other, why in misnamed().items():
        yield "✗", str(SpecError(f"persona={Path(other).stem}")), str(SpecError(f"{other}: {why}"))
    for file in sorted(personas_folder().glob("*.md")):
        name = normalize("NFC", file.stem)
        if not is_name(name) or file != file_of(name):
            continue
        what = f"persona={name}"
        try:
            reading = examine_persona(read_bytes(file), file, common)
        except SpecError as error:
            yield "✗", what, str(error)
            continue
        yield from (("✗", what, str(mistake)) for mistake in reading.mistakes)
        if (persona := reading.persona) is None:
            continue
        found[name] = persona
        choices = tuple(sorted(chosen(persona).items()))
        nothing = [*unknown_choices(persona), *_unknown_sections(persona), *unusable_keys(persona)]
        unknown = [_at(reading, persona, path, line) for path, line in nothing]
        wrong = [*unknown, *_foreign_keys(persona, reading, tags), *_uneven(persona, reading)]
        if unknown:
            yield from (("✗", what, line) for line in wrong)
            continue
        if choices not in specs:  # what a persona does not choose is the same for all
            specs[choices] = _spec(name, dict(choices) if specs and not overridden else None)
        mark, how, base = specs[choices]
        mark = "✓" if how in broken else mark
        if mark != "✓":
            yield mark, what, how
        yield from (("✗", what, line) for line in wrong)
        if mark == "✓" and not wrong:
            fine[name] = persona
            yield mark, what, _summary(persona)
        yield from (
            ("!", what, line) for line in [*_foreign_prompt(persona, base, reading), *_otherwise(persona, reading)]
        )
    if not found:
        yield "✗", "personas", f"no persona in {personas_folder()} can be used"


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

    mark, _, how = _row("", examine)
    return mark, how, base


def _defaults() -> Iterator[CheckResult]:
    """Groups for which `conf/config.yaml` chooses no option, or one that there is not. A persona of the folder that it
    names need not be in another one."""
    usual, file = usual_options(), CONF / "config.yaml"
    other = personas_folder() != CONF.parent / config_values().get("personas_dir", Settings().personas_dir)
    for group in ALL_GROUPS if usual else ():
        if group not in usual:
            yield "✗", shown_path(file), str(SpecError(f"defaults: no {group} is chosen", file=file))
        elif (option := usual[group]) not in options(group) and not (group == "persona" and other):
            what = f"defaults: {group}={option}: there is no such {group}{suggest(option, options(group))}"
            place = next(
                i for i, pair in enumerate(config_values()["defaults"]) if isinstance(pair, dict) and group in pair
            )
            line = line_of(read_conf(file)[1], ["defaults", place])
            yield "✗", shown_path(file), str(SpecError(what, file=file, line=line))


def _summary(persona: Persona) -> str:
    front = persona.front
    held = {"sections": persona.sections, "facts": front.facts, "cues": front.cues, "endings": front.endings}
    return f"{persona.name}: " + ", ".join(f"{len(things)} {what}" for what, things in held.items())


def _at(reading: Reading, persona: Persona, path: Sequence[int | str], what: str) -> str:
    """A line about a value of the front matter."""
    line = line_of(reading.node, path) if reading.node else None
    return str(SpecError(what, file=persona.file, line=line))


def _unknown_sections(persona: Persona) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """Headings of `not_for_model` that the prose does not have: what is meant to be kept from the model reaches it."""
    known = [section.title for section in persona.sections]
    folded = set(map(str.casefold, known))
    for i, title in enumerate(persona.front.not_for_model):
        if title.casefold() not in folded:
            yield ("not_for_model", i), f"not_for_model: no heading is called {cited(title)}{suggest(title, known)}"


def _foreign_keys(persona: Persona, reading: Reading, tags: set[str]) -> Iterator[str]:
    """Texts for a language that there is not: nobody would ever say them. A line for each such key."""
    places: dict[str, list[tuple[int | str, ...]]] = {}
    for path in _texts(persona.front):
        if (tag := str(path[-1])) and tag not in tags:
            places.setdefault(tag, []).append(path)
    for tag, paths in islice(places.items(), 10):
        more = f", here and in {len(paths) - 1} more places" if len(paths) > 1 else ""
        key = ".".join(map(str, paths[0]))[:200]
        yield _at(reading, persona, paths[0], f"{key}: no language is called {cited(tag)}{suggest(tag, tags)}{more}")


def _texts(value: object, path: tuple[int | str, ...] = ()) -> Iterator[tuple[int | str, ...]]:
    """Where texts by language stand below this value: the last step of each path is the language."""
    if is_dataclass(value):
        for part in fields(value):
            yield from _texts(getattr(value, part.name), (*path, part.name))
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, tuple):
                yield (*path, key)
            else:
                yield from _texts(item, (*path, key))
    elif isinstance(value, tuple):
        for i, item in enumerate(value):
            yield from _texts(item, (*path, i))


def _uneven(persona: Persona, reading: Reading) -> Iterator[str]:
    """Stretches of mood that no phase is for, or two, and phases that run backwards."""
    phases = persona.front.phases

    def at(i: int, what: str) -> str:
        return _at(reading, persona, ("phases", i, "mood"), f"phases: {what}")

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


def _foreign_prompt(persona: Persona, base: str, reading: Reading) -> Iterator[str]:
    """A prompt in letters that the call's language does not have."""
    if base and (script := foreign_script(persona.prose, base)):
        what = f"the prompt is in {script.title()} letters, and the call's language is {base}"
        yield str(
            SpecError(f"{what}: choose another `language`, or translate it", file=persona.file, line=reading.prose_line)
        )


def _otherwise(persona: Persona, reading: Reading) -> Iterator[str]:
    for line in islice(disagreements(persona), 10):
        yield _at(reading, persona, line.partition(":")[0].split("."), line)


def _trainees(personas: Mapping[str, Persona]) -> Iterator[CheckResult]:
    """Each trainee of a rehearsal, and what each persona's own file lets them say."""
    for option, (value, node) in _readable("trainee").items():
        yield _row(f"trainee={option}", partial(_described, value, CONF / "trainee" / f"{option}.yaml", node))
    for other in sorted(personas_folder().glob("*.trainees.yaml")):
        name = normalize("NFC", other.name.removesuffix(".trainees.yaml"))
        if name not in personas:
            yield "✗", other.name, f"no persona is called {name}{suggest(name, personas)}"
        else:
            yield from _mistake(other.name, partial(own_scripts, name))


def _described(value: object, file: Path, node: Node) -> str:
    return validated(Trainee, value, file, node).description


def _models(personas: Mapping[str, Persona]) -> Iterator[CheckResult]:
    """Each model with every voice, language and VAD, and each way to listen."""
    persona = min(personas, key=lambda name: len(personas[name].prose), default=None)
    if persona is None:
        return
    known = {group: _readable(group) for group in GROUPS if group != "persona"}
    said = usual_options()
    usual = {group: said[group] if said.get(group) in able else next(iter(able), "") for group, able in known.items()}
    usual["persona"] = persona
    for model in _readable("model"):
        good = 0
        unoffered: Counter[str] = Counter()
        wrong: dict[str, None] = {}
        for voice, language, vad in product(*(_readable(group) for group in ("voice", "language", "vad"))):
            choices = {"model": model, "voice": voice, "language": language, "vad": vad}
            try:
                build.check(combine(usual | choices), audio=True)
                good += 1
            except NotOffered as error:
                unoffered[str(error)] += 1
            except SpecError as error:
                wrong[str(error)] = None
        yield from (("✗", f"model={model}", line) for line in wrong)
        if good:
            usual["model"] = usual["model"] if said.get("model") in known["model"] else model
            yield "✓", f"model={model}", f"{good} specs"
        elif unoffered:
            yield "–", f"model={model}", unoffered.most_common(1)[0][0]
    for group in ("listening", "judge", "difficulty"):
        for option in _readable(group):
            yield _row(f"{group}={option}", partial(_checked, usual | {group: option}))


def _workers() -> Iterator[CheckResult]:
    """Each worker's file that has a mistake."""
    for option, (value, node) in _readable("worker").items():
        file = CONF / "worker" / f"{option}.yaml"
        yield from _mistake(f"worker={option}", partial(validated, Worker, value, file, node))


def _unused_names() -> Iterator[CheckResult]:
    """Names of a voice that no model asks for."""
    asked = set(re.findall(r"voice\.names\.(\w+)", str([value for value, _ in _readable("model").values()])))
    for option, (value, node) in _readable("voice").items():
        for name in value.get("names") or ():
            if name not in asked:
                what = f"names.{name}: no model asks for it{suggest(name, asked)}"
                line = line_of(node, ["names", name])
                yield "!", f"voice={option}", str(SpecError(what, file=CONF / "voice" / f"{option}.yaml", line=line))


def _checked(choices: dict[str, str]) -> str:
    build.check(combine(choices), audio=False)
    return "1 spec"
