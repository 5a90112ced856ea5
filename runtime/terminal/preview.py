"""`mode=plan` and `mode=replay`: what reaches a call that is on, and how; what a draft of a persona would change once
it is saved, and what it would have changed in recorded calls."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from ..arc.agreement import disagreements
from ..call.plan import TABLE, Plan, Way, kind_of, plan
from ..config.compose import compose
from ..config.groups import draft_in_place, options
from ..config.persona_file import read_persona
from ..errors import SpecError, not_there, shown_path, suggest
from ..events import How
from ..history.folders import displayable
from ..record.folder import LOCAL, SPEC, FinishedCall, folders, read_folder
from ..record.upkeep import folders_below
from ..redaction import clean
from ..rehearse.replay import flips, play, understand
from ..spec.persona import Persona
from ..spec.session_spec import SessionSpec
from ..spec.settings import OutputFormat, Settings
from .view import plain_rows, show_change, table

WHEN = {
    How.NEXT_CALL: "the next call has it",
    How.UNCHANGED: "nothing to do",
    How.SWAPPED: "once nobody speaks, by a new session that knows the conversation",
}


def show_plan(spec: SessionSpec, settings: Settings, overrides: Sequence[str]) -> None:
    """Prints the table for the spec's model, and the draft's changes where there is one. Raises SpecError where the
    draft cannot be read or used."""
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
    with draft_in_place(name, draft):
        return compose([*overrides, f"persona={name}"])


def show_replay(settings: Settings, persona: str, *, named: bool) -> int:
    """Plays a persona's latest recorded sessions against the draft, and prints what flips; returns the exit code, which
    is 0 whatever does. What was not played is a line on stderr. Raises SpecError where the draft cannot be read or
    used, or there is nothing to play.

    Args:
        persona: by `named` the one that was chosen; else the one of which there are sessions where the draft's name is
            no persona's.
    """
    if settings.draft is None:
        raise SpecError("mode=replay needs draft=FILE: the persona's file as it would be saved")
    draft = Path(settings.draft)
    known = named or draft.stem in options("persona")
    name = persona if named or not known else draft.stem
    saved = compose([f"persona={name}"])
    whose = _whose(saved.persona, _with_draft(saved, draft, []).persona)
    found, passed_over = _sessions_of(settings, name)
    specs = _specs_of(name, draft, [kept for _, kept in found])
    flipped: dict[Path, list[str]] = {}
    for folder, kept in found:
        try:
            flipped[folder] = flips(*(play(kept.log, spec) for spec in specs[_choices_of(kept)]))
        except Exception as error:  # what a damaged folder holds raises anything
            passed_over.append(f"{shown_path(folder)}: damaged: {error}")
    if whose or not known:
        others = "" if named else " (persona=NAME: of another)"
        _note(f"draft={draft} {whose}is played against the sessions of persona={name}{others}")
    if passed_over:
        _note(_counted(passed_over))
    for folder, lines in flipped.items():
        if settings.lines is OutputFormat.JSON:
            print(
                json.dumps({"folder": clean(shown_path(folder)), "flips": list(map(clean, lines))}, ensure_ascii=False)
            )
        elif lines:
            print(clean(shown_path(folder)), *(f"  {clean(line)}" for line in lines), sep="\n")
    if settings.lines is not OutputFormat.JSON:
        sessions = f"{len(flipped)} recorded session{'s' if len(flipped) != 1 else ''}"
        print(f"{sum(map(bool, flipped.values()))} of {sessions} would have gone otherwise")
    return 0


def _specs_of(
    name: str, draft: Path, calls: Sequence[FinishedCall]
) -> dict[tuple[str, ...], tuple[SessionSpec, SessionSpec]]:
    """The specs that these calls are played against, by the options that they were made from: with the persona as she
    is, and with the draft. What listening to the calls by meaning takes is there."""
    alike: dict[tuple[str, ...], list[FinishedCall]] = {}
    for kept in calls:
        alike.setdefault(_choices_of(kept), []).append(kept)
    specs = {}
    for choices, theirs in alike.items():
        spec = compose([f"persona={name}", *choices])
        specs[choices] = spec, _with_draft(spec, draft, choices)
        for spec in specs[choices]:
            asyncio.run(understand((kept.log for kept in theirs), spec))
    return specs


def _whose(saved: Persona, drafted: Persona) -> str:
    """Whom a draft describes, if that is another than the persona; nothing where neither file says a name."""
    told = any(one.front.name or one.name in one.prose for one in (saved, drafted))
    return f"describes {drafted.name}, not {saved.name}: it " if told and drafted.name != saved.name else ""


def _note(line: str) -> None:
    print(clean(line), file=sys.stderr)


def _counted(passed_over: Sequence[str]) -> str:
    """The line that names what could not be played, of many the first."""
    more = f"; and {len(passed_over) - NAMED} more" if len(passed_over) > NAMED else ""
    many = "s" if len(passed_over) != 1 else ""
    return f"{len(passed_over)} session folder{many} passed over: {'; '.join(passed_over[:NAMED])}{more}"


NAMED = 5
"""Session folders that could not be played, which are named."""
OF_A_CALL = ("language", "difficulty", "listening")
"""Groups of a recorded call that a persona's arc follows from."""


def _choices_of(kept: FinishedCall) -> tuple[str, ...]:
    """The options that a recorded call was made from, as far as there are such today."""
    return tuple(f"{group}={option}" for group in OF_A_CALL if (option := kept.choices.get(group)) in options(group))


def _sessions_of(settings: Settings, name: str) -> tuple[list[tuple[Path, FinishedCall]], list[str]]:
    """The persona's latest recorded sessions, of this `user` where one is named, in order; and those that cannot be
    played, each with why. Raises SpecError where there is none."""
    found: list[tuple[Path, FinishedCall]] = []
    passed_over: list[str] = []
    users: set[str] = set()
    silent = 0
    for folder in reversed(folders_below(settings.folder) if settings.folder else list(folders(settings.record))):
        if len(found) == settings.sessions:
            break
        try:
            kept = read_folder(folder)
            started = kept.log.started
            of = kept.choices.get("persona") or (started.choices.get("persona") if started else "")
            turns = [str.strip(line.event.text) for line in kept.log.turns.values()]
        except SpecError as error:
            passed_over.append(str(error))
        except Exception as error:  # what a damaged folder holds raises anything
            passed_over.append(f"{shown_path(folder)}: damaged: {error}")
        else:
            user = displayable(kept.log.header.user or LOCAL)
            if of == name:
                users.add(user)
            if of and (of != name or (settings.user and displayable(settings.user) != user)):
                continue
            if not kept.choices:
                passed_over.append(f"{shown_path(folder / SPEC)}: there is none, or it cannot be read")
            elif turns:
                found.append((folder, kept))
            else:
                silent += 1
    if not found:
        if passed_over:
            _note(_counted(passed_over))
        whose = f"persona={name}" + (f" and user={settings.user}" if settings.user else "")
        why = f", but {silent} in which the trainee said nothing" if silent else ""
        why = why or (suggest(settings.user, users) if settings.user and users else "")
        raise SpecError(
            f"no recorded session of {whose} is in {shown_path(settings.folder or settings.record.dir)}{why}"
        )
    return found[::-1], passed_over
