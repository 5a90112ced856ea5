"""The folder of a sweep: a call's folder for each job with the row that it left, from which every answer is made."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from math import inf
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ..config.groups import GROUPS, read_conf
from ..errors import SpecError, not_there, shown_path
from ..record.folder import EVENTS, locked, make_private, new_folder, safe_name, write_private
from .measures import Measures

ROW, CALLS, COMMAND = "rehearsal.json", "calls", "sweep.json"
RESULTS, REPORT = "results.csv", "report.html"
SWEEPER_RESULTS = "optimization_results.yaml"
"""What a sweeper of Hydra's that looks for the best leaves in its folder."""
SWEEPS = "sweeps"
"""Where in `record.dir` the sweeps lie."""
NAMING_GROUPS = ("persona", "language", "model", "voice", "trainee")
"""The groups whose options a call's folder is named by."""
_HEARD = b'"kind": "heard"'


class Outcome(StrEnum):
    """What became of a job: the call was held, it failed, or there can be no such call."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Row:
    """One job: the `combination` (options by group, and whatever else was set), which of its repeats, and what became
    of it. `folder` is the call's, as seen from the sweep's; `seed` and `revision` are what it was called with, and
    `swept` the keys that have several values in this sweep."""

    combination: dict[str, str]
    repeat: int
    folder: str
    outcome: Outcome = Outcome.DONE
    reason: str = ""
    measures: Measures | None = None
    seed: int | None = None
    revision: str = ""
    swept: tuple[str, ...] = field(default=(), compare=False)

    @property
    def name(self) -> str:
        """What it is called in a line: `sarah_thompson en offline bright_female good difficulty=hard #2`."""
        more = [f"{key}={self.combination[key]}" for key in _more(self.combination, self.swept)]
        return " ".join([*(self.combination.get(group, "") for group in NAMING_GROUPS), *more, f"#{self.repeat}"])


_ROW = TypeAdapter(Row)


def _more(combination: Mapping[str, str], swept: Sequence[str]) -> list[str]:
    """The keys that a combination is called by beside the groups whose options say what they are."""
    return [key for key in combination if key not in NAMING_GROUPS and (key in swept or key not in GROUPS)]


def place_of(combination: Mapping[str, str], repeat: int, swept: Sequence[str]) -> str:
    """The folder of a job's call in its sweep's: the same for the same job."""
    digest = hashlib.sha256(json.dumps(dict(combination), sort_keys=True).encode()).hexdigest()[:6]
    named = "-".join(combination[key] for key in (*NAMING_GROUPS, *_more(combination, swept)) if key in combination)
    return f"{CALLS}/{safe_name(named)}-{digest}/{repeat}"


def write_row(folder: Path, row: Row) -> None:
    """Writes what became of a job into its call's folder."""
    write_private(folder / ROW, _ROW.dump_json(row, indent=1) + b"\n")


def read_row(folder: Path) -> Row | None:
    """What became of a job; None where it is not done."""
    try:
        return _ROW.validate_json((folder / ROW).read_bytes())
    except (OSError, ValidationError):
        return None


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Raises a SpecError for a folder of a sweep that cannot be written into."""
    try:
        yield
    except OSError as error:
        raise SpecError(f"a sweep cannot be written here: {error.strerror or error}", file=folder) from None


def rows(sweep: Path) -> list[Row]:
    """All jobs that are done, in the order of their combinations."""
    found = (read_row(file.parent) for file in sweep.glob(f"{CALLS}/*/*/{ROW}"))
    return sorted(filter(None, found), key=lambda row: ([*map(_order, row.combination.values())], row.repeat))


def _order(value: str) -> tuple[float, str]:
    """Where a value of a combination stands among others: numbers first, by their size."""
    return (float(value) if re.fullmatch(r"-?\d+(\.\d+)?", value) else inf, value)


def running(sweep: Path) -> Iterator[tuple[str, int]]:
    """The calls that are on: the names of their folders, and the trainee's turns so far."""
    for folder in sweep.glob(f"{CALLS}/*/*"):
        if not (folder / ROW).exists():
            with suppress(OSError):
                turns = (folder / EVENTS).read_bytes().count(_HEARD)
                yield f"{folder.parent.name.rpartition('-')[0]} #{folder.name}", turns


def open_sweep(
    record_dir: str, given: str | None, command: Sequence[str], fixed: Sequence[str] = (), *, resume: bool
) -> Path:
    """The folder of a sweep: the one that is `given`, else a new one; to `resume`, the latest of the same command. In
    it stand the command and the keys that this gives one value (`fixed`), for jobs in any process. Raises SpecError
    where there is none to resume, the given one is another command's, or it cannot be written."""
    sweeps = Path(record_dir) / SWEEPS
    if given:
        folder = Path(given)
        if resume and not (folder / COMMAND).exists():
            raise (
                SpecError(f"rehearse.dir={given}: no sweep is there to go on with")
                if folder.exists()
                else not_there("rehearse.dir", given)
            )
        if (folder / COMMAND).exists() and not resume:
            raise SpecError(f"rehearse.dir={given} holds a sweep: add rehearse.resume=true to go on with it")
        if (folder / COMMAND).exists() and _command(folder) != list(command):
            raise SpecError(f"rehearse.dir={given} holds the sweep of another command: {' '.join(_command(folder))}")
    elif resume:
        same = [file.parent for file in sorted(sweeps.glob(f"*/{COMMAND}")) if _command(file.parent) == list(command)]
        if not same:
            raise SpecError(f"rehearse.resume=true: no sweep of this command is in {shown_path(sweeps)}")
        folder = same[-1]
    else:
        folder = sweeps / time.strftime("%Y-%m-%d-%H%M%S")
    with writing(folder):
        if not given and not resume:
            folder = new_folder(sweeps, folder.name)
        make_private(folder)
        if not (folder / COMMAND).exists():
            said = {"command": list(command), "fixed": list(fixed)}
            write_private(folder / COMMAND, json.dumps(said, ensure_ascii=False) + "\n")
    return folder.absolute()


@contextmanager
def holding(folder: Path) -> Iterator[None]:
    """Keeps every other process from going on with this sweep meanwhile. The system lets go of it with this process,
    whatever becomes of its forks. Raises SpecError where another process holds it, or it cannot be written into."""
    with ExitStack() as held:
        with writing(folder):
            try:
                file = held.enter_context(locked(folder / COMMAND))
            except BlockingIOError:
                what = "this sweep is not over: another process holds its calls; wait for it or stop it"
                raise SpecError(f"rehearse.resume=true: {what}", file=folder) from None
        os.register_at_fork(after_in_child=file.close)
        yield


def _command(folder: Path) -> list[str]:
    return _noted(folder, "command") or []


def fixed_in(folder: Path) -> list[str] | None:
    """The keys to which the sweep's command gives one value; None where the folder does not tell."""
    return _noted(folder, "fixed")


def _noted(folder: Path, key: str) -> list[str] | None:
    try:
        return list(map(str, json.loads((folder / COMMAND).read_bytes())[key]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def found_by_sweeper(sweep: Path) -> str:
    """What a sweeper that looks for the best has found, as a line; empty where none has looked."""
    try:
        found = read_conf(sweep / SWEEPER_RESULTS)[0]
        best = " ".join(f"{key}={value}" for key, value in found["best_params"].items())
        return f"best score that {found['name']} found: {found['best_value']:g}, with {best}"
    except (SpecError, KeyError, AttributeError, ValueError):
        return ""


# ---------------------------------------------------------------- results.csv

_COLUMNS = ("repeat", "seed", "revision", "folder", "outcome", "reason")
_SWEPT = "swept "
"""Before a key of a combination that is called as another column is."""
_BYTE_ORDER_MARK = "\ufeff"
"""What Excel on Windows knows UTF-8 by."""
_LISTS = ("phases", "breaks")
_BETWEEN = " | "
"""Between the entries of a list in one cell."""


def to_csv(found: Iterable[Row]) -> str:
    """A line a job, and one of names: the combination, what became of it, and what it showed."""
    found = list(found)
    keys = list(dict.fromkeys(key for row in found for key in row.combination))
    names = [field.name for field in fields(Measures)]
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow([*(_SWEPT * (key in (*_COLUMNS, *names)) + key for key in keys), *_COLUMNS, *names])
    for row in found:
        shown: dict[str, Any] = asdict(row.measures) if row.measures else {}
        shown |= {name: _BETWEEN.join(shown[name]) for name in _LISTS if shown}
        cells: list[object] = [row.combination.get(key) for key in keys]
        cells += [*(getattr(row, name) for name in _COLUMNS), *(shown.get(name) for name in names)]
        table.writerow(map(_cell, cells))
    return _BYTE_ORDER_MARK + out.getvalue()


def _cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if re.match(r"['=+@\t\r]|-(?!\d)", text) else text


def from_csv(file: Path) -> list[Row]:
    """The rows that `to_csv` wrote. Raises SpecError where the file cannot be read, or is none."""
    names = [field.name for field in fields(Measures)]
    try:
        with open(file, encoding="utf-8-sig", newline="") as lines:
            table = list(csv.DictReader(lines))
        return [_ROW.validate_python(_read(cells, names)) for cells in table]
    except OSError as error:
        raise SpecError(f"cannot read this sweep: {error.strerror}", file=file) from None
    except (ValidationError, KeyError, csv.Error, UnicodeDecodeError):
        raise SpecError("not the results of a sweep", file=file) from None


def _read(cells: Mapping[str, str], names: Sequence[str]) -> dict[str, Any]:
    cells = {key: value.removeprefix("'") for key, value in cells.items()}
    shown: dict[str, Any] = {name: cells[name] or None for name in names if name in cells}
    shown |= {name: tuple(filter(None, cells[name].split(_BETWEEN))) for name in _LISTS}
    done = cells["outcome"] == Outcome.DONE
    combination = {key.removeprefix(_SWEPT): cells[key] for key in cells if key not in (*_COLUMNS, *names)}
    return {
        "combination": combination,
        **{name: cells[name] for name in _COLUMNS if name in cells},
        "seed": cells.get("seed") or None,
        "measures": shown if done else None,
    }
