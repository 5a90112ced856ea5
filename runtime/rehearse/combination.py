"""One combination of a sweep: what is called for, and its calls, one after the other."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from statistics import fmean

from ..call.build import check, check_secrets, fetch
from ..config.command_line import parsed
from ..config.groups import GROUPS, REHEARSAL_GROUPS
from ..config.mistakes import check_values
from ..config.trainee_file import script_for
from ..errors import NotOffered, SpecError
from ..record.folder import make_private
from ..spec.session_spec import SessionSpec
from ..spec.settings import LineQuality, Settings
from ..spec.trainee import Script
from .job import Job, hold
from .sweep import NAMING_GROUPS, Outcome, Row, fixed_in, place_of, read_row, write_row, writing
from .trainee import check_parts, check_spoken

VARIED = ("rehearse.audio", "rehearse.line")
"""Keys beside the groups by which combinations may differ."""
NOT_IN_COMMAND = ("rehearse.resume", "rehearse.dir", "rehearse.share", "rehearse.compare", "rehearse.limits")
"""Keys by which two commands may differ and still be the same sweep."""
NOT_SWEPT = ("hydra", "log", "lines", "rehearse.repeats", *NOT_IN_COMMAND)
"""Keys that are about a sweep, and make no two combinations."""


def combination_of(
    choices: Mapping[str, str | None], overrides: Sequence[str], swept: Sequence[str] = ()
) -> dict[str, str]:
    """What is called for: the option of each group, and whatever the command line sets by itself or sweeps."""
    groups = tuple(dict.fromkeys((*NAMING_GROUPS, *GROUPS, *REHEARSAL_GROUPS)))
    combination = {group: str(choices[group]) for group in groups}
    for override in overrides:
        key, _, value = override.lstrip("+").partition("=")
        part_of_group = key.partition(".")[0] in groups and "." in key
        if part_of_group or key.startswith(VARIED) or (key in swept and key not in groups):
            value = text if isinstance(text := parsed(override).value(), str) else value  # without its quotes
            combination[key] = value.lower() if value in ("True", "False") else value  # as a sweeper writes them
    return combination


def check_swept(overrides: Sequence[str]) -> None:
    """Raises a SpecError for several values of a key that is about the sweep as a whole, and for one that its key
    cannot have: before the first call is held."""
    for override in map(parsed, overrides):
        if override.is_sweep_override() and override.key_or_group.startswith(NOT_SWEPT):
            raise SpecError(f"{override.input_line}: one value is wanted, as this is about all calls of the sweep")
    check_values(overrides)


def fixed_of(overrides: Sequence[str]) -> list[str]:
    """The keys to which a command gives one value."""
    known = map(parsed, overrides)
    return sorted({override.key_or_group for override in known if not override.is_sweep_override()})


def _swept(overrides: Sequence[str], sweep: Path) -> tuple[str, ...]:
    """The keys to which the sweep, of which these are the overrides of one job, gives several values."""
    if (fixed := fixed_in(sweep)) is None:
        return ()
    keys = dict.fromkeys(override.lstrip("+~").partition("=")[0] for override in overrides)
    return tuple(key for key in keys if key not in fixed and not key.startswith(NOT_SWEPT))


def command_of(overrides: Sequence[str]) -> list[str]:
    """What makes two commands the same sweep."""
    passing = ("hydra", "log=", "lines=", *NOT_IN_COMMAND)
    return sorted(override for override in overrides if not override.lstrip("+~").startswith(passing))


def check_combination(settings: Settings, choices: Mapping[str, str], spec: SessionSpec) -> None:
    """Raises a SpecError for whatever is known before to keep calls of this combination from being held."""
    check_secrets(spec, os.environ)
    used = spec
    if not settings.rehearse.audio:
        used = replace(spec, model=replace(spec.model, stt=None, tts=None), vad=replace(spec.vad, detector=None))
    check(used, audio=settings.rehearse.audio)
    script_of(settings, choices, spec)
    if settings.trainee.llm or settings.rehearse.audio:
        check_parts(settings.trainee, spec, choices["trainee"])


def script_of(settings: Settings, choices: Mapping[str, str], spec: SessionSpec) -> Script:
    """What the trainee says in calls of this combination; nothing where a language model plays them. Raises SpecError
    where a file cannot be used, and NotOffered where there can be no such call."""
    trainee, named = settings.trainee, choices["trainee"]
    if settings.rehearse.audio:
        check_spoken(trainee, spec, named)
    elif settings.rehearse.line != LineQuality():
        raise NotOffered("rehearse.line is of spoken calls alone: rehearse.audio=true")
    return () if trainee.llm else script_for(trainee, named, choices["persona"], spec.language.base)


def rehearse(
    settings: Settings,
    choices: Mapping[str, str | None],
    overrides: Sequence[str],
    resolve: Callable[[], SessionSpec],
    sweep: Path,
    tell: Callable[[str], None],
) -> float:
    """Holds the calls of this combination that are asked for, and returns their score (0-100, in the middle), for
    sweepers that look for the best. What fails, or cannot be, is in the rows. Raises SpecError where the sweep's folder
    cannot be written into.

    Args:
        resolve: makes the spec; raises a SpecError.
        tell: takes a line about what is being waited for.
    """
    swept = _swept(overrides, sweep)
    combination = combination_of(choices, overrides, swept)
    asked = settings.rehearse
    found = []
    part, parts = map(int, (asked.share or "1/1").split("/"))
    resolve = cache(resolve)
    with writing(sweep):
        for repeat in range(part, asked.repeats + 1, parts):
            place = place_of(combination, repeat, swept)
            seed = (settings.seed or 0) + repeat - 1
            row = read_row(sweep / place) if asked.resume else None
            if row is None or row.outcome is Outcome.FAILED or _outdated(row, resolve):
                new = Row(combination, repeat, place, seed=seed, swept=swept)
                row = _hold(settings, new, resolve, sweep / place, tell)
            found.append(row)
    return fmean(score_of(row) for row in found)


def score_of(row: Row) -> float:
    """A job's score; of a persona without objectives whether the call passed; none for a call that was not held."""
    if row.measures is None:
        return 0.0
    return float(row.measures.score if row.measures.score is not None else 100 * bool(row.measures.passed))


def _outdated(row: Row, resolve: Callable[[], SessionSpec]) -> bool:
    """Whether what was called has been edited since."""
    with suppress(SpecError):  # whatever is missing yet will say what is wrong
        return row.revision not in ("", resolve().revision)
    return False


def _hold(
    settings: Settings, row: Row, resolve: Callable[[], SessionSpec], folder: Path, tell: Callable[[str], None]
) -> Row:
    """Holds the call of one job; the row that says what became of it, also where there was no call."""
    asked = settings.rehearse
    try:
        spec = resolve()
        row = replace(row, revision=spec.revision)
        script = script_of(settings, row.combination, spec)
        job = Job(
            spec=spec,
            trainee=settings.trainee,
            script=script,
            record=settings.record,
            seed=row.seed or 0,
            turns=asked.turns,
            seconds=60 * asked.minutes,
            folder=folder,
            row=row,
            audio=asked.audio,
            line=asked.line,
        )
        if asked.audio:
            fetch(spec, tell)
    except SpecError as error:
        outcome = Outcome.SKIPPED if isinstance(error, NotOffered) else Outcome.FAILED
        row = replace(row, outcome=outcome, reason=str(error))
        make_private(folder)
        write_row(folder, row)
        return row
    return hold(job)
