"""Every config and persona file, and every spec that they allow, checked before a trainee meets them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice, product
from pathlib import Path
from unicodedata import normalize

from ..call import build
from ..config.compose import combine
from ..config.groups import (
    ALL_GROUPS,
    CONF,
    GROUPS,
    config_values,
    options,
    personas_folder,
    read_conf,
    readable,
    usual_options,
)
from ..config.trainee_file import own_scripts
from ..config.validation import validated
from ..config.yaml_file import Node, line_of
from ..errors import NotOffered, SpecError, shown_path, suggest
from ..rooms.routing import check_claims
from ..spec.persona import Persona
from ..spec.settings import Routing, Settings, Worker
from ..spec.trainee import Trainee
from .personas import check_personas
from .rows import CheckResult, mistakes_of, print_results, rows_of


def check_all(routing: Routing, known: Sequence[SpecError] = ()) -> int:
    """Checks all there is, beside mistakes that are `known`; returns the exit code, as `print_results` does."""
    files = [*_files(), *(("✗", str(error.file), str(one)) for error in known for one in (error, *error.others))]
    personas: dict[str, Persona] = {}
    fine: dict[str, Persona] = {}
    rows = [*files, *check_personas(personas, fine, {how for _, _, how in files})]
    # With these a worker refuses to start.
    rows += [("✗", "scenarios", problem) for problem in islice(check_claims(personas, routing, {}), 100)]
    rows += [*_defaults(), *_trainees(), *_models(fine or personas), *_workers(), *_unused_names()]
    return print_results(list(_once(rows)), "not installed")


def _once(rows: Sequence[CheckResult]) -> Iterator[CheckResult]:
    """The rows; a mistake that several tell of, such as one in a file of conf/, is told by the first of them alone."""
    told: set[str] = set()
    for mark, what, how in rows:
        if mark != "✗" or how not in told:
            yield mark, what, how
        told.add(how)


def _files() -> Iterator[CheckResult]:
    """Each config file by itself: readable YAML."""
    for file in [CONF / "config.yaml", *sorted(CONF.glob("*/*.yaml"))]:
        yield from mistakes_of(str(file.relative_to(CONF.parent)), partial(read_conf, file))


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


def _trainees() -> Iterator[CheckResult]:
    """Each trainee of a rehearsal, and what each persona's own file lets them say."""
    for option, (value, node) in readable("trainee").items():
        yield from rows_of(f"trainee={option}", partial(_described, value, CONF / "trainee" / f"{option}.yaml", node))
    for other in sorted(personas_folder().glob("*.trainees.yaml")):
        name = normalize("NFC", other.name.removesuffix(".trainees.yaml"))
        if name not in options("persona"):
            yield "✗", other.name, f"no persona is called {name}{suggest(name, options('persona'))}"
        else:
            yield from mistakes_of(other.name, partial(own_scripts, name))


def _described(value: object, file: Path, node: Node) -> str:
    return validated(Trainee, value, file, node).description


def _models(personas: Mapping[str, Persona]) -> Iterator[CheckResult]:
    """Each model with every voice, language and VAD, and each way to listen."""
    persona = min(personas, key=lambda name: len(personas[name].prose), default=None)
    if persona is None:
        return
    known = {group: readable(group) for group in GROUPS if group != "persona"}
    said = usual_options()
    usual = {group: said[group] if said.get(group) in able else next(iter(able), "") for group, able in known.items()}
    usual["persona"] = persona
    for model in readable("model"):
        good = 0
        unoffered: Counter[str] = Counter()
        wrong: dict[str, None] = {}
        for voice, language, vad in product(*(readable(group) for group in ("voice", "language", "vad"))):
            choices = {"model": model, "voice": voice, "language": language, "vad": vad}
            try:
                build.check(combine(usual | choices), audio=True)
                good += 1
            except NotOffered as error:
                unoffered[str(error)] += 1
            except SpecError as error:
                wrong |= dict.fromkeys(map(str, (error, *error.others)))
        yield from (("✗", f"model={model}", line) for line in wrong)
        if good:
            usual["model"] = usual["model"] if said.get("model") in known["model"] else model
            yield "✓", f"model={model}", f"{good} specs"
        elif unoffered:
            yield "–", f"model={model}", unoffered.most_common(1)[0][0]
    for group in ("listening", "judge", "difficulty"):
        for option in readable(group):
            yield from rows_of(f"{group}={option}", partial(_checked, usual | {group: option}))


def _workers() -> Iterator[CheckResult]:
    """Each worker's file that has a mistake."""
    for option, (value, node) in readable("worker").items():
        file = CONF / "worker" / f"{option}.yaml"
        yield from mistakes_of(f"worker={option}", partial(validated, Worker, value, file, node))


def _unused_names() -> Iterator[CheckResult]:
    """Names of a voice that no model asks for."""
    asked = set(re.findall(r"voice\.names\.(\w+)", str([value for value, _ in readable("model").values()])))
    for option, (value, node) in readable("voice").items():
        for name in value.get("names") or ():
            if name not in asked:
                what = f"names.{name}: no model asks for it{suggest(name, asked)}"
                line = line_of(node, ["names", name])
                yield "!", f"voice={option}", str(SpecError(what, file=CONF / "voice" / f"{option}.yaml", line=line))


def _checked(choices: dict[str, str]) -> str:
    build.check(combine(choices), audio=False)
    return "1 spec"
