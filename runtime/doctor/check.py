"""Every config and persona file, and every spec that they allow, checked before a trainee meets them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product

from rich.console import Console

from ..call import build
from ..config.compose import combine, compose
from ..config.groups import CONF, GROUPS, file_of, options, read_conf
from ..config.persona_file import read_persona
from ..errors import NotOffered, SpecError
from ..redaction import clean
from ..rooms.routing import check_claims, readable_personas
from ..spec.settings import Routing
from ..terminal.view import table


def check_all(routing: Routing) -> int:
    """Checks all there is; returns the exit code, as `report` does."""
    return report([*_files(), *_personas(), *_claims(routing), *_models()], "not installed")


def report(rows: Sequence[tuple[str, str, str]], neither: str) -> int:
    """Prints a table of what is fine (✓), not fine (✗) and `neither` (–); returns the exit code, 1 if anything is not.

    A row is its mark, what it is about, and how that is.
    """
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(table("", ("", "what", "how it is"), rows))
    else:  # a row is a line, however long
        width = max(len(what) for _, what, _ in rows)
        for mark, what, how in rows:
            print(f"{mark}  {what:<{width}}  {clean(how)}")
    bad = sum(mark == "✗" for mark, _, _ in rows)
    absent = sum(mark == "–" for mark, _, _ in rows)
    print(f"{len(rows) - bad - absent} fine, {absent} {neither}, {bad} not fine")
    return 1 if bad else 0


def _row(what: str, examine: Callable[[], str]) -> tuple[str, str, str]:
    try:
        return "✓", what, examine()
    except NotOffered as error:
        return "–", what, str(error)
    except SpecError as error:
        return "✗", what, str(error)


def _files() -> Iterator[tuple[str, str, str]]:
    """Each config file by itself: readable YAML."""
    for file in [CONF / "config.yaml", *sorted(CONF.glob("*/*.yaml"))]:
        name = str(file.relative_to(CONF.parent))
        row = _row(name, lambda file=file: f"{len(read_conf(file)[0])} keys")  # type: ignore[misc]
        if row[0] != "✓":
            yield row


def _personas() -> Iterator[tuple[str, str, str]]:
    """Each persona with what it chooses for itself, as `persona=NAME` alone would run it."""
    for name in options("persona"):
        yield _row(f"persona={name}", lambda name=name: _describe(name))  # type: ignore[misc]


def _describe(name: str) -> str:
    spec = compose([f"persona={name}"])
    build.check(spec)
    front = spec.persona.front
    held = {"sections": spec.persona.sections, "facts": front.facts, "cues": front.cues, "endings": front.endings}
    return f"{spec.persona.name}: " + ", ".join(f"{len(things)} {what}" for what, things in held.items())


def _readable(persona: str) -> bool:
    try:
        read_persona(file_of(persona))
    except SpecError:
        return False
    return True


def _claims(routing: Routing) -> Iterator[tuple[str, str, str]]:
    """Scenarios that would not find their persona: a worker refuses to start with them."""
    for problem in check_claims(readable_personas(), routing):
        yield "✗", "scenarios", problem


def _models() -> Iterator[tuple[str, str, str]]:
    """Each model with every voice, language and VAD."""
    persona = next(filter(_readable, options("persona")), None)
    if persona is None:
        return
    for model in options("model"):
        good = 0
        unoffered: dict[str, None] = {}
        wrong: dict[str, None] = {}
        for voice, language, vad in product(*(options(group) for group in ("voice", "language", "vad"))):
            choices = dict(zip(GROUPS, (model, voice, persona, language, vad), strict=True))
            try:
                build.check(combine(choices))
                good += 1
            except NotOffered as error:
                unoffered[str(error)] = None
            except SpecError as error:
                wrong[str(error)] = None
        mark = "✗" if wrong else "✓" if good else "–"
        shown = [f"{good} specs"] if good else []
        yield mark, f"model={model}", "; ".join([*wrong, *shown, *([] if good else unoffered)])
