"""`mode=plan` and `mode=replay`: what reaches a call that is on, and how; what a draft of a persona would change once
it is saved, and what it would have changed in recorded calls."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.text import Text

from ..arc.agreement import disagreements
from ..call.plan import TABLE, Plan, Way, kind_of, plan
from ..config.compose import compose
from ..config.groups import options, standing_in
from ..config.persona_file import read_persona
from ..errors import SpecError, not_there, shown_path
from ..events import How
from ..record.folder import RecordedCall, folders, read_folder
from ..record.upkeep import folders_below
from ..redaction import clean
from ..rehearse.replay import flips, play, understand
from ..spec.session_spec import SessionSpec
from ..spec.settings import Settings
from .view import plain_rows, show_change, table

WHEN = {
    How.NEXT_CALL: "the next call has it",
    How.UNCHANGED: "nothing to do",
    How.SWAPPED: "once nobody speaks, by a new session that knows the conversation",
}


def show_plan(spec: SessionSpec, settings: Settings, overrides: Sequence[str]) -> None:
    """Prints the table for the spec's model, and the draft's changes where there is one.

    Raises:
        SpecError: the draft cannot be read or used.
    """
    new = _with_draft(spec, Path(settings.draft), overrides) if settings.draft else spec
    console = Console(highlight=False)
    kind = kind_of(spec)
    rows = [(row.what, row.ways[kind].how.value, _when(row.ways[kind])) for row in TABLE.values()]
    title, columns = f"model={spec.choices['model']} ({kind.value})", ("an edit of", "is applied", "when")
    piped = not console.is_terminal
    if piped:
        print(title, *plain_rows([columns, *rows]), sep="\n")
    else:
        console.print(table(title, columns, rows))
    for line in disagreements(new.persona):
        console.print(Text(f"! {line}"), soft_wrap=True)
    if settings.draft is None:
        return
    steps = plan(spec, new, audio=True)
    console.print(Text(f"\n{clean(settings.draft)}: {_summary(steps)}"), style="bold", soft_wrap=piped)
    for change in steps.changes:
        console.print(show_change(change), soft_wrap=piped)
    console.print(Text("mode=replay plays recorded sessions against it"), soft_wrap=True)


def _when(way: Way) -> str:
    return WHEN.get(way.how, "once nobody speaks" if way.waits else "at once; a line being said is finished")


def _summary(steps: Plan) -> str:
    return f"{steps.how.value}, {_when(Way(steps.how, steps.waits))}"


def _with_draft(spec: SessionSpec, draft: Path, overrides: Sequence[str]) -> SessionSpec:
    """The spec as it would be with the draft in the persona's place, its own choices included."""
    name = spec.choices["persona"]
    if not os.path.lexists(draft):
        raise not_there("draft", draft)
    read_persona(draft)  # says what is wrong with the file itself
    with standing_in(name, draft):
        return compose([*overrides, f"persona={name}"])


def show_replay(settings: Settings, name: str) -> int:
    """Plays the latest recorded sessions of the persona of this name against the draft, and prints what flips; returns
    the exit code, which is 0 whatever does.

    Raises:
        SpecError: the draft cannot be read or used, or there is nothing to play.
    """
    if settings.draft is None:
        raise SpecError("mode=replay needs draft=FILE: the persona's file as it would be saved")
    _with_draft(compose([f"persona={name}"]), Path(settings.draft), [])
    found = _sessions_of(settings, name)
    if not found:
        where = settings.folder or settings.record.dir
        raise SpecError(f"no recorded session of persona={name} is in {shown_path(where)}")
    calls: dict[tuple[str, ...], list[RecordedCall]] = {}
    for _, kept in found:
        calls.setdefault(_choices_of(kept), []).append(kept)
    specs: dict[tuple[str, ...], tuple[SessionSpec, SessionSpec]] = {}
    for choices, alike in calls.items():
        spec = compose([f"persona={name}", *choices])
        specs[choices] = spec, _with_draft(spec, Path(settings.draft), choices)
        for spec in specs[choices]:
            asyncio.run(understand((kept.log for kept in alike), spec))
    flipped = 0
    for folder, kept in found:
        before, after = (play(kept.log, spec) for spec in specs[_choices_of(kept)])
        if lines := flips(before, after):
            flipped += 1
            print(clean(shown_path(folder)), *(f"  {clean(line)}" for line in lines), sep="\n")
    print(f"{flipped} of {len(found)} recorded session{'s' if len(found) != 1 else ''} would have gone otherwise")
    return 0


OF_A_CALL = ("language", "difficulty", "listening")
"""Groups of a recorded call that a persona's arc follows from."""


def _choices_of(kept: RecordedCall) -> tuple[str, ...]:
    """The options that a recorded call was made from, as far as there are such today."""
    return tuple(f"{group}={option}" for group in OF_A_CALL if (option := kept.choices.get(group)) in options(group))


def _sessions_of(settings: Settings, name: str) -> list[tuple[Path, RecordedCall]]:
    """The persona's latest recorded sessions, in order; where one cannot be read it is passed over."""
    known = folders_below(settings.folder) if settings.folder else list(folders(settings.record))
    found: list[tuple[Path, RecordedCall]] = []
    for folder in reversed(known):
        if len(found) == settings.sessions:
            break
        with suppress(SpecError):
            kept = read_folder(folder)
            if kept.choices.get("persona") == name and kept.log.turns:
                found.append((folder, kept))
    return found[::-1]
