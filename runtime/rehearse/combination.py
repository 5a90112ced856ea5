"""One combination of a sweep: what is called for, and its calls, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from statistics import fmean

from ..call.build import fetch
from ..config.command_line import parsed
from ..config.groups import GROUPS, REHEARSAL_GROUPS
from ..config.trainee_file import script_for
from ..errors import NotOffered, SpecError
from ..record.folder import make_private
from ..spec.session_spec import SessionSpec
from ..spec.settings import LineQuality, Settings
from .job import Job, hold
from .sweep import NAMED, Outcome, Row, place_of, read_row, write_row, writing
from .trainee import check_spoken

ANSWERED = ("rehearse.audio", "rehearse.line")
"""Keys beside the groups by which combinations may differ."""
NO_COMMAND = ("rehearse.resume", "rehearse.dir", "rehearse.share", "rehearse.compare", "rehearse.limits")
"""Keys by which two commands may differ and still be the same sweep."""
ONE_VALUE = ("hydra", "log", "lines", "rehearse.repeats", *NO_COMMAND)
"""Keys that are about a sweep, and make no two combinations."""


def combination_of(choices: Mapping[str, str | None], overrides: Sequence[str]) -> dict[str, str]:
    """What is called for: the option of each group, and whatever of them the command line sets by itself."""
    groups = tuple(dict.fromkeys((*NAMED, *GROUPS, *REHEARSAL_GROUPS)))
    combination = {group: str(choices[group]) for group in groups}
    for override in overrides:
        key, _, value = override.lstrip("+").partition("=")
        if (key.partition(".")[0] in groups and "." in key) or key.startswith(ANSWERED):
            combination[key] = value.lower() if value in ("True", "False") else value  # as a sweeper writes them
    return combination


def check_swept(overrides: Sequence[str]) -> None:
    """Raises a SpecError for several values of a key that is about the sweep as a whole."""
    for override in map(parsed, overrides):
        if override.is_sweep_override() and override.key_or_group.startswith(ONE_VALUE):
            raise SpecError(f"{override.input_line}: one value is wanted, as this is about all calls of the sweep")


def command_of(overrides: Sequence[str]) -> list[str]:
    """What makes two commands the same sweep."""
    passing = ("hydra", "log=", "lines=", *NO_COMMAND)
    return sorted(override for override in overrides if not override.lstrip("+~").startswith(passing))


def rehearse(
    settings: Settings,
    choices: Mapping[str, str | None],
    overrides: Sequence[str],
    resolve: Callable[[], SessionSpec],
    sweep: Path,
    tell: Callable[[str], None],
) -> float:
    """Holds the calls of this combination that are asked for, and returns their score (0-100, in the middle), for
    sweepers that look for the best. What fails, or cannot be, is in the rows.

    Args:
        resolve: makes the spec; raises a SpecError.
        tell: takes a line about what is being waited for.

    Raises:
        SpecError: the sweep's folder cannot be written into.
    """
    combination = combination_of(choices, overrides)
    asked = settings.rehearse
    found = []
    part, parts = map(int, (asked.share or "1/1").split("/"))
    resolve = cache(resolve)
    with writing(sweep):
        for repeat in range(part, asked.repeats + 1, parts):
            place = place_of(combination, repeat)
            row = read_row(sweep / place) if asked.resume else None
            if row is None or row.outcome is Outcome.FAILED:
                row = _held(settings, Row(combination, repeat, place), resolve, sweep / place, tell)
            found.append(row)
    return fmean(score_of(row) for row in found)


def score_of(row: Row) -> float:
    """A job's score; of a persona without objectives whether the call passed; none for a call that was not held."""
    if row.measures is None:
        return 0.0
    return float(row.measures.score if row.measures.score is not None else 100 * bool(row.measures.passed))


def _held(
    settings: Settings, row: Row, resolve: Callable[[], SessionSpec], folder: Path, tell: Callable[[str], None]
) -> Row:
    asked = settings.rehearse
    try:
        spec = resolve()
        named, trainee = row.combination["trainee"], settings.trainee
        script = () if trainee.llm else script_for(trainee, named, row.combination["persona"], spec.language.base)
        job = Job(
            spec=spec,
            trainee=trainee,
            script=script,
            record=settings.record,
            seed=(settings.seed or 0) + row.repeat - 1,
            turns=asked.turns,
            seconds=60 * asked.minutes,
            folder=folder,
            row=row,
            audio=asked.audio,
            line=asked.line,
        )
        if asked.audio:
            check_spoken(trainee, spec, named)
            fetch(spec, tell)
        elif asked.line != LineQuality():
            raise NotOffered("rehearse.line is of spoken calls alone: rehearse.audio=true")
    except SpecError as error:
        outcome = Outcome.SKIPPED if isinstance(error, NotOffered) else Outcome.FAILED
        row = Row(row.combination, row.repeat, row.folder, outcome, str(error))
        make_private(folder)
        write_row(folder, row)
        return row
    return hold(job)
