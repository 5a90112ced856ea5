"""`mode=plan`: what reaches a call that is on, and how; and what a draft of a persona would change once it is saved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from ..arc.agreement import disagreements
from ..call.plan import TABLE, Plan, Way, kind_of, plan
from ..config.compose import compose, reread
from ..config.groups import chosen
from ..config.persona_file import read_persona
from ..events import How
from ..redaction import clean
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
    console = Console(highlight=False)
    kind = kind_of(spec)
    rows = [(row.what, row.ways[kind].how.value, _when(row.ways[kind])) for row in TABLE.values()]
    title, columns = f"model={spec.choices['model']} ({kind.value})", ("an edit of", "is applied", "when")
    piped = not console.is_terminal
    if piped:
        print(title, *plain_rows([columns, *rows]), sep="\n")
    else:
        console.print(table(title, columns, rows))
    new = _with_draft(spec, Path(settings.draft), overrides) if settings.draft else spec
    for line in disagreements(new.persona):
        console.print(Text(f"! {line}"), soft_wrap=True)
    if settings.draft is None:
        return
    steps = plan(spec, new, audio=True)
    console.print(Text(f"\n{clean(settings.draft)}: {_summary(steps)}"), style="bold", soft_wrap=piped)
    for change in steps.changes:
        console.print(show_change(change), soft_wrap=piped)


def _when(way: Way) -> str:
    return WHEN.get(way.how, "once nobody speaks" if way.waits else "at once; a line being said is finished")


def _summary(steps: Plan) -> str:
    return f"{steps.how.value}, {_when(Way(steps.how, steps.waits))}"


def _with_draft(spec: SessionSpec, draft: Path, overrides: Sequence[str]) -> SessionSpec:
    """The spec as it would be with the draft in the persona's place, its own choices included."""
    if new := reread(spec, draft):
        return new
    persona, _ = read_persona(draft)
    on_command_line = {override.partition("=")[0] for override in overrides}
    wishes = [f"{group}={option}" for group, option in chosen(persona).items() if group not in on_command_line]
    base = compose([*overrides, f"persona={spec.choices['persona']}", *wishes])
    return reread(base, draft) or base
